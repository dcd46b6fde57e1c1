#include "cli/suggestion.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace distflow::cli {
namespace {

const std::vector<std::string> kKnown{"start", "status", "list", "resolve", "kill"};

TEST(Suggestion, distance_counts_letters_put_in_left_out_exchanged_and_swapped) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("list", "list"), 0U);
  EXPECT_EQ(edit_distance("lst", "list"), 1U);
  EXPECT_EQ(edit_distance("lisst", "list"), 1U);
  EXPECT_EQ(edit_distance("lost", "list"), 1U);
  EXPECT_EQ(edit_distance("lsit", "list"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), edit_distance("sitting", "kitten"));
}

TEST(Suggestion, is_the_nearest_known_word_or_the_one_that_is_begun) {
  EXPECT_EQ(nearest_word("lsit", kKnown), "list");
  EXPECT_EQ(nearest_word("stat", kKnown), "status");  // begun by it
  EXPECT_EQ(nearest_word("statsu", kKnown), "status");
  EXPECT_EQ(nearest_word("res", kKnown), "resolve");
  EXPECT_EQ(nearest_word("--prot", {"--host", "--port"}), "--port");
}

TEST(Suggestion, is_none_where_no_known_word_is_near) {
  EXPECT_EQ(nearest_word("fly", kKnown), std::nullopt);
  EXPECT_EQ(nearest_word("", kKnown), std::nullopt);
  EXPECT_EQ(nearest_word("--", {"--host", "--port"}), std::nullopt);
  EXPECT_EQ(nearest_word(std::string(1'000'000, 'x'), kKnown), std::nullopt);
  EXPECT_EQ(nearest_word("list", {}), std::nullopt);
}

}  // namespace
}  // namespace distflow::cli
