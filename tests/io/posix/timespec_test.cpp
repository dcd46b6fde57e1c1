#include "io/posix/timespec.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace distflow::io::posix {
namespace {

using Parts = std::pair<long long, long long>;  // seconds, and nanoseconds of one

Parts parts_of(base::Duration timeout) {
  const timespec limit = to_timespec(timeout);
  return {limit.tv_sec, limit.tv_nsec};
}

TEST(Timespec, a_wait_is_whole_seconds_and_the_nanoseconds_left) {
  EXPECT_EQ(parts_of(base::Duration::zero()), Parts(0, 0));
  EXPECT_EQ(parts_of(std::chrono::nanoseconds(1)), Parts(0, 1));
  EXPECT_EQ(parts_of(std::chrono::nanoseconds(999'999'999)), Parts(0, 999'999'999));
  EXPECT_EQ(parts_of(std::chrono::nanoseconds(1'000'000'000)), Parts(1, 0));
  EXPECT_EQ(parts_of(base::milliseconds(2500)), Parts(2, 500'000'000));
}

TEST(Timespec, what_has_passed_is_not_waited_for) {
  EXPECT_EQ(parts_of(std::chrono::nanoseconds(-1)), Parts(0, 0));
  EXPECT_EQ(parts_of(base::Duration::min()), Parts(0, 0));
}

TEST(Timespec, a_wait_is_a_day_at_most) {
  EXPECT_EQ(parts_of(std::chrono::hours(24)), Parts(86'400, 0));
  EXPECT_EQ(parts_of(std::chrono::hours(24) + std::chrono::nanoseconds(1)), Parts(86'400, 0));
  EXPECT_EQ(parts_of(base::Duration::max()), Parts(86'400, 0));
}

}  // namespace
}  // namespace distflow::io::posix
