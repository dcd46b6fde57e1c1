#include "base/escape.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include <distflow/printable.hpp>

#include "base/utf8.hpp"
#include "tests/base/seed.hpp"

namespace distflow::base {
namespace {

using namespace std::string_literals;

std::string encoded(char32_t c) {
  const auto byte = [](char32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F))};
  if (c < 0x10000) return {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
  return {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
}

bool is_utf8(std::string_view text) {
  for (const char *p = text.data(), *end = p + text.size(); p != end;) {
    const std::size_t size = static_cast<signed char>(*p) >= 0 ? 1 : utf8_sequence_size(p, end);
    if (size == 0) return false;
    p += size;
  }
  return true;
}

TEST(Escape, what_steers_a_terminal_or_hides_is_written_as_its_number) {
  EXPECT_EQ(printable("a\x1b[2J\n\x7f"), R"(a\u{1b}[2J\u{a}\u{7f})");
  EXPECT_EQ(printable("\u009b31m\u009d0;title\u009c\u0085"), R"(\u{9b}31m\u{9d}0;title\u{9c}\u{85})");
  EXPECT_EQ(printable("\u202a\u202b\u202c\u202d\u202e"), R"(\u{202a}\u{202b}\u{202c}\u{202d}\u{202e})");
  EXPECT_EQ(printable("\u2066\u2067\u2068\u2069"), R"(\u{2066}\u{2067}\u{2068}\u{2069})");
  EXPECT_EQ(printable("\u200e\u200f\u061c"), R"(\u{200e}\u{200f}\u{61c})");
  EXPECT_EQ(printable("\u2028\u2029"), R"(\u{2028}\u{2029})");
  EXPECT_EQ(printable("\u200b\u200c\u200d\ufeff\u2060\u00ad"), R"(\u{200b}\u{200c}\u{200d}\u{feff}\u{2060}\u{ad})");
  EXPECT_EQ(printable("\U000e0041\U0001d173"), R"(\u{e0041}\u{1d173})");
  EXPECT_EQ(printable("a\0b"s), R"(a\u{0}b)");
}

TEST(Escape, what_can_be_read_stays_as_it_is) {
  for (const char* text :
       {"", "pong", "caf\u00e9", "\u65e5\u672c\u8a9e", "\u05e9\u05dc\u05d5\u05dd", "\U0001f600", "a\\b\"c"}) {
    EXPECT_EQ(printable(text), text);
    EXPECT_EQ(printable_json(text), text);
  }
}

TEST(Escape, bytes_that_are_no_utf8_are_written_by_their_value) {
  EXPECT_EQ(printable("\xff"), R"(\xff)");
  EXPECT_EQ(printable("\x9b"
                      "31m"),
            R"(\x9b31m)");                                          // C1 as a byte, as terminals of eight bits take it
  EXPECT_EQ(printable("\xc0\x9b"), R"(\xc0\x9b)");                  // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), R"(\xed\xa0\x80)");          // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), R"(\xf4\x90\x80\x80)");  // beyond U+10FFFF
  EXPECT_EQ(printable("\xe2\x82"), R"(\xe2\x82)");                  // cut
}

TEST(Escape, in_json_it_is_an_escape_of_json_and_the_layout_stays) {
  EXPECT_EQ(printable_json("{\"a\":\"\u009b\u202e\x7f\xff\"}\n"), R"({"a":"\u009b\u202e\u007f\ufffd"})"
                                                                  "\n");
  EXPECT_EQ(printable_json("\"\U000e0041\U0001d173\""), R"("\udb40\udc41\ud834\udd73")");
}

// The whole of Unicode, each code point between two letters, which must stay what they are.
TEST(Escape, each_code_point_is_either_itself_or_its_number_and_those_named_are_escaped) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    const std::string text = "a" + encoded(c) + "b";
    const std::string shown = printable(text);
    ASSERT_EQ(shown == text, is_visible(c)) << static_cast<unsigned>(c);
    ASSERT_TRUE(shown.starts_with('a') && shown.ends_with('b')) << static_cast<unsigned>(c);
    if (!is_visible(c)) {
      ASSERT_TRUE(shown.starts_with("a\\u{")) << static_cast<unsigned>(c);
      ASSERT_EQ(std::stoul(shown.substr(4), nullptr, 16), c);
    }
  }
}

TEST(Escape, whatever_the_bytes_the_result_is_utf8_without_anything_invisible) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 24, '\0');
    // Bytes that begin, continue and break sequences, far more often than they would come by chance.
    constexpr std::string_view k_often = "\x9b\xc2\xe2\x80\xae\xf0\xff\x1b";
    for (char& byte : bytes)
      byte = random() % 2 == 0 ? static_cast<char>(random()) : k_often[random() % k_often.size()];
    for (const std::string& shown : {printable(bytes), printable_json(bytes)}) {
      ASSERT_TRUE(is_utf8(shown));
    }
    const std::string shown = printable(bytes);
    ASSERT_EQ(printable(shown), shown);
  }
}

}  // namespace
}  // namespace distflow::base
