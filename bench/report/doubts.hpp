// What speaks against quoting a run's figures: a busy machine, few rounds.
//
// Pure functions; any thread.
// Use: for (const std::string& doubt : doubts_of(results)) html += ...
#pragma once

#include <string>
#include <vector>

#include "bench/report/results.hpp"

namespace distflow::bench::report {

/// Rounds that a figure to quote needs.
inline constexpr double kRoundsToQuote = 30;
/// The load of a machine that does nothing else, measured before the run, at most.
inline constexpr double kQuietLoad = 0.5;
/// The share of the processors' time that a hypervisor may keep for others: beyond it, blocks differ by more than
/// intervals say.
inline constexpr double kStealMax = 0.01;

/// Sentences, none for a run to quote. What a file does not say is not doubted.
[[nodiscard]] std::vector<std::string> doubts_of(const Results& results);

}  // namespace distflow::bench::report
