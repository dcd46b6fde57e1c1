// What the documents say of targets: one number, that of their own table.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace distflow::bench::report {
namespace {

std::string text_of(const std::string& name) {
  std::ifstream file(std::string(DISTFLOW_SOURCE "/") + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t lines_that_end_with(const std::string& text, const std::string& end) {
  std::size_t count = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) count += line.ends_with(end) ? 1U : 0U;
  return count;
}

TEST(Documents, the_number_of_targets_met_is_that_of_the_table_everywhere) {
  const std::string figures = text_of("docs/performance.md");
  const std::size_t met = lines_that_end_with(figures, "| met |");
  const std::size_t missed = lines_that_end_with(figures, "| not met |");
  ASSERT_GT(met, 0U);
  const std::string said = std::to_string(met) + " of " + std::to_string(met + missed) + " targets are met";
  EXPECT_NE(figures.find(said), std::string::npos) << "docs/performance.md does not say: " << said;
  EXPECT_NE(text_of("README.md").find(said), std::string::npos) << "README.md does not say: " << said;
}

}  // namespace
}  // namespace distflow::bench::report
