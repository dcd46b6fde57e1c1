#include "bench/report/palette.hpp"

#include <gtest/gtest.h>

#include <initializer_list>

namespace distflow::bench::report {
namespace {

Row row_of(std::initializer_list<const char*> names) {
  Row row;
  for (const char* name : names) {
    row.entries.emplace_back();
    row.entries.back().name = name;
  }
  return row;
}

TEST(Palette, variants_share_a_colour_and_the_first_of_a_row_has_no_dash) {
  Results results;
  results.rows = {row_of({"distflow, inlined", "distflow, dispatcher", "raw loop"}), row_of({"distflow, dispatcher"})};
  const Palette palette(results);
  EXPECT_EQ(palette.css_class(results.rows[0], "distflow, inlined"), "series ours");
  EXPECT_EQ(palette.css_class(results.rows[0], "distflow, dispatcher"), "series ours dash1");
  EXPECT_EQ(palette.css_class(results.rows[0], "raw loop"), "series limit");
  EXPECT_EQ(palette.css_class(results.rows[1], "distflow, dispatcher"), "series ours");
}

TEST(Palette, a_peer_has_one_colour_on_the_whole_page) {
  Results results;
  results.rows = {row_of({"libzmq", "nng"}), row_of({"nng"})};
  const Palette palette(results);
  EXPECT_EQ(palette.css_class(results.rows[0], "nng"), palette.css_class(results.rows[1], "nng"));
  EXPECT_NE(palette.css_class(results.rows[0], "nng"), palette.css_class(results.rows[0], "libzmq"));
}

TEST(Palette, more_peers_than_colours_are_told_apart_by_dashes) {
  Results results;
  results.rows = {row_of({"a", "b", "c", "d", "e", "f"})};
  const Palette palette(results);
  EXPECT_EQ(palette.css_class(results.rows[0], "f"), palette.css_class(results.rows[0], "a") + " dash1");
}

}  // namespace
}  // namespace distflow::bench::report
