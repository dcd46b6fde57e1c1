// Feeds a decoder with text as a transport would: each slice lies in a chunk that is leased during the run only.
//
// Use: FrameFeeder feeder(decoder); feeder.feed("...", FrameFeeder::kAll); feeder.bodies();
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/chunk_pool.hpp"
#include "framing/frame_decoder.hpp"

namespace distflow::test {

class FrameFeeder {
 public:
  using Next = framing::FrameDecoder::Next;
  static constexpr std::size_t kAll = SIZE_MAX;

  explicit FrameFeeder(framing::FrameDecoder& decoder) : decoder_(decoder) {}

  /// A run: feeds `bytes` in a chunk of their own, takes at most `frames_max` frames, checks at the run's end that all
  /// of them are still what they were, and overwrites the chunk if nobody leases it.
  Next feed(std::string_view bytes, std::size_t frames_max = kAll) {
    auto chunk = base::ChunkRef::adopt(base::Chunk::allocate(std::max<std::size_t>(bytes.size(), 1)));
    std::memcpy(chunk->data(), bytes.data(), bytes.size());
    decoder_.feed(*chunk, {chunk->data(), bytes.size()});
    const Next last = take(frames_max);
    if (chunk->is_sole_lease()) std::memset(chunk->data(), '#', chunk->capacity());
    return last;
  }

  /// A run without new bytes.
  Next take(std::size_t frames_max = kAll) {
    std::vector<framing::Frame> run;
    Next last = Next::frame;
    framing::Frame frame;
    while (run.size() < frames_max && (last = decoder_.next(frame)) == Next::frame) {
      DF_ASSERT(frame.chunk != nullptr);
      DF_ASSERT(frame.body.data() >= frame.chunk->data());
      DF_ASSERT(frame.body.data() + frame.body.size() <= frame.chunk->data() + frame.chunk->capacity());
      run.push_back(frame);
    }
    for (const framing::Frame& given : run) bodies_.emplace_back(given.body);
    decoder_.end_run();
    return last;
  }

  [[nodiscard]] const std::vector<std::string>& bodies() const { return bodies_; }

 private:
  framing::FrameDecoder& decoder_;
  std::vector<std::string> bodies_;
};

}  // namespace distflow::test
