#include "base/large_chunks.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "base/chunk_pool.hpp"
#include "base/random.hpp"
#include "tests/base/seed.hpp"

namespace distflow::base {
namespace {

constexpr std::size_t kKept = 64 * 1024;

class LargeChunksTest : public ::testing::Test {
 protected:
  /// Leases a chunk and gives it back.
  void use(std::size_t size) { ASSERT_TRUE(large_.lease(size)); }

  LargeChunks large_{kKept};
};

TEST_F(LargeChunksTest, what_comes_back_serves_the_next_frame_of_about_its_size) {
  use(10'000);
  EXPECT_EQ(large_.made_count(), 1U);
  for (const std::size_t size : {10'000U, 9'000U, 10'100U, 6'000U}) use(size);
  EXPECT_EQ(large_.made_count(), 1U);
}

TEST_F(LargeChunksTest, a_frame_gets_no_chunk_of_more_than_twice_its_size) {
  use(10'000);
  const ChunkRef small = large_.lease(4'000);
  ASSERT_TRUE(small);
  EXPECT_GE(small->capacity(), 4'000U);
  EXPECT_LE(small->capacity(), 8'000U);
  EXPECT_EQ(large_.made_count(), 2U);
}

TEST_F(LargeChunksTest, the_one_that_came_back_last_is_taken_first) {
  ChunkRef first = large_.lease(10'000);
  ChunkRef second = large_.lease(10'000);
  const Chunk* const last = first.get();
  second.reset();
  first.reset();
  EXPECT_EQ(large_.lease(10'000).get(), last);
}

TEST_F(LargeChunksTest, no_more_is_kept_than_the_bound_and_the_oldest_is_freed_first) {
  std::vector<ChunkRef> chunks;
  for (int i = 0; i < 10; ++i) chunks.push_back(large_.lease(20'000));
  EXPECT_EQ(large_.bytes_kept(), 0U);
  chunks.clear();
  EXPECT_GT(large_.bytes_kept(), kKept / 2);
  EXPECT_LE(large_.bytes_kept(), kKept);
  use(50'000);  // of another size: it takes the place of those before it
  EXPECT_LE(large_.bytes_kept(), kKept);
  EXPECT_EQ(large_.made_count(), 11U);
  use(50'000);
  EXPECT_EQ(large_.made_count(), 11U);
}

TEST_F(LargeChunksTest, one_beyond_the_bound_is_freed_and_moves_nothing_else_out) {
  use(20'000);
  const std::size_t kept = large_.bytes_kept();
  use(kKept + 1);
  EXPECT_EQ(large_.bytes_kept(), kept);
}

TEST_F(LargeChunksTest, only_what_is_kept_already_is_leased_where_nothing_new_may_be) {
  EXPECT_FALSE(large_.lease_kept(10'000));
  use(10'000);
  EXPECT_TRUE(large_.lease_kept(10'000));
  EXPECT_FALSE(large_.lease_kept(4'000));
  EXPECT_FALSE(large_.lease_kept(20'000));
  EXPECT_EQ(large_.made_count(), 1U);
}

TEST_F(LargeChunksTest, a_chunk_in_use_is_nobody_elses_and_has_no_home) {
  const ChunkRef chunk = large_.lease(10'000);
  const ChunkRef shared = ChunkRef::share(*chunk);
  EXPECT_EQ(chunk->home(), nullptr);
  EXPECT_FALSE(large_.lease_kept(10'000));
}

TEST(LargeChunksDeathTest, dies_only_after_every_chunk_is_back) {
  EXPECT_DEATH(
      {
        ChunkRef chunk;
        LargeChunks large(kKept);
        chunk = large.lease(10'000);
      },
      "leased_");
}

TEST(LargeChunks, without_a_bound_nothing_is_kept_and_chunks_may_outlive_it) {
  ChunkRef chunk;
  {
    LargeChunks large(0);
    chunk = large.lease(10'000);
    EXPECT_TRUE(large.lease(10'000));
    EXPECT_EQ(large.bytes_kept(), 0U);
  }
  EXPECT_EQ(chunk->capacity(), 10'000U);
}

TEST(LargeChunks, many_threads_never_have_one_chunk_twice_nor_keep_more_than_the_bound) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  LargeChunks large(kKept);
  std::vector<std::thread> threads;
  for (std::uint64_t id = 1; id <= 4; ++id) {
    threads.emplace_back([&large, id, seed_value = seed.value() + id] {
      Random random(seed_value);
      for (int round = 0; round < 2000; ++round) {
        const ChunkRef chunk = large.lease(4096 + random.uniform(30'000));
        ASSERT_TRUE(chunk);
        std::memcpy(chunk->data(), &id, sizeof id);
        if (round % 16 == 0) std::this_thread::yield();
        std::uint64_t owner = 0;
        std::memcpy(&owner, chunk->data(), sizeof owner);
        EXPECT_EQ(owner, id);
        EXPECT_LE(large.bytes_kept(), kKept);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace distflow::base
