// Nodes that have lost their figures: who is told, what is kept, and who has to begin anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pmd/web/gone_figures.hpp"

namespace distflow::pmd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> names(const GoneFigures& gone, std::uint64_t since, std::uint64_t until) {
  std::vector<std::string> found;
  gone.visit(since, until, [&](const UserId&, std::string_view name) { found.emplace_back(name); });
  return found;
}

TEST(GoneFigures, a_viewer_is_told_of_those_that_have_gone_since_its_number_up_to_the_last_one_of_its_reading) {
  GoneFigures gone;
  EXPECT_EQ(gone.note(5, 1001, "a"), 0u);
  EXPECT_EQ(gone.note(6, 1001, "b"), 0u);
  EXPECT_EQ(gone.note(9, 1001, "c"), 0u);
  EXPECT_THAT(names(gone, 1, 9), ElementsAre(R"("a")", R"("b")", R"("c")"));
  EXPECT_THAT(names(gone, 5, 8), ElementsAre(R"("b")"));
  EXPECT_THAT(names(gone, 9, 9), IsEmpty());
}

TEST(GoneFigures, each_has_the_user_whose_node_it_was_and_its_name_as_json) {
  GoneFigures gone;
  gone.note(2, 1001, "x\"\n");
  gone.note(3, {}, "y");
  std::vector<std::pair<UserId, std::string>> found;
  gone.visit(0, 3, [&](const UserId& user, std::string_view name) { found.emplace_back(user, name); });
  EXPECT_THAT(found, ElementsAre(std::pair(UserId(1001), std::string(R"("x\"\n")")), std::pair(UserId(), R"("y")")));
}

TEST(GoneFigures, a_viewer_that_has_nothing_knows_of_none_and_any_other_of_all_while_none_is_dropped) {
  GoneFigures gone;
  EXPECT_FALSE(gone.has_all_since(0));
  EXPECT_TRUE(gone.has_all_since(1));
  gone.note(2, 1001, "a");
  EXPECT_TRUE(gone.has_all_since(1));
}

TEST(GoneFigures, beyond_the_bound_the_oldest_are_dropped_and_who_does_not_know_of_them_begins_anew) {
  GoneFigures gone;
  const std::string name(1000, 'n');
  std::uint64_t number = 1;
  while (gone.note(++number, 1001, name) == 0) EXPECT_LE(gone.bytes(), GoneFigures::kBytesMax);
  EXPECT_LE(gone.bytes(), GoneFigures::kBytesMax);
  EXPECT_FALSE(gone.has_all_since(1)) << "2 is not kept";
  EXPECT_TRUE(gone.has_all_since(2));
  EXPECT_EQ(names(gone, 2, number).size(), number - 2);
}

TEST(GoneFigures, what_is_counted_is_what_is_sent) {
  GoneFigures gone;
  gone.note(2, 1001, std::string(1000, '\x01'));
  EXPECT_EQ(gone.bytes(), GoneFigures::kSizeOfOne + names(gone, 1, 2).front().size());
}

TEST(GoneFigures, one_that_is_larger_than_the_bound_is_dropped_itself) {
  GoneFigures gone;
  EXPECT_EQ(gone.note(2, 1001, std::string(GoneFigures::kBytesMax, 'n')), 1u);
  EXPECT_TRUE(gone.is_empty());
  EXPECT_EQ(gone.bytes(), 0u);
  EXPECT_FALSE(gone.has_all_since(1));
}

TEST(GoneFigures, after_a_clear_viewers_with_earlier_numbers_begin_anew) {
  GoneFigures gone;
  gone.note(2, 1001, "a");
  gone.note(3, 1001, "b");
  EXPECT_EQ(gone.clear(4), 2u);
  EXPECT_TRUE(gone.is_empty());
  EXPECT_EQ(gone.bytes(), 0u);
  EXPECT_FALSE(gone.has_all_since(3));
  EXPECT_TRUE(gone.has_all_since(4));
}

}  // namespace
}  // namespace distflow::pmd
