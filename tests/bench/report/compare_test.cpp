#include "bench/report/compare.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/report/run_compare.hpp"

namespace distflow::bench::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr double kNoise = 0.04;

/// A run of one row with one contestant, whose interval is `spread` to both sides.
Results run_of(double median, double spread = 0.01, double noise = kNoise) {
  Row row;
  row.name = "one way";
  row.unit = "messages/s";
  Entry entry;
  entry.name = "distflow";
  entry.figure = Interval{median, median * (1 - spread), median * (1 + spread)};
  row.entries.push_back(entry);
  row.ratios.push_back({"distflow", "itself", Interval{1, 1 - noise / 2, 1 + noise / 2}});
  Results results;
  results.rows.push_back(row);
  return results;
}

Verdict verdict_of(const Results& before, const Results& after) {
  const Comparison comparison = compare(before, after);
  EXPECT_EQ(comparison.changes.size(), 1U);
  return comparison.changes.at(0).verdict;
}

TEST(Compare, more_is_better_where_higher_is) {
  EXPECT_EQ(verdict_of(run_of(100), run_of(110)), Verdict::better);
  EXPECT_EQ(verdict_of(run_of(110), run_of(100)), Verdict::worse);
}

TEST(Compare, more_is_worse_where_lower_is_better) {
  Results before = run_of(100);
  Results after = run_of(110);
  before.rows[0].higher_is_better = after.rows[0].higher_is_better = false;
  EXPECT_EQ(verdict_of(before, after), Verdict::worse);
  EXPECT_EQ(verdict_of(after, before), Verdict::better);
}

TEST(Compare, overlapping_intervals_are_noise_however_large_the_change) {
  EXPECT_EQ(verdict_of(run_of(100, 0.2), run_of(130, 0.2)), Verdict::within_noise);
}

TEST(Compare, a_change_within_the_noise_of_either_run_is_noise_however_narrow_the_intervals) {
  EXPECT_EQ(verdict_of(run_of(100, 0.001), run_of(103, 0.001)), Verdict::within_noise);
  EXPECT_EQ(verdict_of(run_of(100, 0.001), run_of(106, 0.001)), Verdict::better);
  EXPECT_EQ(verdict_of(run_of(100, 0.001), run_of(106, 0.001, 0.08)), Verdict::within_noise);
  EXPECT_EQ(verdict_of(run_of(100, 0.001, 0.08), run_of(106, 0.001)), Verdict::within_noise);
}

TEST(Compare, a_row_that_says_nothing_of_its_noise_has_that_of_the_noisiest_row) {
  Results before = run_of(100, 0.001);
  Results after = run_of(103, 0.001);
  for (Results* results : {&before, &after}) {
    results->rows.push_back(results->rows[0]);
    results->rows[0].ratios.clear();
    results->rows[1].name = "another";
    results->rows[1].entries.clear();
  }
  EXPECT_EQ(verdict_of(before, after), Verdict::within_noise);
}

TEST(Compare, what_has_no_partner_is_gone_or_new) {
  Results renamed = run_of(100);
  renamed.rows[0].entries[0].name = "libzmq";
  const Comparison comparison = compare(run_of(100), renamed);
  ASSERT_EQ(comparison.changes.size(), 2U);
  EXPECT_EQ(comparison.changes[0].entry, "distflow");
  EXPECT_EQ(comparison.changes[0].verdict, Verdict::gone);
  EXPECT_EQ(comparison.changes[1].entry, "libzmq");
  EXPECT_EQ(comparison.changes[1].verdict, Verdict::appeared);
  EXPECT_EQ(verdict_of(run_of(100), Results{}), Verdict::gone);
  EXPECT_EQ(verdict_of(Results{}, run_of(100)), Verdict::appeared);
}

TEST(Compare, a_figure_that_was_lost_in_the_second_run_is_gone) {
  Results after = run_of(100);
  after.rows[0].entries[0].figure.reset();
  EXPECT_EQ(verdict_of(run_of(100), after), Verdict::gone);
}

TEST(Compare, a_row_with_another_unit_is_another_row) {
  Results after = run_of(100);
  after.rows[0].unit = "ns";
  const Comparison comparison = compare(run_of(100), after);
  ASSERT_EQ(comparison.changes.size(), 2U);
  EXPECT_EQ(comparison.changes[0].verdict, Verdict::gone);
  EXPECT_EQ(comparison.changes[1].verdict, Verdict::appeared);
}

TEST(Compare, growths_are_shown_point_by_point_and_not_judged) {
  Results before = run_of(100);
  before.rows[0].kind = Kind::growth;
  before.rows[0].x_name = "connections";
  Results after = before;
  before.rows[0].entries[0].points = {{1, 100}, {10, 200}};
  after.rows[0].entries[0].points = {{1, 50}, {100, 200}};
  const Comparison comparison = compare(before, after);
  ASSERT_EQ(comparison.changes.size(), 3U);
  EXPECT_EQ(comparison.changes[0].verdict, Verdict::not_judged);
  EXPECT_DOUBLE_EQ(*comparison.changes[0].fraction(), -0.5);
  EXPECT_EQ(comparison.changes[1].verdict, Verdict::gone);
  EXPECT_EQ(comparison.changes[2].entry, "distflow, 100 connections");
  EXPECT_EQ(comparison.changes[2].verdict, Verdict::appeared);
}

TEST(Compare, other_machines_kernels_and_settings_are_warned_of) {
  Results before = run_of(100);
  before.kernel = "Linux 6.1";
  before.settings = {{"pairs", "30"}, {"pin", "yes"}};
  Results after = before;
  EXPECT_THAT(compare(before, after).warnings, IsEmpty());
  after.cpu = "another";
  after.kernel = "Linux 6.2";
  after.settings = {{"pairs", "10"}, {"congestion", "reno"}};
  EXPECT_THAT(compare(before, after).warnings,
              ElementsAre("the processor differs: , then another", "the kernel differs: Linux 6.1, then Linux 6.2",
                          "the setting 'pairs' differs: 30, then 10", "the setting 'pin' differs: yes, then none",
                          "the setting 'congestion' differs: none, then reno"));
}

TEST(Compare, the_table_is_aligned_and_counts_the_verdicts) {
  EXPECT_EQ(comparison_text(compare(run_of(1e6), run_of(2e6))),
            "row                   entry        old     new    change  verdict\n"
            "one way (messages/s)  distflow  1.00 M  2.00 M  +100.0 %  better\n"
            "\n"
            "1 better\n");
}

TEST(Compare, the_table_lets_no_control_character_through) {
  Results run = run_of(1);
  run.rows[0].name = "\x1b[31m";
  EXPECT_THAT(comparison_text(compare(run, run)), HasSubstr("\\u{1b}[31m"));
}

TEST(Compare, the_exit_code_is_of_something_worse_or_of_a_file_that_is_unusable) {
  EXPECT_TRUE(compare(run_of(110), run_of(100)).has_worse());
  EXPECT_FALSE(compare(run_of(100), run_of(110)).has_worse());
  EXPECT_EQ(run_compare(DISTFLOW_REPORT_SAMPLE, DISTFLOW_REPORT_SAMPLE), kNothingWorse);
  EXPECT_EQ(run_compare(DISTFLOW_REPORT_SAMPLE, "/nowhere.json"), kUnusableFile);
}

}  // namespace
}  // namespace distflow::bench::report
