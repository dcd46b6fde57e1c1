#include "protocol/json_members.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace distflow::protocol {
namespace {

using ::testing::ElementsAre;

/// "key=slice" of each member; nothing if the object is refused.
std::optional<std::vector<std::string>> members(std::string_view object) {
  std::vector<std::string> all;
  const bool read = for_each_member(object, [&all](std::string_view key, std::string_view value) {
    all.push_back(std::string(key) + "=" + std::string(value));
    return true;
  });
  return read ? std::optional(all) : std::nullopt;
}

TEST(JsonMembers, each_value_is_given_as_it_is_written_without_white_space_around_it) {
  EXPECT_THAT(*members(R"( { "a" : 1 , "b":[ 1, {"c":2} ],"d" : "x" } )"),
              ElementsAre("a=1", R"(b=[ 1, {"c":2} ])", R"(d="x")"));
  EXPECT_TRUE(members("{}")->empty());
}

TEST(JsonMembers, keys_are_unescaped) { EXPECT_THAT(*members(R"({"\u0061\n":1})"), ElementsAre("a\n=1")); }

TEST(JsonMembers, a_key_with_either_half_of_a_surrogate_pair_alone_is_refused_as_a_string_is) {
  EXPECT_FALSE(members(R"({"\ud83d":1})"));
  EXPECT_FALSE(members(R"({"\udda5":1})"));
  EXPECT_THAT(*members(R"({"\ud83d\ude00":1})"), ElementsAre("\xF0\x9F\x98\x80=1"));
}

TEST(JsonMembers, a_value_cannot_join_with_what_follows_it) {
  for (const char* object : {R"({"a":"b".5})", R"({"a":1"b"})", R"({"a":1 2})", R"({"a":[]5,"b":1})", R"({"a":"b""c"})",
                             R"({"a":tru"e"})"}) {
    EXPECT_FALSE(members(object)) << object;
  }
}

TEST(JsonMembers, what_is_not_one_object_is_refused) {
  for (const char* object : {"",
                             " ",
                             "1",
                             "null",
                             "\"a\"",
                             "[]",
                             "{",
                             "}",
                             "{}{}",
                             "{} 1",
                             "{,}",
                             R"({"a"})",
                             R"({"a":})",
                             R"({"a":,})",
                             R"({"a":1,})",
                             R"({"a" 1})",
                             R"({"a"::1})",
                             R"({a:1})",
                             R"({1:1})",
                             R"({"a":1 "b":2})",
                             R"({"a":1}})",
                             R"({"a":[})",
                             R"({"a":")",
                             R"({"a":1)",
                             R"({"a)",
                             R"({"a":1,,"b":2})",
                             R"([{"a":1}])"}) {
    EXPECT_FALSE(members(object)) << object;
  }
}

TEST(JsonMembers, a_nul_is_not_the_end_of_the_text) {
  using namespace std::string_view_literals;
  EXPECT_FALSE(members("{}\0"sv));
  EXPECT_FALSE(members("{\"a\":1}\0{"sv));
  EXPECT_FALSE(members("\0{}"sv));
  EXPECT_FALSE(members("{\"a\0\":1}"sv));
}

TEST(JsonMembers, numbers_and_nesting_never_reach_rapidjson) {
  EXPECT_TRUE(members(R"({"a":1e400,"b":1e-2147483648,"c":)" + std::string(100'000, '9') + "}"));
  EXPECT_TRUE(members(R"({"a":0.)" + std::string(5000, '0') + "1e-2147483639}"));
  EXPECT_FALSE(members(R"({"a":)" + std::string(1'000'000, '[') + "}"));
}

TEST(JsonMembers, a_callback_that_says_no_ends_the_reading) {
  int calls = 0;
  const auto refuse = [&calls](std::string_view, std::string_view) {
    ++calls;
    return false;
  };
  EXPECT_FALSE(for_each_member(R"({"a":1,"b":2})", refuse));
  EXPECT_EQ(calls, 1);
}

TEST(JsonMembers, wanted_members_are_found_in_any_order_and_absent_ones_are_empty) {
  const auto found = find_members(R"({"x":0,"b":2,"a":1,"x":0})", std::array<std::string_view, 3>{"a", "b", "c"});
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, ElementsAre("1", "2", ""));
}

TEST(JsonMembers, a_wanted_member_that_comes_twice_is_refused_however_it_is_written) {
  constexpr std::array<std::string_view, 1> kKeys = {"a"};
  EXPECT_FALSE(find_members(R"({"a":1,"a":1})", kKeys));
  EXPECT_FALSE(find_members(R"({"a":1,"\u0061":2})", kKeys));
}

TEST(JsonMembers, elements_are_given_one_by_one) {
  std::vector<std::string> all;
  const auto collect = [&all](std::string_view element) {
    all.emplace_back(element);
    return true;
  };
  EXPECT_TRUE(for_each_element(R"( [ 1 , "a,b" ,[2,3], {} ] )", collect));
  EXPECT_THAT(all, ElementsAre("1", R"("a,b")", "[2,3]", "{}"));
  EXPECT_TRUE(for_each_element("[]", collect));
  EXPECT_FALSE(for_each_element("{}", collect));
  EXPECT_FALSE(for_each_element("", collect));
  EXPECT_FALSE(for_each_element("[1,2]", [](std::string_view) { return false; }));
}

TEST(JsonMembers, strings_are_unescaped) {
  EXPECT_EQ(decode_string(R"("a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00")"), "a\"\\/\b\f\n\r\t\xC3\xA9\xF0\x9F\x98\x80");
  EXPECT_EQ(decode_string(R"("")"), "");
  EXPECT_EQ(decode_string(R"("\u0000")"), std::string(1, '\0'));
}

TEST(JsonMembers, what_is_no_string_of_valid_utf8_is_not_decoded) {
  for (const char* slice :
       {"", "1", "null", "[]", "\"", "\"a", "\"a\"b", "\"a\" ", R"("\x")", R"("\u12")", R"("\ud800")", R"("\udc00")",
        "\"\n\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xFF\"", "\"\xC3\""}) {
    EXPECT_FALSE(decode_string(slice)) << slice;
  }
  EXPECT_FALSE(decode_string(std::string_view("\"a\0b\"", 5)));
  EXPECT_FALSE(decode_string(std::string_view("\"a\"\0", 4)));
}

TEST(JsonMembers, integers_are_read_to_the_ends_of_64_bits) {
  EXPECT_EQ(decode_integer("0"), 0);
  EXPECT_EQ(decode_integer("-0"), 0);
  EXPECT_EQ(decode_integer("1795375753755"), 1795375753755);
  EXPECT_EQ(decode_integer("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(decode_integer("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  for (const char* slice :
       {"", "-", "+1", "007", "-01", "00", "1.0", "1e3", "1.", "9223372036854775808", "-9223372036854775809",
        "99999999999999999999", "\"1\"", "null", " 1", "1 ", "0x1", "--1"}) {
    EXPECT_FALSE(decode_integer(slice)) << slice;
  }
}

}  // namespace
}  // namespace distflow::protocol
