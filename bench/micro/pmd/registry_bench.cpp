// The registry at 100 to 100,000 entries: a node that joins and leaves, one that is looked up, and all of them listed.
#include "pmd/server/registry.hpp"

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/assert.hpp"
#include "base/random.hpp"

namespace distflow::bench {
namespace {

constexpr base::Instant kNow{base::seconds(100)};
constexpr base::WallMs kWall = 1'795'374'131'949;
constexpr pmd::OwnerId kOwner = 1;

protocol::Registration node(std::int64_t number) {
  protocol::Registration registration;
  registration.node.node_id = "node-id-" + std::to_string(number);
  registration.node.alias = "alias-" + std::to_string(number);
  registration.node.host = "127.0.0.1";
  registration.node.port = 45401;
  return registration;
}

/// A registry of nodes 0 to `size` - 1.
class FilledRegistry {
 public:
  explicit FilledRegistry(std::int64_t size)
      : registry_({.entries_max = 200'000, .bytes_max = std::size_t{1} << 30}, {1, 2}) {
    for (std::int64_t i = 0; i < size; ++i) {
      DF_ASSERT(registry_.register_node(kOwner, node(i), kNow, kWall).status == pmd::Registry::Status::joined);
    }
  }
  pmd::Registry* operator->() { return &registry_; }

 private:
  pmd::Registry registry_;
};

void register_and_unregister(benchmark::State& state) {
  FilledRegistry registry(state.range(0));
  const protocol::Registration another = node(state.range(0));
  for (auto _ : state) {
    benchmark::DoNotOptimize(registry->register_node(kOwner, another, kNow, kWall));
    benchmark::DoNotOptimize(registry->unregister(kOwner, another.node.node_id));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(register_and_unregister)
    ->Name("register a node and unregister it, among nodes")
    ->RangeMultiplier(10)
    ->Range(100, 100'000);

/// Of names in random order, so that the processor's caches hold what they can.
void resolve(benchmark::State& state) {
  FilledRegistry registry(state.range(0));
  base::Random random(1);
  std::vector<std::string> names;
  names.reserve(4096);
  while (names.size() < 4096) {
    names.push_back("alias-" + std::to_string(random.uniform(static_cast<std::uint64_t>(state.range(0)))));
  }
  for (auto _ : state) {
    for (const std::string& name : names) benchmark::DoNotOptimize(registry->resolve(name));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(names.size()));
}
BENCHMARK(resolve)->Name("resolve an alias among nodes")->RangeMultiplier(10)->Range(100, 100'000);

void list(benchmark::State& state) {
  FilledRegistry registry(state.range(0));
  std::string json;
  for (auto _ : state) {
    json.clear();
    for (const pmd::Registry::Entry& entry : registry->entries()) protocol::append_node(json, entry.node);
    benchmark::DoNotOptimize(json.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(list)->Name("list all nodes, of")->RangeMultiplier(10)->Range(100, 100'000);

}  // namespace
}  // namespace distflow::bench
