// Lines over two axes: what percentile curves and growths have in common.
//
// Pure functions; any thread. Use: return svg_plot(frame, lines, "Latency by percentile");
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace distflow::bench::report {

/// A tick of an axis: where (0 to 1), and what it says.
struct Tick {
  double place = 0;
  std::string label;
};

struct PlotFrame {
  std::vector<Tick> x_ticks;
  std::vector<Tick> y_ticks;
  std::string x_name;
  std::string y_name;
};

/// A line through places on both axes (0 to 1, x ascending), labelled at its end.
struct PlotLine {
  std::string name;
  std::string css_class;
  std::vector<std::pair<double, double>> places;
  bool has_dots = false;
};

/// The drawing fills its element's width and is of a fixed height, so that its texts are never stretched.
[[nodiscard]] std::string svg_plot(const PlotFrame& frame, const std::vector<PlotLine>& lines, std::string_view title);

/// Moves heights apart, so that they differ by `gap` at least and stay within 0 and `height`, if that is possible.
/// Their order stays.
[[nodiscard]] std::vector<double> spread(const std::vector<double>& heights, double gap, double height);

}  // namespace distflow::bench::report
