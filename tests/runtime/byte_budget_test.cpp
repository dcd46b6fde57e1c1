#include "runtime/byte_budget.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/random.hpp"
#include "tests/base/seed.hpp"

namespace distflow::runtime {
namespace {

TEST(ByteBudget, gives_all_of_it_and_not_a_byte_more) {
  ByteBudget budget(100);
  EXPECT_FALSE(budget.try_reserve(101));
  EXPECT_TRUE(budget.try_reserve(60));
  EXPECT_TRUE(budget.try_reserve(40));
  EXPECT_FALSE(budget.try_reserve(1));
  EXPECT_EQ(budget.room(), 0U);
  budget.give_back(60);
  EXPECT_EQ(budget.used(), 40U);
  EXPECT_FALSE(budget.try_reserve(61));
  EXPECT_TRUE(budget.try_reserve(60));
  EXPECT_FALSE(budget.try_reserve(SIZE_MAX));
}

TEST(ByteBudget, many_threads_never_hold_more_than_it) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  constexpr std::size_t kMax = 1000;
  ByteBudget budget(kMax);
  std::atomic<std::size_t> held{0};
  std::vector<std::thread> threads;
  for (std::uint64_t id = 0; id < 4; ++id) {
    threads.emplace_back([&, id] {
      base::Random random(seed.value() + id);
      for (int round = 0; round < 20000; ++round) {
        const std::size_t bytes = random.uniform(kMax);
        if (!budget.try_reserve(bytes)) continue;
        EXPECT_LE(held.fetch_add(bytes) + bytes, budget.max());
        held.fetch_sub(bytes);
        budget.give_back(bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace distflow::runtime
