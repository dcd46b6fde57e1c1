// Leases: a chunk taken from its pool and given back, and one more lease of a chunk.
#include "base/chunk_pool.hpp"

#include <benchmark/benchmark.h>

namespace distflow::bench {
namespace {

void lease_and_return(benchmark::State& state) {
  static base::ChunkPool pool({.chunk_size = 16 * 1024, .chunk_count_max = 64});
  for (auto _ : state) {
    base::ChunkRef chunk = pool.try_lease();
    benchmark::DoNotOptimize(chunk);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(lease_and_return)->Name("lease a chunk and give it back")->ThreadRange(1, 2)->UseRealTime();

void share(benchmark::State& state) {
  base::ChunkPool pool({.chunk_size = 16 * 1024, .chunk_count_max = 1});
  const base::ChunkRef chunk = pool.try_lease();
  for (auto _ : state) {
    base::ChunkRef another = base::ChunkRef::share(*chunk);
    benchmark::DoNotOptimize(another);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(share)->Name("share a chunk and give the lease back");

}  // namespace
}  // namespace distflow::bench
