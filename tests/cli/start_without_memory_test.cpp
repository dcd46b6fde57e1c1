// The daemon as a process, each allocation of its start failing once: it runs without what that was for, or ends with
// an error that says so.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "cli/exit_code.hpp"
#include "tests/support/failing_allocations.hpp"
#include "tests/support/pmd_thread.hpp"
#include "tests/support/sockets.hpp"

/// main() of src/cli/pmd_main.cpp, which has this name here.
int daemon_main(int argc, char** argv);

namespace distflow::cli {
namespace {

using namespace test;
using ::testing::HasSubstr;

struct Outcome {
  int status = 0;           // as waitpid() gives it, without kHasFailed
  bool has_failed = false;  // it came to that allocation
  std::string err;
};

constexpr int kHasFailed = 64;  // of an exit code

/// The daemon in a forked child, the allocation after `count` more failing.
Outcome start_failing(std::size_t count, std::vector<std::string> arguments) {
  std::array<int, 2> pipe{};
  EXPECT_EQ(::pipe(pipe.data()), 0);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    ::dup2(pipe[1], STDERR_FILENO);
    ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
    ::close(pipe[0]);
    ::close(pipe[1]);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const FailingAllocation nth(count);
    const int exit_code = daemon_main(static_cast<int>(arguments.size()), argv.data());
    ::_exit(nth.has_failed() ? exit_code | kHasFailed : exit_code);
  }
  ::close(pipe[1]);
  Outcome outcome;
  std::array<char, 4096> some{};
  for (ssize_t size = 0; (size = ::read(pipe[0], some.data(), some.size())) != 0;) {
    if (size > 0) outcome.err.append(some.data(), static_cast<std::size_t>(size));
  }
  ::close(pipe[0]);
  while (::waitpid(child, &outcome.status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(outcome.status)) return outcome;
  outcome.has_failed = (WEXITSTATUS(outcome.status) & kHasFailed) != 0;
  outcome.status &= ~(kHasFailed << 8);
  return outcome;
}

class StartWithoutMemory : public ::testing::TestWithParam<std::string> {
 protected:
  /// The end of a start in which nothing fails has to be `exit_code`, and to say `text`.
  static void sweep(std::vector<std::string> arguments, int exit_code, const std::string& text = "") {
    arguments.insert(arguments.begin(), {"distflow-pmd", "--backend", GetParam()});
    std::size_t n = 0;
    for (bool has_failed = true; has_failed; ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n));
      const Outcome outcome = start_failing(n, arguments);
      ASSERT_TRUE(WIFEXITED(outcome.status)) << "signal " << WTERMSIG(outcome.status) << ": " << outcome.err;
      const int ended_with = WEXITSTATUS(outcome.status);
      has_failed = outcome.has_failed;
      if (!has_failed) {
        EXPECT_EQ(ended_with, exit_code) << outcome.err;
        EXPECT_THAT(outcome.err, HasSubstr(text));
      } else if (ended_with != kExitSuccess) {
        ASSERT_EQ(ended_with, kExitNo) << outcome.err;
        ASSERT_THAT(outcome.err, HasSubstr("distflow-pmd: "));
      }
    }
    std::printf("%zu points\n", n - 1);
    RecordProperty("points", static_cast<int>(n - 1));
  }
};

TEST_P(StartWithoutMemory, it_ends_with_an_error_or_serves) {
  sweep({"--port", "0", "--idle-exit", "0.001"}, kExitSuccess);
}

TEST_P(StartWithoutMemory, it_ends_with_an_error_or_serves_with_its_page) {
  if (!DISTFLOW_TEST_HAS_WEB) GTEST_SKIP() << "this build has no HTTP server";
  sweep({"--port", "0", "--web-port", "0", "--idle-exit", "0.001"}, kExitSuccess);
}

TEST_P(StartWithoutMemory, it_ends_with_an_error_or_serves_while_another_has_the_port_of_its_page) {
  if (!DISTFLOW_TEST_HAS_WEB) GTEST_SKIP() << "this build has no HTTP server";
  const RawSocket holder = RawSocket::listening();
  sweep({"--port", "0", "--web-port", std::to_string(holder.port()), "--idle-exit", "0.001"}, kExitSuccess);
}

// It asks who that is, and says so.
TEST_P(StartWithoutMemory, it_ends_with_an_error_while_another_pmd_has_its_port) {
  const PmdThread holder;
  sweep({"--port", std::to_string(holder.port())}, kExitNo, "If a PMD runs there already");
}

TEST_P(StartWithoutMemory, it_ends_with_an_error_while_epmd_has_its_port) {
  RawSocket epmd = RawSocket::listening();
  const std::uint16_t port = epmd.port();
  std::atomic<bool> is_over{false};
  std::thread serving([&] {
    while (!is_over) {
      RawSocket asking = epmd.accept();
      if (asking.receive() != std::string("\0\1n", 3)) continue;
      const std::string answer = {0, 0, static_cast<char>(port >> 8), static_cast<char>(port & 0xff)};
      asking.send(answer + "name rabbit at port 25672\n");
    }
  });
  sweep({"--port", std::to_string(port)}, kExitNo, "Erlang's epmd");
  is_over = true;
  RawSocket::connected_to(port);
  serving.join();
}

INSTANTIATE_TEST_SUITE_P(OnEach, StartWithoutMemory, ::testing::Values("auto", "uring"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace distflow::cli
