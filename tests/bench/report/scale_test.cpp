#include "bench/report/scale.hpp"

#include <gtest/gtest.h>

namespace distflow::bench::report {
namespace {

TEST(Scale, a_small_span_is_linear_from_zero) {
  const Scale scale = Scale::fitting(10, 200);
  EXPECT_FALSE(scale.is_logarithmic());
  EXPECT_EQ(scale.place(0), 0);
  EXPECT_NEAR(scale.place(100) * 2, scale.place(200), 1e-9);
}

TEST(Scale, a_span_beyond_twenty_is_logarithmic) {
  const Scale scale = Scale::fitting(10, 201);
  EXPECT_TRUE(scale.is_logarithmic());
  EXPECT_GT(scale.place(10), 0);
  EXPECT_NEAR(scale.place(40) - scale.place(20), scale.place(80) - scale.place(40), 1e-9);
}

TEST(Scale, a_logarithmic_axis_begins_and_ends_at_round_numbers) {
  const Scale scale = Scale::logarithmic(33, 1093);
  EXPECT_EQ(scale.place(20), 0);
  EXPECT_EQ(scale.place(2000), 1);
  EXPECT_EQ(scale.ticks(), (std::vector<double>{20, 50, 100, 200, 500, 1000, 2000}));
}

TEST(Scale, powers_of_ten_remain_when_ticks_would_be_too_many) {
  EXPECT_EQ(Scale::logarithmic(1, 10'000).ticks(), (std::vector<double>{1, 10, 100, 1000, 10'000}));
  EXPECT_EQ(Scale::logarithmic(20, 2000).ticks(3), (std::vector<double>{100, 1000}));
}

TEST(Scale, whatever_is_beyond_the_axis_stays_on_it) {
  for (const Scale& scale :
       {Scale::linear(5), Scale::logarithmic(1, 100), Scale::linear(0), Scale::logarithmic(0, 0)}) {
    for (const double value : {-1., 0., 1e-300, 1e300}) {
      EXPECT_GE(scale.place(value), 0);
      EXPECT_LE(scale.place(value), 1);
    }
    EXPECT_LE(scale.ticks().size(), 20U);
  }
}

}  // namespace
}  // namespace distflow::bench::report
