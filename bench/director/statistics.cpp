#include "bench/director/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace distflow::bench {
namespace {

constexpr double kErrorMax = 0.05;

/// How many of the smallest values may be left out: the most with 2 P(B <= left out) <= 5 %, where B counts, of
/// `count` values, those below the median, and so is binomial with one half.
std::size_t values_left_out(std::size_t count) {
  const double n = static_cast<double>(count);
  double below = 0;
  for (std::size_t i = 0; i < count / 2; ++i) {
    const double k = static_cast<double>(i);
    below += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) - n * std::log(2.0));
    if (2 * below > kErrorMax) return i == 0 ? 0 : i - 1;
  }
  return 0;
}

}  // namespace

std::optional<Estimate> estimate_median(const Values& values) {
  std::vector<double> sorted;
  for (const std::optional<double>& value : values) {
    if (value) sorted.push_back(*value);
  }
  if (sorted.empty()) return std::nullopt;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t count = sorted.size();
  const std::size_t left_out = values_left_out(count);
  return Estimate{.median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2,
                  .low = sorted[left_out],
                  .high = sorted[count - 1 - left_out]};
}

Values ratios(const Values& of, const Values& to) {
  Values result(std::min(of.size(), to.size()));
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (of[i] && to[i] && *to[i] != 0) result[i] = *of[i] / *to[i];
  }
  return result;
}

}  // namespace distflow::bench
