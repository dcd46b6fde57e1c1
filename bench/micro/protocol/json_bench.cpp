// Where a value ends (what a receiver does) and whether it is JSON (what a sender does), by the value's size.
#include <benchmark/benchmark.h>

#include <string>

#include "protocol/json_grammar.hpp"
#include "protocol/json_scan.hpp"

namespace distflow::bench {
namespace {

std::string string_of(std::size_t size) { return '"' + std::string(size - 2, 'x') + '"'; }

/// An array of small objects, of about `size` bytes.
std::string objects_of(std::size_t size) {
  std::string array = "[";
  while (array.size() < size) array += R"({"id":17,"name":"a \"name\"","tags":[true,null]},)";
  array.back() = ']';
  return array;
}

void scan(benchmark::State& state, std::string (*make)(std::size_t)) {
  const std::string value = make(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(protocol::scan_value(value.data(), value.data() + value.size()));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(value.size()));
}
BENCHMARK_CAPTURE(scan, string, string_of)->Name("scan a string of bytes")->RangeMultiplier(8)->Range(128, 65536);
BENCHMARK_CAPTURE(scan, objects, objects_of)->Name("scan objects of bytes")->RangeMultiplier(8)->Range(128, 65536);

void check(benchmark::State& state, std::string (*make)(std::size_t)) {
  const std::string value = make(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(protocol::is_json(value));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(value.size()));
}
BENCHMARK_CAPTURE(check, string, string_of)->Name("check a string of bytes")->RangeMultiplier(8)->Range(128, 65536);
BENCHMARK_CAPTURE(check, objects, objects_of)->Name("check objects of bytes")->RangeMultiplier(8)->Range(128, 65536);

}  // namespace
}  // namespace distflow::bench
