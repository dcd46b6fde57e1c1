#include "bench/report/svg_plot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace distflow::bench::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(SvgPlot, labels_that_are_apart_stay_where_they_are) {
  EXPECT_THAT(spread({100, 20, 60}, 17, 280), ElementsAre(100, 20, 60));
}

TEST(SvgPlot, labels_at_one_height_are_moved_apart_in_their_order) {
  EXPECT_THAT(spread({100, 100, 101}, 10, 280), ElementsAre(100, 110, 120));
}

TEST(SvgPlot, labels_do_not_leave_the_drawing) {
  EXPECT_THAT(spread({280, 279}, 10, 280), ElementsAre(280, 270));
  EXPECT_THAT(spread({-5}, 10, 280), ElementsAre(0));
}

TEST(SvgPlot, a_line_is_drawn_and_labelled_and_one_without_places_is_not) {
  const std::string svg =
      svg_plot({{}, {}, "x", "y"}, {{"a<b", "series", {{0, 0}, {1, 1}}}, {"empty", "series", {}}}, "t");
  EXPECT_THAT(svg, HasSubstr("d=\"M0 1000L1000 0\""));
  EXPECT_THAT(svg, HasSubstr(">a&lt;b</text>"));
  EXPECT_THAT(svg, ::testing::Not(HasSubstr("empty")));
}

}  // namespace
}  // namespace distflow::bench::report
