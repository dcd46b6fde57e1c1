// README.md's list of commands, held to what the program itself says that there is: in both directions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/programs.hpp"

namespace distflow::test {
namespace {

using Options = std::set<std::string>;

Options options_in(const std::string& text) {
  static const std::regex option("--[a-z][a-z-]*");
  return {std::sregex_token_iterator(text.begin(), text.end(), option), std::sregex_token_iterator()};
}

/// Of "distflow pmd start [--host H]": "pmd start".
std::string command_in(const std::string& line) {
  std::istringstream words(line);
  std::string command;
  std::string word;
  words >> word;  // distflow
  while (words >> word && !word.starts_with('-') &&
         word.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string::npos)
    command += (command.empty() ? "" : " ") + word;
  return command;
}

/// By command, the options of all its lines.
std::map<std::string, Options> documented_commands() {
  std::ifstream file(DISTFLOW_README);
  std::map<std::string, Options> commands;
  for (std::string line; std::getline(file, line);) {
    // Two spaces: the line of the bare program, which has a text instead.
    if (!line.starts_with("    distflow ") || line.starts_with("    distflow  ")) continue;
    commands[command_in(line)].merge(options_in(line));
  }
  return commands;
}

std::vector<std::string> words_of(const std::string& command) {
  std::istringstream words(command);
  return {std::istream_iterator<std::string>(words), {}};
}

std::string help_of(const std::string& command) {
  std::vector<std::string> words = words_of(command);
  words.emplace_back("--help");
  const ProcessResult result = run_process(DISTFLOW_CLI, words);
  EXPECT_EQ(result.exit_code, 0) << command;
  return result.out.substr(0, result.out.find("Exit codes:"));
}

/// The names below "Subcommands:".
std::vector<std::string> subcommands_in(const std::string& help) {
  std::vector<std::string> names;
  const std::size_t begin = help.find("Subcommands:");
  if (begin == std::string::npos) return names;
  std::istringstream lines(help.substr(begin));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line) && line.starts_with("  ")) {
    std::istringstream words(line);
    std::string name;
    if (line[2] != ' ' && words >> name) names.push_back(name);
  }
  return names;
}

TEST(CliDocumented, the_readme_lists_each_command_that_there_is_and_no_other) {
  std::set<std::string> there;
  for (const std::string& name : subcommands_in(help_of(""))) {
    const std::vector<std::string> below = subcommands_in(help_of(name));
    if (below.empty()) there.insert(name);
    for (const std::string& command : below) there.insert(name + " " + command);
  }
  EXPECT_GT(there.size(), 8U);
  std::set<std::string> documented;
  for (const auto& [command, options] : documented_commands()) {
    if (!command.empty()) documented.insert(command);
  }
  EXPECT_EQ(documented.count("pmd list"), 1U);
  for (const std::string& command : there)
    EXPECT_EQ(documented.count(command), 1U) << command << " is not in README.md";
  EXPECT_EQ(documented.size(), there.size());
}

TEST(CliDocumented, the_readme_lists_each_option_of_each_command_and_no_other) {
  for (const auto& [command, options] : documented_commands()) {
    if (command.empty()) continue;
    Options known = options_in(help_of(command));
    known.erase("--help");
    EXPECT_EQ(options, known) << "distflow " << command;
  }
}

/// What bash offers behind `distflow COMMAND `.
Options completed_by_bash(const std::string& command) {
  const std::string script = "source '" DISTFLOW_COMPLETIONS
                             "/distflow.bash'; COMP_WORDS=(distflow \"$@\" ''); COMP_CWORD=$(($# + 1)); "
                             "_distflow; printf '%s\\n' \"${COMPREPLY[@]}\"";
  std::vector<std::string> words{"--norc", "-c", script, "bash"};
  for (const std::string& word : words_of(command)) words.push_back(word);
  const ProcessResult result = run_process("/bin/bash", words);
  EXPECT_EQ(result.err, "");
  std::istringstream lines(result.out);
  return {std::istream_iterator<std::string>(lines), {}};
}

TEST(CliDocumented, bash_completes_each_command_and_option_that_there_is_and_no_other) {
  if (!std::filesystem::exists("/bin/bash")) GTEST_SKIP() << "this system has no bash";
  std::vector<std::string> commands{"", "pmd"};
  for (const auto& [command, options] : documented_commands()) commands.push_back(command);
  for (const std::string& command : commands) {
    const std::string help = help_of(command);
    Options expected = options_in(help);
    for (const std::string& below : subcommands_in(help)) expected.insert(below);
    EXPECT_EQ(completed_by_bash(command), expected) << "distflow " << command;
  }
}

}  // namespace
}  // namespace distflow::test
