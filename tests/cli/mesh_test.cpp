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
  EXPECT_THAT(unknown.err, HasSubstr("'distflow nodes --port " + std::to_string(daemon.port()) + "'"));
  const ProcessResult no_json = run({"ask", "desk", "hello"}, daemon.port());
  EXPECT_EQ(no_json.exit_code, 2);
  EXPECT_THAT(no_json.err, HasSubstr("A text needs its quotes"));
}

TEST(CliMesh, a_node_is_shown_with_its_peers_and_the_sums_hold) {
  Daemon daemon;
  AnsweringNode answering(daemon.port());
  ChildProcess listener(DISTFLOW_CLI,
                        {"listen", "--as", "desk", "--count", "4", "--port", std::to_string(daemon.port())});
  while (listener.err().find("Listening as ") == std::string::npos) ASSERT_TRUE(listener.read_some());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(is_under_way(answering->send("desk", "1")));
  while (std::count(listener.out().begin(), listener.out().end(), '\n') < 3) ASSERT_TRUE(listener.read_some());
  while (answering->stats().sent.written < 3) std::this_thread::yield();
  const ProcessResult sender = run({"node", "answering"}, daemon.port());
  EXPECT_EQ(sender.exit_code, 0) << sender.out << sender.err;
  EXPECT_THAT(sender.out, StartsWith("Node 'answering' (" + answering->node_id() + ") at 127.0.0.1:"));
  EXPECT_THAT(sender.out, HasSubstr("sent      3 accepted = 3 written + 0 queued + 0 dropped: holds\n"));
  EXPECT_THAT(sender.out, ContainsRegex("desk +tcp +3 +3 +0 +- +0 +0 +0 +0 +- +holds\n"));
  EXPECT_THAT(run({"node", "desk"}, daemon.port()).out, ContainsRegex("  handler   p50 [0-9.]+ [num]?s, p90 "));
  const ProcessResult as_json = run({"node", "desk", "--json"}, daemon.port());
  EXPECT_EQ(as_json.exit_code, 0);
  EXPECT_THAT(as_json.out, HasSubstr(R"("nodeId":")" + answering->node_id() + R"(","via":)"));
  EXPECT_THAT(as_json.out, HasSubstr(R"("received":3,)"));
  listener.send_signal(SIGTERM);
  listener.wait();
}

TEST(CliMesh, a_node_that_does_not_tell_or_is_not_there_is_an_answer_of_no) {
  Daemon daemon;
  const RegisteredNode plain(daemon.port(), "id-1", "plain");
  const ProcessResult untold = run({"node", "plain"}, daemon.port());
  EXPECT_EQ(untold.exit_code, 1);
  EXPECT_THAT(untold.err, StartsWith("Node 'plain' does not tell its counters: "));
  EXPECT_EQ(run({"node", "nobody"}, daemon.port()).exit_code, 1);
}

TEST(CliMesh, a_node_that_answers_no_pings_is_named) {
  Daemon daemon;
  const RegisteredNode plain(daemon.port(), "id-1", "plain");
  const ProcessResult unpinged = run({"ping", "plain"}, daemon.port());
  EXPECT_EQ(unpinged.exit_code, 1);
  EXPECT_THAT(unpinged.err, StartsWith("Node 'plain' answers no pings.\n"));
}

TEST(CliMesh, a_ping_is_answered_without_the_application) {
  Daemon daemon;
  AnsweringNode answering(daemon.port());
  const ProcessResult result = run({"ping", "answering", "--count", "3", "--interval", "0.001"}, daemon.port());
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("3 pings to 'answering' (" + answering->node_id() + ") at 127.0.0.1:"));
  EXPECT_THAT(result.out, HasSubstr(" over TCP, 3 answered\nround trip: min "));
  EXPECT_EQ(answering->stats().received.received, 0u);
}

TEST(CliMesh, a_node_that_cannot_be_reached_is_named_with_its_address) {
  Daemon daemon;
  const SilentPort silent;
  RawSocket node = RawSocket::connected_to(daemon.port());
  const std::string body =
      R"({"type":"register","payload":{"nodeId":"id-1","alias":"gone","host":"127.0.0.1","port":)" +
      std::to_string(silent.port()) + R"(,"caps":["ping"]},"requestId":"r"})";
  ASSERT_TRUE(node.send(frame_of(body)));
  ASSERT_THAT(node.receive(), HasSubstr("success"));
  const ProcessResult result = run({"ping", "gone", "--timeout", "5"}, daemon.port());
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, StartsWith("Node 'gone' cannot be reached at 127.0.0.1:" + std::to_string(silent.port())));
}

TEST(CliMesh, top_shows_each_node_and_those_that_do_not_tell) {
  Daemon daemon;
  AnsweringNode answering(daemon.port());
  const RegisteredNode plain(daemon.port(), "id-1", "plain");
  const ProcessResult result = run({"top", "--sort", "name", "--interval", "0.1"}, daemon.port());
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("NAME "));
  EXPECT_THAT(result.out, ContainsRegex("\nanswering +0 +0 +0 +0 +- +- +[0-9]+% +- +-\nplain +\\? "));
  EXPECT_EQ(run({"top", "--sort", "colour"}, daemon.port()).exit_code, 2);
}

TEST(CliMesh, an_audit_names_what_was_lost_and_where) {
  Daemon daemon;
  AnsweringNode answering(daemon.port());
  EXPECT_THAT(run({"audit"}, daemon.port()).out, HasSubstr("0 messages lost"));
  ASSERT_TRUE(is_under_way(answering->send("nobody", "1")));
  while (answering->stats().sent.dropped_unresolved == 0) std::this_thread::yield();
  const ProcessResult text = run({"audit"}, daemon.port());
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_THAT(text.out, ContainsRegex("answering +\\(unresolved\\) +1 +0 +1 unresolved"));
  EXPECT_THAT(text.out, HasSubstr("1 node, 1 link: 1 message lost, 0 between two nodes.\n"));
  EXPECT_THAT(run({"audit", "--json"}, daemon.port()).out, HasSubstr(R"("notSent":{"unresolved":1})"));
}

}  // namespace
}  // namespace distflow::test
