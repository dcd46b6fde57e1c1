#include "io/slot_table.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "base/random.hpp"

namespace distflow::io {
namespace {

struct Slot : SlotBase {
  int value = 7;
};

TEST(SlotTable, a_slot_is_found_by_its_handle_until_it_is_freed) {
  SlotTable<Slot> table;
  const Handle handle = table.allocate();
  EXPECT_NE(table.find(handle), nullptr);
  EXPECT_EQ(table.find_token(SlotTable<Slot>::token_of(handle)), table.find(handle));
  table.free(handle);
  EXPECT_EQ(table.find(handle), nullptr);
  EXPECT_EQ(table.find_token(SlotTable<Slot>::token_of(handle)), nullptr);
}

TEST(SlotTable, a_slot_in_use_again_has_another_generation_and_is_as_new) {
  SlotTable<Slot> table;
  const Handle first = table.allocate();
  table.at(first).value = 1;
  table.free(first);
  const Handle second = table.allocate();
  EXPECT_EQ(second.slot, first.slot);
  EXPECT_NE(second.generation, first.generation);
  EXPECT_EQ(table.find(first), nullptr);
  EXPECT_EQ(table.at(second).value, 7);
}

TEST(SlotTable, handles_of_nothing_are_not_found) {
  SlotTable<Slot> table;
  EXPECT_EQ(table.find(Handle{}), nullptr);
  EXPECT_FALSE(Handle{});
  const Handle handle = table.allocate();
  EXPECT_TRUE(handle);
  EXPECT_EQ(table.find({.slot = handle.slot + 1, .generation = 0}), nullptr);
  EXPECT_EQ(table.find({.slot = handle.slot, .generation = handle.generation + 1}), nullptr);
  EXPECT_EQ(table.find_token(UINT64_MAX), nullptr);
}

TEST(SlotTable, slots_stay_where_they_are_while_the_table_grows) {
  SlotTable<Slot> table;
  const Handle handle = table.allocate();
  const Slot* slot = table.find(handle);
  for (int i = 0; i < 10'000; ++i) table.allocate();
  EXPECT_EQ(table.find(handle), slot);
  EXPECT_EQ(table.in_use(), 10'001U);
}

TEST(SlotTable, no_two_living_handles_are_equal_whatever_the_order_of_allocation_and_freeing) {
  constexpr std::uint64_t kSeed = 20'240'101;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  base::Random random(kSeed);
  SlotTable<Slot> table;
  std::vector<Handle> living;
  std::set<std::uint64_t> ever;
  for (int i = 0; i < 20'000; ++i) {
    if (living.empty() || random.chance(0.5)) {
      living.push_back(table.allocate());
      EXPECT_TRUE(ever.insert(SlotTable<Slot>::token_of(living.back())).second);
    } else {
      std::swap(living[random.uniform(living.size())], living.back());
      table.free(living.back());
      living.pop_back();
    }
    ASSERT_EQ(table.in_use(), living.size());
  }
}

TEST(SlotTableDeathTest, a_stale_handle_used_as_a_valid_one_stops_the_process) {
  SlotTable<Slot> table;
  const Handle handle = table.allocate();
  table.free(handle);
  EXPECT_DEATH(table.at(handle), "invariant broken");
}

}  // namespace
}  // namespace distflow::io
