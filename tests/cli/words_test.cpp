// The words of the command line: what is unknown is named, what was meant is suggested, and what needs no word is
// shown.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/cli/programs.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> at(std::uint16_t port) { return {"DISTFLOW_PMD_ADDR=127.0.0.1:" + std::to_string(port)}; }

TEST(CliWords, what_is_unknown_is_named_and_what_may_have_been_meant_is_said) {
  struct Case {
    std::vector<std::string> words;
    std::string message;
  };
  const std::vector<Case> cases{
      {{"pmd", "lsit"}, "Unknown command 'lsit'. Did you mean 'distflow pmd list'?"},
      {{"pmd", "statsu", "--json"}, "Unknown command 'statsu'. Did you mean 'distflow pmd status'?"},
      {{"list"}, "Unknown command 'list'. Did you mean 'distflow pmd list'?"},
      {{"pdm", "list"}, "Unknown command 'pdm'. Did you mean 'distflow pmd'?"},
      {{"verison"}, "Unknown command 'verison'. Did you mean 'distflow version'?"},
      {{"pmd", "fly"}, "Unknown command 'fly'.\n"},
      {{"pmd", "status", "--prot", "7000"}, "Unknown option '--prot'. Did you mean '--port'?"},
      {{"pmd", "resolve", "--jsn"}, "Unknown option '--jsn'. Did you mean '--json'?"},
      {{"pmd", "kill", "--bogus"}, "Unknown option '--bogus'.\n"},
      {{"--versoin"}, "Unknown option '--versoin'. Did you mean '--version'?"},
      {{"pmd", "list", "all"}, "Unexpected argument 'all'.\n"},
      {{"pmd", "\x1b[2J\xff"}, "Unknown command '\\u{1b}[2J\\xff'.\n"},
      {{"listen", "--as", ""}, "--as: the alias is empty"},
      {{"pmd"}, "A command is missing: one of start, status, list, resolve, kill."},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.message);
    const ProcessResult result = run_process(DISTFLOW_CLI, one.words);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, StartsWith(one.message));
    EXPECT_THAT(result.err, HasSubstr("--help"));
  }
}

TEST(CliWords, a_bare_distflow_says_whether_a_pmd_runs_and_what_there_is_to_type) {
  Daemon daemon;
  const ProcessResult running = run_process(DISTFLOW_CLI, {}, at(daemon.port()));
  EXPECT_EQ(running.exit_code, 0);
  EXPECT_THAT(running.out, StartsWith("A PMD runs at 127.0.0.1:" + std::to_string(daemon.port()) + ".\n"));
  EXPECT_THAT(running.out, HasSubstr("Registered nodes: 0"));
  EXPECT_THAT(running.out, HasSubstr("Version: " DISTFLOW_TEST_VERSION "\n"));
  EXPECT_THAT(running.out, HasSubstr("Usage: distflow"));

  const SilentPort silent;
  const ProcessResult absent = run_process(DISTFLOW_CLI, {}, at(silent.port()));
  EXPECT_EQ(absent.exit_code, 0);
  EXPECT_THAT(absent.out, StartsWith("No PMD can be reached at 127.0.0.1:" + std::to_string(silent.port())));
  EXPECT_THAT(absent.out, HasSubstr("Usage: distflow"));
}

TEST(CliWords, each_program_says_its_version) {
  const ProcessResult word = run_process(DISTFLOW_CLI, {"version"});
  EXPECT_EQ(word.exit_code, 0);
  EXPECT_EQ(word.out, "distflow " DISTFLOW_TEST_VERSION "\n");
  EXPECT_EQ(run_process(DISTFLOW_CLI, {"--version"}).out, word.out);
  for (const auto& [program, name] : {std::pair<std::string, std::string>{DISTFLOW_PMD_PROGRAM, "distflow-pmd"},
                                      {DISTFLOW_PING, "ping"},
                                      {DISTFLOW_PONG, "pong"}}) {
    const ProcessResult result = run_process(program, {"--version"});
    EXPECT_EQ(result.exit_code, 0) << program;
    EXPECT_THAT(result.out, StartsWith(name)) << program;
    EXPECT_THAT(result.out, HasSubstr(DISTFLOW_TEST_VERSION)) << program;
  }
}

TEST(CliWords, the_examples_refuse_what_they_do_not_know) {
  const std::vector<std::vector<std::string>> wrong{{"--bogus"}, {"--pmd-port"},      {"--pmd-port", "0"},
                                                    {"word"},    {"--pmd-port", "x"}, {"--pmd-port", "65536"}};
  for (const char* program : {DISTFLOW_PING, DISTFLOW_PONG}) {
    for (const std::vector<std::string>& words : wrong) {
      SCOPED_TRACE(std::string(program) + " " + words.front());
      const ProcessResult result = run_process(program, words);
      EXPECT_EQ(result.exit_code, 2);
      EXPECT_THAT(result.err, HasSubstr("'" + words.back() + "'"));
      EXPECT_THAT(result.err, HasSubstr("Usage:"));
    }
    const ProcessResult help = run_process(program, {"--help"});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, StartsWith("Usage:"));
  }
  EXPECT_EQ(run_process(DISTFLOW_PING, {"--count", "-1"}).exit_code, 2);
}

TEST(CliWords, the_variable_says_where_the_pmd_is_and_options_win_over_it) {
  Daemon daemon;
  const SilentPort silent;
  const ProcessResult result = run_process(DISTFLOW_CLI, {"pmd", "status"}, at(daemon.port()));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("Port: " + std::to_string(daemon.port())));
  EXPECT_EQ(run_cli({"status"}, daemon.port(), at(silent.port())).exit_code, 0);
  EXPECT_EQ(run_process(DISTFLOW_CLI, {"pmd", "status"}, at(silent.port())).exit_code, 3);
}

TEST(CliWords, a_variable_that_cannot_be_read_is_wrong_usage_and_named) {
  for (const char* command : {"status", "list", "start", "kill"}) {
    const ProcessResult result = run_process(DISTFLOW_CLI, {"pmd", command}, {"DISTFLOW_PMD_ADDR=::1:4369"});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, StartsWith("DISTFLOW_PMD_ADDR is not HOST:PORT"));
  }
  const ProcessResult as_json = run_process(DISTFLOW_CLI, {"pmd", "list", "--json"}, {"DISTFLOW_PMD_ADDR=x:y"});
  EXPECT_EQ(as_json.exit_code, 2);
  EXPECT_TRUE(is_one_json_object(as_json.out));
  // Where it is not needed it is not read.
  Daemon daemon;
  EXPECT_EQ(run_cli({"status", "--host", "127.0.0.1"}, daemon.port(), {"DISTFLOW_PMD_ADDR=x:y"}).exit_code, 0);
}

}  // namespace
}  // namespace distflow::test
