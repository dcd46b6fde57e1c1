// The counters of the messages that come from one peer.
//
// Any thread. Read together, they are exact when nobody works on the peer's messages; handled and dropped only grow.
//   1. received = handled + waiting + conflated + the sum of dropped. A message is waiting while it is in the mailbox,
//      or being handled.
// Use: counters.received.fetch_add(n, std::memory_order_relaxed);
#pragma once

#include <atomic>
#include <cstdint>

#include "base/delegate.hpp"

namespace distflow::runtime {

using Counter = std::atomic<std::uint64_t>;

/// Counts never order anything else, so relaxed suffices.
inline void add(Counter& counter, std::uint64_t n) { counter.fetch_add(n, std::memory_order_relaxed); }
/// Adds to a counter that one thread alone writes: no locked instruction.
inline void add_owned(Counter& counter, std::uint64_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}
inline std::uint64_t read(const Counter& counter) { return counter.load(std::memory_order_relaxed); }

/// Grouped by writer: producers and consumer do not take a cache line from each other.
struct PeerCounters {
  // The threads that offer messages.
  alignas(64) Counter received{0};    ///< offered to the mailbox, and not left with the caller by `block`
  Counter dropped_mailbox_newest{0};  ///< found the mailbox full
  Counter dropped_mailbox_oldest{0};  ///< made room for newer ones
  Counter conflated{0};               ///< replaced by newer ones of the same key
  Counter replies{0};                 ///< to requests; not among received
  /// Told of messages that are dropped, where they are counted and on that thread. Set before the first message comes.
  base::Delegate<void(Counter PeerCounters::*reason, std::uint64_t count)> on_drop{};
  // The thread that handles them.
  alignas(64) Counter handled{0};   ///< released after the handler had them
  Counter dropped_shutdown{0};      ///< waited when the mailbox was discarded
  Counter dropped_unsubscribed{0};  ///< of a topic that this node does not, or no longer, subscribe to

  void tell_drop(Counter PeerCounters::*reason, std::uint64_t count) const {
    if (on_drop) on_drop(reason, count);
  }
  [[nodiscard]] std::uint64_t dropped() const {
    return read(dropped_mailbox_newest) + read(dropped_mailbox_oldest) + read(dropped_shutdown) +
           read(dropped_unsubscribed);
  }
};

}  // namespace distflow::runtime
