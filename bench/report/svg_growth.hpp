// Growth: what becomes of a figure as there is more and more of something.
//
// Pure functions; any thread. Use: html += svg_growth(row, palette, Growth::figure);
#pragma once

#include <cstdint>
#include <string>

#include "bench/report/palette.hpp"
#include "bench/report/results.hpp"

namespace distflow::bench::report {

enum class Growth : std::uint8_t { figure, memory };

/// Points over x, both axes logarithmic. Empty if no entry has any.
[[nodiscard]] std::string svg_growth(const Row& row, const Palette& palette, Growth growth);

}  // namespace distflow::bench::report
