// What each command prints with --json, held to its schema in docs/schemas. The schemas allow no member that they do
// not name: one that is new needs a schema that has it.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/answering_node.hpp"
#include "tests/cli/programs.hpp"
#include "tests/support/schema.hpp"

namespace distflow::test {
namespace {

/// Each line that `distflow WORDS --port PORT` prints.
std::vector<std::string> lines_of(std::vector<std::string> words, std::uint16_t port) {
  words.insert(words.end(), {"--port", std::to_string(port)});
  std::istringstream out(run_process(DISTFLOW_CLI, words).out);
  std::vector<std::string> lines;
  for (std::string line; std::getline(out, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> with(std::vector<std::string> words, const std::string& word) {
  words.push_back(word);
  return words;
}

/// The one line that the command prints, held to the schema.
void expect_valid(const std::string& schema, const std::vector<std::string>& words, std::uint16_t port) {
  SCOPED_TRACE(schema);
  const std::vector<std::string> lines = lines_of(words, port);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(complaint(schema, lines[0]), "");
}

TEST(CliSchemas, each_answer_of_each_command_has_the_form_of_its_schema) {
  Daemon daemon;
  {
    const RegisteredNode node(daemon.port(), "id-1", "a\x1b\"b");
    expect_valid("nodes.v1", {"nodes", "--json"}, daemon.port());
    expect_valid("pmd-status.v1", {"pmd", "status", "--json"}, daemon.port());
    expect_valid("pmd-list.v1", {"pmd", "list", "--json"}, daemon.port());
    expect_valid("pmd-resolve.v1", {"pmd", "resolve", "id-1", "--json"}, daemon.port());
    expect_valid("doctor.v1", {"doctor", "--json"}, daemon.port());
    expect_valid("error.v1", {"pmd", "kill", "--json"}, daemon.port());
  }
  expect_valid("pmd-kill.v1", {"pmd", "kill", "--force", "--json"}, daemon.port());
}

TEST(CliSchemas, each_error_has_the_form_of_theirs) {
  Daemon daemon;
  const SilentPort silent;
  for (const std::vector<std::string>& words : {std::vector<std::string>{"nodes", "--json"},
                                                {"pmd", "status", "--json"},
                                                {"pmd", "list", "--json"},
                                                {"pmd", "resolve", "x", "--json"},
                                                {"pmd", "kill", "--json"},
                                                {"send", "x", "no json", "--json"},
                                                {"nodes", "--bogus", "--json"}}) {
    expect_valid("error.v1", words, silent.port());
  }
  expect_valid("error.v1", {"pmd", "resolve", "nobody", "--json"}, daemon.port());
  expect_valid("error.v1", {"send", "nobody", "1", "--json"}, daemon.port());
}

TEST(CliSchemas, each_message_and_each_count_of_what_was_sent_has_its_form) {
  Daemon daemon;
  ChildProcess listener(DISTFLOW_CLI,
                        {"listen", "--as", "desk", "--count", "1", "--port", std::to_string(daemon.port())});
  while (listener.err().find("Listening as ") == std::string::npos) ASSERT_TRUE(listener.read_some());
  expect_valid("send.v1", {"send", "desk", R"({"any":[1,"thing"]})", "--json"}, daemon.port());
  EXPECT_EQ(complaint("message.v1", listener.wait().out), "");
}

TEST(CliSchemas, what_is_told_of_a_mesh_has_its_form) {
  Daemon daemon;
  AnsweringNode answering(daemon.port());
  const RegisteredNode silent(daemon.port(), "id-1", "silent");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"node", "answering"}, {"top", "--interval", "0.1"}, {"audit"}}) {
    expect_valid(words[0] + ".v1", with(words, "--json"), daemon.port());
  }
  expect_valid("ping.v1", {"ping", "answering", "--count", "2", "--json"}, daemon.port());
  expect_valid("ask.v1", {"ask", "answering", "[1]", "--json"}, daemon.port());
  expect_valid("dead-letters.v1", {"dead-letters", "answering", "--json"}, daemon.port());
  lose_a_message(answering);
  expect_valid("dead-letters.v1", {"dead-letters", "answering", "--json"}, daemon.port());
  expect_valid("dead-letters.v1", {"dead-letters", "answering", "--redrive", "--json"}, daemon.port());
  for (const std::vector<std::string>& words : {std::vector<std::string>{"node", "silent", "--json"},
                                                {"node", "nobody", "--json"},
                                                {"dead-letters", "silent", "--json"},
                                                {"dead-letters", "nobody", "--json"},
                                                {"ping", "silent", "--json"},
                                                {"ask", "silent", "1", "--json"},
                                                {"ask", "answering", "no json", "--json"}}) {
    expect_valid("error.v1", words, daemon.port());
  }
}

TEST(CliSchemas, each_line_of_a_watch_has_the_form_of_an_event) {
  Daemon daemon;
  const RegisteredNode present(daemon.port(), "id-1", "alpha");
  ChildProcess watch(DISTFLOW_CLI, {"nodes", "--watch", "--json", "--port", std::to_string(daemon.port())});
  ASSERT_TRUE(watch.wait_for_output("\n"));
  const RegisteredNode joins(daemon.port(), "id-2", "beta");
  ASSERT_TRUE(watch.wait_for_output(R"("join")"));
  watch.send_signal(SIGTERM);
  std::istringstream lines(watch.wait().out);
  for (std::string line; std::getline(lines, line);) EXPECT_EQ(complaint("node-event.v1", line), "");
}

TEST(CliSchemas, a_member_that_a_schema_does_not_name_is_noticed) {
  EXPECT_NE(complaint("pmd-kill.v1", R"({"success":true,"more":1})"), "");
  EXPECT_NE(complaint("nodes.v1", R"({"registered":1,"matching":1,"left":0,"nodes":[{"nodeId":1}]})"), "");
  EXPECT_NE(complaint("send.v1", R"({"sent":-1,"notSent":{}})"), "");
}

TEST(CliSchemas, all_that_there_are_are_held_to_a_command_above_or_to_the_page) {
  const std::set<std::string> held{"doctor.v1", "error.v1", "message.v1", "node-event.v1", "nodes.v1", "pmd-kill.v1",
                                   "pmd-list.v1", "pmd-resolve.v1", "pmd-status.v1", "send.v1", "ask.v1", "audit.v1",
                                   "node.v1", "ping.v1", "top.v1", "dead-letters.v1",
                                   // Of the page: the tests of src/pmd/web hold them.
                                   "page-node.v1", "page-links.v1", "page-figures.v1"};
  std::set<std::string> there;
  for (const auto& entry : std::filesystem::directory_iterator(DISTFLOW_SCHEMAS)) there.insert(entry.path().stem());
  EXPECT_EQ(there, held);
}

}  // namespace
}  // namespace distflow::test
