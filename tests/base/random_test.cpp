#include "base/random.hpp"

#include <gtest/gtest.h>

#include <array>

namespace distflow::base {
namespace {

TEST(Random, equal_seeds_give_equal_sequences_and_others_do_not) {
  Random a(1), same(1), other(2);
  int differences = 0;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t drawn = a.next();
    EXPECT_EQ(drawn, same.next());
    differences += drawn != other.next();
  }
  EXPECT_GT(differences, 90);
}

TEST(Random, gives_the_same_numbers_on_every_machine) {
  // The first output of xoshiro256** over the state that splitmix64 makes of the seed 0.
  Random random(0);
  EXPECT_EQ(random.next(), 0x99ec5f36cb75f2b4U);
}

TEST(Random, uniform_stays_below_its_bound_and_reaches_all_of_it) {
  Random random(3);
  std::array<int, 7> hits{};
  for (int i = 0; i < 7000; ++i) {
    const std::uint64_t drawn = random.uniform(7);
    ASSERT_LT(drawn, 7U);
    ++hits[drawn];
  }
  for (const int hit : hits) EXPECT_NEAR(hit, 1000, 200);
  EXPECT_EQ(random.uniform(1), 0U);
  EXPECT_LT(random.uniform(UINT64_MAX), UINT64_MAX);
}

TEST(Random, chance_is_never_at_zero_always_at_one_and_about_p_between) {
  Random random(4);
  int hits = 0;
  for (int i = 0; i < 10000; ++i) {
    EXPECT_FALSE(random.chance(0));
    EXPECT_TRUE(random.chance(1));
    hits += random.chance(0.25);
  }
  EXPECT_NEAR(hits, 2500, 300);
}

}  // namespace
}  // namespace distflow::base
