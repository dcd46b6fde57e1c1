#include "base/log.hpp"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <utility>

namespace distflow::base {
namespace {

constexpr std::array kNames = {"error", "warn", "info", "debug"};

/// One call, so that lines of several threads do not mix. What cannot be written is lost.
void write_to_stderr(LogLevel level, std::string_view line) {
  std::fprintf(stderr, "distflow: %s: %.*s\n", to_string(level), static_cast<int>(line.size()), line.data());
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

const char* to_string(LogLevel level) { return kNames[static_cast<std::size_t>(level)]; }

std::optional<LogLevel> log_level_of(std::string_view name) {
  const auto* found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<LogLevel>(found - kNames.begin());
}

void Log::write(LogLevel level, const char* format, ...) const noexcept {
  if (!is_enabled(level)) return;
  std::array<char, kLogLineMax + 1> buffer;
  va_list arguments;
  va_start(arguments, format);
  const int formatted = std::vsnprintf(buffer.data(), buffer.size(), format, arguments);
  va_end(arguments);
  if (formatted < 0) return;
  const std::size_t size = std::min(static_cast<std::size_t>(formatted), kLogLineMax);
  // Text from outside must not begin lines of its own, nor speak to a terminal.
  std::replace_if(buffer.data(), buffer.data() + size, is_control, '?');
  const std::string_view line(buffer.data(), size);
  if (sink_) {
    sink_(level, line);
  } else {
    write_to_stderr(level, line);
  }
}

std::optional<std::uint64_t> RateLimit::admit(Instant now) {
  if (!interval_start_ || now - *interval_start_ >= interval_) {
    interval_start_ = now;
    admitted_ = 0;
  }
  if (admitted_ >= lines_) {
    ++suppressed_;
    return std::nullopt;
  }
  ++admitted_;
  return std::exchange(suppressed_, 0);
}

}  // namespace distflow::base
