// A contestant's process: told lines on its standard input, heard by lines on its standard output.
//
// One thread, which must live as long as the children: they end with it.
//
// 1. A child never outlives its object, and never the director, however that ends.
// 2. Every wait has a deadline.
//
// Use: ChildProcess child({"bench_raw_ping", "echo"}); const auto line = child.read_line(seconds(5));
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace distflow::bench {

class ChildProcess {
 public:
  using Clock = std::chrono::steady_clock;

  /// How a child is asked to end. What does not end then is killed.
  enum class End : std::uint8_t {
    by_input,  ///< its input ends; SIGTERM if that is not enough
    by_signal  ///< SIGTERM at once: it may not read its input
  };

  /// Starts a program: its path and its arguments. Its standard error is the director's.
  ChildProcess(const std::vector<std::string>& words, End end);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  /// Writes a line. False if the child does not read any more.
  bool write_line(std::string_view line);
  /// The next line without its end; nothing if there is none before `deadline` or the output has ended.
  std::optional<std::string> read_line(Clock::time_point deadline);

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Whether its output has ended; a program that could not be started has none.
  [[nodiscard]] bool has_ended() const { return output_ < 0; }

 private:
  bool wait_for_end(std::chrono::milliseconds patience);

  const End end_;
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string read_;
};

}  // namespace distflow::bench
