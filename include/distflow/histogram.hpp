// How often each value came, in buckets that are at most an eighth of their values wide: for latencies, in nanoseconds.
//
// A value; one thread at a time. Needs no memory but itself (2.4 KiB).
//   1. Log-linear: values below 8 have a bucket each, and each doubling after that has 8 of the same width. Values from
//      2^40 on (18 minutes of nanoseconds) are in the last bucket.
//   2. Histograms of several nodes, or of several times, are merged by adding their buckets: nothing is lost by it.
// Use: Histogram all = one.latency.handler; all.merge(other.latency.handler); print(all.quantile(0.99));
#pragma once

#include <distflow/version.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace distflow {

/// Counts of values, by the bucket that each is in.
class Histogram {
 public:
  static constexpr unsigned kBitsPerDoubling = 3;                 ///< each doubling has 2^3 buckets
  static constexpr unsigned kBitsMax = 40;                        ///< larger values are in the last bucket
  static constexpr std::size_t kLinear = 1U << kBitsPerDoubling;  ///< values with a bucket of their own
  static constexpr std::size_t kBuckets = (kBitsMax - kBitsPerDoubling + 1) * kLinear;  ///< all of them

  /// The bucket of that value.
  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t value) {
    if (value < kLinear) return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kBitsPerDoubling;
    if (shift + kBitsPerDoubling >= kBitsMax) return kBuckets - 1;
    return (shift + 1) * kLinear + static_cast<std::size_t>((value >> shift) & (kLinear - 1));
  }
  /// The least value of that bucket; of kBuckets, the first one that has no bucket of its own.
  [[nodiscard]] static constexpr std::uint64_t least_of(std::size_t bucket) {
    if (bucket < kLinear) return bucket;
    return (kLinear + bucket % kLinear) << (bucket / kLinear - 1);
  }

  /// Counts `value`, `count` times.
  constexpr void record(std::uint64_t value, std::uint64_t count = 1) {
    add_to(bucket_of(value), count, value * count);
  }
  /// Counts in a bucket, and adds to the sum.
  constexpr void add_to(std::size_t bucket, std::uint64_t count, std::uint64_t sum) {
    counts_[bucket] += count;
    sum_ += sum;
  }

  /// Adds what `other` has counted.
  constexpr void merge(const Histogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    sum_ += other.sum_;
  }
  /// What was counted since `earlier`, an earlier state of this one. Of another one it is never less than nothing.
  [[nodiscard]] constexpr Histogram since(const Histogram& earlier) const {
    Histogram out;
    for (std::size_t i = 0; i < kBuckets; ++i) out.counts_[i] = counts_[i] - std::min(counts_[i], earlier.counts_[i]);
    out.sum_ = sum_ - std::min(sum_, earlier.sum_);
    return out;
  }

  /// Values in that bucket.
  [[nodiscard]] constexpr std::uint64_t count_in(std::size_t bucket) const { return counts_[bucket]; }
  /// All values.
  [[nodiscard]] constexpr std::uint64_t count() const {
    std::uint64_t all = 0;
    for (const std::uint64_t count : counts_) all += count;
    return all;
  }
  /// The sum of all values, modulo 2^64.
  [[nodiscard]] constexpr std::uint64_t sum() const { return sum_; }

  /// A value that the part `q` of all values (0 to 1) does not exceed: the greatest of its bucket, so it is too large
  /// by less than an eighth. 0 when nothing was counted.
  [[nodiscard]] constexpr std::uint64_t quantile(double q) const {
    const std::uint64_t all = count();
    if (all == 0) return 0;
    const double wanted = std::clamp(q, 0.0, 1.0) * static_cast<double>(all);
    std::uint64_t seen = 0;
    std::size_t last = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      if (counts_[i] == 0) continue;
      seen += counts_[i];
      last = i;
      if (static_cast<double>(seen) >= wanted) break;
    }
    return least_of(last + 1) - 1;
  }

  /// Whether all counts are the same.
  friend constexpr bool operator==(const Histogram&, const Histogram&) = default;

 private:
  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t sum_ = 0;
};

}  // namespace distflow
