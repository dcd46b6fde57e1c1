#include "protocol/extension.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/random.hpp"
#include "protocol/json_members.hpp"
#include "tests/base/seed.hpp"
#include "tests/protocol/json_maker.hpp"

namespace distflow::protocol {
namespace {

std::string_view find(std::string_view text, std::string_view key) { return Extension(text).find(key); }

TEST(Extension, a_member_is_found_wherever_it_stands) {
  const std::string_view text = R"("ask":17,"ms":5000,"error":"busy","trace":{"ask":1,"a":[2,"]"]},"e":"")";
  EXPECT_EQ(find(text, "ask"), "17");
  EXPECT_EQ(find(text, "ms"), "5000");
  EXPECT_EQ(find(text, "error"), R"("busy")");
  EXPECT_EQ(find(text, "trace"), R"({"ask":1,"a":[2,"]"]})");
  EXPECT_EQ(find(text, "e"), R"("")");
  EXPECT_EQ(decode_integer(find(text, "ask")), 17);
}

TEST(Extension, what_is_not_there_is_an_empty_text_and_no_number) {
  EXPECT_EQ(find("", "ask"), "");
  EXPECT_EQ(find(R"("asks":1,"as":2,"a\"sk":3)", "ask"), "");
  EXPECT_EQ(Extension().find("ask"), "");
  EXPECT_EQ(decode_integer(Extension().find("ask")), std::nullopt);
  EXPECT_TRUE(Extension().empty());
}

TEST(Extension, a_member_that_is_there_twice_is_not_found_for_two_readers_could_choose_differently) {
  EXPECT_EQ(find(R"("ask":1,"ask":2)", "ask"), "");
  EXPECT_EQ(find(R"("ask":1,"ms":3,"ask":1)", "ask"), "");
  EXPECT_EQ(find(R"("ask":1,"ms":3,"ask":1)", "ms"), "3");
}

TEST(Extension, text_that_is_no_list_of_members_has_none) {
  for (const std::string_view text :
       {"ask:1", R"("ask")", R"("ask":)", R"("ask":1,)", R"(,"ask":1)", R"("ask" :1)", R"("ask": 1)",
        R"("ask":1 ,"ms":2)", R"("ask":1, "ms":2)", R"({"ask":1})", R"("ask":1"ms":2)", R"(1:2,"ask":1)",
        R"("ask":1,"ms":[)", R"("ask":1,"ms":"x)", R"("ask":1,"ms":2})", R"([]:2,"ask":1)", R"("ask":1,"\":2)", ","}) {
    EXPECT_EQ(find(text, "ask"), "") << text;
  }
}

TEST(Extension, every_cut_of_a_text_has_a_member_or_has_none) {
  const std::string text = R"("ask":17,"ms":5000,"a":[{"b":"\"c"}])";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::string exact = text.substr(0, size);  // of exactly that size, for the sanitizer
    const std::string_view found = find(exact, "ask");
    EXPECT_TRUE(found.empty() || found == "17" || found == "1") << exact;
  }
}

TEST(Extension, any_bytes_give_what_lies_in_them_or_nothing) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  base::Random random(seed.value());
  test::JsonMaker make(random);
  int found = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = "\"a\":" + make.value(2) + ",\"b\":" + make.value(2);
    for (std::uint64_t spoils = random.next() % 4; spoils > 0; --spoils) text = make.spoiled(std::move(text));
    const std::string_view value = find(text, "b");
    if (value.empty()) continue;
    ++found;
    ASSERT_GE(value.data(), text.data());
    ASSERT_LE(value.data() + value.size(), text.data() + text.size());
  }
  EXPECT_GT(found, 2000);
}

}  // namespace
}  // namespace distflow::protocol
