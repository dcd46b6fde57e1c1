#include "bench/report/likeness.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bench/report/doubts.hpp"
#include "bench/report/html_page.hpp"
#include "bench/report/html_ratios.hpp"

namespace distflow::bench::report {
namespace {

Entry entry(const std::string& name) {
  Entry entry;
  entry.name = name;
  entry.rounds = 30;
  entry.figure = Interval{1, 0.9, 1.1};
  return entry;
}

Ratio ratio(const std::string& of, const std::string& to) { return {of, to, Interval{1, 0.9, 1.1}, std::nullopt}; }

Row sample_row() {
  Row row;
  row.name = "one way, 128 B";
  row.unit = "messages/s";
  row.entries = {entry("distflow, inlined"), entry("distflow, inlined, TCP"), entry("libzmq"),
                 entry("ready-made frames")};
  row.ratios = {ratio("distflow, inlined", "libzmq"), ratio("distflow, inlined", "distflow, inlined, TCP"),
                ratio("distflow, inlined, TCP", "libzmq"), ratio("distflow, inlined", "itself")};
  return row;
}

TEST(Likeness, memory_against_tcp_is_named_as_such) {
  const Row row = sample_row();
  EXPECT_EQ(shown_name(row, "distflow, inlined"), "distflow, inlined, memory");
  EXPECT_EQ(shown_name(row, "distflow, inlined, TCP"), "distflow, inlined, TCP");
  EXPECT_EQ(shown_name(row, "libzmq"), "libzmq");
  EXPECT_EQ(shown_name(row, row.ratios[0]), "distflow, inlined, memory ÷ libzmq over TCP");
  EXPECT_EQ(shown_name(row, row.ratios[1]), "distflow, inlined, memory ÷ distflow, inlined, TCP");
  EXPECT_EQ(shown_name(row, row.ratios[2]), "distflow, inlined, TCP ÷ libzmq");
  EXPECT_EQ(shown_name(row, row.ratios[3]), "distflow, inlined, memory against itself");
}

TEST(Likeness, a_row_without_a_sibling_over_tcp_has_nothing_through_memory) {
  Row row = sample_row();
  row.entries.erase(row.entries.begin() + 1);
  EXPECT_EQ(shown_name(row, row.ratios[0]), "distflow, inlined ÷ libzmq");
  EXPECT_FALSE(is_memory_against_tcp(row, row.ratios[0]));
}

TEST(Likeness, what_is_alike_comes_first) {
  const Row row = sample_row();
  std::vector<std::string> names;
  for (const Ratio& one : like_for_like_first(row)) names.push_back(one.of + "/" + one.to);
  EXPECT_EQ(names, (std::vector<std::string>{"distflow, inlined, TCP/libzmq", "distflow, inlined/itself",
                                             "distflow, inlined/libzmq", "distflow, inlined/distflow, inlined, TCP"}));
  names.clear();
  for (const Entry& one : tcp_first(row)) names.push_back(one.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"distflow, inlined, TCP", "distflow, inlined", "libzmq", "ready-made frames"}));
}

TEST(Likeness, the_page_has_the_like_for_like_bar_and_ratio_before_the_other) {
  Results results;
  results.rows = {sample_row()};
  const std::string page = html_page(results);
  const auto place = [&page](const std::string& text) {
    const std::size_t at = page.find(text);
    EXPECT_NE(at, std::string::npos) << text;
    return at;
  };
  EXPECT_LT(place(">distflow, inlined, TCP<"), place(">distflow, inlined, memory<"));
  EXPECT_LT(place(">distflow, inlined, TCP ÷ libzmq<"), place(">distflow, inlined, memory ÷ libzmq over TCP<"));
}

TEST(Doubts, a_busy_machine_a_stolen_one_and_few_rounds_are_marked_on_the_page) {
  Results results;
  results.cores = "2";
  results.settings = {{"pairs", "30"}};
  results.load_before = 0.2;
  results.steal = 0.001;
  EXPECT_TRUE(doubts_of(results).empty());
  EXPECT_EQ(html_page(results).find("class=\"doubt\""), std::string::npos);

  results.load_before = 3.1;
  results.steal = 0.04;
  results.settings = {{"pairs", "6"}};
  const std::vector<std::string> doubts = doubts_of(results);
  ASSERT_EQ(doubts.size(), 3U);
  EXPECT_NE(doubts[0].find("load was 3.10 on 2 cores"), std::string::npos) << doubts[0];
  EXPECT_NE(doubts[1].find("4.00 %"), std::string::npos) << doubts[1];
  EXPECT_NE(doubts[2].find("Few rounds: 6"), std::string::npos) << doubts[2];
  const std::string page = html_page(results);
  for (const std::string& doubt : doubts) EXPECT_NE(page.find(doubt), std::string::npos);
}

TEST(Doubts, a_file_that_says_nothing_of_its_machine_is_not_doubted_for_it) {
  EXPECT_TRUE(doubts_of(Results{}).empty());
}

}  // namespace
}  // namespace distflow::bench::report
