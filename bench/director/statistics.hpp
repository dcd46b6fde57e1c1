// Medians and how sure they are, without any assumption on how values are distributed.
//
// Pure functions; any thread.
// Use: const Estimate estimate = estimate_median({3.1e6, 3.2e6, 3.0e6});
#pragma once

#include <optional>
#include <vector>

namespace distflow::bench {

/// A block's value; nothing when the block was lost.
using Values = std::vector<std::optional<double>>;

/// A median with the bounds of its 95 % confidence interval.
struct Estimate {
  double median = 0;
  double low = 0;
  double high = 0;
};

/// Of the values there are; nothing without any. The bounds are values themselves: those whose ranks enclose the true
/// median with a probability of 95 % at least. Fewer than six values cannot do that: then smallest and largest.
[[nodiscard]] std::optional<Estimate> estimate_median(const Values& values);

/// of[i] / to[i]; nothing in a round that one of them lost.
[[nodiscard]] Values ratios(const Values& of, const Values& to);

}  // namespace distflow::bench
