#include "bench/report/html_text.hpp"

#include <gtest/gtest.h>

namespace distflow::bench::report {
namespace {

TEST(HtmlText, whatever_means_something_to_html_is_escaped) {
  EXPECT_EQ(escaped("<a href=\"x\" title='y'>&"), "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;");
}

TEST(HtmlText, what_cannot_be_seen_is_written_as_its_number) {
  EXPECT_EQ(escaped("a\nb\x7f\u202e"), "a\\u{a}b\\u{7f}\\u{202e}");
  EXPECT_EQ(escaped(std::string_view("\0", 1)), "\\u{0}");
}

TEST(HtmlText, other_texts_stay_as_they_are) { EXPECT_EQ(escaped("57.3 µs, p99"), "57.3 µs, p99"); }

TEST(HtmlText, an_element_escapes_its_text_and_leaves_out_an_empty_class) {
  EXPECT_EQ(element("td", "", "<b>"), "<td>&lt;b&gt;</td>");
  EXPECT_EQ(element("p", "how", "x"), "<p class=\"how\">x</p>");
}

}  // namespace
}  // namespace distflow::bench::report
