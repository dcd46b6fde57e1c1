// An envelope read by the template, by the general path, and as rapidjson reads it: as a document, and by its events.
#include "protocol/envelope.hpp"

#include <benchmark/benchmark.h>
#include <rapidjson/document.h>
#include <rapidjson/reader.h>

#include <array>

#include "tests/support/sample_frames.hpp"

namespace distflow::bench {
namespace {

constexpr std::size_t kFrames = 64;

/// Calls `decode` with each body in turn.
template <class Decode>
void decode_each(benchmark::State& state, const std::string& payload, Decode decode) {
  const test::SampleFrames frames(payload, kFrames);
  const std::vector<std::string_view> bodies = frames.bodies();
  for (auto _ : state) {
    for (const std::string_view body : bodies) {
      if (!decode(body)) state.SkipWithError("not decoded");
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kFrames));
}

void by_template(benchmark::State& state, const std::string& payload) {
  protocol::Envelope envelope;
  decode_each(state, payload, [&](std::string_view body) {
    const bool is_read = protocol::decode_template(body, envelope);
    benchmark::DoNotOptimize(envelope);
    return is_read;
  });
}

void by_general_path(benchmark::State& state, const std::string& payload) {
  protocol::Envelope envelope;
  protocol::EnvelopeScratch scratch;
  decode_each(state, payload, [&](std::string_view body) {
    const bool is_read = protocol::decode_general(body, envelope, scratch);
    benchmark::DoNotOptimize(envelope);
    return is_read;
  });
}

/// With memory that is given once and used again for each document.
void by_rapidjson_document(benchmark::State& state, const std::string& payload) {
  std::array<char, 16 * 1024> values;  // the allocator's
  std::array<char, 4096> stack;        // the allocator's
  decode_each(state, payload, [&](std::string_view body) {
    using Allocator = rapidjson::MemoryPoolAllocator<>;
    Allocator value_allocator(values.data(), values.size());
    Allocator stack_allocator(stack.data(), stack.size());
    rapidjson::GenericDocument<rapidjson::UTF8<>, Allocator, Allocator> document(&value_allocator, stack.size() / 2,
                                                                                 &stack_allocator);
    document.Parse(body.data(), body.size());
    benchmark::DoNotOptimize(document);
    return !document.HasParseError() && document.HasMember("payload");
  });
}

/// Counts what it is told, so that nothing is left out.
struct CountingHandler : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, CountingHandler> {
  std::size_t events = 0;
  bool Default() { return ++events > 0; }
};

void by_rapidjson_events(benchmark::State& state, const std::string& payload) {
  decode_each(state, payload, [&](std::string_view body) {
    CountingHandler handler;
    rapidjson::Reader reader;
    rapidjson::MemoryStream stream(body.data(), body.size());
    const bool is_read = !reader.Parse<rapidjson::kParseStopWhenDoneFlag>(stream, handler).IsError();
    benchmark::DoNotOptimize(handler);
    return is_read;
  });
}

BENCHMARK_CAPTURE(by_template, string, test::string_payload())->Name("decode a string by the template");
BENCHMARK_CAPTURE(by_general_path, string, test::string_payload())->Name("decode a string by the general path");
BENCHMARK_CAPTURE(by_rapidjson_document, string, test::string_payload())
    ->Name("decode a string as a rapidjson document");
BENCHMARK_CAPTURE(by_rapidjson_events, string, test::string_payload())->Name("decode a string by rapidjson's events");
BENCHMARK_CAPTURE(by_template, object, test::object_payload())->Name("decode an object by the template");
BENCHMARK_CAPTURE(by_general_path, object, test::object_payload())->Name("decode an object by the general path");
BENCHMARK_CAPTURE(by_rapidjson_document, object, test::object_payload())
    ->Name("decode an object as a rapidjson document");
BENCHMARK_CAPTURE(by_rapidjson_events, object, test::object_payload())->Name("decode an object by rapidjson's events");

}  // namespace
}  // namespace distflow::bench
