// Log lines with a level, and a bound on how many of a kind are written.
//
// Any thread may write, if the sink may be called from any thread (the default one may), and may change the level.
// RateLimit belongs to one thread.
//   1. What the level excludes is not formatted.
//   2. A line is at most kLogLineMax bytes of UTF-8 in which everything is visible, whatever it was made from: the rest
//      is escaped (base/escape), and what is too long is cut between two code points.
//   3. Writing never throws, allocates nothing and reads no clock.
// Use: log.write(LogLevel::warn, "peer %s: %s", alias, reason);
//      if (auto suppressed = limit.admit(now)) log.write(LogLevel::warn, "... (%" PRIu64 " more)", *suppressed);
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/delegate.hpp"
#include "base/time.hpp"

namespace distflow::base {

enum class LogLevel { error, warn, info, debug };

/// "error", "warn", "info" or "debug".
[[nodiscard]] const char* to_string(LogLevel level);

/// The level of that name, if it is one.
[[nodiscard]] std::optional<LogLevel> log_level_of(std::string_view name);

/// Receives a line, without its end. Must not throw.
using LogSink = Delegate<void(LogLevel, std::string_view)>;

/// "distflow: <level>: <line>", in one write, so that lines of several threads do not mix. What cannot be written is
/// lost.
void write_to_standard_error(LogLevel level, std::string_view line);

inline constexpr std::size_t kLogLineMax = 1000;

class Log {
 public:
  /// Writes what is at least as grave as `level`, to the standard error where there is no sink.
  explicit Log(LogLevel level = LogLevel::warn, LogSink sink = {}) : level_(level), sink_(sink) {}

  [[nodiscard]] bool is_enabled(LogLevel level) const { return level <= level_.load(std::memory_order_relaxed); }
  void set_level(LogLevel level) { level_.store(level, std::memory_order_relaxed); }

  /// As printf; a longer line is cut, before it is escaped and after.
  __attribute__((format(printf, 3, 4))) void write(LogLevel level, const char* format, ...) const noexcept;

 private:
  std::atomic<LogLevel> level_;
  const LogSink sink_;
};

/// At most `lines` in each `interval`, which begins with its first line.
class RateLimit {
 public:
  RateLimit(std::uint32_t lines, Duration interval) : lines_(lines), interval_(interval) {}

  /// Whether a line may be written now; if so, how many were not since the last that was.
  std::optional<std::uint64_t> admit(Instant now);

 private:
  const std::uint32_t lines_;
  const Duration interval_;
  std::optional<Instant> interval_start_;
  std::uint32_t admitted_ = 0;  // in this interval
  std::uint64_t suppressed_ = 0;
};

}  // namespace distflow::base
