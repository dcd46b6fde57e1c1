// `distflow nodes` as a program: one line a node, by name, in pages, fit for a terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cli/node_table.hpp"
#include "tests/cli/programs.hpp"
#include "tests/cli/terminal.hpp"

namespace distflow::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

ProcessResult run_nodes(std::uint16_t port, std::vector<std::string> words) {
  words.insert(words.begin(), "nodes");
  words.insert(words.end(), {"--port", std::to_string(port)});
  return run_process(DISTFLOW_CLI, words);
}

/// The first word of each line but the first.
std::vector<std::string> names_in(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) names.push_back(line.substr(0, line.find(' ')));
  return names;
}

TEST(CliNodes, are_shown_one_a_line_by_name) {
  Daemon daemon;
  const RegisteredNode b(daemon.port(), "id-b", "beta");
  const RegisteredNode a(daemon.port(), "id-a", "alpha");
  const ProcessResult result = run_nodes(daemon.port(), {});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("NAME   ADDRESS         SEEN  USER"));
  EXPECT_THAT(names_in(result.out), ElementsAre("alpha", "beta"));
  EXPECT_THAT(result.out, HasSubstr("127.0.0.1:4000"));
  EXPECT_THAT(result.out, HasSubstr("id-a"));
  EXPECT_EQ(result.err, "");
}

TEST(CliNodes, a_pattern_selects_by_alias_or_node_id) {
  Daemon daemon;
  const RegisteredNode one(daemon.port(), "id-1", "worker-1");
  const RegisteredNode two(daemon.port(), "id-2", "worker-2");
  const RegisteredNode other(daemon.port(), "id-3", "other");
  EXPECT_THAT(names_in(run_nodes(daemon.port(), {"worker-*"}).out), ElementsAre("worker-1", "worker-2"));
  EXPECT_THAT(names_in(run_nodes(daemon.port(), {"the"}).out), ElementsAre("other"));
  EXPECT_THAT(names_in(run_nodes(daemon.port(), {"id-2"}).out), ElementsAre("worker-2"));
  const ProcessResult none = run_nodes(daemon.port(), {"nobody"});
  EXPECT_EQ(none.exit_code, 0);
  EXPECT_EQ(none.out, "None of 3 nodes matches.\n");
}

TEST(CliNodes, come_in_pages_and_each_says_where_the_next_begins) {
  Daemon daemon;
  std::vector<std::unique_ptr<RegisteredNode>> nodes;
  for (const char* name : {"d", "b", "e", "a", "c"})
    nodes.push_back(std::make_unique<RegisteredNode>(daemon.port(), std::string("id-") + name, name));
  const ProcessResult first = run_nodes(daemon.port(), {"--limit", "2"});
  EXPECT_THAT(names_in(first.out), ElementsAre("a", "b"));
  EXPECT_EQ(first.err, "3 more: --after 'b'\n");
  const ProcessResult second = run_nodes(daemon.port(), {"--limit", "2", "--after", "b"});
  EXPECT_THAT(names_in(second.out), ElementsAre("c", "d"));
  const ProcessResult last = run_nodes(daemon.port(), {"--limit", "2", "--after", "d"});
  EXPECT_THAT(names_in(last.out), ElementsAre("e"));
  EXPECT_EQ(last.err, "");
}

TEST(CliNodes, as_json_say_how_many_there_are_beside_those_shown) {
  Daemon daemon;
  const RegisteredNode one(daemon.port(), "id-1", "worker-1");
  const RegisteredNode two(daemon.port(), "id-2", "worker-2");
  const RegisteredNode other(daemon.port(), "id-3", "other");
  const ProcessResult result = run_nodes(daemon.port(), {"worker", "--limit", "1", "--json"});
  EXPECT_TRUE(is_one_json_object(result.out)) << result.out;
  EXPECT_THAT(result.out, HasSubstr(R"("registered":3,"matching":2,"left":1,"nodes":[{"nodeId":"id-1")"));
  EXPECT_EQ(result.err, "");
}

TEST(CliNodes, without_a_pmd_are_an_error_that_says_what_to_do) {
  const SilentPort silent;
  const ProcessResult result = run_nodes(silent.port(), {});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("distflow pmd start --port " + std::to_string(silent.port())));
}

TEST(CliNodes, ten_thousand_are_shown_in_one_run) {
  FakePmdThread peer;
  for (int i = 0; i < 10'000; ++i) {
    peer.pmd.nodes.push_back({.node_id = "id-" + std::to_string(i),
                              .alias = "node-" + std::to_string(i),
                              .host = "127.0.0.1",
                              .port = 4000,
                              .last_heartbeat_ms = 1});
  }
  peer.start();
  const std::vector<std::string> names = names_in(run_nodes(peer.pmd.port(), {}).out);
  EXPECT_EQ(names.size(), 10'000U);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST(CliNodes, are_cut_to_the_terminal_and_coloured_there_alone) {
  Daemon daemon;
  const RegisteredNode node(daemon.port(), "a-node-id-that-is-long", "alpha");
  const std::vector<std::string> words{"nodes", "--port", std::to_string(daemon.port())};
  Terminal terminal(24);
  EXPECT_EQ(terminal.run(DISTFLOW_CLI, words, {"TERM=xterm", "NO_COLOR="}).exit_code, 0);
  EXPECT_THAT(terminal.text(), StartsWith("\x1b[1mNAME   ADDRESS         …\x1b[0m\nalpha  127.0.0.1:4000  …\n"));
  for (const std::vector<std::string>& variables :
       {std::vector<std::string>{"TERM=xterm", "NO_COLOR=1"}, {"TERM=dumb", "NO_COLOR="}}) {
    Terminal plain(24);
    plain.run(DISTFLOW_CLI, words, variables);
    EXPECT_THAT(plain.text(), StartsWith("NAME   ADDRESS         …\n")) << variables.front();
  }
  EXPECT_THAT(run_nodes(daemon.port(), {}).out, Not(HasSubstr("\x1b")));
}

TEST(CliNodes, nothing_that_a_node_names_steers_a_terminal) {
  Daemon daemon;
  const RegisteredNode node(daemon.port(), "n1", "red\x1b[31m\nalert\u202e");
  for (const std::vector<std::string>& words : {std::vector<std::string>{}, {"--json"}}) {
    const ProcessResult result = run_nodes(daemon.port(), words);
    EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
    EXPECT_THAT(result.out, Not(HasSubstr("\u202e")));
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), words.empty() ? 2 : 1);
  }
}

TEST(CliNodes, ages_are_in_the_largest_unit_that_says_enough) {
  EXPECT_EQ(cli::to_age(1'000'000, 1'000'000), "0s");
  EXPECT_EQ(cli::to_age(1'000'000, 1'000'000 + 119'999), "119s");
  EXPECT_EQ(cli::to_age(1'000'000, 1'000'000 + 120'000), "2m");
  EXPECT_EQ(cli::to_age(1'000'000, 1'000'000 + 7'200'000), "2h");
  EXPECT_EQ(cli::to_age(1'000'000, 1'000'000 + 48LL * 3'600'000), "2d");
  EXPECT_EQ(cli::to_age(1'000'001, 1'000'000), "?");  // the clock of another machine
  EXPECT_EQ(cli::to_age(0, 1'000'000), "?");          // never
}

}  // namespace
}  // namespace distflow::test
