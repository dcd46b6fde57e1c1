// `distflow node`, `top`, `audit`, `ping` and `ask`, with nodes that run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/answering_node.hpp"
#include "tests/cli/programs.hpp"
#include "tests/support/node_frames.hpp"

namespace distflow::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

ProcessResult run(std::vector<std::string> words, std::uint16_t port) {
  words.insert(words.end(), {"--port", std::to_string(port)});
  return run_process(DISTFLOW_CLI, words);
}

TEST(CliMesh, a_question_is_answered_by_the_node_that_is_asked) {
  Daemon daemon;
  AnsweringNode answering(daemon.port());
  const ProcessResult reply = run({"ask", "answering", "{\"n\":\n[1]}"}, daemon.port());
  EXPECT_EQ(reply.exit_code, 0) << reply.err;
  EXPECT_EQ(reply.out, "{\"n\": [1]}\n");
  EXPECT_THAT(run({"ask", "answering", "7", "--json"}, daemon.port()).out, StartsWith(R"({"reply":7,"tookUs":)"));
}

TEST(CliMesh, a_question_without_a_reply_says_why_and_what_to_do) {
  Daemon daemon;
  ChildProcess listener(DISTFLOW_CLI, {"listen", "--as", "desk", "--port", std::to_string(daemon.port())});
  while (listener.err().find("Listening as ") == std::string::npos) ASSERT_TRUE(listener.read_some());
  const ProcessResult unheard = run({"ask", "desk", "1"}, daemon.port());
  EXPECT_EQ(unheard.exit_code, 1);
  EXPECT_THAT(unheard.err, StartsWith("Nobody answers requests at node 'desk'.\n"));
  EXPECT_THAT(unheard.err, HasSubstr("on_request()"));
  const ProcessResult unknown = run({"ask", "nobody", "1", "--json"}, daemon.port());
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.out, StartsWith(R"({"error":"unresolved",)"));
  const ProcessResult no_json = run({"ask", "desk", "hello"}, daemon.port());
  EXPECT_EQ(no_json.exit_code, 2);
  EXPECT_THAT(no_json.err, HasSubstr("A text needs its quotes"));
}

}  // namespace
}  // namespace distflow::test
