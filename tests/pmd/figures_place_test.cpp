// Where a viewer of the figures stands, as text.
#include <gtest/gtest.h>

#include <string>

#include "pmd/web/figures_place.hpp"

namespace distflow::pmd {
namespace {

TEST(FiguresPlace, what_is_written_is_what_is_read) {
  for (const char* text : {"0", "7", "18446744073709551615", "0.3.2", "7.90.55", "7.90.0"}) {
    const std::optional<FiguresPlace> place = FiguresPlace::read(text);
    ASSERT_TRUE(place) << text;
    EXPECT_EQ(place->text(), text);
  }
  const FiguresPlace place = FiguresPlace::read("7.90.55").value();
  EXPECT_EQ(place.since, 7u);
  EXPECT_EQ(place.until, 90u);
  EXPECT_EQ(place.after, 55u);
}

TEST(FiguresPlace, what_was_never_written_is_refused) {
  for (const char* text : {"", "x", "-1", "+1", " 1", "1 ", "1.", ".1", "1.2", "1.2.", "1..2", "1.2.3.", "1.2.3.4",
                           "1,2,3", "18446744073709551616", "1.2.0x3"})
    EXPECT_FALSE(FiguresPlace::read(text)) << text;
}

}  // namespace
}  // namespace distflow::pmd
