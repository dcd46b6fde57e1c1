#include "transport/out_buffer.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#ifdef DISTFLOW_SANITIZED
// A sanitizer's allocator is to return null, as the system's does, and not to end the process.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }
#endif

namespace distflow::transport {
namespace {

class OutBufferTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kChunkSize = 256;

  EncodedFrame encode(std::string_view body) {
    const std::optional<EncodedFrame> frame = out_.encode(body);
    EXPECT_TRUE(frame);
    return *frame;
  }
  /// Encodes a frame and keeps it, as a queue does.
  EncodedFrame keep(std::string_view body) {
    const EncodedFrame frame = encode(body);
    leases_.push_back(base::ChunkRef::share(*frame.chunk));
    return frame;
  }
  static std::string framed(std::string_view body) {
    std::string bytes(framing::kHeaderSize, '\0');
    framing::write_header(bytes.data(), static_cast<std::uint32_t>(body.size()));
    return bytes.append(body);
  }

  base::ChunkPool pool_{{.chunk_size = kChunkSize, .chunk_count_max = 2}};
  OutBuffer out_{pool_};
  std::vector<base::ChunkRef> leases_;
};

TEST_F(OutBufferTest, a_frame_is_its_length_and_its_body) {
  EXPECT_EQ(encode("hello").bytes, framed("hello"));
  EXPECT_EQ(encode("").bytes, framed(""));
}

TEST_F(OutBufferTest, a_body_may_be_written_in_any_parts_and_in_place) {
  out_.begin_frame();
  EXPECT_EQ(out_.body_size(), 0U);
  out_.append("ab");
  out_.append({});
  std::memcpy(out_.reserve(10), "cd", 2);
  out_.commit(2);
  EXPECT_EQ(out_.body_size(), 4U);
  EXPECT_EQ(out_.end_frame().bytes, framed("abcd"));
}

TEST_F(OutBufferTest, frames_that_are_kept_lie_side_by_side) {
  const EncodedFrame one = keep("one");
  const EncodedFrame two = keep("two");
  EXPECT_EQ(one.chunk, two.chunk);
  EXPECT_EQ(one.bytes.data() + one.bytes.size(), two.bytes.data());
  EXPECT_EQ(one.bytes, framed("one"));
}

TEST_F(OutBufferTest, the_chunk_is_filled_from_its_front_again_when_nobody_keeps_it) {
  const char* front = keep("one").bytes.data();
  leases_.clear();
  EXPECT_EQ(encode("two").bytes.data(), front);
}

TEST_F(OutBufferTest, a_frame_abandoned_leaves_nothing_behind) {
  const EncodedFrame one = keep("one");
  out_.begin_frame();
  out_.append("never mind");
  out_.abandon_frame();
  EXPECT_EQ(keep("two").bytes.data(), one.bytes.data() + one.bytes.size());
}

TEST_F(OutBufferTest, a_frame_that_meets_the_end_of_its_chunk_moves_to_the_next_as_a_whole) {
  for (std::size_t first = 0; first <= kChunkSize - 4; ++first) {
    leases_.clear();
    const std::string one(first, '1');
    const EncodedFrame kept = keep(one);
    out_.begin_frame();
    std::string body;
    for (char c = 'a'; c <= 'z'; ++c) {
      out_.append({&c, 1});
      body += c;
    }
    const EncodedFrame frame = out_.end_frame();
    EXPECT_EQ(frame.bytes, framed(body));
    EXPECT_EQ(kept.bytes, framed(one));
  }
}

TEST_F(OutBufferTest, a_frame_larger_than_a_chunk_has_memory_of_its_own_and_the_next_one_has_not) {
  const std::string large(10 * kChunkSize, 'x');
  const EncodedFrame frame = keep(large);
  EXPECT_EQ(frame.bytes, framed(large));
  EXPECT_EQ(frame.chunk->home(), nullptr);
  const EncodedFrame small = keep("small");
  EXPECT_EQ(small.chunk->home(), &pool_);
  EXPECT_EQ(frame.bytes, framed(large));
}

TEST_F(OutBufferTest, memory_of_a_large_frame_is_not_kept_for_small_ones) {
  encode(std::string(10 * kChunkSize, 'x'));
  EXPECT_EQ(encode("small").chunk->home(), &pool_);
}

TEST_F(OutBufferTest, with_the_pool_out_frames_go_on_in_memory_of_their_own) {
  std::vector<EncodedFrame> frames;
  std::vector<std::string> bodies;
  for (int i = 0; i < 100; ++i) {
    bodies.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i), '.'));
    frames.push_back(keep(bodies.back()));
  }
  EXPECT_EQ(pool_.leased(), 2U);
  for (std::size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(frames[i].bytes, framed(bodies[i]));
}

TEST_F(OutBufferTest, out_of_memory_is_told_and_the_next_frame_is_whole_again) {
  const EncodedFrame kept = keep("kept");
  out_.begin_frame();
  EXPECT_EQ(out_.reserve(std::numeric_limits<std::size_t>::max() / 2), nullptr);
  EXPECT_TRUE(out_.is_out_of_memory());
  out_.append("in vain");
  out_.abandon_frame();
  EXPECT_EQ(keep("next").bytes, framed("next"));
  EXPECT_EQ(kept.bytes, framed("kept"));
}

}  // namespace
}  // namespace distflow::transport
