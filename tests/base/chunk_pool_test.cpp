#include "base/chunk_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace distflow::base {
namespace {

constexpr ChunkPoolOptions kSmall{.chunk_size = 64, .chunk_count_max = 2};

struct Counter {
  int calls = 0;
  void call() { ++calls; }
};

TEST(ChunkPool, leases_up_to_its_bound_and_no_further) {
  ChunkPool pool(kSmall);
  ChunkRef first = pool.try_lease();
  ChunkRef second = pool.try_lease();
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_EQ(first->capacity(), 64U);
  EXPECT_FALSE(pool.try_lease());
  EXPECT_EQ(pool.leased(), 2U);
  EXPECT_EQ(pool.exhausted_count(), 1U);
}

TEST(ChunkPool, a_chunk_goes_back_with_its_last_lease_and_is_given_out_again) {
  ChunkPool pool(kSmall);
  ChunkRef chunk = pool.try_lease();
  Chunk* address = chunk.get();
  ChunkRef shared = ChunkRef::share(*chunk);
  EXPECT_FALSE(chunk->is_sole_lease());
  chunk.reset();
  EXPECT_EQ(pool.leased(), 1U);
  EXPECT_TRUE(shared->is_sole_lease());
  shared.reset();
  EXPECT_EQ(pool.leased(), 0U);
  EXPECT_EQ(pool.try_lease().get(), address);
}

TEST(ChunkPool, leases_are_counted_in_runs) {
  ChunkPool pool(kSmall);
  Chunk* chunk = pool.try_lease().detach();
  chunk->retain(31);
  chunk->release(31);
  EXPECT_EQ(pool.leased(), 1U);
  chunk->release();
  EXPECT_EQ(pool.leased(), 0U);
}

TEST(ChunkPool, the_first_release_after_exhaustion_is_told_once) {
  ChunkPool pool(kSmall);
  Counter available;
  pool.on_available(Delegate<void()>::to<&Counter::call>(available));
  ChunkRef first = pool.try_lease();
  ChunkRef second = pool.try_lease();
  EXPECT_FALSE(pool.try_lease());
  EXPECT_EQ(available.calls, 0);
  first.reset();
  EXPECT_EQ(available.calls, 1);
  second.reset();
  EXPECT_EQ(available.calls, 1);
}

TEST(ChunkPool, is_under_pressure_when_more_than_half_is_out) {
  ChunkPool pool(kSmall);
  ChunkRef first = pool.try_lease();
  EXPECT_FALSE(pool.is_under_pressure());
  ChunkRef second = pool.try_lease();
  EXPECT_TRUE(pool.is_under_pressure());
}

TEST(Chunk, one_of_its_own_has_no_home_and_is_freed_with_its_last_lease) {
  ChunkRef chunk = ChunkRef::adopt(Chunk::allocate(100));
  ASSERT_TRUE(chunk);
  EXPECT_EQ(chunk->home(), nullptr);
  EXPECT_EQ(chunk->capacity(), 100U);
  ChunkRef moved = std::move(chunk);
  EXPECT_FALSE(chunk);  // NOLINT(bugprone-use-after-move): what a move leaves is part of the contract
  EXPECT_TRUE(moved->is_sole_lease());
}

TEST(ChunkPoolDeathTest, dies_only_after_every_chunk_is_back) {
  EXPECT_DEATH(
      {
        ChunkRef chunk;
        ChunkPool pool(kSmall);
        chunk = pool.try_lease();
      },
      "leased\\(\\) == 0");
}

TEST(ChunkPool, many_threads_never_lease_more_than_the_bound_or_one_chunk_twice) {
  ChunkPool pool({.chunk_size = sizeof(std::uint64_t), .chunk_count_max = 3});
  std::atomic<std::uint32_t> holders{0};
  std::vector<std::thread> threads;
  for (std::uint64_t id = 1; id <= 4; ++id) {
    threads.emplace_back([&pool, &holders, id] {
      for (int round = 0; round < 2000; ++round) {
        ChunkRef chunk = pool.try_lease();
        if (!chunk) continue;
        EXPECT_LE(holders.fetch_add(1) + 1, pool.chunk_count_max());
        auto* owner = reinterpret_cast<std::uint64_t*>(chunk->data());
        *owner = id;
        if (round % 16 == 0) std::this_thread::yield();
        EXPECT_EQ(*owner, id);
        holders.fetch_sub(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool.leased(), 0U);
}

}  // namespace
}  // namespace distflow::base
