// UTF-8, one code point at a time.
//
// Pure functions; any thread. Well-formed as the Unicode Standard has it: no overlong forms, no encoded surrogates,
// nothing beyond U+10FFFF.
//
// Use: if (utf8_sequence_size(p, end) == 0) return false;
#pragma once

#include <cstddef>

namespace distflow::base {

/// The size of the well-formed UTF-8 sequence beyond ASCII at the head of [p, end); 0 if there is none.
[[nodiscard]] inline std::size_t utf8_sequence_size(const char* p, const char* end) noexcept {
  const auto byte = [p](std::size_t i) { return static_cast<unsigned char>(p[i]); };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const auto left = static_cast<std::size_t>(end - p);
  if (left < 2 || !continues(1)) return 0;
  const unsigned char lead = byte(0);
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (left < 3 || !continues(2)) return 0;
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
  if (lead == 0xED && byte(1) >= 0xA0) return 0;  // a surrogate
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (left < 4 || !continues(3)) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;   // overlong
  if (lead == 0xF4 && byte(1) >= 0x90) return 0;  // beyond U+10FFFF
  return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/// The code point of a well-formed sequence of `size` bytes, 1 for ASCII.
[[nodiscard]] inline char32_t decode_utf8(const char* p, std::size_t size) noexcept {
  const auto lead = static_cast<unsigned char>(*p);
  char32_t code_point = size == 1 ? lead : lead & (0x7F >> size);
  for (std::size_t i = 1; i < size; ++i) code_point = code_point << 6 | (static_cast<unsigned char>(p[i]) & 0x3F);
  return code_point;
}

}  // namespace distflow::base
