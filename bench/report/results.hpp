// What a run of the benchmarks found, as far as two runs are compared by it.
//
// Values; any thread.
//
//   1. A figure is absent (nullopt) when no block of it came through; it is never a NaN or an infinity.
//   2. Rows of kind growth have points; the others have figures.
//
// Use: for (const Row& row : results.rows) for (const Entry& entry : row.entries) show(entry.name, entry.figure);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace distflow::bench::report {

/// A median and its 95 % confidence interval.
struct Interval {
  double median = 0;
  double low = 0;
  double high = 0;
};

using Points = std::vector<std::pair<double, double>>;

/// One contestant's figures in a row.
struct Entry {
  std::string name;
  std::optional<Interval> figure;
  Points points;
};

/// The median of one contestant's figures divided by another's, round by round.
struct Ratio {
  std::string of;
  std::string to;
  std::optional<Interval> figure;

  /// Whether it tells the noise of the run: the same contestant, twice.
  [[nodiscard]] bool is_noise() const { return to == "itself"; }
};

enum class Kind : std::uint8_t { throughput, latency, growth };

struct Row {
  std::string name;
  Kind kind = Kind::throughput;
  std::string unit;
  bool higher_is_better = true;
  std::string x_name;  ///< of a growth
  std::vector<Entry> entries;
  std::vector<Ratio> ratios;
};

struct Results {
  std::string kernel;
  std::string cpu;
  std::string cores;
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<Row> rows;
};

}  // namespace distflow::bench::report
