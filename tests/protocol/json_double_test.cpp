#include "protocol/json_double.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <clocale>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/random.hpp"
#include "tests/base/seed.hpp"

namespace distflow::test {
namespace {

using protocol::to_double;
using protocol::to_double_by_strtod;

std::string text_of(double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.17g", value);
  return text.data();
}

// The two conversions stand for each other, by standard library: a program reads the same numbers with either.
TEST(JsonDouble, both_conversions_give_the_same_bits) {
  const Seed seed;
  SCOPED_TRACE(seed.replay());
  base::Random random(seed.value());
  for (int i = 0; i < 20'000; ++i) {
    const double original = std::bit_cast<double>(random.next());
    if (!std::isfinite(original)) continue;
    const std::string text = text_of(original);
    double by_library = 0;
    double by_strtod = 0;
    ASSERT_TRUE(to_double(text, by_library)) << text;
    ASSERT_TRUE(to_double_by_strtod(text, by_strtod)) << text;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(by_library), std::bit_cast<std::uint64_t>(original)) << text;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(by_strtod), std::bit_cast<std::uint64_t>(original)) << text;
  }
}

TEST(JsonDouble, beyond_the_range_of_double_there_is_none) {
  for (const char* text : {"1e309", "-1e309", "1.8e308"}) {
    double value = 0;
    EXPECT_FALSE(to_double(text, value)) << text;
    EXPECT_FALSE(to_double_by_strtod(text, value)) << text;
  }
}

TEST(JsonDouble, the_point_is_a_point_in_any_locale_and_only_the_number_itself_is_read) {
  const char* const before = std::setlocale(LC_NUMERIC, nullptr);
  const std::string saved = before;
  for (const char* locale : {"de_DE.UTF-8", "fr_FR.UTF-8", "C"}) {
    std::setlocale(LC_NUMERIC, locale);  // which this machine may lack
    double value = 0;
    EXPECT_TRUE(to_double_by_strtod(std::string_view("2.5,75").substr(0, 3), value)) << locale;
    EXPECT_EQ(value, 2.5) << locale;
  }
  std::setlocale(LC_NUMERIC, saved.c_str());
}

}  // namespace
}  // namespace distflow::test
