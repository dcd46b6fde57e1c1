#include "transport/send_queue.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.hpp"

namespace distflow::transport {
namespace {

class SendQueueTest : public ::testing::Test {
 protected:
  bool append(SendQueue& queue, std::string_view body) {
    out_.begin_frame();
    out_.append(body);
    return queue.append(out_.end_frame());
  }
  static std::string joined(std::span<const io::Piece> pieces) {
    std::string all;
    for (const io::Piece piece : pieces) all += piece;
    return all;
  }

  base::ChunkPool pool_{{.chunk_size = 128, .chunk_count_max = 1024}};
  OutBuffer out_{pool_};
};

TEST_F(SendQueueTest, frames_encoded_side_by_side_are_one_piece) {
  SendQueue queue({});
  for (const char* body : {"one", "two", "three"}) EXPECT_TRUE(append(queue, body));
  EXPECT_EQ(queue.frames(), 3U);
  EXPECT_EQ(queue.bytes(), 3 * 4U + 11U);
  const std::span<const io::Piece> pieces = queue.begin_flight();
  EXPECT_EQ(pieces.size(), 1U);
  EXPECT_EQ(queue.end_flight(queue.bytes()).sent, 3U);
  EXPECT_EQ(queue.frames(), 0U);
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST_F(SendQueueTest, pieces_hold_their_bytes_in_order_whatever_is_encoded_meanwhile) {
  SendQueue queue({});
  SendQueue other({});
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string body = "frame " + std::to_string(i);
    append(queue, body);
    append(other, "something else");
    expected += std::string{'\0', '\0', '\0', static_cast<char>(body.size())} + body;
  }
  EXPECT_EQ(joined(queue.begin_flight()), expected);
  EXPECT_EQ(queue.end_flight(expected.size()).sent, 100U);
}

TEST_F(SendQueueTest, what_is_queued_during_a_flight_belongs_to_the_next) {
  SendQueue queue({});
  append(queue, "a");
  queue.begin_flight();
  append(queue, "b");
  EXPECT_EQ(queue.frames(), 2U);
  EXPECT_EQ(queue.end_flight(5).sent, 1U);
  EXPECT_TRUE(queue.has_filled());
  EXPECT_EQ(joined(queue.begin_flight()).back(), 'b');
  EXPECT_EQ(queue.end_flight(5).sent, 1U);
}

TEST_F(SendQueueTest, the_limit_of_frames_is_exact_and_counts_those_in_flight) {
  SendQueue queue({.bytes_max = 1 << 20, .frames_max = 3});
  EXPECT_TRUE(append(queue, "1"));
  EXPECT_TRUE(append(queue, "2"));
  queue.begin_flight();
  EXPECT_TRUE(append(queue, "3"));
  EXPECT_FALSE(append(queue, "4"));
  EXPECT_EQ(queue.frames(), 3U);
  EXPECT_EQ(queue.end_flight(10).sent, 2U);
  EXPECT_TRUE(append(queue, "5"));
  EXPECT_TRUE(append(queue, "6"));
  EXPECT_FALSE(append(queue, "7"));
}

TEST_F(SendQueueTest, the_limit_of_bytes_is_exact_and_counts_headers_and_those_in_flight) {
  SendQueue queue({.bytes_max = 20, .frames_max = 100});
  EXPECT_TRUE(append(queue, "123456"));
  queue.begin_flight();
  EXPECT_FALSE(append(queue, "1234567"));
  EXPECT_TRUE(append(queue, "123456"));
  EXPECT_FALSE(append(queue, ""));
  EXPECT_EQ(queue.bytes(), 20U);
  EXPECT_EQ(queue.end_flight(10).sent, 1U);
}

TEST_F(SendQueueTest, what_departs_is_told_with_the_bytes_of_its_counted_frames) {
  SendQueue queue({});
  const auto append_control = [&](std::string_view body) {
    out_.begin_frame();
    out_.append(body);
    const EncodedFrame frame = out_.end_frame();
    return queue.append({frame.chunk, frame.bytes, 0});
  };
  EXPECT_TRUE(append(queue, "123456"));
  EXPECT_TRUE(append_control("a notice"));
  EXPECT_TRUE(append(queue, "12"));
  EXPECT_EQ(queue.bytes(), 10U + 12U + 6U);
  EXPECT_EQ(queue.counted_bytes(), 16U);
  queue.begin_flight();
  EXPECT_TRUE(append(queue, "1234"));
  const DepartedFrames flown = queue.end_flight(10 + 5);
  EXPECT_EQ(flown.sent, 1U);
  EXPECT_EQ(flown.dropped, 1U);
  EXPECT_EQ(flown.bytes, 16U);
  const DepartedFrames dropped = queue.drop_all();
  EXPECT_EQ(dropped.dropped, 1U);
  EXPECT_EQ(dropped.bytes, 8U);
  EXPECT_EQ(queue.counted_bytes(), 0U);
}

TEST_F(SendQueueTest, frames_that_are_not_counted_have_a_bound_of_their_own) {
  SendQueue queue({.bytes_max = SIZE_MAX, .frames_max = UINT32_MAX, .control_bytes_max = 20});
  const auto append_control = [&] {
    out_.begin_frame();
    out_.append("123456");
    const EncodedFrame frame = out_.end_frame();
    return queue.append({frame.chunk, frame.bytes, 0});
  };
  EXPECT_TRUE(append_control());
  queue.begin_flight();
  EXPECT_TRUE(append_control());
  EXPECT_FALSE(append_control());
  EXPECT_TRUE(append(queue, "a message has room all the same"));
  EXPECT_EQ(queue.end_flight(10).sent, 0U);
  EXPECT_TRUE(append_control());
}

TEST_F(SendQueueTest, a_frame_larger_than_the_limit_is_never_taken) {
  SendQueue queue({.bytes_max = 7, .frames_max = 100});
  EXPECT_TRUE(append(queue, "123"));
  SendQueue empty({.bytes_max = 3, .frames_max = 100});
  EXPECT_FALSE(append(empty, ""));
}

TEST_F(SendQueueTest, a_flight_cut_short_counts_whole_frames_at_every_byte) {
  const std::vector<std::string> bodies{"", "a", std::string(100, 'b'), "", "cc", std::string(120, 'd'), ""};
  std::size_t total = 0;
  std::vector<std::size_t> ends;
  for (const std::string& body : bodies) ends.push_back(total += 4 + body.size());
  for (std::size_t sent = 0; sent <= total; ++sent) {
    SendQueue queue({});
    for (const std::string& body : bodies) append(queue, body);
    EXPECT_GT(queue.begin_flight().size(), 1U);
    const auto whole = std::count_if(ends.begin(), ends.end(), [&](std::size_t end) { return end <= sent; });
    EXPECT_EQ(queue.end_flight(sent).sent, static_cast<std::uint32_t>(whole)) << sent << " bytes";
    EXPECT_EQ(queue.frames(), 0U);
  }
}

TEST_F(SendQueueTest, every_lease_is_given_back) {
  {
    OutBuffer out(pool_);
    SendQueue queue({});
    for (int i = 0; i < 100; ++i) {
      out.begin_frame();
      out.append("a frame of some length");
      ASSERT_TRUE(queue.append(out.end_frame()));
      if (i == 50) queue.begin_flight();
    }
    EXPECT_GT(pool_.leased(), 10U);
    EXPECT_EQ(queue.end_flight(0).dropped, 51U);
    EXPECT_EQ(queue.drop_all().dropped, 49U);
    EXPECT_EQ(queue.drop_all().dropped, 0U);
    EXPECT_EQ(pool_.leased(), 1U) << "the buffer's own";
    queue.trim();
    EXPECT_EQ(queue.drop_all().dropped, 0U);
  }
  EXPECT_EQ(pool_.leased(), 0U);
}

TEST_F(SendQueueTest, a_queue_that_dies_gives_its_leases_back) {
  {
    SendQueue queue({});
    for (int i = 0; i < 100; ++i) append(queue, "a frame of some length");
  }
  EXPECT_LE(pool_.leased(), 1U);
}

TEST_F(SendQueueTest, every_frame_is_sent_or_dropped_once) {
  constexpr std::uint64_t kSeed = 4;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  base::Random random(kSeed);
  SendQueue queue({.bytes_max = 2000, .frames_max = 50});
  std::uint64_t taken = 0;
  std::uint64_t sent = 0;
  std::uint64_t dropped = 0;
  for (int step = 0; step < 100'000; ++step) {
    const std::uint64_t dice = random.uniform(10);
    if (dice < 7) {
      taken += append(queue, std::string(random.uniform(100), 'x')) ? 1 : 0;
    } else if (dice < 8) {
      if (!queue.is_in_flight() && queue.has_filled()) queue.begin_flight();
    } else if (queue.is_in_flight()) {
      const std::uint32_t before = queue.frames();
      std::size_t flying = queue.bytes();
      // Only what flies can leave: the rest is still there afterwards.
      const std::uint32_t whole = queue.end_flight(random.chance(0.2) ? random.uniform(5) : 0).sent;
      flying -= queue.bytes();
      EXPECT_GE(flying, whole * 4);
      sent += whole;
      dropped += before - queue.frames() - whole;
    }
    ASSERT_LE(queue.bytes(), 2000U);
    ASSERT_LE(queue.frames(), 50U);
    ASSERT_EQ(taken, sent + dropped + queue.frames());
  }
  if (queue.is_in_flight()) static_cast<void>(queue.end_flight(0));
}

}  // namespace
}  // namespace distflow::transport
