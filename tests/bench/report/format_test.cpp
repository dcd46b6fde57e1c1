#include "bench/report/format.hpp"

#include <gtest/gtest.h>

namespace distflow::bench::report {
namespace {

TEST(Format, three_digits_count) {
  EXPECT_EQ(format_digits(5.4), "5.40");
  EXPECT_EQ(format_digits(41.23), "41.2");
  EXPECT_EQ(format_digits(327.4), "327");
  EXPECT_EQ(format_digits(0.0312), "0.0312");
  EXPECT_EQ(format_digits(0), "0");
}

TEST(Format, rounding_up_to_another_digit_does_not_add_one) {
  EXPECT_EQ(format_digits(9.999), "10.0");
  EXPECT_EQ(format_digits(99.96), "100");
  EXPECT_EQ(format_value(999'960, "messages/s"), "1.00 M");
}

TEST(Format, thousands_have_commas) {
  EXPECT_EQ(format_digits(1240), "1,240");
  EXPECT_EQ(format_fixed(-1234567.25, 1), "-1,234,567.2");
  EXPECT_EQ(format_fixed(999, 0), "999");
}

TEST(Format, rates_have_their_thousands_by_letter) {
  EXPECT_EQ(format_value(3.2e6, "messages/s"), "3.20 M");
  EXPECT_EQ(format_value(192'000, "messages/s"), "192 k");
  EXPECT_EQ(format_value(12, "messages/s"), "12");
  EXPECT_EQ(unit_beside("messages/s"), "messages/s");
}

TEST(Format, times_bring_their_unit) {
  EXPECT_EQ(format_value(0.5, "ns"), "0.500 ns");
  EXPECT_EQ(format_value(612, "ns"), "612 ns");
  EXPECT_EQ(format_value(57'300, "ns"), "57.3 µs");
  EXPECT_EQ(format_value(8.4e6, "ns"), "8.40 ms");
  EXPECT_EQ(format_value(2e9, "ns"), "2.00 s");
  EXPECT_EQ(unit_beside("ns"), "");
}

TEST(Format, sizes_bring_their_unit) {
  EXPECT_EQ(format_value(512, "bytes"), "512 B");
  EXPECT_EQ(format_value(62e6, "bytes"), "62.0 MB");
}

TEST(Format, a_tick_has_no_digits_that_say_nothing) {
  EXPECT_EQ(format_tick(0, "ns"), "0");
  EXPECT_EQ(format_tick(10'000, ""), "10 k");
  EXPECT_EQ(format_tick(500, "ns"), "500 ns");
  EXPECT_EQ(format_tick(0.2, ""), "0.2");
  EXPECT_EQ(format_tick(0.93, ""), "0.93");
}

TEST(Format, a_change_has_a_sign_unless_it_is_none) {
  EXPECT_EQ(format_change(0.032), "+3.2 %");
  EXPECT_EQ(format_change(-0.5), "-50.0 %");
  EXPECT_EQ(format_change(0.0001), "0.0 %");
  EXPECT_EQ(format_change(-0.0001), "0.0 %");
}

}  // namespace
}  // namespace distflow::bench::report
