// The attacks on a length prefix: what is announced is believed only as far as the limit, and costs nothing.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "framing/frame_decoder.hpp"
#include "tests/framing/frame_feeder.hpp"
#include "tests/framing/naive_decoder.hpp"

namespace distflow::framing {
namespace {

using test::framed;
using test::FrameFeeder;
using Next = FrameDecoder::Next;

constexpr std::size_t kBlockSize = 256;

std::string announcing(std::uint32_t size) {
  std::array<char, kHeaderSize> header{};
  write_header(header.data(), size);
  return {header.data(), header.size()};
}

class FrameLimits : public ::testing::Test {
 protected:
  base::ChunkPool blocks_{{.chunk_size = kBlockSize, .chunk_count_max = 4}};
};

TEST_F(FrameLimits, a_frame_at_the_limit_is_given_and_one_beyond_it_is_not) {
  for (const std::uint32_t limit : {0U, 1U, 100U, 5000U}) {
    FrameDecoder decoder(limit, blocks_);
    FrameFeeder feeder(decoder);
    EXPECT_EQ(feeder.feed(framed(std::string(limit, 'a'))), Next::need_more);
    EXPECT_EQ(feeder.feed(framed("")), Next::need_more);
    EXPECT_EQ(feeder.feed(framed(std::string(limit + 1, 'b'))), Next::too_long);
    EXPECT_EQ(decoder.announced(), limit + 1);
    EXPECT_EQ(feeder.bodies(), (std::vector<std::string>{std::string(limit, 'a'), ""}));
  }
}

TEST_F(FrameLimits, the_extreme_lengths_are_refused_however_they_come) {
  for (const std::uint32_t size : {1001U, 0x7FFFFFFFU, 0x80000000U, 0xFFFFFFFCU, 0xFFFFFFFFU}) {
    for (std::size_t cut = 0; cut < kHeaderSize; ++cut) {
      FrameDecoder decoder(1000, blocks_);
      FrameFeeder feeder(decoder);
      const std::string stream = framed("ok") + announcing(size) + "rest";
      feeder.feed(stream.substr(0, 6 + cut));
      EXPECT_EQ(feeder.feed(stream.substr(6 + cut)), Next::too_long);
      EXPECT_EQ(decoder.announced(), size);
      EXPECT_EQ(decoder.charged_size(), 0U);
      EXPECT_EQ(feeder.bodies(), std::vector<std::string>{"ok"});
    }
  }
}

TEST_F(FrameLimits, a_length_written_little_endian_is_refused) {
  FrameDecoder decoder(16U << 20, blocks_);
  FrameFeeder feeder(decoder);
  EXPECT_EQ(feeder.feed(std::string("\x02\x00\x00\x00{}", 6)), Next::too_long);
  EXPECT_EQ(decoder.announced(), 0x02000000U);
}

TEST_F(FrameLimits, a_stream_that_was_too_long_stays_so) {
  FrameDecoder decoder(10, blocks_);
  FrameFeeder feeder(decoder);
  EXPECT_EQ(feeder.feed(announcing(11)), Next::too_long);
  EXPECT_EQ(feeder.feed(framed("ok")), Next::too_long);
  EXPECT_EQ(feeder.take(), Next::too_long);
  EXPECT_TRUE(feeder.bodies().empty());
  EXPECT_EQ(decoder.unread_size(), 0U);
}

TEST_F(FrameLimits, to_announce_and_send_nothing_costs_no_memory) {
  FrameDecoder decoder(0xFFFFFFFF, blocks_);
  FrameFeeder feeder(decoder);
  EXPECT_EQ(feeder.feed(announcing(0xFFFFFFFF)), Next::need_more);
  EXPECT_EQ(decoder.partial_size(), kHeaderSize);
  EXPECT_EQ(decoder.charged_size(), 0U);
  EXPECT_EQ(blocks_.leased(), 0U);
}

TEST_F(FrameLimits, memory_grows_with_the_bytes_that_came) {
  constexpr std::uint32_t kSize = 1U << 20;
  FrameDecoder decoder(kSize, blocks_);
  FrameFeeder feeder(decoder);
  feeder.feed(announcing(kSize));
  const std::string slice(777, 'x');
  std::size_t came = 0;
  while (came + slice.size() < kSize) {
    ASSERT_EQ(feeder.feed(slice), Next::need_more);
    came += slice.size();
    ASSERT_GE(decoder.charged_size(), came);
    ASSERT_LE(decoder.charged_size(), std::min<std::size_t>(std::max<std::size_t>(1024, 2 * came), kSize));
  }
  EXPECT_EQ(feeder.feed(std::string(kSize - came, 'x')), Next::need_more);
  EXPECT_EQ(feeder.bodies(), std::vector<std::string>{std::string(kSize, 'x')});
  EXPECT_EQ(decoder.charged_size(), 0U);
}

TEST_F(FrameLimits, what_is_announced_reserves_no_more_than_sixteen_times_what_came) {
  constexpr std::uint32_t kSize = 16U << 20;
  FrameDecoder decoder(kSize, blocks_);
  FrameFeeder feeder(decoder);
  feeder.feed(announcing(kSize));
  EXPECT_TRUE(decoder.place().room.empty());
  std::size_t came = 0;
  for (const std::size_t slice : {1U, 500U, 5000U, 3U, 60'000U}) {
    feeder.feed(std::string(slice, 'x'));
    came += slice;
    ASSERT_LE(decoder.place().room.size() + came, std::max<std::size_t>(1024, 16 * came));
    ASSERT_LE(decoder.charged_size(), std::max<std::size_t>(1024, 2 * came));
  }
}

TEST_F(FrameLimits, one_byte_short_of_a_frame_gives_nothing) {
  FrameDecoder decoder(1000, blocks_);
  FrameFeeder feeder(decoder);
  EXPECT_EQ(feeder.feed(framed(std::string(200, 'x')).substr(0, 203)), Next::need_more);
  EXPECT_TRUE(feeder.bodies().empty());
  EXPECT_EQ(feeder.feed("x"), Next::need_more);
  EXPECT_EQ(feeder.bodies().size(), 1U);
}

}  // namespace
}  // namespace distflow::framing
