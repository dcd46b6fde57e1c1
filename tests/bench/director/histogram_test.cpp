#include "bench/director/histogram.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace distflow::bench {
namespace {

TEST(Histogram, is_zero_when_empty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.percentile(50), 0U);
  EXPECT_EQ(histogram.mean(), 0);
  EXPECT_TRUE(histogram.curve().empty());
}

TEST(Histogram, gives_small_values_exactly) {
  Histogram histogram;
  for (std::uint64_t i = 1; i <= 1000; ++i) histogram.add(i);
  EXPECT_EQ(histogram.percentile(0), 1U);
  EXPECT_EQ(histogram.percentile(50), 500U);
  EXPECT_EQ(histogram.percentile(99), 990U);
  EXPECT_EQ(histogram.percentile(99.9), 999U);
  EXPECT_EQ(histogram.percentile(99.99), 1000U);
  EXPECT_EQ(histogram.percentile(100), 1000U);
  EXPECT_DOUBLE_EQ(histogram.mean(), 500.5);
}

TEST(Histogram, keeps_three_digits_of_every_size_of_value) {
  for (std::uint64_t value = 1; value < std::numeric_limits<std::uint64_t>::max() / 3; value = value * 3 + 1) {
    for (const std::uint64_t near : {value - 1, value, value + 1}) {
      Histogram histogram;
      histogram.add(near);
      histogram.add(std::numeric_limits<std::uint64_t>::max());
      const std::uint64_t told = histogram.percentile(50);
      EXPECT_GE(told, near);
      EXPECT_LE(static_cast<double>(told - near), static_cast<double>(near) / 1000) << near;
    }
  }
}

TEST(Histogram, never_tells_more_than_the_largest_value) {
  Histogram histogram;
  histogram.add(1'000'001);
  EXPECT_EQ(histogram.percentile(50), 1'000'001U);
  EXPECT_EQ(histogram.percentile(100), 1'000'001U);
  EXPECT_EQ(histogram.max(), 1'000'001U);
}

TEST(Histogram, merged_is_as_if_all_had_been_added_to_one) {
  Histogram all;
  Histogram low;
  Histogram high;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    all.add(i * i);
    (i < 2500 ? low : high).add(i * i);
  }
  low.merge(high);
  EXPECT_EQ(low.count(), all.count());
  EXPECT_EQ(low.max(), all.max());
  EXPECT_DOUBLE_EQ(low.mean(), all.mean());
  EXPECT_EQ(low.curve(), all.curve());
}

TEST(Histogram, curve_rises_to_the_maximum_and_goes_no_further_than_the_count_carries) {
  Histogram histogram;
  for (std::uint64_t i = 1; i <= 1000; ++i) histogram.add(i);
  const auto curve = histogram.curve();
  ASSERT_GT(curve.size(), 20U);
  EXPECT_EQ(curve.front(), Histogram::Point(0.0, 1U));
  EXPECT_EQ(curve.back(), Histogram::Point(100.0, 1000U));
  for (std::size_t i = 1; i < curve.size(); ++i) {
    EXPECT_GT(curve[i].first, curve[i - 1].first);
    EXPECT_GE(curve[i].second, curve[i - 1].second);
  }
  EXPECT_LT(curve[curve.size() - 2].first, 99.91);
}

}  // namespace
}  // namespace distflow::bench
