// Equal shares of places among users who want different numbers of them.
#include <gtest/gtest.h>

#include "pmd/web/equal_share.hpp"

namespace distflow::pmd {
namespace {

TEST(EqualShare, has_no_end_where_there_is_a_place_for_all) {
  EXPECT_EQ(equal_share({}, 8), SIZE_MAX);
  EXPECT_EQ(equal_share({8}, 8), SIZE_MAX);
  EXPECT_EQ(equal_share({1, 5, 2}, 8), SIZE_MAX);
}

TEST(EqualShare, of_those_who_want_more_is_what_the_others_leave) {
  EXPECT_EQ(equal_share({9}, 8), 8u);
  EXPECT_EQ(equal_share({9, 9}, 8), 4u);
  EXPECT_EQ(equal_share({9, 1}, 8), 7u);
  EXPECT_EQ(equal_share({9, 1, 4}, 8), 3u) << "rounded down";
  EXPECT_EQ(equal_share({9, 2, 9, 1}, 8), 2u);
}

TEST(EqualShare, is_nothing_where_there_are_more_users_than_places) {
  EXPECT_EQ(equal_share({1, 1, 1}, 2), 0u);
  EXPECT_EQ(equal_share({1}, 0), 0u);
}

}  // namespace
}  // namespace distflow::pmd
