// What a run of the benchmarks found, as its results file has it.
//
// Values; any thread.
//
//   1. A figure is absent (nullopt) when no block of it came through; it is never a NaN or an infinity.
//   2. Rows of kind growth have points; the others have intervals, and those of kind latency have percentiles as well.
//
// Use: for (const Row& row : results.rows) for (const Entry& entry : row.entries) show(entry.name, entry.figure);
#pragma once

#include <cstddef>
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

/// How long one in so many took; all in nanoseconds.
struct Percentiles {
  double count = 0;
  std::vector<double> named;  ///< one for each of kPercentiles
  double max = 0;
  double mean = 0;
  std::vector<std::pair<double, double>> curve;  ///< percentile (0 to 100) and nanoseconds, ascending
};

/// The percentiles that a results file names.
inline constexpr const char* kPercentiles[] = {"p50", "p90", "p99", "p99.9", "p99.99"};

using Points = std::vector<std::pair<double, double>>;

/// One contestant's figures in a row.
struct Entry {
  std::string name;
  std::size_t rounds = 0;  ///< that came through
  std::size_t lost = 0;    ///< that did not
  std::optional<Interval> figure;
  std::optional<double> cpu_ns;  ///< of all its processes, for each message or round trip
  std::optional<Percentiles> latency;
  Points points;
  Points memory;  ///< bytes
};

struct Target {
  double value = 0;
  bool is_at_least = true;  ///< else: at most
  bool is_met = false;
};

/// The median of one contestant's figures divided by another's, round by round.
struct Ratio {
  std::string of;
  std::string to;
  std::optional<Interval> figure;
  std::optional<Target> target;

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
  std::string command;
  std::string date;
  std::string commit;
  std::string kernel;
  std::string cpu;
  std::string cores;
  std::optional<double> load_before;  ///< the load average of a minute when the run began
  std::optional<double> steal;        ///< the share of the processors' time that a hypervisor kept, 0 to 1
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<Row> rows;
};

}  // namespace distflow::bench::report
