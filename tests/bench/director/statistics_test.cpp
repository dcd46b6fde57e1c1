#include "bench/director/statistics.hpp"

#include <gtest/gtest.h>

namespace distflow::bench {
namespace {

Values up_to(int count) {
  Values values;
  for (int i = 1; i <= count; ++i) values.emplace_back(i);
  return values;
}

TEST(Statistics, has_no_median_of_nothing) {
  EXPECT_FALSE(estimate_median({}));
  EXPECT_FALSE(estimate_median({std::nullopt, std::nullopt}));
}

TEST(Statistics, median_of_an_even_count_lies_between_the_two_in_the_middle) {
  EXPECT_EQ(estimate_median({4.0, 1.0, 3.0, 2.0})->median, 2.5);
  EXPECT_EQ(estimate_median({5.0, 1.0, 3.0})->median, 3.0);
}

TEST(Statistics, lost_blocks_do_not_count) {
  EXPECT_EQ(estimate_median({std::nullopt, 7.0, std::nullopt})->median, 7.0);
}

TEST(Statistics, few_values_have_the_smallest_and_the_largest_as_bounds) {
  for (int count = 1; count <= 8; ++count) {
    const auto estimate = estimate_median(up_to(count));
    EXPECT_EQ(estimate->low, 1) << count;
    EXPECT_EQ(estimate->high, count) << count;
  }
}

// The ranks that tables of the sign test give for 95 %.
TEST(Statistics, bounds_are_the_values_of_the_ranks_of_the_sign_test) {
  struct Known {
    int count;
    double low;
  };
  for (const Known& known : {Known{9, 2}, {10, 2}, {12, 3}, {15, 4}, {20, 6}, {30, 10}, {50, 18}, {100, 40}}) {
    const auto estimate = estimate_median(up_to(known.count));
    EXPECT_EQ(estimate->low, known.low) << known.count;
    EXPECT_EQ(estimate->high, known.count + 1 - known.low) << known.count;
  }
}

TEST(Statistics, ratios_are_those_of_each_round_and_lost_where_one_is) {
  const Values result = ratios({2.0, std::nullopt, 9.0, 1.0}, {1.0, 1.0, std::nullopt, 4.0});
  EXPECT_EQ(result, (Values{2.0, std::nullopt, std::nullopt, 0.25}));
}

TEST(Statistics, nothing_is_divided_by_zero) { EXPECT_EQ(ratios({1.0}, {0.0}), Values{std::nullopt}); }

}  // namespace
}  // namespace distflow::bench
