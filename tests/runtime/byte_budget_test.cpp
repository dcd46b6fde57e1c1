#include "runtime/receive/byte_budget.hpp"

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

TEST(ByteBudget, what_is_cancelled_can_be_had_again) {
  for (const base::Sharing reservers : {base::Sharing::one, base::Sharing::several}) {
    ByteBudget budget(100, reservers);
    EXPECT_TRUE(budget.try_reserve(100));
    budget.cancel(30);
    EXPECT_EQ(budget.used(), 70U);
    EXPECT_FALSE(budget.try_reserve(31));
    EXPECT_TRUE(budget.try_reserve(30));
    budget.give_back(60);
    budget.cancel(40);
    EXPECT_EQ(budget.used(), 0U);
    EXPECT_TRUE(budget.try_reserve(100));
  }
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
        budget.cancel(bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.used(), 0U);
}

TEST(ByteBudget, one_thread_gives_back_what_others_reserve) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  constexpr std::size_t kMax = 1000;
  constexpr int kRounds = 20000;
  for (const std::uint64_t reserving : {1U, 3U}) {
    ByteBudget budget(kMax, reserving == 1 ? base::Sharing::one : base::Sharing::several);
    std::atomic<std::uint64_t> kept{0};  // to be given back
    std::atomic<std::size_t> held{0};
    std::atomic<std::uint64_t> at_work{reserving};
    std::vector<std::thread> threads;
    for (std::uint64_t id = 0; id < reserving; ++id) {
      threads.emplace_back([&, id] {
        base::Random random(seed.value() + id);
        for (int round = 0; round < kRounds; ++round) {
          const std::size_t bytes = 1 + random.uniform(kMax - 1);
          if (!budget.try_reserve(bytes)) continue;
          EXPECT_LE(held.fetch_add(bytes) + bytes, kMax);
          const std::size_t cancelled = random.uniform(bytes);
          held.fetch_sub(cancelled);
          budget.cancel(cancelled);
          kept.fetch_add(bytes - cancelled);
        }
        --at_work;
      });
    }
    threads.emplace_back([&] {
      for (bool is_last = false; !is_last;) {
        is_last = at_work.load() == 0;
        const std::uint64_t bytes = kept.exchange(0);
        held.fetch_sub(bytes);
        budget.give_back(bytes);
        EXPECT_LE(budget.used(), kMax);
      }
    });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(budget.used(), 0U);
  }
}

}  // namespace
}  // namespace distflow::runtime
