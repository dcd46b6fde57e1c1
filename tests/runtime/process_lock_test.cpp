// The lock file of this process, and those that killed ones left.
#include "runtime/process/process_lock.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "io/posix/process_identity.hpp"
#include "tests/support/forked.hpp"

namespace distflow::test {
namespace {

using runtime::ProcessLock;

const base::Log kLog(base::LogLevel::error);

bool is_there(const std::string& path) { return std::filesystem::exists(path); }

std::string path_of(pid_t process_id) { return "/tmp/distflow-node-" + std::to_string(process_id) + ".lock"; }

/// A process that takes its lock and ends like this; its id, once it has ended.
template <class End>
pid_t run_holder(End end) {
  const pid_t child = ::fork();
  if (child == 0) {
    const Result<ProcessLock> lock = ProcessLock::acquire(kLog);
    if (lock && is_there(ProcessLock::path())) end();
    ::_exit(2);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 2) << "it has not come to its end";
  return child;
}

TEST(ProcessLock, the_file_goes_with_its_holder) {
  {
    const Result<ProcessLock> lock = ProcessLock::acquire(kLog);
    ASSERT_TRUE(lock);
    EXPECT_EQ(ProcessLock::path(), path_of(::getpid()));
    EXPECT_TRUE(is_there(ProcessLock::path()));
    EXPECT_EQ(ProcessLock::acquire(kLog).error(), Errc::already_running);
    EXPECT_TRUE(is_there(ProcessLock::path())) << "who was refused leaves it";
  }
  EXPECT_FALSE(is_there(ProcessLock::path()));
}

TEST(ProcessLock, the_file_of_a_killed_process_goes_when_others_take_theirs) {
  const pid_t killed = run_holder([] { ::kill(::getpid(), SIGKILL); });
  // Others may have left theirs before: a few go at a time.
  for (int i = 0; i < 1000 && is_there(path_of(killed)); ++i) ASSERT_TRUE(ProcessLock::acquire(kLog));
  EXPECT_FALSE(is_there(path_of(killed)));
}

TEST(ProcessLock, exit_removes_the_file_though_the_holder_is_never_destroyed) {
  const pid_t ended = run_holder([] { std::exit(0); });
  EXPECT_FALSE(is_there(path_of(ended)));
}

TEST(ProcessLock, a_forked_child_that_exits_leaves_the_file_to_its_parent) {
  const Result<ProcessLock> lock = ProcessLock::acquire(kLog);
  ASSERT_TRUE(lock);
  const pid_t child = ::fork();
  if (child == 0) std::exit(0);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(is_there(ProcessLock::path()));
}

TEST(ProcessLock, a_forked_child_may_have_a_node_of_its_own_and_its_parent_stays_the_holder) {
  const Result<ProcessLock> lock = ProcessLock::acquire(kLog);
  ASSERT_TRUE(lock);
  EXPECT_TRUE(holds_in_child([] {
    const Result<ProcessLock> of_child = ProcessLock::acquire(kLog);
    return of_child && is_there(ProcessLock::path());
  }));
  EXPECT_EQ(ProcessLock::acquire(kLog).error(), Errc::already_running);
}

TEST(ProcessLock, a_holder_that_is_destroyed_in_a_forked_child_leaves_the_file_to_its_parent) {
  std::optional<Result<ProcessLock>> lock(ProcessLock::acquire(kLog));
  ASSERT_TRUE(*lock);
  EXPECT_TRUE(holds_in_child([&lock] {
    lock.reset();
    return true;
  }));
  EXPECT_TRUE(is_there(ProcessLock::path()));
}

TEST(ProcessLock, of_two_threads_at_once_one_gets_it) {
  for (int i = 0; i < 100; ++i) {
    std::atomic<int> holders{0};
    std::atomic<int> done{0};
    const auto take = [&] {
      const Result<ProcessLock> lock = ProcessLock::acquire(kLog);
      if (lock) ++holders;
      ++done;
      while (done < 2) std::this_thread::yield();
    };
    std::thread other(take);
    take();
    other.join();
    EXPECT_EQ(holders, 1) << i;
  }
}

struct DebugLines {
  base::Log log() { return base::Log(base::LogLevel::debug, base::LogSink::to<&DebugLines::take>(*this)); }
  void take(base::LogLevel level, std::string_view line) {
    EXPECT_EQ(level, base::LogLevel::debug);
    lines.emplace_back(line);
  }
  std::vector<std::string> lines;
};

TEST(ProcessLock, a_folder_that_takes_no_file_is_a_line_of_the_log_and_no_failure) {
  DebugLines debug;
  const base::Log log = debug.log();
  ASSERT_TRUE(ProcessLock::acquire(log, "/nonexistent"));
  ASSERT_EQ(debug.lines.size(), 1U);
  EXPECT_NE(debug.lines.front().find("No such file"), std::string::npos) << debug.lines.front();
  const Result<ProcessLock> held = ProcessLock::acquire(log, "/nonexistent");
  EXPECT_EQ(ProcessLock::acquire(log, "/nonexistent").error(), Errc::already_running) << "the rule needs no file";
}

TEST(ProcessLock, the_file_says_whose_it_is) {
  const Result<ProcessLock> lock = ProcessLock::acquire(kLog);
  std::stringstream text;
  text << std::ifstream(ProcessLock::path()).rdbuf();
  EXPECT_EQ(text.str(), io::platform::process_identity());
  EXPECT_EQ(text.str().find("process " + std::to_string(::getpid())), 0U) << text.str();
}

}  // namespace
}  // namespace distflow::test
