#include "io/receive_chunk.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace distflow::io {
namespace {

class ReceiveChunkTest : public ::testing::Test {
 protected:
  std::string_view receive(std::size_t size) {
    EXPECT_GE(chunk_.space().size(), size);
    return chunk_.take(size).bytes;
  }

  base::ChunkPool pool_{{.chunk_size = 1024, .chunk_count_max = 2}};
  ReceiveChunk chunk_{pool_};
};

TEST_F(ReceiveChunkTest, successive_receives_fill_a_chunk_from_front_to_back) {
  const std::string_view one = receive(100);
  const std::string_view two = receive(50);
  EXPECT_EQ(one.data() + 100, two.data());
  EXPECT_EQ(chunk_.space().size(), 1024U - 150U);
}

TEST_F(ReceiveChunkTest, a_chunk_that_nobody_kept_is_filled_from_its_front_again) {
  const char* front = receive(100).data();
  chunk_.settle();
  EXPECT_EQ(chunk_.space().data(), front);
  EXPECT_EQ(chunk_.space().size(), 1024U);
}

TEST_F(ReceiveChunkTest, bytes_that_somebody_kept_are_not_written_again) {
  const Received received = [&] {
    static_cast<void>(chunk_.space());
    return chunk_.take(100);
  }();
  const base::ChunkRef lease = base::ChunkRef::share(received.chunk);
  chunk_.settle();
  EXPECT_EQ(chunk_.space().data(), received.bytes.data() + 100);
}

TEST_F(ReceiveChunkTest, too_small_a_rest_is_left_for_a_new_chunk) {
  std::vector<base::ChunkRef> leases;
  static_cast<void>(chunk_.space());
  leases.push_back(base::ChunkRef::share(chunk_.take(1024 - 255).chunk));
  chunk_.settle();
  EXPECT_EQ(chunk_.space().size(), 1024U);
  EXPECT_EQ(pool_.leased(), 2U);
}

TEST_F(ReceiveChunkTest, there_is_no_space_when_the_pool_is_out_and_some_again_when_a_lease_returns) {
  std::vector<base::ChunkRef> leases;
  for (int i = 0; i < 2; ++i) {
    static_cast<void>(chunk_.space());
    leases.push_back(base::ChunkRef::share(chunk_.take(1024).chunk));
    chunk_.settle();
  }
  EXPECT_TRUE(chunk_.space().empty());
  chunk_.settle();
  leases.clear();
  EXPECT_EQ(chunk_.space().size(), 1024U);
}

}  // namespace
}  // namespace distflow::io
