// A stream cut into frames: as they lie together in a receive, and as they come in pieces.
#include "framing/frame_decoder.hpp"

#include <benchmark/benchmark.h>

#include "tests/support/sample_frames.hpp"

namespace distflow::bench {
namespace {

constexpr std::size_t kFrames = 512;

/// The argument is the size of the slices that the bytes are fed in; 0 for all at once.
void cut_frames(benchmark::State& state) {
  base::ChunkPool blocks({.chunk_size = 16 * 1024, .chunk_count_max = 4});
  const test::SampleFrames frames(test::string_payload(), kFrames);
  const std::string_view bytes = frames.bytes();
  const std::size_t slice = state.range(0) == 0 ? bytes.size() : static_cast<std::size_t>(state.range(0));
  framing::FrameDecoder decoder(1 << 20, blocks);
  framing::Frame frame;
  for (auto _ : state) {
    for (std::size_t at = 0; at < bytes.size(); at += slice) {
      decoder.feed(frames.chunk(), bytes.substr(at, slice));
      while (decoder.next(frame) == framing::FrameDecoder::Next::frame) benchmark::DoNotOptimize(frame);
      decoder.end_run();
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kFrames));
}
BENCHMARK(cut_frames)->Name("cut frames of 128 bytes, from slices of")->Arg(0)->Arg(65536)->Arg(1460)->Arg(100);

}  // namespace
}  // namespace distflow::bench
