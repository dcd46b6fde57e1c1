// What this host's system calls, wake-ups and cache lines cost: figures of two hosts are compared with theirs beside.
//
// One thread, the director's; starts another for as long as it measures, some tens of milliseconds.
// Use: const HostFacts facts = measure_host();
#pragma once

namespace distflow::bench {

struct HostFacts {
  double system_call_ns = 0;  ///< the cheapest one, there and back
  double wake_up_ns = 0;      ///< from waking a sleeping thread until it runs: half of two threads' round trip
  double cache_line_ns = 0;   ///< one cache line there and back between two threads; 0 where two never ran at one time
};

/// What else runs makes them larger, never smaller: of several blocks the smallest counts.
[[nodiscard]] HostFacts measure_host();

}  // namespace distflow::bench
