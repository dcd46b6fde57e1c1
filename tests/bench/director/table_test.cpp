#include "bench/director/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace distflow::bench {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Table, quantities_have_three_digits_and_a_prefix) {
  EXPECT_EQ(to_quantity(0, "messages/s"), "0");
  EXPECT_EQ(to_quantity(0.5, "messages/s"), "0.500");
  EXPECT_EQ(to_quantity(999.4, "messages/s"), "999");
  EXPECT_EQ(to_quantity(999.6, "messages/s"), "1.00 k");
  EXPECT_EQ(to_quantity(3.2e6, "messages/s"), "3.20 M");
  EXPECT_EQ(to_quantity(99.96e6, "messages/s"), "100 M");
  EXPECT_EQ(to_quantity(57'300, "ns"), "57.3 µs");
  EXPECT_EQ(to_quantity(2.5e9, "ns"), "2.50 s");
  EXPECT_EQ(to_quantity(4e12, "ns"), "4000 s");
  EXPECT_EQ(to_quantity(512, "bytes"), "512 B");
  EXPECT_EQ(to_quantity(1.2e6, "bytes"), "1.20 MB");
}

Row sample() {
  Row row{.name = "one way, 128 B", .unit = "messages/s"};
  row.entries.push_back({.name = "ours", .values = {3e6, 3e6}, .cpu_ns = 612.0});
  row.entries.push_back({.name = "theirs", .values = {1e6, std::nullopt}, .lost = 7});
  row.entries.push_back({.name = "nobody", .values = {std::nullopt, std::nullopt}});
  return row;
}

TEST(Table, has_a_line_for_each_entry) {
  const std::string table = to_table(sample());
  EXPECT_THAT(table, HasSubstr("one way, 128 B  (messages/s, more is better"));
  EXPECT_THAT(table, ContainsRegex("  ours +3.00 M +3.00 M .. 3.00 M +CPU +612 ns\n"));
  EXPECT_THAT(table, ContainsRegex("  theirs +1.00 M .*LOST 7 +1 block lost\n"));
  EXPECT_THAT(table, ContainsRegex("  nobody +lost all its blocks\n"));
}

TEST(Table, says_of_each_ratio_whether_its_target_is_met) {
  Row row = sample();
  const Estimate three{.median = 3, .low = 2.9, .high = 3.1};
  row.ratios = {{.of = "ours", .to = "theirs", .estimate = three, .target = Target{.value = 2.5}},
                {.of = "theirs", .to = "ours", .estimate = three, .target = Target{1.05, Better::lower}},
                {.of = "ours", .to = "itself", .estimate = three}};
  const std::string table = to_table(row);
  EXPECT_THAT(table, ContainsRegex("ours / theirs +3.00 +2.90 .. 3.10 +at least 2.50  met\n"));
  EXPECT_THAT(table, ContainsRegex("theirs / ours +3.00 +2.90 .. 3.10 +at most 1.05  NOT met\n"));
  EXPECT_THAT(table, ContainsRegex("ours / itself +3.00 +2.90 .. 3.10\n"));
}

TEST(Table, tells_percentiles_where_there_are_round_trips) {
  Row row{.name = "round trip", .kind = Kind::latency, .unit = "ns", .better = Better::lower};
  Entry entry{.name = "ours", .values = {500.0}};
  for (std::uint64_t ns = 1; ns <= 1000; ++ns) entry.latency.add(ns);
  row.entries.push_back(entry);
  EXPECT_THAT(to_table(row), HasSubstr("p99 990 ns  p99.9 999 ns  p99.99 1.00 µs  max 1.00 µs"));
  EXPECT_THAT(to_table(sample()), Not(HasSubstr("p99")));
}

TEST(Table, tells_growth_point_by_point) {
  Row row{.name = "by connections", .kind = Kind::growth, .unit = "messages/s", .x_name = "connections"};
  row.growth.push_back({.name = "ours", .points = {{1, 5e6}, {1000, 4e6}}, .memory = {{1, 1e6}, {1000, 3e6}}});
  const std::string table = to_table(row);
  EXPECT_THAT(table, ContainsRegex("\n +1 +5.00 M +memory 1.00 MB\n +1000 +4.00 M +memory 3.00 MB\n"));
}

}  // namespace
}  // namespace distflow::bench
