// A message written as a frame, by the size of its payload.
#include "runtime/send/frame_writer.hpp"

#include <benchmark/benchmark.h>

#include <string>

#include "base/assert.hpp"
#include "protocol/envelope.hpp"
#include "tests/support/sample_frames.hpp"

namespace distflow::bench {
namespace {

void encode(benchmark::State& state) {
  base::ChunkPool chunks({.chunk_size = 256 * 1024, .chunk_count_max = 4});
  transport::OutBuffer out(chunks);
  runtime::EnvelopeSuffix suffix;
  const std::string prefix = protocol::envelope_prefix(test::kSampleSender, test::kSampleReceiver);
  const std::string text = '"' + std::string(static_cast<std::size_t>(state.range(0)) - 2, 'x') + '"';
  transport::EncodedFrame frame;
  for (auto _ : state) {
    const SendVerdict verdict =
        runtime::write_frame(out, prefix, runtime::OutgoingMessage(text), suffix.at(1'795'375'753'755), 1 << 20, frame);
    DF_ASSERT(verdict == SendVerdict::queued);
    benchmark::DoNotOptimize(frame);
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(encode)->Name("encode a payload of bytes")->Arg(32)->Arg(128)->Arg(1024)->Arg(16384);

}  // namespace
}  // namespace distflow::bench
