#include "bench/report/svg_bars.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "bench/report/format.hpp"
#include "bench/report/svg.hpp"

namespace distflow::bench::report {
namespace {

// A line of bars is this high, in pixels, with the bar in its middle; html_style knows the height, too.
constexpr int kHeight = 28;
constexpr int kBarTop = 8;
constexpr int kBarHeight = 12;
constexpr std::size_t kTicksMax = 6;  // a phone has room for their labels
constexpr int kMiddle = kBarTop + kBarHeight / 2;

std::string opening(std::string_view css_class) {
  return "<svg" + attribute("class", css_class) + attribute("width", "100%") +
         attribute("height", std::to_string(kHeight)) + attribute("aria-hidden", "true") + ">";
}

std::string vertical(std::string_view css_class, double place, int from, int to) {
  return svg_line(css_class, percent(place), std::to_string(from), percent(place), std::to_string(to));
}

std::string grid(const Scale& scale) {
  std::string svg;
  for (const double tick : scale.ticks(kTicksMax)) svg += vertical("grid", scale.place(tick), 0, kHeight);
  return svg;
}

std::string bar(double from, double to, std::string_view css_class) {
  return "<rect" + attribute("class", "fill " + std::string(css_class)) + attribute("x", percent(std::min(from, to))) +
         attribute("y", std::to_string(kBarTop)) + attribute("width", percent(std::abs(to - from))) +
         attribute("height", std::to_string(kBarHeight)) + attribute("rx", "1.5") + "/>";
}

std::string whisker(const Scale& scale, const Interval& figure) {
  const double low = scale.place(figure.low);
  const double high = scale.place(figure.high);
  const std::string middle = std::to_string(kMiddle);
  return svg_line("whisker", percent(low), middle, percent(high), middle) +
         vertical("whisker", low, kMiddle - 4, kMiddle + 4) + vertical("whisker", high, kMiddle - 4, kMiddle + 4);
}

}  // namespace

std::string svg_bar(const Scale& scale, const Interval& figure, std::string_view css_class) {
  return opening("bar") + grid(scale) + bar(0, scale.place(figure.median), css_class) + whisker(scale, figure) +
         "</svg>";
}

std::string svg_ratio_bar(const Scale& scale, const Interval& figure, std::optional<double> target,
                          std::string_view css_class) {
  const double one = scale.place(1);
  std::string svg = opening("bar") + grid(scale);
  svg += bar(scale.is_logarithmic() ? one : 0, scale.place(figure.median), css_class);
  svg += vertical("one", one, 0, kHeight) + whisker(scale, figure);
  if (target) svg += vertical("target", scale.place(*target), 2, kHeight - 2);
  return svg + "</svg>";
}

std::string svg_bar_axis(const Scale& scale, std::string_view unit) {
  std::string svg = "<svg class=\"bar-axis\" width=\"100%\" height=\"18\" aria-hidden=\"true\">";
  for (const double tick : scale.ticks(kTicksMax)) {
    const double place = scale.place(tick);
    const char* anchor = place < 0.03 ? "start" : place > 0.97 ? "end" : "middle";
    svg += "<text" + attribute("x", percent(place)) + attribute("y", "13") + attribute("text-anchor", anchor) + ">" +
           format_tick(tick, unit) + "</text>";
  }
  return svg + "</svg>";
}

std::string svg_margin_bar(double margin, double margin_max, std::string_view css_class) {
  const double reach = std::log(std::max(margin, 1e-9)) / std::log(std::max(margin_max, 1.01));
  const double middle = 0.5;
  return opening("bar") + bar(middle, middle + std::clamp(reach, -1., 1.) / 2, css_class) +
         vertical("target", middle, 0, kHeight) + "</svg>";
}

}  // namespace distflow::bench::report
