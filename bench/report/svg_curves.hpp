// Percentile curves: how long one in ten, one in a hundred, one in a thousand took.
//
// Pure functions; any thread. Use: html += svg_curves(row, palette);
#pragma once

#include <string>

#include "bench/report/palette.hpp"
#include "bench/report/results.hpp"

namespace distflow::bench::report {

/// Percentiles to the right, each nine as far from the last; time upwards, logarithmic. Empty if no entry has a curve.
[[nodiscard]] std::string svg_curves(const Row& row, const Palette& palette);

}  // namespace distflow::bench::report
