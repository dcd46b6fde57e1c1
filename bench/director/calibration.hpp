// How much work makes a block of a given duration, for a contestant that nobody knows the speed of.
//
// One thread, the director's.
// Use: const std::optional<Block> block = calibrate(running, {.duration = 500ms});
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "bench/director/contestant.hpp"

namespace distflow::bench {

struct BlockPlan {
  std::chrono::nanoseconds duration{std::chrono::milliseconds(500)};
  std::uint64_t interval_ns = 0;   ///< of an open loop; 0: closed, or one way
  std::uint64_t first_count = 16;  ///< of the first trial
  std::uint64_t fixed_count = 0;   ///< what a block always is; 0: as much as the duration holds
};

/// Runs blocks, each of twice the work or more, until one says how fast the contestant is. They warm it up, too.
/// Nothing if it failed.
[[nodiscard]] std::optional<Block> calibrate(RunningContestant& contestant, const BlockPlan& plan);

/// How long to wait for a block before it counts as lost: far longer than any takes that will end.
[[nodiscard]] std::chrono::nanoseconds patience_for(const BlockPlan& plan);

}  // namespace distflow::bench
