// The buckets of a histogram, its quantiles against the values themselves, and a reader beside the writer.
#include <distflow/histogram.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>
#include <vector>

#include "base/live_histogram.hpp"
#include "base/random.hpp"
#include "tests/base/seed.hpp"

namespace distflow::base {
namespace {

TEST(Histogram, each_bucket_begins_where_the_one_before_it_ends) {
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    const std::uint64_t least = Histogram::least_of(i);
    const std::uint64_t next = Histogram::least_of(i + 1);
    ASSERT_LT(least, next);
    EXPECT_EQ(Histogram::bucket_of(least), i);
    EXPECT_EQ(Histogram::bucket_of(next - 1), i);
    if (i >= Histogram::kLinear) {
      EXPECT_LE(next - least, least / Histogram::kLinear) << "at most an eighth wide";
    }
  }
}

TEST(Histogram, what_is_too_large_for_a_bucket_is_in_the_last_one) {
  EXPECT_EQ(Histogram::bucket_of(std::uint64_t{1} << Histogram::kBitsMax), Histogram::kBuckets - 1);
  EXPECT_EQ(Histogram::bucket_of(UINT64_MAX), Histogram::kBuckets - 1);
}

TEST(Histogram, one_that_counted_nothing_has_quantiles_of_zero) {
  EXPECT_EQ(Histogram().quantile(0.99), 0U);
  EXPECT_EQ(Histogram().count(), 0U);
}

TEST(Histogram, a_quantile_is_never_too_small_and_too_large_by_less_than_an_eighth) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  Random random(seed.value());
  Histogram histogram;
  std::vector<std::uint64_t> values(10'000);
  for (std::uint64_t& value : values) {
    value = random.next() >> (24 + random.uniform(40));
    histogram.record(value);
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.0, 0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(q * static_cast<double>(values.size()))));
    const std::uint64_t exact = values[rank - 1];
    EXPECT_GE(histogram.quantile(q), exact) << q;
    EXPECT_LE(histogram.quantile(q), exact + exact / Histogram::kLinear) << q;
  }
}

TEST(Histogram, two_that_are_merged_are_as_one_that_counted_all) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  Random random(seed.value());
  Histogram one, other, all;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = random.next() >> (24 + random.uniform(40));
    const std::uint64_t count = random.uniform(3);
    (random.uniform(2) == 0 ? one : other).record(value, count);
    all.record(value, count);
  }
  Histogram merged = one;
  merged.merge(other);
  EXPECT_EQ(merged, all);
  EXPECT_EQ(merged.since(one), other) << "what came later";
  EXPECT_EQ(Histogram().since(all), Histogram()) << "one that began anew";
}

TEST(LiveHistogram, its_snapshot_has_all_that_was_recorded) {
  LiveHistogram live;
  Histogram expected;
  for (std::uint64_t value : {0U, 7U, 8U, 1000U, 1001U, 123'456'789U}) {
    live.record(value, 3);
    expected.record(value, 3);
  }
  EXPECT_EQ(live.snapshot(), expected);
}

TEST(LiveHistogram, snapshots_beside_its_writer_only_grow) {
  constexpr std::uint64_t values = 20'000;
  LiveHistogram live;
  std::atomic<bool> has_ended{false};
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < values; ++i) live.record(i, 1);
    has_ended.store(true, std::memory_order_release);
  });
  std::uint64_t before = 0;
  while (!has_ended.load(std::memory_order_acquire)) {
    const std::uint64_t now = live.snapshot().count();
    EXPECT_GE(now, before);
    before = now;
  }
  writer.join();
  EXPECT_EQ(live.snapshot().count(), values);
}

}  // namespace
}  // namespace distflow::base
