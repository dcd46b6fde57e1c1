// A row: contestants that do the same work, what is told of each, and which ratios are asked for.
//
// Plain values; any thread. A RowPlan says what to measure, a Row what came of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/director/calibration.hpp"
#include "bench/director/contestant.hpp"
#include "bench/director/histogram.hpp"
#include "bench/director/statistics.hpp"

namespace distflow::bench {

enum class Kind : std::uint8_t { throughput, latency, growth };
enum class Better : std::uint8_t { higher, lower };

/// What a block's value is.
enum class Value : std::uint8_t {
  per_second,      ///< how many a second
  per_cpu_second,  ///< how many a second of CPU time, of all processes of the contestant
  ns_each,         ///< nanoseconds of each, on average
  median_time,     ///< the median of the round trips, in nanoseconds
  p99_time,        ///< their 99th percentile
  p999_time,       ///< their 99.9th
};

struct Target {
  double value = 0;
  Better better = Better::higher;  ///< higher: at least; lower: at most
  [[nodiscard]] bool is_met(double ratio) const { return better == Better::higher ? ratio >= value : ratio <= value; }
};

/// Whom a contestant stands for. The commands differ in whom they ask.
enum class Side : std::uint8_t { ours, limit, peer };

struct Seat {
  Side side = Side::ours;
  ContestantDescription contestant{};
};

struct RatioPlan {
  std::string of{};  ///< names of contestants
  std::string to{};
  std::optional<Target> target{};
  /// What `to` stands for, when it is a figure and no contestant.
  std::optional<double> to_value{};
};

/// A row that is also a point of a curve: what was measured with one x of several.
struct PointOf {
  std::string growth{};  ///< the curve's row
  std::string x_name{};
  std::uint64_t x = 0;
};

struct RowPlan {
  std::string name{};
  Kind kind = Kind::throughput;
  Value value = Value::per_second;
  std::string unit{};
  std::uint64_t payload = 0;  ///< 0: none
  BlockPlan block{};
  std::vector<Seat> seats{};  ///< the first one sits twice, to tell the noise
  std::vector<RatioPlan> ratios{};
  std::optional<PointOf> point{};
  std::string needs{};  ///< the contestant without whom the row is left out; empty: a row of those who are there

  [[nodiscard]] Better better() const {
    return value == Value::per_second || value == Value::per_cpu_second ? Better::higher : Better::lower;
  }
};

struct Entry {
  std::string name{};
  Values values{};                 ///< one of each round
  std::optional<double> cpu_ns{};  ///< per message, round trip or unit
  std::uint64_t lost = 0;
  Histogram latency{};             ///< empty unless round trips were told
  std::uint64_t memory_bytes = 0;  ///< of the responder, at the end
};

struct Ratio {
  std::string of{};
  std::string to{};
  Estimate estimate{};
  std::optional<Target> target{};
};

/// A curve over some x, as growth is told.
struct Growth {
  using Point = std::pair<std::uint64_t, double>;
  std::string name{};
  std::vector<Point> points{};
  std::vector<Point> memory{};
};

struct Row {
  std::string name{};
  Kind kind = Kind::throughput;
  std::string unit{};
  Better better = Better::higher;
  std::uint64_t payload = 0;
  std::vector<Entry> entries{};
  std::vector<Ratio> ratios{};
  std::string x_name{};          ///< of growth
  std::vector<Growth> growth{};  ///< instead of entries
};

}  // namespace distflow::bench
