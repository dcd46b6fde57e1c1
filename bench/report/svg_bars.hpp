// Horizontal bars, one drawing each, and the axis below them. Widths are percentages, so that a drawing fits any page.
//
// Pure functions; any thread. Use: html += svg_bar(scale, *entry.figure, "ours") ... + svg_bar_axis(scale, row.unit);
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bench/report/results.hpp"
#include "bench/report/scale.hpp"

namespace distflow::bench::report {

/// A bar to the median, with a whisker from low to high. `css_class` colours it.
[[nodiscard]] std::string svg_bar(const Scale& scale, const Interval& figure, std::string_view css_class);

/// The same for a ratio: with a line at 1, from which the bar begins if the scale is logarithmic, and the target's
/// mark.
[[nodiscard]] std::string svg_ratio_bar(const Scale& scale, const Interval& figure, std::optional<double> target,
                                        std::string_view css_class);

[[nodiscard]] std::string svg_bar_axis(const Scale& scale, std::string_view unit);

/// From a target's line in the middle to the right if it is met, to the left if not. `margin`: 2 is twice as good as
/// the target, and `margin_max` is at the edge.
[[nodiscard]] std::string svg_margin_bar(double margin, double margin_max, std::string_view css_class);

}  // namespace distflow::bench::report
