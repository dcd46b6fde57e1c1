#include "cli/table.hpp"

#include <gtest/gtest.h>

#include "cli/pattern.hpp"

namespace distflow::cli {
namespace {

TEST(Table, columns_begin_below_their_heads_and_no_line_ends_with_spaces) {
  Table table({"NAME", "ADDRESS", "META"});
  table.add({"a", "127.0.0.1:1", ""});
  table.add({"a-long-name", "[::1]:2", "k=v"});
  EXPECT_EQ(table.text({}),
            "NAME         ADDRESS      META\n"
            "a            127.0.0.1:1\n"
            "a-long-name  [::1]:2      k=v\n");
}

TEST(Table, columns_are_aligned_by_what_is_seen_and_not_by_bytes) {
  Table table({"NAME", "N"});
  table.add({"é", "1"});
  table.add({"日本", "2"});
  EXPECT_EQ(table.text({}),
            "NAME  N\n"
            "é     1\n"
            "日本  2\n");
}

TEST(Table, lines_are_cut_to_the_width_of_the_terminal_and_say_so) {
  Table table({"NAME", "ADDRESS"});
  table.add({"pong", "127.0.0.1:4000"});
  EXPECT_EQ(table.text({.is_terminal = true, .width = 10, .has_colour = false}),
            "NAME  ADD…\n"
            "pong  127…\n");
}

TEST(Table, a_wide_character_is_not_cut_in_two) {
  EXPECT_EQ(cut_to_width("日本語", 6), "日本語");
  EXPECT_EQ(cut_to_width("日本語", 5), "日本…");
  EXPECT_EQ(cut_to_width("日本語", 4), "日…");
  EXPECT_EQ(cut_to_width("日本語", 1), "…");
  EXPECT_EQ(cut_to_width("日本語", 0), "日本語");
}

TEST(Table, colour_is_outside_of_the_cut) {
  Table table({"NAME"});
  EXPECT_EQ(table.text({.is_terminal = true, .width = 3, .has_colour = true}), "\x1b[1mNA…\x1b[0m\n");
}

TEST(Pattern, stars_and_question_marks_stand_for_text_and_for_one_byte) {
  EXPECT_TRUE(matches_pattern("worker-*", "worker-7"));
  EXPECT_TRUE(matches_pattern("worker-*", "worker-"));
  EXPECT_FALSE(matches_pattern("worker-*", "a-worker-7"));
  EXPECT_TRUE(matches_pattern("*-?", "worker-7"));
  EXPECT_FALSE(matches_pattern("*-?", "worker-17"));
  EXPECT_TRUE(matches_pattern("*a*b*", "xxaxxbxx"));
  EXPECT_FALSE(matches_pattern("*a*b*", "xxbxxaxx"));
  EXPECT_TRUE(matches_pattern("a*c*d", "abcbcd"));
}

TEST(Pattern, one_without_either_matches_what_contains_it) {
  EXPECT_TRUE(matches_pattern("", ""));
  EXPECT_TRUE(matches_pattern("", "anything"));
  EXPECT_TRUE(matches_pattern("ork", "worker"));
  EXPECT_FALSE(matches_pattern("orc", "worker"));
}

TEST(Pattern, many_stars_cost_no_more_than_both_sizes_together) {
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "*a";
  EXPECT_FALSE(matches_pattern(pattern + "b", std::string(20'000, 'a')));
}

}  // namespace
}  // namespace distflow::cli
