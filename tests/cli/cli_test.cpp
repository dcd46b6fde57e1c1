// `distflow pmd status|list|resolve|kill` as a program: texts, exit codes, JSON.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/cli/programs.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// A command of the recording, what it printed, and its exit code.
struct Recorded {
  std::string command;
  std::string text;
  int exit_code = 0;
};

std::vector<Recorded> read_recording() {
  std::ifstream file(DISTFLOW_TEST_DATA "/typescript-latest-cli.txt");
  std::vector<Recorded> all;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("$ pmd ")) {
      all.push_back({line.substr(6), "", 0});
    } else if (line.starts_with("rc ")) {
      all.back().exit_code = std::stoi(line.substr(3));
    } else {
      all.back().text += line + "\n";
    }
  }
  return all;
}

std::vector<std::string> split(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::string with_port(std::string text, std::uint16_t port) {
  if (const auto place = text.find("Port: 4369"); place != std::string::npos)
    text.replace(place, 10, "Port: " + std::to_string(port));
  return text;
}

TEST(Cli, says_what_the_typescript_command_line_says) {
  FakePmdThread peer;
  peer.pmd.nodes = {{.node_id = "75ca164282015c8c",
                     .alias = "pong",
                     .host = "localhost",
                     .port = 36755,
                     .last_heartbeat_ms = 1795374147959}};
  // `kill` was recorded when the node had gone.
  peer.pmd.script = [&](const protocol::Request& request) {
    if (request.type == protocol::RequestType::resolve && request.name == "nope") {
      peer.pmd.answer_like_typescript(request);
      peer.pmd.nodes.clear();
    } else {
      peer.pmd.answer_like_typescript(request);
    }
  };
  peer.start();
  const std::vector<Recorded> recording = read_recording();
  ASSERT_EQ(recording.size(), 5U);
  for (const Recorded& recorded : recording) {
    SCOPED_TRACE(recorded.command);
    const ProcessResult result = run_cli(split(recorded.command), peer.pmd.port());
    EXPECT_EQ(result.exit_code, recorded.exit_code);
    const std::string expected = with_port(recorded.text, peer.pmd.port());
    if (recorded.exit_code == 0) {
      EXPECT_EQ(result.out, expected);
      EXPECT_EQ(result.err, "");
    } else {
      EXPECT_EQ(result.out, "");
      EXPECT_THAT(result.err, StartsWith(expected));
    }
  }
}

TEST(Cli, says_so_and_what_to_do_when_no_pmd_can_be_reached) {
  const SilentPort silent;
  for (const char* command : {"status", "list", "resolve x", "kill", "kill --force"}) {
    SCOPED_TRACE(command);
    const ProcessResult result = run_cli(split(command), silent.port());
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr("127.0.0.1:" + std::to_string(silent.port()) + ": Connection refused"));
    EXPECT_THAT(result.err, HasSubstr("distflow pmd start --port " + std::to_string(silent.port())));
  }
}

TEST(Cli, a_host_without_an_address_is_named) {
  const ProcessResult result = run_cli({"status", "--host", "no-such-host.invalid"}, 4369);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("'no-such-host.invalid'"));
}

TEST(Cli, point_15_an_erlang_epmd_is_named) {
  const StrangerThread epmd(std::string("\0\0\x11\x11name rabbit at port 25672\n", 30));
  for (const char* command : {"status", "start"}) {
    SCOPED_TRACE(command);
    const ProcessResult result = run_cli({command}, epmd.port());
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.err, HasSubstr("Erlang's epmd"));
    EXPECT_THAT(result.err, HasSubstr("--port"));
  }
}

TEST(Cli, what_is_no_pmd_is_called_that) {
  const StrangerThread stranger("");
  const ProcessResult result = run_cli({"list"}, stranger.port());
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("not a distflow PMD"));
}

TEST(Cli, wrong_usage_is_told_from_everything_else) {
  for (const std::string& line :
       {std::string("pmd"), std::string("pmd fly"), std::string("pmd resolve"), std::string("pmd status --port 0"),
        std::string("pmd status --port 65536"), std::string("pmd status --bogus"), std::string("pmd start --json"),
        std::string("pmd start --ttl 0"), std::string("pmd start --log-level loud")}) {
    SCOPED_TRACE(line);
    const ProcessResult result = run_process(DISTFLOW_CLI, split(line));
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr("--help"));
  }
}

TEST(Cli, help_and_version_succeed) {
  for (const char* line : {"--help", "pmd --help", "pmd start --help", "pmd resolve --help"}) {
    SCOPED_TRACE(line);
    const ProcessResult result = run_process(DISTFLOW_CLI, split(line));
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, HasSubstr("Usage: distflow"));
  }
  const ProcessResult version = run_process(DISTFLOW_CLI, {"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, StartsWith("distflow "));
}

TEST(Cli, json_is_one_object_whatever_happens) {
  Daemon daemon;
  const SilentPort silent;
  const RegisteredNode node(daemon.port(), "n1", "with \"quotes\"\n");
  for (const char* command : {"status", "list", "resolve n1", "resolve nope", "kill", "status --bogus"}) {
    for (const std::uint16_t port : {daemon.port(), silent.port()}) {
      SCOPED_TRACE(command);
      std::vector<std::string> words = split(command);
      words.emplace_back("--json");
      const ProcessResult result = run_cli(words, port);
      EXPECT_TRUE(is_one_json_object(result.out)) << result.out;
      EXPECT_EQ(result.out.find(R"("error":)") != std::string::npos, result.exit_code != 0);
    }
  }
  const ProcessResult killed = run_cli({"kill", "--force", "--json"}, daemon.port());
  EXPECT_EQ(killed.out, "{\"success\":true}\n");
}

TEST(Cli, status_as_json_says_which_process_the_pmd_is) {
  Daemon daemon;
  const ProcessResult result = run_cli({"status", "--json"}, daemon.port());
  EXPECT_THAT(result.out, HasSubstr(R"("registeredNodes":0)"));
  EXPECT_THAT(result.out, HasSubstr(R"("pid":)"));
}

TEST(Cli, kill_refuses_while_nodes_are_registered_and_names_them) {
  Daemon daemon;
  {
    const RegisteredNode one(daemon.port(), "id-1", "ping");
    const RegisteredNode two(daemon.port(), "id-2", "pong");
    const ProcessResult refused = run_cli({"kill"}, daemon.port());
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_EQ(refused.out, "");
    EXPECT_THAT(refused.err, HasSubstr("2 nodes are registered"));
    EXPECT_THAT(refused.err, HasSubstr("ping (id-1) at 127.0.0.1:4000"));
    EXPECT_THAT(refused.err, HasSubstr("pong (id-2)"));
    EXPECT_THAT(refused.err, HasSubstr("--force"));

    const ProcessResult forced = run_cli({"kill", "--force"}, daemon.port());
    EXPECT_EQ(forced.exit_code, 0);
    EXPECT_EQ(forced.out, "PMD shutdown command sent successfully\n");
  }
  EXPECT_EQ(daemon.wait().exit_code, 0);
  EXPECT_EQ(run_cli({"status"}, daemon.port()).exit_code, 3);
}

TEST(Cli, what_nodes_call_themselves_does_not_reach_the_terminal_as_control_characters) {
  Daemon daemon;
  const RegisteredNode node(daemon.port(), "n1", "red\x1b[31m\nalert");
  const ProcessResult result = run_cli({"list"}, daemon.port());
  EXPECT_THAT(result.out, HasSubstr("  - red\\u{1b}[31m\\u{a}alert\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace distflow::test
