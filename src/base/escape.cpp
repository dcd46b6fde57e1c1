#include "base/escape.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>

#include <distflow/printable.hpp>

#include "base/utf8.hpp"

namespace distflow::base {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// In ascending order.
constexpr Range kInvisible[] = {
    {0x0000, 0x001F},                        // C0
    {0x007F, 0x009F},                        // DEL and C1
    {0x00AD, 0x00AD},                        // soft hyphen
    {0x034F, 0x034F},                        // combining grapheme joiner
    {0x0600, 0x0605},                        // signs that span the digits behind them
    {0x061C, 0x061C},                        // Arabic letter mark
    {0x06DD, 0x06DD},                        // Arabic end of ayah
    {0x070F, 0x070F},                        // Syriac abbreviation mark
    {0x0890, 0x0891},                        // Arabic currency marks
    {0x08E2, 0x08E2},                        // Arabic disputed end of ayah
    {0x115F, 0x1160},                        // Hangul fillers
    {0x17B4, 0x17B5},                        // Khmer inherent vowels
    {0x180B, 0x180F},                        // Mongolian variation selectors
    {0x200B, 0x200F},                        // zero width, and marks of direction
    {0x2028, 0x202E},                        // line and paragraph separator, embeddings and overrides of direction
    {0x2060, 0x206F},                        // word joiner, invisible operators, isolates of direction
    {0x3164, 0x3164},                        // Hangul filler
    {0xD800, 0xDFFF},                        // surrogates
    {0xFE00, 0xFE0F},                        // variation selectors
    {0xFEFF, 0xFEFF},                        // byte order mark
    {0xFFA0, 0xFFA0},                        // halfwidth Hangul filler
    {0xFFF0, 0xFFFB},                        // interlinear annotations
    {0x110BD, 0x110BD},                      // Kaithi number signs
    {0x110CD, 0x110CD}, {0x13430, 0x1343F},  // Egyptian format controls
    {0x1BCA0, 0x1BCA3},                      // shorthand format controls
    {0x1D173, 0x1D17A},                      // musical format controls
    {0xE0000, 0xE0FFF},                      // tags, further variation selectors
};

}  // namespace

bool is_visible(char32_t code_point) noexcept {
  const Range* const range = std::lower_bound(std::begin(kInvisible), std::end(kInvisible), code_point,
                                              [](const Range& r, char32_t c) { return r.last < c; });
  return range == std::end(kInvisible) || code_point < range->first;
}

std::string_view Escaper::next() noexcept {
  const char* const begin = p_;
  const std::size_t size = static_cast<signed char>(*begin) >= 0 ? 1 : utf8_sequence_size(begin, end_);
  p_ += std::max<std::size_t>(size, 1);
  if (size == 0) return spell_byte(static_cast<unsigned char>(*begin));
  const char32_t code_point = decode_utf8(begin, size);
  // The white space between the values of a JSON text; none stands in its strings.
  const bool is_layout = spelling_ == Spelling::json && code_point < 0x20;
  return is_layout || is_visible(code_point) ? std::string_view(begin, size) : spell(code_point);
}

std::string_view Escaper::spell(char32_t code_point) noexcept {
  const auto number = static_cast<unsigned>(code_point);
  int size = 0;
  if (spelling_ == Spelling::text) {
    size = std::snprintf(escape_.data(), escape_.size(), "\\u{%x}", number);
  } else if (number <= 0xFFFF) {
    size = std::snprintf(escape_.data(), escape_.size(), "\\u%04x", number);
  } else {
    size = std::snprintf(escape_.data(), escape_.size(), "\\u%04x\\u%04x", 0xD7C0 + (number >> 10),
                         0xDC00 + (number & 0x3FF));
  }
  return {escape_.data(), static_cast<std::size_t>(size)};
}

std::string_view Escaper::spell_byte(unsigned char byte) noexcept {
  if (spelling_ == Spelling::json) return spell(0xFFFD);
  const int size = std::snprintf(escape_.data(), escape_.size(), "\\x%02x", byte);
  return {escape_.data(), static_cast<std::size_t>(size)};
}

std::string printable_json(std::string_view json) {
  std::string result;
  result.reserve(json.size());
  for (Escaper escaper(json, Escaper::Spelling::json); !escaper.is_done();) result += escaper.next();
  return result;
}

}  // namespace distflow::base

namespace distflow {

std::string printable(std::string_view text) {
  using base::Escaper;
  std::string result;
  result.reserve(text.size());
  for (Escaper escaper(text, Escaper::Spelling::text); !escaper.is_done();) result += escaper.next();
  return result;
}

}  // namespace distflow
