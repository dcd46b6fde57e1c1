#include <algorithm>

#include "bench/report/html_row.hpp"

namespace distflow::bench::report {
namespace {

std::string intervals(const Row& row) {
  std::size_t rounds = 0;
  for (const Entry& entry : row.entries) rounds = std::max(rounds, entry.rounds);
  return "of " + std::to_string(rounds) + " interleaved rounds";
}

std::string bars(const Row& row) {
  const std::string longer = row.higher_is_better ? "Longer is better" : "Shorter is better";
  return longer + ". A bar ends at the median " + intervals(row) +
         "; its whisker is the median’s 95 % confidence interval.";
}

std::string curves(const Row& row) {
  const std::string loop =
      row.name.find("open loop") != std::string::npos
          ? "Open loop: messages leave on a fixed plan, and each one’s latency counts from its planned time, so that a "
            "stall is charged to all that it held up. "
          : "Closed loop: the next message leaves when the last one’s answer is there, so that a stall holds up one "
            "message only; under load the tail is longer. ";
  return loop +
         "Lower is better. Each nine on the percentile axis is as wide as the last: one message in 10, in 100, in "
         "1,000.";
}

std::string growth(const Row& row) {
  return std::string(row.higher_is_better ? "Higher" : "Lower") +
         " is better. Both axes are logarithmic. A level line means that more " + row.x_name +
         " cost nothing; a slope of one decade for each decade, that the cost is in proportion.";
}

}  // namespace

std::string how_to_read(const Row& row) {
  switch (row.kind) {
    case Kind::throughput: return bars(row);
    case Kind::latency: return curves(row);
    case Kind::growth: return growth(row);
  }
  return {};
}

}  // namespace distflow::bench::report
