// What became better or worse from one run to another, beyond noise.
//
// Pure functions; any thread.
//
//   1. A change counts only if the confidence intervals do not overlap, and it exceeds the noise of both runs: the
//      width of the interval of a contestant's ratio to itself.
//   2. Rows match by name, kind, unit and sense; entries by name. What has no partner is gone, or new.
//   3. Growths have no intervals: their changes are shown, and not judged.
//
// Use: const Comparison comparison = compare(old_results, new_results); std::cout << comparison_text(comparison);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/report/results.hpp"

namespace distflow::bench::report {

enum class Verdict : std::uint8_t { better, worse, within_noise, gone, appeared, not_judged };

struct Change {
  std::string row;
  std::string entry;
  std::string unit;
  std::optional<double> before;
  std::optional<double> after;
  Verdict verdict = Verdict::not_judged;

  /// 0.03 is three percent more; nothing if one is missing, or the first is zero.
  [[nodiscard]] std::optional<double> fraction() const;
};

struct Comparison {
  std::vector<std::string> warnings;  ///< why the runs may not be comparable
  std::vector<Change> changes;

  [[nodiscard]] bool has_worse() const;
};

[[nodiscard]] Comparison compare(const Results& before, const Results& after);

/// Warnings, a table with a line for each change, and a count of the verdicts; fit for a terminal.
[[nodiscard]] std::string comparison_text(const Comparison& comparison);

}  // namespace distflow::bench::report
