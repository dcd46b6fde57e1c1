// How members are picked, with no node around it. Random tests print their seed: see tests/base/seed.hpp.
#include "runtime/group/pick.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "tests/base/seed.hpp"

namespace distflow::runtime {
namespace {

constexpr std::size_t kPicks = 100'000;

/// How far the counts are from even, as chi-square has it.
double chi_square(const std::vector<std::size_t>& counts) {
  const double expected = static_cast<double>(kPicks) / static_cast<double>(counts.size());
  double sum = 0;
  for (const std::size_t count : counts) {
    const double difference = static_cast<double>(count) - expected;
    sum += difference * difference / expected;
  }
  return sum;
}
/// Far beyond what chance gives: of chi-square with n - 1 degrees of freedom, its mean and twelve deviations, and more
/// where its tail is long.
double bound_of(std::size_t n) {
  const double freedom = static_cast<double>(n - 1);
  return freedom + 12 * std::sqrt(2 * freedom) + 30;
}

std::string node_id(std::size_t i) { return "node" + std::to_string(i); }
std::vector<std::uint64_t> hashes_of(std::size_t count) {
  std::vector<std::uint64_t> hashes;
  for (std::size_t i = 0; i < count; ++i) hashes.push_back(hash_of(node_id(i)));
  return hashes;
}
std::size_t sticky(const std::vector<std::uint64_t>& hashes, const std::string& key) {
  return GroupPicker::sticky(hashes.size(), key, [&](std::size_t i) { return hashes[i]; });
}

TEST(GroupPick, every_pick_is_even_over_a_hundred_thousand) {
  const test::Seed seed;
  for (const std::size_t n : {1U, 2U, 3U, 7U, 64U, 1000U}) {
    GroupPicker picker(seed.value());
    const std::vector<std::uint64_t> hashes = hashes_of(n);
    std::size_t key = 0;
    const std::vector<std::function<std::size_t()>> picks = {
        [&] { return picker.least(n, [](std::size_t) { return 0; }); },
        [&] { return picker.round_robin(n); },
        [&] { return picker.any(n); },
        [&] { return sticky(hashes, "key" + std::to_string(key++)); },
    };
    for (std::size_t way = 0; way < picks.size(); ++way) {
      if (way == 3 && n > 64) continue;  // walks through all members
      std::vector<std::size_t> counts(n);
      for (std::size_t i = 0; i < kPicks; ++i) ++counts.at(picks[way]());
      EXPECT_LT(chi_square(counts), bound_of(n)) << "way " << way << " of " << n << ", " << seed.replay();
    }
  }
}

TEST(GroupPick, a_member_that_leaves_moves_its_own_keys_and_no_others) {
  const std::size_t n = 20;
  const std::vector<std::uint64_t> before = hashes_of(n);
  std::vector<std::uint64_t> after = before;
  const std::size_t leaver = 7;
  after[leaver] = after.back();  // as the table does it: the last one takes the place
  after.pop_back();
  std::size_t moved = 0;
  constexpr std::size_t keys = 20'000;
  for (std::size_t i = 0; i < keys; ++i) {
    const std::string key = "user-" + std::to_string(i);
    const std::uint64_t was = before[sticky(before, key)];
    const std::uint64_t is = after[sticky(after, key)];
    if (was == is) continue;
    EXPECT_EQ(was, before[leaver]);
    ++moved;
  }
  EXPECT_NEAR(static_cast<double>(moved), keys / static_cast<double>(n), keys / static_cast<double>(n) / 4);
}

TEST(GroupPick, a_member_that_comes_takes_its_share_and_moves_no_other_key) {
  const std::vector<std::uint64_t> before = hashes_of(10);
  const std::vector<std::uint64_t> after = hashes_of(11);
  for (std::size_t i = 0; i < 5000; ++i) {
    const std::string key = "user-" + std::to_string(i);
    const std::size_t is = sticky(after, key);
    if (is == 10) continue;
    EXPECT_EQ(is, sticky(before, key));
  }
}

TEST(GroupPick, sticky_is_the_same_at_every_node_and_in_every_order_of_the_members) {
  std::vector<std::uint64_t> hashes = hashes_of(30);
  const std::uint64_t chosen = hashes[sticky(hashes, "user-42")];
  std::reverse(hashes.begin(), hashes.end());
  EXPECT_EQ(hashes[sticky(hashes, "user-42")], chosen);
}

TEST(GroupPick, of_two_the_one_with_less_to_do_is_taken) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  GroupPicker picker(seed.value());
  const std::vector<int> loads = {9, 1};
  for (int i = 0; i < 100; ++i) EXPECT_EQ(picker.least(2, [&](std::size_t j) { return loads[j]; }), 1U);
  // The one that has most of all is never better than another.
  const std::vector<int> many = {3, 2, 9, 2, 3};
  for (int i = 0; i < 1000; ++i) EXPECT_NE(picker.least(5, [&](std::size_t j) { return many[j]; }), 2U);
}

TEST(GroupPick, queues_stay_short_with_two_choices) {
  // Each of 100 members does one piece of work a round, and 95 come: the longest queue stays a handful.
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  GroupPicker picker(seed.value());
  std::vector<int> queues(100);
  int longest = 0;
  for (int round = 0; round < 2000; ++round) {
    for (int i = 0; i < 95; ++i) ++queues[picker.least(queues.size(), [&](std::size_t j) { return queues[j]; })];
    longest = std::max(longest, *std::max_element(queues.begin(), queues.end()));
    for (int& queue : queues) queue -= queue > 0 ? 1 : 0;
  }
  EXPECT_LE(longest, 12);
}

}  // namespace
}  // namespace distflow::runtime
