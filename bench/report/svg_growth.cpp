#include "bench/report/svg_growth.hpp"

#include <algorithm>
#include <limits>
#include <string_view>
#include <vector>

#include "bench/report/format.hpp"
#include "bench/report/scale.hpp"
#include "bench/report/svg_plot.hpp"

namespace distflow::bench::report {
namespace {

/// The least and the greatest, of what a logarithmic axis can hold.
struct Range {
  double least = std::numeric_limits<double>::max();
  double greatest = 0;

  void take(double value) {
    if (value <= 0) return;
    least = std::min(least, value);
    greatest = std::max(greatest, value);
  }
};

const Points& points_of(const Entry& entry, Growth growth) {
  return growth == Growth::figure ? entry.points : entry.memory;
}

std::vector<Tick> ticks_of(const Scale& scale, std::string_view unit) {
  std::vector<Tick> ticks;
  for (const double tick : scale.ticks()) ticks.push_back({scale.place(tick), format_tick(tick, unit)});
  return ticks;
}

}  // namespace

std::string svg_growth(const Row& row, const Palette& palette, Growth growth) {
  Range x_range;
  Range y_range;
  for (const Entry& entry : row.entries) {
    for (const auto& [x, y] : points_of(entry, growth)) {
      x_range.take(x);
      y_range.take(y);
    }
  }
  if (x_range.greatest <= 0 || y_range.greatest <= 0) return {};
  // At least a decade of height: what hardly changes should look flat.
  const Scale x_scale = Scale::logarithmic(x_range.least, x_range.greatest);
  const Scale y_scale = Scale::logarithmic(std::min(y_range.least, y_range.greatest / 10), y_range.greatest);

  std::vector<PlotLine> lines;
  for (const Entry& entry : row.entries) {
    PlotLine line{entry.name, palette.css_class(row, entry.name), {}, true};
    for (const auto& [x, y] : points_of(entry, growth)) line.places.emplace_back(x_scale.place(x), y_scale.place(y));
    std::sort(line.places.begin(), line.places.end());
    lines.push_back(std::move(line));
  }
  const std::string_view unit = growth == Growth::figure ? std::string_view(row.unit) : "bytes";
  const std::string y_name = growth == Growth::memory ? "memory" : unit == "ns" ? "time" : row.unit;
  const PlotFrame frame{ticks_of(x_scale, ""), ticks_of(y_scale, unit), row.x_name, y_name};
  return svg_plot(frame, lines, row.name + ": " + y_name + " by " + row.x_name);
}

}  // namespace distflow::bench::report
