// Ratios and their targets: those of one row as bars, and those of all rows as a summary.
//
// Pure functions; any thread. Use: html += html_ratios(row) ... + html_summary(results);
#pragma once

#include <cstddef>
#include <string>

#include "bench/report/results.hpp"

namespace distflow::bench::report {

/// Empty if the row has none.
[[nodiscard]] std::string html_ratios(const Row& row);

struct Score {
  std::size_t met = 0;
  std::size_t targets = 0;

  /// "18 of 22 targets met": what the page, and whoever quotes it, says.
  [[nodiscard]] std::string text() const;
};

[[nodiscard]] Score score_of(const Results& results);

/// How many targets are met, and each one's distance from its target. Rows are linked to as row_id() names them.
[[nodiscard]] std::string html_summary(const Results& results);

/// What row `index` is called within the page.
[[nodiscard]] std::string row_id(std::size_t index);

}  // namespace distflow::bench::report
