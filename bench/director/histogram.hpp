// A log-linear histogram: how often which value was seen, to three significant digits.
//
// One thread. Values below 2048 have a bucket each; above, every power of two has 1024 buckets, so that a bucket is
// narrower than a thousandth of what it holds.
//
// 1. The buckets' counts add up to count().
// 2. A percentile lies in the bucket of the value it stands for, and never above max().
//
// Use: Histogram h; h.add(ns); h.percentile(99.9);
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace distflow::bench {

class Histogram {
 public:
  void add(std::uint64_t value);
  void merge(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  /// 0 when empty.
  [[nodiscard]] double mean() const;
  /// The value that `percent` of the values do not exceed; 0 when empty.
  [[nodiscard]] std::uint64_t percentile(double percent) const;

  using Point = std::pair<double, std::uint64_t>;
  /// Percentiles with their values, nine to a factor of ten in the distance to 100 %, as far as the count carries:
  /// 0, 10, ... 90, 91, ... 99, 99.1, ... 100. Empty when the histogram is.
  [[nodiscard]] std::vector<Point> curve() const;

 private:
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace distflow::bench
