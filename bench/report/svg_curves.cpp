#include "bench/report/svg_curves.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "bench/report/format.hpp"
#include "bench/report/scale.hpp"
#include "bench/report/svg_plot.hpp"

namespace distflow::bench::report {
namespace {

// The axis in nines: p90 is one, p99 two. The maximum has no such place and stands behind the last.
constexpr double kNinesMax = 4;
constexpr double kMaximumAt = 4.55;

double place_of(double percentile) {
  if (percentile >= 100) return 1;
  return std::clamp(-std::log10(1 - percentile / 100), 0., kNinesMax) / kMaximumAt;
}

std::vector<Tick> percentile_ticks() {
  std::vector<Tick> ticks;
  for (const auto& [percentile, label] :
       {std::pair{50., "50"}, {90., "90"}, {99., "99"}, {99.9, "99.9"}, {99.99, "99.99"}}) {
    ticks.push_back({place_of(percentile), label});
  }
  ticks.push_back({1, "max"});
  return ticks;
}

}  // namespace

std::string svg_curves(const Row& row, const Palette& palette) {
  double least = std::numeric_limits<double>::max();
  double greatest = 0;
  for (const Entry& entry : row.entries) {
    if (!entry.latency) continue;
    for (const auto& [percentile, ns] : entry.latency->curve) {
      least = std::min(least, std::max(ns, 1.));
      greatest = std::max(greatest, ns);
    }
  }
  if (greatest <= 0) return {};
  const Scale scale = Scale::logarithmic(least, greatest);

  std::vector<PlotLine> lines;
  for (const Entry& entry : row.entries) {
    if (!entry.latency) continue;
    PlotLine line{entry.name, palette.css_class(row, entry.name), {}, false};
    for (const auto& [percentile, ns] : entry.latency->curve) {
      // Between p99.99 and the maximum there is nothing that a place could be given to.
      if (percentile > 99.99 && percentile < 100) continue;
      line.places.emplace_back(place_of(percentile), scale.place(ns));
    }
    lines.push_back(std::move(line));
  }
  PlotFrame frame{percentile_ticks(), {}, "percentile", "latency"};
  for (const double tick : scale.ticks()) frame.y_ticks.push_back({scale.place(tick), format_tick(tick, "ns")});
  return svg_plot(frame, lines, row.name + ": latency by percentile");
}

}  // namespace distflow::bench::report
