#include "stream/backoff.hpp"

#include <gtest/gtest.h>

namespace distflow::stream {
namespace {

using base::Duration;
using base::milliseconds;

TEST(Backoff, a_wait_is_between_half_and_the_whole_of_a_ceiling_that_doubles_up_to_the_last) {
  base::Random random(1);
  for (int round = 0; round < 200; ++round) {
    Backoff backoff({.first = milliseconds(50), .last = milliseconds(300)});
    for (const int ceiling : {50, 100, 200, 300, 300, 300}) {
      const Duration wait = backoff.next(random);
      EXPECT_GE(wait, milliseconds(ceiling) / 2);
      EXPECT_LE(wait, milliseconds(ceiling));
    }
  }
}

TEST(Backoff, waits_differ) {
  base::Random random(1);
  Backoff backoff({.first = milliseconds(1000), .last = milliseconds(1000)});
  const Duration first = backoff.next(random);
  int same = 0;
  for (int i = 0; i < 100; ++i) same += backoff.next(random) == first ? 1 : 0;
  EXPECT_LT(same, 3);
}

TEST(Backoff, a_success_begins_anew) {
  base::Random random(1);
  Backoff backoff({.first = milliseconds(1), .last = milliseconds(1000)});
  for (int i = 0; i < 10; ++i) static_cast<void>(backoff.next(random));
  backoff.reset();
  EXPECT_LE(backoff.next(random), milliseconds(1));
}

TEST(Backoff, ceilings_at_the_ends_of_the_range_do_not_overflow) {
  base::Random random(1);
  Backoff longest({.first = Duration::max() / 2 + Duration(1), .last = Duration::max()});
  for (int i = 0; i < 3; ++i) EXPECT_GT(longest.next(random), Duration::zero());
  Backoff none({.first = Duration::zero(), .last = Duration::zero()});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(none.next(random), Duration::zero());
}

}  // namespace
}  // namespace distflow::stream
