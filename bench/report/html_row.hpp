// The section of one row: how to read it, its figures as drawings and tables, and its ratios.
//
// Pure functions; any thread. Use: html += html_row(row, palette, "row-1");
#pragma once

#include <string>
#include <string_view>

#include "bench/report/palette.hpp"
#include "bench/report/results.hpp"

namespace distflow::bench::report {

[[nodiscard]] std::string html_row(const Row& row, const Palette& palette, std::string_view id);

/// What there is to know to read the row, in a sentence or two.
[[nodiscard]] std::string how_to_read(const Row& row);

}  // namespace distflow::bench::report
