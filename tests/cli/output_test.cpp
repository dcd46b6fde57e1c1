// What the programs print: fit for a terminal and for a parser whatever others have named, and never lost in silence.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/cli/programs.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A terminal's command, a change of direction, a line that is none, and what cannot be seen.
constexpr const char* kHostile = "c1\u009b31m\u009d0;title\u009c\u202e\u2066\u2028\u200b\x1b[2J\x7f";
const std::vector<std::string> kForbidden{"\u009b", "\u009d", "\u009c", "\u202e", "\u2066",
                                          "\u2028", "\u200b", "\x1b",   "\x7f"};

/// `program WORDS...` with its streams as the shell's `redirections` say.
ProcessResult run_redirected(const std::string& redirections, const std::string& program,
                             std::vector<std::string> words) {
  words.insert(words.begin(), {"-c", "exec \"$@\" " + redirections, "sh", program});
  return run_process("/bin/sh", words);
}

TEST(CliOutput, nothing_that_a_node_names_steers_a_terminal_in_text_or_json) {
  Daemon daemon;
  const RegisteredNode node(daemon.port(), std::string("id") + kHostile, kHostile);
  for (const std::vector<std::string>& words : {std::vector<std::string>{"list"},
                                                {"list", "--json"},
                                                {"resolve", kHostile},
                                                {"resolve", kHostile, "--json"},
                                                {"kill"},
                                                {"kill", "--json"},
                                                {"resolve", std::string("no") + kHostile}}) {
    const ProcessResult result = run_cli(words, daemon.port());
    SCOPED_TRACE(words.front());
    for (const std::string& forbidden : kForbidden) {
      EXPECT_THAT(result.out, Not(HasSubstr(forbidden)));
      EXPECT_THAT(result.err, Not(HasSubstr(forbidden)));
    }
    if (words.back() == "--json") {
      EXPECT_TRUE(is_one_json_object(result.out)) << result.out;
    }
  }
  EXPECT_THAT(run_cli({"list", "--json"}, daemon.port()).out, HasSubstr(R"("alias":"c1\u009b31m\u009d0;title\u009c)"));
  EXPECT_THAT(run_cli({"list"}, daemon.port()).out, HasSubstr(R"(  - c1\u{9b}31m\u{9d}0;title\u{9c}\u{202e})"));
}

TEST(CliOutput, json_is_utf8_whatever_bytes_the_command_line_has) {
  Daemon daemon;
  for (const std::vector<std::string>& words : {std::vector<std::string>{"resolve", "\xff\xc0\x9b", "--json"},
                                                {"status", "--json", "--host", "\xff"},
                                                {"\xff", "--json"},
                                                {"list", "--json", "\xed\xa0\x80"}}) {
    const ProcessResult result = run_cli(words, daemon.port());
    EXPECT_NE(result.exit_code, 0);
    EXPECT_TRUE(is_one_json_object(result.out)) << result.out;  // its grammar takes UTF-8 alone
  }
}

TEST(CliOutput, what_cannot_be_written_is_no_success) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "this system has no /dev/full";
  Daemon daemon;
  const std::string port = std::to_string(daemon.port());
  for (const std::vector<std::string>& words : {std::vector<std::string>{"pmd", "list", "--port", port},
                                                {"pmd", "status", "--json", "--port", port},
                                                {"--help"},
                                                {"--version"},
                                                {"version"}}) {
    const ProcessResult result = run_redirected(">/dev/full", DISTFLOW_CLI, words);
    EXPECT_EQ(result.exit_code, 4) << words.front();
    EXPECT_THAT(result.err, HasSubstr("the standard output cannot be written: No space left on device"));
  }
  // What is an error by itself stays that error.
  EXPECT_EQ(run_redirected(">/dev/full", DISTFLOW_CLI, {"pmd", "resolve", "x", "--json", "--port", port}).exit_code, 1);
  for (const char* program : {DISTFLOW_PMD_PROGRAM, DISTFLOW_PING, DISTFLOW_PONG}) {
    EXPECT_NE(run_redirected(">/dev/full", program, {"--version"}).exit_code, 0) << program;
  }
}

TEST(CliOutput, a_pipe_that_nobody_reads_is_an_error_and_no_signal) {
  Daemon daemon;
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);  // inherited by the program
  ::close(pipe[0]);
  const ProcessResult result = run_redirected(">&" + std::to_string(pipe[1]), DISTFLOW_CLI,
                                              {"pmd", "list", "--port", std::to_string(daemon.port())});
  ::close(pipe[1]);
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_EQ(result.signal, 0);
}

TEST(CliOutput, a_program_without_standard_descriptors_writes_to_no_socket_in_their_place) {
  Daemon daemon;
  const std::string port = std::to_string(daemon.port());
  EXPECT_EQ(run_redirected("<&- >&-", DISTFLOW_CLI, {"pmd", "list", "--port", port}).exit_code, 4);
  EXPECT_EQ(run_redirected("<&- 2>&-", DISTFLOW_CLI, {"pmd", "list", "--port", port}).exit_code, 0);

  // The daemon's log must not go to one of its clients.
  ChildProcess deaf("/bin/sh", {"-c", "exec \"$@\" <&- 2>&-", "sh", DISTFLOW_PMD_PROGRAM, "--port", "0"});
  ASSERT_TRUE(deaf.wait_for_output("\n"));
  const std::filesystem::path link = "/proc/" + std::to_string(deaf.pid()) + "/fd/2";
  std::error_code error;
  const std::filesystem::path target = std::filesystem::read_symlink(link, error);
  if (!error) {
    EXPECT_EQ(target, "/dev/null");
  }
}

}  // namespace
}  // namespace distflow::test
