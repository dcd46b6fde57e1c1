#include "bench/director/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

namespace distflow::bench {
namespace {

constexpr int kBits = 11;  // of a value that a bucket tells apart
constexpr std::size_t kHalf = std::size_t{1} << (kBits - 1);

int shift_of(std::uint64_t value) { return std::max(0, static_cast<int>(std::bit_width(value)) - kBits); }

/// Each shift takes `kHalf` buckets; values without a shift take twice as many.
std::size_t bucket_of(std::uint64_t value) {
  const int shift = shift_of(value);
  return static_cast<std::size_t>(shift) * kHalf + static_cast<std::size_t>(value >> shift);
}

/// The largest value of a bucket.
std::uint64_t top_of(std::size_t bucket) {
  if (bucket < 2 * kHalf) return bucket;
  const std::size_t shift = bucket / kHalf - 1;
  const std::uint64_t first = static_cast<std::uint64_t>(bucket - shift * kHalf) << shift;
  return first + ((std::uint64_t{1} << shift) - 1);
}

}  // namespace

void Histogram::add(std::uint64_t value) {
  const std::size_t bucket = bucket_of(value);
  if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
  ++buckets_[bucket];
  ++count_;
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
}

void Histogram::merge(const Histogram& other) {
  if (other.buckets_.size() > buckets_.size()) buckets_.resize(other.buckets_.size());
  for (std::size_t i = 0; i < other.buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

double Histogram::mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

std::uint64_t Histogram::percentile(double percent) const {
  if (count_ == 0) return 0;
  const double share = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(count_);
  // A share that is whole but for the rounding of its computation is meant to be whole.
  const auto rank = static_cast<std::uint64_t>(std::max(1.0, std::ceil(share - 1e-6)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(top_of(i), max_);
  }
  return max_;
}

std::vector<Histogram::Point> Histogram::curve() const {
  std::vector<Point> points;
  if (count_ == 0) return points;
  const double smallest = 100 / static_cast<double>(count_);
  for (double decade = 10; decade * 10 > smallest; decade /= 10) {
    for (int step = 10; step > 1; --step) {
      const double percent = 100 - step * decade;
      points.emplace_back(percent, percentile(percent));
    }
  }
  points.emplace_back(100.0, max_);
  return points;
}

}  // namespace distflow::bench
