// The slots of a pool, and a call that stalls at any of its atomic operations while others are made.
#include "base/slot_stack.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "tests/base/stalling_atomics.hpp"

namespace distflow::base {
namespace {

using StallingSlots = SlotStack<test::StallingAtomics>;

TEST(SlotStack, hands_each_slot_out_once_and_the_last_one_given_back_first) {
  SlotStack<> slots(3);
  EXPECT_EQ(slots.take(), 1U);
  EXPECT_EQ(slots.take(), 2U);
  EXPECT_EQ(slots.take(), 3U);
  EXPECT_EQ(slots.take(), 0U);
  EXPECT_TRUE(slots.put(2)) << "one was wanted";
  EXPECT_FALSE(slots.put(1)) << "said twice";
  EXPECT_EQ(slots.take(), 1U);
  EXPECT_EQ(slots.take(), 2U);
}

TEST(SlotStack, one_put_back_unused_has_the_next_put_say_that_one_is_wanted) {
  SlotStack<> slots(2);
  const std::uint32_t held = slots.take();
  slots.put_unused(slots.take());
  EXPECT_TRUE(slots.put(held));
  EXPECT_NE(slots.take(), 0U);
}

TEST(SlotStack, of_two_takes_that_meet_at_a_slot_that_comes_back_one_has_it_and_the_other_is_told_of) {
  std::unique_ptr<StallingSlots> slots;
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  test::stall_at_each_operation(
      [&] {
        slots = std::make_unique<StallingSlots>(1);
        ASSERT_EQ(slots->take(), 1U);
      },
      [&] { first = slots->take(); },
      [&] {
        slots->put(1);
        second = slots->take();
      },
      [&](int at) {
        EXPECT_EQ(first + second, 1U) << "stalled at operation " << at;
        EXPECT_TRUE(slots->put(1)) << "stalled at operation " << at;
      });
}

TEST(SlotStack, wherever_a_take_stalls_slots_that_come_and_go_meanwhile_are_neither_lost_nor_doubled) {
  std::unique_ptr<StallingSlots> slots;
  std::uint32_t taken = 0;
  std::uint32_t others = 0;
  test::stall_at_each_operation([&] { slots = std::make_unique<StallingSlots>(3); }, [&] { taken = slots->take(); },
                                [&] {
                                  // The same slot is on top again, and another one lies below it.
                                  ASSERT_EQ(slots->take(), 1U);
                                  others = slots->take();
                                  slots->put(1);
                                },
                                [&](int at) {
                                  EXPECT_EQ(taken, 1U);
                                  EXPECT_EQ(others, 2U);
                                  EXPECT_EQ(slots->take(), 3U) << "stalled at operation " << at;
                                  EXPECT_EQ(slots->take(), 0U) << "stalled at operation " << at;
                                });
}

}  // namespace
}  // namespace distflow::base
