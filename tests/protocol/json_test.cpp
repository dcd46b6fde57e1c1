#include <gtest/gtest.h>

#include <cmath>
#include <distflow/json.hpp>
#include <limits>
#include <string>

namespace distflow {
namespace {

/// The text that a text becomes by way of a document; "(refused)" when there is none.
std::string reread(std::string_view text) {
  const auto document = parse_json(text);
  return document ? to_json(*document) : "(refused)";
}

TEST(Json, a_text_survives_the_way_through_a_document) {
  for (const char* text :
       {"null", "true", "[]", "{}", "-7", "9223372036854775807", "-9223372036854775808", "18446744073709551615", "1.5",
        "-0.25", R"("a\"\\b\n")", R"({"a":[1,{"b":null}],"a":2})", "\"\xE2\x98\x83\""}) {
    EXPECT_EQ(reread(text), text);
  }
  EXPECT_EQ(reread(" [ 1 , 2 ] \n"), "[1,2]");
}

TEST(Json, members_are_read_as_with_any_rapidjson_document) {
  const auto document = parse_json(R"({"type":"PING","n":3})");
  ASSERT_TRUE(document);
  EXPECT_STREQ((*document)["type"].GetString(), "PING");
  EXPECT_EQ((*document)["n"].GetInt(), 3);
}

TEST(Json, what_is_not_json_is_malformed) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv, " "sv, "{"sv, "1 2"sv, "tru"sv, "[1,]"sv, "\"\xFF\""sv, "\"\n\""sv, "1\0"sv, "nan"sv,
                          "\"\\ud800\""sv, "\"\\udc00\""sv}) {
    const auto document = parse_json(text);
    ASSERT_FALSE(document) << text;
    EXPECT_EQ(document.error(), Errc::malformed);
  }
}

TEST(Json, nesting_is_bounded_and_parsed_without_recursion) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(reread(nested(1024)), nested(1024));
  EXPECT_EQ(reread(nested(1025)), "(refused)");
  EXPECT_EQ(reread(nested(1'000'000)), "(refused)");
  EXPECT_EQ(reread(std::string(1'000'000, '[')), "(refused)");
}

TEST(Json, numbers_are_rounded_exactly) {
  const auto number = [](std::string_view text) { return parse_json(text).value().GetDouble(); };
  EXPECT_EQ(number("0.1"), 0.1);
  EXPECT_EQ(number("123456789.123456789e-3"), 123456789.123456789e-3);
  EXPECT_EQ(number("2.2250738585072011e-308"), 2.2250738585072011e-308);
  EXPECT_EQ(number("1.7976931348623157e308"), std::numeric_limits<double>::max());
  EXPECT_EQ(number("18446744073709551616"), 18446744073709551616.0);
}

TEST(Json, numbers_too_near_zero_are_zero) {
  for (const std::string& text : {std::string("1e-400"), std::string("1e-2147483648"), std::string("0.1e-2147483647"),
                                  "0." + std::string(400, '0') + "1", "0." + std::string(400, '0') + "1e-2147483639",
                                  "1e-" + std::string(100'000, '9'), std::string("123.456E-99999999999999999999")}) {
    const auto document = parse_json(text);
    ASSERT_TRUE(document) << text.substr(0, 50);
    EXPECT_EQ(document->GetDouble(), 0.0) << text.substr(0, 50);
  }
  EXPECT_TRUE(std::signbit(parse_json("-1e-400").value().GetDouble()));
}

TEST(Json, numbers_beyond_double_are_malformed) {
  for (const std::string& text :
       {std::string("1e400"), std::string("-1e309"), std::string("1.8e308"), std::string("1e2147483648"),
        std::string(100'000, '9'), "1e" + std::string(100'000, '9'), "1" + std::string(400, '0') + ".5",
        std::string("0e999"), "1" + std::string(400, '0') + "e-400"}) {
    EXPECT_FALSE(parse_json(text)) << text.substr(0, 50);
    EXPECT_FALSE(parse_json("[" + text + "]")) << text.substr(0, 50);
  }
}

TEST(Json, a_small_number_written_with_many_digits_is_itself) {
  EXPECT_EQ(parse_json("0." + std::string(400, '0') + "1e400").value().GetDouble(), 0.1);
  EXPECT_EQ(parse_json("0." + std::string(100'000, '0')).value().GetDouble(), 0.0);
}

TEST(Json, a_value_without_json_form_gives_no_text) {
  EXPECT_EQ(to_json(rapidjson::Value(std::numeric_limits<double>::quiet_NaN())), "");
  EXPECT_EQ(to_json(rapidjson::Value(std::numeric_limits<double>::infinity())), "");
}

}  // namespace
}  // namespace distflow
