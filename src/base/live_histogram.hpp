// A histogram that one thread writes while others read it.
//
// One thread records; any thread takes a snapshot.
//   1. record() is two adds of its thread's own: no locked instruction, no memory.
//   2. A snapshot has each value that was recorded before it, and maybe some of those that are recorded meanwhile.
// Use: handler_times.record(nanoseconds); ... stats.latency.handler = handler_times.snapshot();
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <distflow/histogram.hpp>

namespace distflow::base {

class LiveHistogram {
 public:
  /// Counts `value`, `count` times.
  void record(std::uint64_t value, std::uint64_t count) {
    add(counts_[Histogram::bucket_of(value)], count);
    add(sum_, value * count);
  }

  [[nodiscard]] Histogram snapshot() const {
    Histogram out;
    for (std::size_t i = 0; i < counts_.size(); ++i) out.add_to(i, counts_[i].load(std::memory_order_relaxed), 0);
    out.add_to(0, 0, sum_.load(std::memory_order_relaxed));
    return out;
  }

 private:
  using Counter = std::atomic<std::uint64_t>;

  static void add(Counter& counter, std::uint64_t n) {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  std::array<Counter, Histogram::kBuckets> counts_{};
  Counter sum_{0};
};

}  // namespace distflow::base
