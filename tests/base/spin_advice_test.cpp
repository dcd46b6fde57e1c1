#include "base/spin_advice.hpp"

#include <gtest/gtest.h>

namespace distflow::base {
namespace {

using std::chrono::microseconds;

constexpr Duration kSpin = microseconds(50);
constexpr Duration kShortSleep = microseconds(150);
constexpr Duration kLongSleep = milliseconds(10);

bool spins(const SpinAdvice& advice) { return advice.spin() == kSpin; }

/// Short sleeps until the advice is to spin again.
int sleeps_until_spinning(SpinAdvice& advice) {
  int sleeps = 0;
  while (!spins(advice) && sleeps < 5000) {
    advice.note_slept(kShortSleep);
    ++sleeps;
  }
  return sleeps;
}

TEST(SpinAdvice, is_to_spin_as_long_as_work_is_found) {
  SpinAdvice advice(kSpin);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(spins(advice));
    advice.note_found();
  }
}

TEST(SpinAdvice, is_to_sleep_after_a_time_in_vain_until_sleeps_are_short) {
  SpinAdvice advice(kSpin);
  advice.note_vain();
  EXPECT_EQ(advice.spin(), Duration::zero());
  for (int i = 0; i < 100; ++i) advice.note_slept(kLongSleep);
  EXPECT_EQ(advice.spin(), Duration::zero());
  EXPECT_EQ(sleeps_until_spinning(advice), 2);
}

TEST(SpinAdvice, is_to_sleep_while_long_sleeps_lie_between_short_ones) {
  SpinAdvice advice(kSpin);
  advice.note_vain();
  for (int i = 0; i < 100; ++i) {
    advice.note_slept(kShortSleep);
    EXPECT_EQ(advice.spin(), Duration::zero());
    advice.note_slept(kLongSleep);
  }
}

TEST(SpinAdvice, tries_less_and_less_where_spinning_is_in_vain) {
  SpinAdvice advice(kSpin);
  int needed = 0;
  for (int expected = 2; expected <= 64; expected *= 2) {
    advice.note_vain();
    needed = sleeps_until_spinning(advice);
    EXPECT_EQ(needed, expected);
  }
  advice.note_vain();
  EXPECT_EQ(sleeps_until_spinning(advice), 64);
}

TEST(SpinAdvice, takes_a_success_now_and_then_for_chance_and_a_row_of_them_for_a_change) {
  SpinAdvice advice(kSpin);
  for (int i = 0; i < 4; ++i) advice.note_vain();
  for (int i = 0; i < 10; ++i) {
    sleeps_until_spinning(advice);
    for (int found = 0; found < 3; ++found) advice.note_found();
    advice.note_vain();
  }
  EXPECT_EQ(sleeps_until_spinning(advice), 64);
  for (int i = 0; i < 16 * 10; ++i) advice.note_found();
  advice.note_vain();
  EXPECT_EQ(sleeps_until_spinning(advice), 2);
}

TEST(SpinAdvice, is_to_sleep_where_the_processor_is_shared_and_tries_again_after_a_thousand_sleeps) {
  SpinAdvice advice(kSpin);
  for (int i = 0; i < 100; ++i) advice.note_found();
  advice.note_shared();
  EXPECT_EQ(sleeps_until_spinning(advice), 1024);
  advice.note_vain();
  EXPECT_EQ(sleeps_until_spinning(advice), 1024);
}

TEST(SpinAdvice, spins_as_long_as_it_was_told_last) {
  SpinAdvice advice(kSpin);
  advice.set_spin_max(3 * kSpin);
  EXPECT_EQ(advice.spin(), 3 * kSpin);
}

TEST(SpinAdvice, is_never_to_spin_where_that_is_not_wanted) {
  SpinAdvice advice(Duration::zero());
  EXPECT_EQ(advice.spin(), Duration::zero());
  advice.note_slept(Duration::zero());
  EXPECT_EQ(advice.spin(), Duration::zero());
}

TEST(SpinAdvice, takes_the_longest_time_there_is) {
  SpinAdvice advice(Duration::max());
  EXPECT_EQ(advice.spin(), Duration::max());
  advice.note_slept(seconds(3600));
  EXPECT_EQ(advice.spin(), Duration::max());
}

}  // namespace
}  // namespace distflow::base
