// The two clocks as types. Only a backend (src/io) reads a clock; all others are given the time.
//
// Values; any thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace distflow::base {

using Duration = std::chrono::nanoseconds;

/// A point of monotonic time. Comparable only with points from the same backend.
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// The deadline that never comes.
inline constexpr Instant kNever = Instant::max();

/// Wall-clock time, in milliseconds since the Unix epoch, as it travels in messages.
using WallMs = std::int64_t;

using std::chrono::milliseconds;
using std::chrono::seconds;

/// `at + after`, saturating at kNever.
constexpr Instant saturating_add(Instant at, Duration after) {
  if (after > Duration::zero() && at > kNever - after) return kNever;
  return at + after;
}

}  // namespace distflow::base
