// `distflow nodes --watch`: who is there, and then who comes and goes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/programs.hpp"
#include "tests/support/reserved_port.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> watching(std::uint16_t port, std::vector<std::string> words = {}) {
  words.insert(words.begin(), {"nodes", "--watch", "--port", std::to_string(port)});
  return words;
}

TEST(CliWatch, prints_the_nodes_and_then_each_join_and_leave) {
  Daemon daemon;
  const RegisteredNode first(daemon.port(), "id-1", "alpha");
  ChildProcess watch(DISTFLOW_CLI, watching(daemon.port()));
  ASSERT_TRUE(watch.wait_for_output("alpha"));
  {
    const RegisteredNode second(daemon.port(), "id-2", "beta");
    ASSERT_TRUE(watch.wait_for_output("  join    beta  127.0.0.1:4000  id-2\n")) << watch.out();
  }
  ASSERT_TRUE(watch.wait_for_output("  leave   beta  127.0.0.1:4000  id-2\n")) << watch.out();
  watch.send_signal(SIGINT);
  const ProcessResult result = watch.wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, StartsWith("NAME "));
}

TEST(CliWatch, a_pattern_leaves_the_others_out) {
  Daemon daemon;
  ChildProcess watch(DISTFLOW_CLI, watching(daemon.port(), {"b*"}));
  ASSERT_TRUE(watch.wait_for_output("No nodes yet.\n"));
  const RegisteredNode other(daemon.port(), "id-1", "alpha");
  const RegisteredNode wanted(daemon.port(), "id-2", "beta");
  ASSERT_TRUE(watch.wait_for_output("beta"));
  watch.send_signal(SIGTERM);
  const ProcessResult result = watch.wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, Not(HasSubstr("alpha")));
}

TEST(CliWatch, as_json_is_one_object_a_line) {
  Daemon daemon;
  const RegisteredNode first(daemon.port(), "id-1", "alpha");
  ChildProcess watch(DISTFLOW_CLI, watching(daemon.port(), {"--json"}));
  ASSERT_TRUE(watch.wait_for_output("\n"));
  {
    const RegisteredNode second(daemon.port(), "id-2", "red\x1b[31m\u202e");
    ASSERT_TRUE(watch.wait_for_output(R"("event":"join")"));
  }
  ASSERT_TRUE(watch.wait_for_output(R"("event":"leave")"));
  watch.send_signal(SIGINT);
  std::istringstream lines(watch.wait().out);
  std::vector<std::string> events;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(is_one_json_object(line + "\n")) << line;
    EXPECT_THAT(line, Not(HasSubstr("\x1b")));
    events.push_back(line.substr(0, line.find(',')));
  }
  EXPECT_THAT(events, ::testing::ElementsAre(R"({"event":"present")", R"({"event":"join")", R"({"event":"leave")"));
}

TEST(CliWatch, goes_on_over_a_loss_of_the_pmd_and_says_what_has_changed_meanwhile) {
  const ReservedPort reserved;
  const std::uint16_t port = reserved.number();
  const std::vector<std::string> at_that_port = {"--port", reserved.text()};
  auto daemon = std::make_unique<ChildProcess>(DISTFLOW_PMD_PROGRAM, at_that_port);
  ASSERT_TRUE(daemon->wait_for_output("\n"));
  const RegisteredNode before(port, "id-1", "alpha");
  ChildProcess watch(DISTFLOW_CLI, watching(port));
  ASSERT_TRUE(watch.wait_for_output("alpha"));
  daemon.reset();
  while (watch.err().find("Looking for it again.") == std::string::npos) ASSERT_TRUE(watch.read_some());
  ChildProcess next(DISTFLOW_PMD_PROGRAM, at_that_port);
  ASSERT_TRUE(next.wait_for_output("\n"));
  ASSERT_TRUE(watch.wait_for_output("  leave   alpha")) << watch.err();
  const RegisteredNode after(port, "id-2", "beta");
  ASSERT_TRUE(watch.wait_for_output("  join    beta"));
  watch.send_signal(SIGTERM);
  EXPECT_EQ(watch.wait().exit_code, 0);
}

TEST(CliWatch, without_a_pmd_ends_with_the_error_that_nodes_has) {
  const SilentPort silent;
  const ProcessResult result = run_process(DISTFLOW_CLI, watching(silent.port()));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("No PMD can be reached"));
}

TEST(CliWatch, ends_when_nobody_reads_it) {
  Daemon daemon;
  const std::string command =
      "\"$0\" nodes --watch --json --port " + std::to_string(daemon.port()) + " 2>/dev/null >/dev/full; echo ended $?";
  const RegisteredNode node(daemon.port(), "id-1", "alpha");
  EXPECT_EQ(run_process("/bin/sh", {"-c", command, DISTFLOW_CLI}).out, "ended 4\n");
}

TEST(CliWatch, does_not_go_with_pages) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--limit", "1"}, std::vector<std::string>{"--after", "x"}}) {
    EXPECT_EQ(run_process(DISTFLOW_CLI, watching(1, words)).exit_code, 2);
  }
}

}  // namespace
}  // namespace distflow::test
