#include "base/log.hpp"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <span>
#include <utility>

#include "base/escape.hpp"
#include "base/utf8.hpp"

namespace distflow::base {
namespace {

constexpr std::array kNames = {"error", "warn", "info", "debug"};

/// Writes `text` into `line`, escaped, and cut before what has no room. Gives the part that was written.
std::string_view escape_into(std::span<char> line, std::string_view text) {
  std::size_t size = 0;
  for (Escaper escaper(text, Escaper::Spelling::text); !escaper.is_done();) {
    const std::string_view piece = escaper.next();
    if (piece.size() > line.size() - size) break;
    size += piece.copy(line.data() + size, piece.size());
  }
  return {line.data(), size};
}

/// `text` without the beginning of a code point at its end, which a cut has left there.
std::string_view without_cut_code_point(std::string_view text) {
  std::size_t tail = 0;
  while (tail < 3 && tail < text.size() && (static_cast<unsigned char>(text[text.size() - 1 - tail]) & 0xC0) == 0x80)
    ++tail;
  if (tail == text.size()) return text;
  const char* const lead = text.data() + text.size() - 1 - tail;
  const bool is_cut =
      (static_cast<unsigned char>(*lead) & 0xC0) == 0xC0 && utf8_sequence_size(lead, lead + tail + 1) == 0;
  return is_cut ? text.substr(0, text.size() - 1 - tail) : text;
}

}  // namespace

const char* to_string(LogLevel level) { return kNames[static_cast<std::size_t>(level)]; }

void write_to_standard_error(LogLevel level, std::string_view line) {
  std::fprintf(stderr, "distflow: %s: %.*s\n", to_string(level), static_cast<int>(line.size()), line.data());
}

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
  const std::string_view whole(buffer.data(), std::min(static_cast<std::size_t>(formatted), kLogLineMax));
  const bool is_cut = static_cast<std::size_t>(formatted) > kLogLineMax;
  // Text from outside must not begin lines of its own, nor speak to a terminal.
  std::array<char, kLogLineMax> escaped;
  const std::string_view line = escape_into(escaped, is_cut ? without_cut_code_point(whole) : whole);
  if (sink_) {
    sink_(level, line);
  } else {
    write_to_standard_error(level, line);
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
