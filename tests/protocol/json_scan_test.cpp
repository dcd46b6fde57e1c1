#include "protocol/json_scan.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/random.hpp"
#include "tests/base/seed.hpp"
#include "tests/protocol/json_maker.hpp"

namespace distflow::protocol {
namespace {

/// The value at the head of `text`, or "(none)". The text lies in memory of exactly its size.
std::string scanned(std::string_view text) {
  const std::string exact(text);
  const char* const begin = exact.data();
  const char* const after = scan_value(begin, begin + exact.size());
  return after == nullptr ? "(none)" : std::string(begin, after);
}

TEST(JsonScan, a_value_ends_where_it_ends_and_what_follows_is_not_part_of_it) {
  EXPECT_EQ(scanned(R"(1,"from":"admin")"), "1");
  EXPECT_EQ(scanned(R"("a","from":"admin")"), R"("a")");
  EXPECT_EQ(scanned(R"({"a":1},"from":"admin")"), R"({"a":1})");
  EXPECT_EQ(scanned("[1,2]]"), "[1,2]");
  EXPECT_EQ(scanned("null}"), "null");
  EXPECT_EQ(scanned("-1.5e3 "), "-1.5e3");
  EXPECT_EQ(scanned(R"("a""b")"), R"("a")");
}

TEST(JsonScan, no_value_begins_with_a_delimiter_or_white_space) {
  for (const char* text : {"", " 1", "\n1", ",", ":", "}", "]", "\\", "\x01", "\x7F", "\xC3\xA9"}) {
    EXPECT_EQ(scanned(text), "(none)") << text;
  }
  EXPECT_EQ(scanned(std::string_view("\0", 1)), "(none)");
}

TEST(JsonScan, strings_must_be_closed) {
  for (const char* text : {R"(")", R"("abc)", R"("abc\")", R"("\\\")", R"(["a)", R"({"a":"b\"})"}) {
    EXPECT_EQ(scanned(text), "(none)") << text;
  }
}

TEST(JsonScan, escapes_in_strings_are_honoured) {
  EXPECT_EQ(scanned(R"("a\"b" )"), R"("a\"b")");
  EXPECT_EQ(scanned(R"("\\",1)"), R"("\\")");
  EXPECT_EQ(scanned(R"("\\\"" )"), R"("\\\"")");
  EXPECT_EQ(scanned(R"(["\"]"] )"), R"(["\"]"])");
  EXPECT_EQ(scanned(R"(["\\"] )"), R"(["\\"])");
}

TEST(JsonScan, brackets_match_by_kind) {
  for (const char* text : {"[}", "{]", "[[}]", "[{]}", "{[}]", "[", "{", "[[]", R"({"a":[})"}) {
    EXPECT_EQ(scanned(text), "(none)") << text;
  }
  EXPECT_EQ(scanned("[{}] "), "[{}]");
}

TEST(JsonScan, brackets_in_strings_are_text) {
  EXPECT_EQ(scanned(R"(["]}{["],)"), R"(["]}{["])");
  EXPECT_EQ(scanned(R"({"}":"{"}})"), R"({"}":"{"})");
}

TEST(JsonScan, a_backslash_outside_strings_is_no_part_of_a_value) {
  for (const char* text : {R"([\"])", R"([\]])", R"({\})", R"([1,\"]","x"])"}) {
    EXPECT_EQ(scanned(text), "(none)") << text;
  }
  EXPECT_EQ(scanned(R"(1\)"), "1");
  EXPECT_EQ(scanned(R"([1]\")"), "[1]");
}

TEST(JsonScan, letters_that_look_like_brackets_to_a_vector_instruction_are_passed_over) {
  EXPECT_EQ(scanned("[Y_y\x7F]"), "[Y_y\x7F]");
}

TEST(JsonScan, grammar_beyond_structure_is_not_checked) {
  for (const char* text : {R"({"a" 1})", "tru", "[1 2,,]", "{1:2}", "007"}) EXPECT_EQ(scanned(text), text);
}

TEST(JsonScan, a_string_is_followed_across_every_border_between_vectors) {
  for (std::size_t before = 0; before < 140; ++before) {
    for (const std::string_view piece : {R"(\")", R"(\\)", R"(\\\")", R"(]})", R"({[)"}) {
      const std::string string = '"' + std::string(before, 'x') + std::string(piece) + '"';
      EXPECT_EQ(scanned(string + "]"), string) << before;
      const std::string array = '[' + string + ']';
      EXPECT_EQ(scanned(array), array) << before;
      EXPECT_EQ(scanned(array + std::string(70, ']')), array) << before;
      EXPECT_EQ(scanned(array.substr(0, array.size() - 1)), "(none)") << before;
    }
  }
}

TEST(JsonScan, nesting_is_accepted_up_to_the_limit_and_not_beyond) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(scanned(nested(kDepthMax)), nested(kDepthMax));
  EXPECT_EQ(scanned(nested(kDepthMax + 1)), "(none)");
  EXPECT_EQ(scanned(std::string(1'000'000, '[')), "(none)");
  EXPECT_EQ(scanned(std::string(1'000'000, '{')), "(none)");
}

TEST(JsonScan, every_json_value_is_accepted_and_no_cut_of_a_container_or_string_is) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  base::Random random(seed.value());
  test::JsonMaker make(random);
  for (int i = 0; i < 2000; ++i) {
    const std::string value = make.value(4);
    EXPECT_EQ(scanned(value + ",1"), value);
    if (value.front() != '"' && value.front() != '[' && value.front() != '{') continue;
    const std::size_t cut = random.next() % value.size();
    EXPECT_EQ(scanned(value.substr(0, cut)), "(none)") << value << " cut at " << cut;
  }
}

}  // namespace
}  // namespace distflow::protocol
