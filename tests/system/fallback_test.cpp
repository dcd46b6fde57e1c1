// The programs where each of them asks for io_uring and none gets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/process.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;

/// A program that asks for io_uring, to which it is denied.
class Denied {
 public:
  Denied(const std::string& program, std::vector<std::string> arguments)
      : child_(DISTFLOW_WITHOUT_URING, before(program, std::move(arguments)), {"DISTFLOW_IO=uring"}) {}

  /// What follows `text` on a line of its output, once the line has come.
  std::string line_after(const std::string& text) {
    EXPECT_TRUE(child_.wait_for_output(text)) << child_.err();
    const auto is_whole = [&] { return child_.out().find('\n', child_.out().find(text)) != std::string::npos; };
    while (!is_whole() && child_.read_some()) {
    }
    const std::size_t from = child_.out().find(text) + text.size();
    return child_.out().substr(from, child_.out().find('\n', from) - from);
  }
  void tell_to_end() const { child_.send_signal(SIGTERM); }

  /// Until its end, which must be a good one, with the reason on its standard error: in one line.
  std::string output_at_end() {
    const ProcessResult result = child_.wait();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
    EXPECT_THAT(result.err, HasSubstr("the I/O backend uring cannot be used (setting up io_uring"));
    return result.out;
  }

 private:
  static std::vector<std::string> before(const std::string& program, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program);
    return arguments;
  }

  ChildProcess child_;
};

TEST(SystemFallback, daemon_and_nodes_that_are_denied_io_uring_lose_nothing_and_say_why_once) {
  Denied pmd(DISTFLOW_PMD_PROGRAM, {"--port", "0"});
  const std::string port = pmd.line_after("PMD listening on port ");
  Denied bystander(DISTFLOW_TEST_NODE, {"--pmd-port", port, "--alias", "bystander"});
  EXPECT_THAT(bystander.line_after("backend epoll: "), HasSubstr("uring cannot be used")) << "as its stats() have it";
  bystander.line_after("ready ");
  Denied pong(DISTFLOW_PONG_PROGRAM, {"--pmd-port", port});
  pong.line_after("pong is ready");

  Denied ping(DISTFLOW_PING_PROGRAM, {"--pmd-port", port, "--count", "200"});
  EXPECT_THAT(ping.output_at_end(), HasSubstr("200 PINGs sent, 200 PONGs came"));
  for (Denied* program : {&pong, &bystander, &pmd}) {
    program->tell_to_end();
    program->output_at_end();
  }
}

}  // namespace
}  // namespace distflow::test
