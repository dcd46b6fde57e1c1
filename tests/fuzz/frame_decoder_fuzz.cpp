// Every cut of a stream, and every way of stopping in it, gives the frames that the naive decoder gives.
//
// The first byte says how many cuts there are (up to 15) and how many frames a run takes; the next ones say where the
// cuts are; the rest is the stream.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "base/chunk_pool.hpp"
#include "framing/frame_decoder.hpp"
#include "tests/framing/frame_feeder.hpp"
#include "tests/framing/naive_decoder.hpp"

namespace {

using distflow::framing::FrameDecoder;
using distflow::test::FrameFeeder;
using Next = FrameDecoder::Next;

constexpr std::uint32_t kFrameSizeMax = 200;

void check(std::string_view cuts, std::size_t frames_a_run, std::string_view stream) {
  distflow::base::ChunkPool blocks({.chunk_size = 64, .chunk_count_max = 2});
  FrameDecoder decoder(kFrameSizeMax, blocks);
  FrameFeeder feeder(decoder);
  std::string_view rest = stream;
  for (const char cut : cuts) {
    const std::size_t size = std::min<std::size_t>(static_cast<unsigned char>(cut), rest.size());
    feeder.feed(rest.substr(0, size), frames_a_run);
    rest.remove_prefix(size);
  }
  Next last = feeder.feed(rest, frames_a_run);
  while (last == Next::frame) last = feeder.take(frames_a_run);

  const auto expected = distflow::test::decode_naively(stream, kFrameSizeMax);
  DF_ASSERT(feeder.bodies() == expected.bodies);
  DF_ASSERT(last == (expected.is_too_long ? Next::too_long : Next::need_more));
  DF_ASSERT(expected.is_too_long || decoder.partial_size() == expected.partial_size);
  DF_ASSERT(decoder.unread_size() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut_count = std::min<std::size_t>(data[0] & 15, input.size());
  const std::size_t frames_a_run = 1 + (data[0] >> 4);
  check(input.substr(0, cut_count), frames_a_run, input.substr(cut_count));
  return 0;
}
