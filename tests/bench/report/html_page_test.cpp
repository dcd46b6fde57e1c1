#include "bench/report/html_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "bench/report/html_row.hpp"
#include "bench/report/html_text.hpp"
#include "bench/report/results_file.hpp"

namespace distflow::bench::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Results sample() {
  Loaded loaded = load_results(DISTFLOW_REPORT_SAMPLE);
  EXPECT_TRUE(loaded.results) << loaded.problem;
  return loaded.results.value_or(Results{});
}

TEST(HtmlPage, every_row_and_every_entry_is_there) {
  const Results results = sample();
  const std::string page = html_page(results);
  for (const Row& row : results.rows) {
    EXPECT_THAT(page, HasSubstr("<h2>" + escaped(row.name) + "</h2>"));
    EXPECT_THAT(page, HasSubstr(escaped(how_to_read(row))));
    for (const Entry& entry : row.entries) EXPECT_THAT(page, HasSubstr(escaped(entry.name)));
  }
}

TEST(HtmlPage, where_the_run_was_made_is_there) {
  const Results results = sample();
  const std::string page = html_page(results);
  for (const std::string& fact : {results.command, results.commit, results.kernel, results.cpu}) {
    EXPECT_THAT(page, HasSubstr(escaped(fact)));
  }
  EXPECT_THAT(page, HasSubstr("2026-11-25 15:20 UTC"));
  EXPECT_THAT(page, HasSubstr("congestion reno"));
}

TEST(HtmlPage, targets_met_are_counted_and_those_missed_are_named) {
  const std::string page = html_page(sample());
  EXPECT_THAT(page, HasSubstr("8 of 12 targets met"));
  EXPECT_THAT(page, HasSubstr("✗ not met, ≥ 5×"));
  EXPECT_THAT(page, HasSubstr("✓ met, ≤ 1.05×"));
}

TEST(HtmlPage, nothing_comes_from_elsewhere) {
  const std::string page = html_page(sample());
  for (const char* word : {"http", "//", " src=", "url(", "@import", "<script", "<link", "<iframe", "<img"}) {
    EXPECT_THAT(page, Not(HasSubstr(word)));
  }
}

TEST(HtmlPage, texts_cannot_break_out_of_their_place) {
  const std::string evil = "\"><script>'&";
  Results results = sample();
  for (std::string* text :
       {&results.command, &results.date, &results.commit, &results.kernel, &results.cpu, &results.cores}) {
    *text = evil;
  }
  results.settings = {{evil, evil}};
  for (Row& row : results.rows) {
    row.name = row.unit = row.x_name = evil;
    for (Entry& entry : row.entries) entry.name = evil;
    for (Ratio& ratio : row.ratios) ratio.of = ratio.to = evil;
  }
  const std::string page = html_page(results);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("'&")));
  EXPECT_THAT(page, HasSubstr("&quot;&gt;&lt;script&gt;&#39;&amp;"));
}

TEST(HtmlPage, loops_are_told_apart) {
  Row row;
  row.kind = Kind::latency;
  row.name = "round trip";
  EXPECT_THAT(how_to_read(row), HasSubstr("Closed loop"));
  row.name = "open loop, 50,000 messages/s";
  EXPECT_THAT(how_to_read(row), HasSubstr("Open loop"));
}

TEST(HtmlPage, results_without_rows_or_figures_have_a_page_too) {
  EXPECT_THAT(html_page(Results{}), HasSubstr("</html>"));
  Results results = sample();
  for (Row& row : results.rows) {
    for (Entry& entry : row.entries) {
      Entry lost;
      lost.name = entry.name;
      lost.lost = 10;
      entry = lost;
    }
    for (Ratio& ratio : row.ratios) ratio.figure.reset();
  }
  const std::string page = html_page(results);
  EXPECT_THAT(page, HasSubstr("Lost rounds: ready-made frames 10 of 10"));
  EXPECT_THAT(page, Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace distflow::bench::report
