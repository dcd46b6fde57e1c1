#include "bench/director/contest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/bench/director/fake_contestant.hpp"

namespace distflow::bench {
namespace {

using ::testing::HasSubstr;

RowPlan plan_of(std::vector<ContestantDescription> contestants) {
  RowPlan plan{.name = "row", .value = Value::ns_each, .unit = "ns"};
  plan.block.fixed_count = 1000;
  for (ContestantDescription& contestant : contestants) plan.seats.push_back({.contestant = std::move(contestant)});
  return plan;
}

TEST(Contest, every_contestant_has_a_value_of_each_round) {
  std::ostringstream log;
  const RowPlan plan = plan_of({fake_solo("a", {"--ns", "100"}), fake_solo("b", {"--ns", "400"})});
  const Row row = hold_contest(plan, {.rounds = 4}, log);
  ASSERT_EQ(row.entries.size(), 2U);
  EXPECT_EQ(row.entries[0].values, Values(4, 100.0));
  EXPECT_EQ(row.entries[1].values, Values(4, 400.0));
  EXPECT_TRUE(row.entries[0].cpu_ns);
  EXPECT_EQ(log.str(), "");
}

TEST(Contest, each_round_begins_at_another_place_and_the_first_one_plays_twice) {
  std::string diary = "/tmp/distflow-test-XXXXXX";
  ::close(::mkstemp(diary.data()));
  std::ostringstream log;
  const RowPlan plan =
      plan_of({fake_solo("a", {"--diary", diary, "--sign", "a"}), fake_solo("b", {"--diary", diary, "--sign", "b"})});
  EXPECT_EQ(hold_contest(plan, {.rounds = 4}, log).entries.size(), 2U);
  std::string played;
  std::ifstream(diary) >> played;
  EXPECT_EQ(played, "ababaaaababa");  // aba, baa, aab, aba
  ::unlink(diary.c_str());
}

TEST(Contest, ratios_are_told_with_their_targets_and_the_first_one_is_compared_with_itself) {
  std::ostringstream log;
  RowPlan plan = plan_of({fake_solo("a", {"--ns", "100"}), fake_solo("b", {"--ns", "400"})});
  plan.ratios = {{"a", "b", Target{.value = 0.3, .better = Better::lower}, {}},
                 {"b", "200 ns", Target{.value = 1, .better = Better::lower}, 200},
                 {"a", "somebody who is not there", {}, {}}};
  const Row row = hold_contest(plan, {.rounds = 3}, log);
  ASSERT_EQ(row.ratios.size(), 3U);
  EXPECT_EQ(row.ratios[0].estimate.median, 0.25);
  EXPECT_TRUE(row.ratios[0].target->is_met(row.ratios[0].estimate.median));
  EXPECT_EQ(row.ratios[1].estimate.median, 2);
  EXPECT_FALSE(row.ratios[1].target->is_met(row.ratios[1].estimate.median));
  EXPECT_EQ(row.ratios[2].of, "a");
  EXPECT_EQ(row.ratios[2].to, kItself);
  EXPECT_EQ(row.ratios[2].estimate.median, 1);
}

TEST(Contest, a_value_by_cpu_time_grows_with_what_a_second_of_it_brings) {
  std::ostringstream log;
  RowPlan plan = plan_of({fake_solo("a", {"--ns", "100"})});
  plan.value = Value::per_cpu_second;
  const Row row = hold_contest(plan, {.rounds = 3}, log);
  ASSERT_EQ(row.entries.size(), 1U);
  EXPECT_EQ(row.better, Better::higher);
  for (const std::optional<double>& value : row.entries[0].values) {
    ASSERT_TRUE(value);
    EXPECT_GT(*value, 0);
  }
}

TEST(Contest, a_lost_block_leaves_its_round_without_a_value_and_the_contestant_starts_anew) {
  std::ostringstream log;
  const RowPlan plan = plan_of({fake_solo("steady"), fake_solo("mortal", {"--die-at", "3"})});
  // It may lose any number of blocks, but not one after the other.
  const Row row = hold_contest(plan, {.rounds = 3 * kLossesMax + 1}, log);
  ASSERT_EQ(row.entries.size(), 2U);
  EXPECT_EQ(row.entries[0].values, Values(3 * kLossesMax + 1, 100.0));
  Values values;
  for (std::size_t i = 0; i < kLossesMax; ++i) values.insert(values.end(), {100.0, 100.0, std::nullopt});
  values.emplace_back(100.0);
  EXPECT_EQ(row.entries[1].values, values);
  EXPECT_THAT(log.str(), HasSubstr("mortal lost a block: it ended"));
}

TEST(Contest, one_that_loses_again_and_again_takes_no_further_part) {
  std::ostringstream log;
  const RowPlan plan = plan_of({fake_solo("steady"), fake_solo("mortal", {"--die-at", "1"})});
  const Row row = hold_contest(plan, {.rounds = 6}, log);
  EXPECT_EQ(row.entries[1].values, Values(6, std::nullopt));
  EXPECT_FALSE(row.entries[1].cpu_ns);
  EXPECT_THAT(log.str(), HasSubstr("mortal takes no further part"));
}

TEST(Contest, one_that_cannot_start_is_left_out) {
  std::ostringstream log;
  RowPlan plan = plan_of({{.name = "missing", .driver = {.program = "/nowhere/at/all"}}, fake_solo("b")});
  plan.ratios = {{"missing", "b", {}, {}}};
  const Row row = hold_contest(plan, {.rounds = 2}, log);
  ASSERT_EQ(row.entries.size(), 1U);
  EXPECT_EQ(row.entries[0].name, "b");
  ASSERT_EQ(row.ratios.size(), 1U);
  EXPECT_EQ(row.ratios[0].to, kItself);
  EXPECT_THAT(log.str(), HasSubstr("missing is left out: it ended before it said 'ready'"));
}

TEST(Contest, a_row_without_anybody_is_empty) {
  std::ostringstream log;
  EXPECT_TRUE(hold_contest(plan_of({}), {.rounds = 2}, log).entries.empty());
}

TEST(Contest, latency_is_that_of_all_rounds_and_a_rounds_value_its_median) {
  std::ostringstream log;
  ContestantDescription pair = fake_pair(Work::round_trip);
  pair.driver = fake_part({"--ns", "900"});
  RowPlan plan = plan_of({pair});
  plan.value = Value::median_time;
  const Row row = hold_contest(plan, {.rounds = 3}, log);
  EXPECT_EQ(row.entries[0].values, Values(3, 900.0));
  EXPECT_EQ(row.entries[0].latency.count(), 6000U);  // the blocks compared with itself, too
  EXPECT_EQ(row.entries[0].latency.max(), 900U);
}

TEST(Contest, a_rounds_value_may_be_another_percentile_of_its_round_trips) {
  ContestantDescription pair = fake_pair(Work::round_trip);
  pair.driver = fake_part({"--ns", "900", "--slow-each", "200"});  // each 200th takes ten times as long
  for (const auto& [value, ns] :
       {std::pair(Value::median_time, 900.0), {Value::p99_time, 900.0}, {Value::p999_time, 9000.0}}) {
    std::ostringstream log;
    RowPlan plan = plan_of({pair});
    plan.value = value;
    const Row row = hold_contest(plan, {.rounds = 3}, log);
    for (const std::optional<double>& of_round : row.entries[0].values) {
      ASSERT_TRUE(of_round);
      EXPECT_NEAR(*of_round, ns, ns / 100);
    }
  }
}

TEST(Calibration, finds_the_count_that_fills_a_block) {
  const ContestantDescription description = fake_solo("solo", {"--ns", "1000"});
  RunningContestant running(description);
  const auto block = calibrate(running, {.duration = std::chrono::milliseconds(10)});
  ASSERT_TRUE(block);
  EXPECT_EQ(block->count, 10'000U);
  EXPECT_EQ(block->interval_ns, 0U);
}

TEST(Calibration, a_slow_contestant_does_one_thing_a_block) {
  const ContestantDescription description = fake_solo("solo", {"--ns", "1000000000"});
  RunningContestant running(description);
  const auto block = calibrate(running, {.duration = std::chrono::milliseconds(10)});
  ASSERT_TRUE(block);
  EXPECT_EQ(block->count, 1U);
}

TEST(Calibration, an_open_loop_has_as_many_as_its_plan_holds) {
  const ContestantDescription description = fake_pair(Work::round_trip);
  RunningContestant running(description);
  const auto block = calibrate(running, {.duration = std::chrono::milliseconds(10), .interval_ns = 100'000});
  ASSERT_TRUE(block);
  EXPECT_EQ(block->count, 100U);
  EXPECT_EQ(block->interval_ns, 100'000U);
}

TEST(Calibration, fails_with_its_contestant) {
  const ContestantDescription description = fake_solo("mortal", {"--die-at", "2"});
  RunningContestant running(description);
  EXPECT_FALSE(calibrate(running, {}));
}

}  // namespace
}  // namespace distflow::bench
