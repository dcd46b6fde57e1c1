#include "bench/report/results_file.hpp"

#include <gtest/gtest.h>

#include <string>

namespace distflow::bench::report {
namespace {

/// A results file with these rows.
std::string with_rows(const std::string& rows) {
  return R"({"format":"distflow-bench 1","command":"c","date":"d","commit":"e","kernel":"k","cpu":"p","cores":2,)"
         R"("settings":{"pairs":30,"pin":true,"congestion":"reno"},"rows":[)" +
         rows + "]}";
}

std::string throughput_with(const std::string& entry, const std::string& ratio = "") {
  return with_rows(R"({"name":"r","kind":"throughput","unit":"messages/s","better":"higher","entries":[)" + entry +
                   R"(],"ratios":[)" + ratio + "]}");
}

std::string problem_of(const std::string& text) {
  const Loaded loaded = parse_results(text);
  EXPECT_FALSE(loaded.results.has_value());
  return loaded.problem;
}

TEST(ResultsFile, the_sample_is_read_with_all_its_rows) {
  const Loaded loaded = load_results(DISTFLOW_REPORT_SAMPLE);
  ASSERT_TRUE(loaded.results) << loaded.problem;
  ASSERT_EQ(loaded.results->rows.size(), 10U);
  const Row& row = loaded.results->rows[0];
  EXPECT_EQ(row.name, "one way, 128 B");
  EXPECT_EQ(row.entries.size(), 10U);
  EXPECT_FALSE(row.entries.back().figure);
  EXPECT_TRUE(row.ratios.back().is_noise());
  EXPECT_EQ(loaded.results->rows[8].entries[0].points.size(), 5U);
}

TEST(ResultsFile, settings_are_kept_as_they_are_written) {
  const Loaded loaded = parse_results(with_rows(""));
  ASSERT_TRUE(loaded.results) << loaded.problem;
  EXPECT_EQ(loaded.results->cores, "2");
  const std::vector<std::pair<std::string, std::string>> expected{
      {"pairs", "30"}, {"pin", "yes"}, {"congestion", "reno"}};
  EXPECT_EQ(loaded.results->settings, expected);
}

TEST(ResultsFile, text_that_is_no_json_is_told_by_line_and_column) {
  EXPECT_EQ(problem_of("{\n  \"format\": nil}").substr(0, 34), "is not JSON: line 2, column 14: In");
  EXPECT_NE(problem_of("").find("line 1, column 1"), std::string::npos);
  EXPECT_NE(problem_of(with_rows("") + "x").find("is not JSON"), std::string::npos);
}

TEST(ResultsFile, every_truncation_of_the_text_is_a_problem) {
  const std::string whole =
      throughput_with(R"({"name":"a","values":[1.5e3,null],"median":1,"low":1,"high":1,"cpu_ns":null})");
  ASSERT_TRUE(parse_results(whole).results) << parse_results(whole).problem;
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_NE(problem_of(whole.substr(0, size)), "") << size;
}

TEST(ResultsFile, another_format_is_refused_by_its_name) {
  EXPECT_EQ(problem_of(R"({"format":"distflow-bench 9"})"),
            "the file has the format 'distflow-bench 9', and not 'distflow-bench 1'");
  EXPECT_EQ(problem_of("{}"), "format is missing");
  EXPECT_EQ(problem_of("[]"), "the file is not an object");
}

TEST(ResultsFile, a_missing_member_is_told_by_its_path) {
  EXPECT_EQ(problem_of(throughput_with(R"({"name":"a","values":[],"median":1,"low":1})")),
            "rows[0].entries[0].high is missing");
  EXPECT_EQ(problem_of(with_rows(R"({"name":"r"})")), "rows[0].kind is missing");
}

TEST(ResultsFile, a_member_of_another_type_is_told_by_its_path) {
  EXPECT_EQ(problem_of(throughput_with(R"({"name":[],"values":[],"median":1,"low":1,"high":1})")),
            "rows[0].entries[0].name is not a text");
  EXPECT_EQ(problem_of(with_rows(R"({"name":"r","kind":"throughput","unit":"ns","better":"lower","entries":{}})")),
            "rows[0].entries is not an array");
  EXPECT_EQ(problem_of(throughput_with("7")), "rows[0].entries[0] is not an object");
  EXPECT_EQ(problem_of(with_rows(R"({"name":"r","kind":"other"})")), "rows[0] is of an unknown kind: 'other'");
}

TEST(ResultsFile, numbers_beyond_the_range_of_double_are_refused) {
  for (const char* number : {"1e-2147483648000000000", "\"nan\"", "\"inf\"", "\"\""}) {
    const std::string entry = R"({"name":"a","values":[],"median":)" + std::string(number) + R"(,"low":1,"high":1})";
    EXPECT_EQ(problem_of(throughput_with(entry)), "rows[0].entries[0].median is not a number within range") << number;
  }
  for (const char* number : {"1e999", "-1e999", "1e2147483648000000000"}) {
    const std::string entry = R"({"name":"a","values":[],"median":)" + std::string(number) + R"(,"low":1,"high":1})";
    EXPECT_NE(problem_of(throughput_with(entry)).find("Number too big"), std::string::npos) << number;
  }
}

TEST(ResultsFile, deep_nesting_is_a_problem_and_no_crash) {
  EXPECT_NE(problem_of(std::string(1'000'000, '[')), "");
  EXPECT_NE(problem_of(std::string(100'000, '[') + std::string(100'000, ']')), "");
}

TEST(ResultsFile, an_entry_all_of_whose_blocks_were_lost_has_no_figure) {
  for (const char* figure : {"", R"(,"median":null,"low":null,"high":null)"}) {
    const Loaded loaded =
        parse_results(throughput_with(R"({"name":"a","values":[null,null])" + std::string(figure) + "}"));
    ASSERT_TRUE(loaded.results) << loaded.problem;
    EXPECT_FALSE(loaded.results->rows[0].entries[0].figure);
  }
}

TEST(ResultsFile, a_file_that_cannot_be_read_is_named) {
  EXPECT_EQ(load_results("/nowhere/run.json").problem, "/nowhere/run.json: cannot be read");
  EXPECT_EQ(load_results("/").problem, "/: cannot be read");
}

}  // namespace
}  // namespace distflow::bench::report
