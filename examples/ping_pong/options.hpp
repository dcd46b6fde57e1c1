// The command lines of ping and pong: `--name VALUE` pairs, each known and in its range.
//
// One thread.
// Use: OptionReader reader("Usage: ping [--count N]", argc, argv);
//      while (reader.next()) {
//        if (reader.is("--count")) count = reader.number(1, 1000); else reader.refuse();
//      }
#pragma once

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <distflow/printable.hpp>
#include <distflow/version.hpp>

class OptionReader {
 public:
  /// `usage` is a line that begins with "Usage: " and the program's name.
  OptionReader(const char* usage, int argc, const char* const* argv) : usage_(usage), argc_(argc), argv_(argv) {}

  /// Goes to the next option; false when there is none. Ends the program for --help and --version.
  bool next() {
    if (++at_ >= argc_) return false;
    if (is("--help")) say(usage_);
    if (is("--version")) say(name() + " of distflow " + std::string(distflow::kVersion));
    return true;
  }

  [[nodiscard]] bool is(std::string_view name) const { return argv_[at_] == name; }

  /// What stands behind the option.
  std::string_view value() {
    if (at_ + 1 >= argc_) refuse();
    return argv_[++at_];
  }

  int number(int least, int most) {
    const std::string_view text = value();
    int number = 0;
    const auto [after, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || after != text.data() + text.size() || number < least || number > most) refuse();
    return number;
  }

  /// Ends the program with 2, the exit code of wrong usage, and names the word.
  [[noreturn]] void refuse() const {
    const std::string word = distflow::printable(argv_[at_]);
    std::fprintf(stderr, "cannot use '%s'\n%s\n", word.c_str(), usage_);
    std::exit(2);
  }

 private:
  /// From the usage.
  [[nodiscard]] std::string name() const {
    const std::string_view text = std::string_view(usage_).substr(std::string_view("Usage: ").size());
    return std::string(text.substr(0, text.find(' ')));
  }

  [[noreturn]] static void say(const std::string& line) {
    std::exit(std::printf("%s\n", line.c_str()) < 0 || std::fflush(stdout) != 0 ? 4 : 0);
  }

  const char* const usage_;
  const int argc_;
  const char* const* const argv_;
  int at_ = 0;
};
