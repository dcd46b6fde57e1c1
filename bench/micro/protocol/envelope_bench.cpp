// An envelope read by the template, by the general path, and as rapidjson reads it: as a document, and by its events.
#include <benchmark/benchmark.h>

#include "bench/micro/protocol/envelope_readers.hpp"
#include "tests/support/sample_frames.hpp"

namespace distflow::bench {
namespace {

constexpr std::size_t kFrames = 64;

/// Reads each body in turn.
template <class Reader>
void read(benchmark::State& state, const std::string& payload) {
  const test::SampleFrames frames(payload, kFrames);
  const std::vector<std::string_view> bodies = frames.bodies();
  Reader reader;
  for (auto _ : state) {
    for (const std::string_view body : bodies) {
      if (!reader(body)) state.SkipWithError("not decoded");
      benchmark::DoNotOptimize(reader);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kFrames));
}

void read_string(benchmark::State& state, void (*read_payload)(benchmark::State&, const std::string&)) {
  read_payload(state, test::string_payload());
}
void read_object(benchmark::State& state, void (*read_payload)(benchmark::State&, const std::string&)) {
  read_payload(state, test::object_payload());
}

BENCHMARK_CAPTURE(read_string, template, read<TemplateReader>)->Name("decode a string by the template");
BENCHMARK_CAPTURE(read_string, general, read<GeneralReader>)->Name("decode a string by the general path");
BENCHMARK_CAPTURE(read_string, document, read<DocumentReader>)->Name("decode a string as a rapidjson document");
BENCHMARK_CAPTURE(read_string, events, read<EventsReader>)->Name("decode a string by rapidjson's events");
BENCHMARK_CAPTURE(read_object, template, read<TemplateReader>)->Name("decode an object by the template");
BENCHMARK_CAPTURE(read_object, general, read<GeneralReader>)->Name("decode an object by the general path");
BENCHMARK_CAPTURE(read_object, document, read<DocumentReader>)->Name("decode an object as a rapidjson document");
BENCHMARK_CAPTURE(read_object, events, read<EventsReader>)->Name("decode an object by rapidjson's events");

}  // namespace
}  // namespace distflow::bench
