#include "framing/frame_decoder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "tests/base/seed.hpp"
#include "tests/framing/frame_feeder.hpp"
#include "tests/framing/naive_decoder.hpp"

namespace distflow::framing {
namespace {

using base::Chunk;
using base::ChunkPool;
using base::ChunkRef;
using test::framed;
using test::FrameFeeder;
using Next = FrameDecoder::Next;
using Bodies = std::vector<std::string>;

constexpr std::uint32_t kMax = 1000;

class FrameDecoding : public ::testing::Test {
 protected:
  ChunkPool blocks_{{.chunk_size = 64, .chunk_count_max = 4}};
  FrameDecoder decoder_{kMax, blocks_};
  FrameFeeder feeder_{decoder_};

  void TearDown() override { EXPECT_TRUE(::testing::Test::HasFatalFailure() || is_idle()); }

  [[nodiscard]] bool is_idle() const {
    return decoder_.charged_size() == 0 && decoder_.unread_size() == 0 && blocks_.leased() == 0;
  }
};

/// Frames of several sizes: empty, small, as large as a block, larger.
const Bodies kBodies = {"{}", "", "{\"a\":1}", std::string(64, 'b'), std::string(65, 'c'), "", std::string(300, 'd'),
                        "e"};

std::string stream_of(const Bodies& bodies) {
  std::string stream;
  for (const std::string& body : bodies) stream += framed(body);
  return stream;
}

TEST_F(FrameDecoding, frames_that_lie_together_are_given_in_place) {
  const std::string stream = stream_of({"one", "two"});
  const ChunkRef chunk = ChunkRef::adopt(Chunk::allocate(stream.size()));
  std::memcpy(chunk->data(), stream.data(), stream.size());
  decoder_.feed(*chunk, {chunk->data(), stream.size()});
  Frame frame;
  ASSERT_EQ(decoder_.next(frame), Next::frame);
  EXPECT_EQ(frame.body, "one");
  EXPECT_EQ(frame.body.data(), chunk->data() + 4);
  EXPECT_EQ(frame.chunk, chunk.get());
  ASSERT_EQ(decoder_.next(frame), Next::frame);
  EXPECT_EQ(frame.body.data(), chunk->data() + 11);
  EXPECT_EQ(decoder_.next(frame), Next::need_more);
  EXPECT_TRUE(chunk->is_sole_lease());
  decoder_.end_run();
}

TEST_F(FrameDecoding, a_body_that_lies_together_is_given_in_place_even_if_its_header_does_not) {
  const std::string stream = framed("body");
  for (std::size_t cut = 1; cut <= kHeaderSize; ++cut) {
    feeder_.feed(stream.substr(0, cut));
    EXPECT_EQ(decoder_.charged_size(), 0U);
    EXPECT_EQ(decoder_.partial_size(), cut);
    const ChunkRef chunk = ChunkRef::adopt(Chunk::allocate(stream.size()));
    std::memcpy(chunk->data(), stream.data() + cut, stream.size() - cut);
    decoder_.feed(*chunk, {chunk->data(), stream.size() - cut});
    Frame frame;
    ASSERT_EQ(decoder_.next(frame), Next::frame);
    EXPECT_EQ(frame.body, "body");
    EXPECT_EQ(frame.chunk, chunk.get());
    decoder_.end_run();
  }
}

TEST_F(FrameDecoding, every_cut_into_two_gives_the_same_frames) {
  const std::string stream = stream_of(kBodies);
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    FrameDecoder decoder(kMax, blocks_);
    FrameFeeder feeder(decoder);
    feeder.feed(stream.substr(0, cut));
    EXPECT_EQ(feeder.feed(stream.substr(cut)), Next::need_more);
    ASSERT_EQ(feeder.bodies(), kBodies) << "cut at " << cut;
    EXPECT_EQ(decoder.charged_size(), 0U);
    EXPECT_EQ(blocks_.leased(), 0U);
  }
}

TEST_F(FrameDecoding, every_cut_into_three_gives_the_same_frames) {
  const Bodies bodies = {"ab", "", std::string(70, 'x'), "c"};
  const std::string stream = stream_of(bodies);
  for (std::size_t first = 0; first <= stream.size(); ++first) {
    for (std::size_t second = first; second <= stream.size(); ++second) {
      FrameDecoder decoder(kMax, blocks_);
      FrameFeeder feeder(decoder);
      feeder.feed(stream.substr(0, first));
      feeder.feed(stream.substr(first, second - first));
      feeder.feed(stream.substr(second));
      ASSERT_EQ(feeder.bodies(), bodies) << "cuts at " << first << ", " << second;
    }
  }
}

TEST_F(FrameDecoding, one_byte_at_a_time_gives_the_same_frames) {
  for (const char byte : stream_of(kBodies)) EXPECT_EQ(feeder_.feed({&byte, 1}), Next::need_more);
  EXPECT_EQ(feeder_.bodies(), kBodies);
}

TEST_F(FrameDecoding, a_straddling_frame_is_put_together_in_a_block_and_may_be_kept) {
  const std::string stream = framed("straddles");
  feeder_.feed(stream.substr(0, 7));
  EXPECT_EQ(decoder_.partial_size(), 7U);
  EXPECT_EQ(decoder_.charged_size(), 64U);
  const ChunkRef chunk = ChunkRef::adopt(Chunk::allocate(64));
  std::memcpy(chunk->data(), stream.data() + 7, stream.size() - 7);
  decoder_.feed(*chunk, {chunk->data(), stream.size() - 7});
  Frame frame;
  ASSERT_EQ(decoder_.next(frame), Next::frame);
  EXPECT_EQ(frame.chunk->home(), &blocks_);
  const ChunkRef kept = ChunkRef::share(*frame.chunk);
  EXPECT_EQ(decoder_.next(frame), Next::need_more);
  decoder_.end_run();
  EXPECT_TRUE(kept->is_sole_lease());
  EXPECT_EQ(frame.body, "straddles");
  EXPECT_EQ(decoder_.charged_size(), 0U);

  // The next one does not touch what is kept.
  feeder_.feed(stream.substr(0, 6));
  EXPECT_EQ(blocks_.leased(), 2U);
  feeder_.feed(stream.substr(6));
  EXPECT_EQ(frame.body, "straddles");
}

TEST_F(FrameDecoding, a_straddling_frame_that_fits_a_block_is_copied_once) {
  const std::string body(64, 'x');
  const std::string stream = framed(body);
  const ChunkRef chunk = ChunkRef::adopt(Chunk::allocate(stream.size()));
  std::memcpy(chunk->data(), stream.data(), stream.size());
  Frame frame;
  for (std::size_t at = 0; at + 1 < stream.size(); ++at) {
    decoder_.feed(*chunk, {chunk->data() + at, 1});
    ASSERT_EQ(decoder_.next(frame), Next::need_more);
    decoder_.end_run();
    // Written to once: what was taken in is not read again.
    chunk->data()[at] = '#';
    ASSERT_LE(blocks_.leased(), 1U);
  }
  decoder_.feed(*chunk, {chunk->data() + stream.size() - 1, 1});
  ASSERT_EQ(decoder_.next(frame), Next::frame);
  EXPECT_EQ(frame.body, body);
  EXPECT_EQ(blocks_.exhausted_count(), 0U);
  decoder_.end_run();
}

/// Feeds a stream as a connection does that receives the rest of a large frame where it is wanted; how many bytes were.
std::size_t feed_aimed(FrameDecoder& decoder, FrameFeeder& feeder, std::string_view stream, base::Random& random) {
  std::size_t in_place = 0;
  while (!stream.empty()) {
    const FrameDecoder::Place place = decoder.place();
    const std::size_t size = std::min<std::size_t>(stream.size(), 1 + random.uniform(1 + random.uniform(40'000)));
    if (place.room.empty() || random.chance(0.1)) {  // not every stream can
      feeder.feed(stream.substr(0, size));
      stream.remove_prefix(size);
      continue;
    }
    const std::size_t fits = std::min(size, place.room.size());
    std::memcpy(place.room.data(), stream.data(), fits);
    decoder.feed(*place.chunk, {place.room.data(), fits});
    feeder.take();
    in_place += fits;
    stream.remove_prefix(fits);
  }
  return in_place;
}

TEST_F(FrameDecoding, the_rest_of_a_large_frame_may_be_received_in_its_place) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  base::Random random(seed.value());
  std::size_t in_place = 0;
  for (int round = 0; round < 100; ++round) {
    base::ChunkPool blocks({.chunk_size = 64, .chunk_count_max = 4, .large_bytes_kept_max = 1 << 20});
    FrameDecoder decoder(1 << 20, blocks);
    FrameFeeder feeder(decoder);
    std::string stream;
    while (stream.size() < 300'000) {
      std::string body(random.uniform(1 + random.uniform(200'000)), '\0');
      for (char& byte : body) byte = static_cast<char>(random.next());
      stream += framed(body);
    }
    in_place += feed_aimed(decoder, feeder, stream, random);
    ASSERT_EQ(feeder.bodies(), test::decode_naively(stream, 1 << 20).bodies) << "round " << round;
    EXPECT_EQ(decoder.charged_size(), 0U);
    EXPECT_TRUE(decoder.place().room.empty());
  }
  EXPECT_GT(in_place, 100U * 20'000);
}

TEST_F(FrameDecoding, the_block_of_a_large_frame_serves_the_next_one_from_its_first_bytes_on) {
  base::ChunkPool blocks({.chunk_size = 64, .chunk_count_max = 4, .large_bytes_kept_max = 1 << 20});
  FrameDecoder decoder(1 << 20, blocks);
  FrameFeeder feeder(decoder);
  const std::string stream = framed(std::string(100'000, 'x'));
  for (int i = 0; i < 5; ++i) {
    feeder.feed(stream.substr(0, 10'000));
    ASSERT_EQ(decoder.size_expected(), 0U);
    ASSERT_EQ(decoder.place().room.size(), 100'004U - 10'000U) << i;
    feeder.feed(stream.substr(10'000));
    ASSERT_EQ(decoder.size_expected(), 100'000U);
  }
  EXPECT_EQ(feeder.bodies().size(), 5U);
  EXPECT_EQ(blocks.large().made_count(), 1U);
  feeder.feed(framed("small"));
  EXPECT_EQ(decoder.size_expected(), 0U);
}

TEST_F(FrameDecoding, without_a_free_block_a_frame_is_put_together_elsewhere) {
  std::vector<ChunkRef> all;
  while (ChunkRef block = blocks_.try_lease()) all.push_back(std::move(block));
  for (const char byte : stream_of(kBodies)) feeder_.feed({&byte, 1});
  EXPECT_EQ(feeder_.bodies(), kBodies);
}

TEST_F(FrameDecoding, stopping_at_any_frame_and_going_on_gives_the_same_frames) {
  const std::string stream = stream_of(kBodies);
  for (std::size_t a_run = 1; a_run <= kBodies.size(); ++a_run) {
    for (std::size_t cut = 0; cut <= stream.size(); cut += 3) {
      FrameDecoder decoder(kMax, blocks_);
      FrameFeeder feeder(decoder);
      feeder.feed(stream.substr(0, cut), a_run);
      feeder.feed(stream.substr(cut), a_run);
      while (feeder.take(a_run) == Next::frame) {
      }
      ASSERT_EQ(feeder.bodies(), kBodies) << a_run << " frames a run, cut at " << cut;
      EXPECT_EQ(decoder.charged_size(), 0U);
      EXPECT_EQ(decoder.unread_size(), 0U);
    }
  }
}

TEST_F(FrameDecoding, frames_of_one_run_over_several_kept_slices_stay_valid_until_its_end) {
  const std::string stream = stream_of(kBodies);
  for (std::size_t at = 0; at < stream.size(); at += 30) feeder_.feed(std::string_view(stream).substr(at, 30), 0);
  EXPECT_EQ(decoder_.unread_size(), stream.size());
  EXPECT_EQ(feeder_.take(), Next::need_more);  // the feeder reads the bodies at the run's end
  EXPECT_EQ(feeder_.bodies(), kBodies);
}

TEST_F(FrameDecoding, a_small_rest_of_a_large_chunk_is_copied_out_and_a_large_one_leases_it) {
  const std::string small = stream_of({"one", "two"});
  const std::string large = stream_of({"one", std::string(200, 'x')});
  for (const std::string& stream : {small, large}) {
    const bool is_small = stream.size() == small.size();
    ChunkRef chunk = ChunkRef::adopt(Chunk::allocate(1000));
    std::memcpy(chunk->data(), stream.data(), stream.size());
    decoder_.feed(*chunk, {chunk->data(), stream.size()});
    Frame frame;
    ASSERT_EQ(decoder_.next(frame), Next::frame);
    decoder_.end_run();
    EXPECT_EQ(chunk->is_sole_lease(), is_small);
    EXPECT_EQ(decoder_.charged_size(), is_small ? 64U : 1000U);
    EXPECT_EQ(decoder_.unread_size(), stream.size() - 7);
    chunk.reset();
    ASSERT_EQ(decoder_.next(frame), Next::frame);
    EXPECT_EQ(frame.body, is_small ? "two" : std::string(200, 'x'));
    EXPECT_EQ(decoder_.next(frame), Next::need_more);
    decoder_.end_run();
    EXPECT_TRUE(is_idle());
  }
}

TEST_F(FrameDecoding,
       rests_that_are_to_be_copied_lease_no_chunk_however_large_they_are_and_whatever_comes_behind_them) {
  FrameDecoder decoder(kMax, blocks_, FrameDecoder::Rests::copied);
  const Bodies bodies = {"one", std::string(200, 'x'), "three"};
  const std::string stream = stream_of(bodies);
  std::vector<ChunkRef> all;
  while (ChunkRef block = blocks_.try_lease()) all.push_back(std::move(block));
  Frame frame;
  Bodies given;
  for (int i = 0; i < 3; ++i) {
    const ChunkRef chunk = ChunkRef::adopt(Chunk::allocate(1000));
    std::memcpy(chunk->data(), stream.data(), stream.size());
    decoder.feed(*chunk, {chunk->data(), stream.size()});
    if (i == 0) {
      ASSERT_EQ(decoder.next(frame), Next::frame);
      given.emplace_back(frame.body);
    }
    decoder.end_run();
    EXPECT_TRUE(chunk->is_sole_lease());
    EXPECT_EQ(decoder.charged_size(), decoder.unread_size()) << "as many bytes as are kept";
  }
  all.clear();
  while (decoder.next(frame) == Next::frame) given.emplace_back(frame.body);
  decoder.end_run();
  Bodies expected;
  for (int i = 0; i < 3; ++i) expected.insert(expected.end(), bodies.begin(), bodies.end());
  EXPECT_EQ(given, expected);
  EXPECT_EQ(decoder.charged_size(), 0U);
}

TEST_F(FrameDecoding, adjacent_slices_behind_an_unread_rest_share_one_lease) {
  const std::string stream = stream_of({"one", "two", "three"});
  const ChunkRef chunk = ChunkRef::adopt(Chunk::allocate(64));
  std::memcpy(chunk->data(), stream.data(), stream.size());
  for (std::size_t at = 0; at < stream.size(); ++at) {
    decoder_.feed(*chunk, {chunk->data() + at, 1});
    decoder_.end_run();
  }
  EXPECT_EQ(decoder_.charged_size(), 128U);
  feeder_.take();
  EXPECT_EQ(feeder_.bodies(), (Bodies{"one", "two", "three"}));
}

TEST_F(FrameDecoding, random_streams_in_random_slices_and_runs_agree_with_the_naive_decoder) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  base::Random random(seed.value());
  for (int round = 0; round < 300; ++round) {
    std::string stream;
    while (stream.size() < 3000) stream += framed(std::string(random.uniform(1 + random.uniform(400)), 'a'));
    if (random.chance(0.3)) stream += framed(std::string(kMax + 1, 'l'));
    for (char& byte : stream) {
      if (byte == 'a') byte = static_cast<char>(random.next());
    }
    stream.resize(stream.size() - random.uniform(20));

    FrameDecoder decoder(kMax, blocks_);
    FrameFeeder feeder(decoder);
    Next last = Next::need_more;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = 1 + random.uniform(1 + random.uniform(500));
      last = feeder.feed(std::string_view(stream).substr(at, size), random.uniform(8));
      at += size;
    }
    while (last == Next::frame) last = feeder.take(3);
    const test::NaiveResult expected = test::decode_naively(stream, kMax);
    ASSERT_EQ(feeder.bodies(), expected.bodies) << "round " << round;
    ASSERT_EQ(last, expected.is_too_long ? Next::too_long : Next::need_more);
    ASSERT_EQ(decoder.partial_size(), expected.partial_size);
  }
}

}  // namespace
}  // namespace distflow::framing
