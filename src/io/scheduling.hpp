// What this host's scheduler does to a thread: how long a wake-up takes, and who else had the thread's processor.
//
// Any thread.
// Use: measure_wake_cost(); ... Duration spin = spin_for(wake_cost());
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/time.hpp"

namespace distflow::io {

/// How long it takes, from the call that wakes a sleeping thread of another processor until it runs. Until it has been
/// measured, what is usual.
[[nodiscard]] base::Duration wake_cost();
/// Measures it, once a process: half a millisecond of short sleeps on this thread. Further calls do nothing.
void measure_wake_cost();

/// How long to spin for an answer when a wake-up costs so much: the peer may have to be woken, and has its work to do.
[[nodiscard]] inline base::Duration spin_for(base::Duration wake_cost) {
  constexpr base::Duration least = std::chrono::microseconds(20);
  constexpr base::Duration most = std::chrono::microseconds(250);
  return std::clamp(2 * wake_cost, least, most);
}

/// How often this thread, ready to run, has left its processor to another one: in a yield, or at the end of its share.
/// Always 0 where the system does not say it of a thread.
[[nodiscard]] std::uint64_t preemptions();

}  // namespace distflow::io
