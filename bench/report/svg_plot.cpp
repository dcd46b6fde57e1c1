#include "bench/report/svg_plot.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "bench/report/html_text.hpp"
#include "bench/report/svg.hpp"

namespace distflow::bench::report {
namespace {

constexpr double kHeight = 280;   // html_style knows it, too
constexpr double kLabelGap = 17;  // between the middles of two labels

double y_of(double place) { return kHeight * (1 - place); }

std::string text(std::string_view css_class, const std::string& x, double y, const std::string& content) {
  return "<text" + attribute("class", css_class) + attribute("x", x) + attribute("y", number(y)) + ">" +
         escaped(content) + "</text>";
}

std::string axes(const PlotFrame& frame) {
  std::string svg;
  for (const Tick& tick : frame.y_ticks) {
    const std::string y = number(y_of(tick.place));
    svg += svg_line("grid", "0", y, "100%", y) + text("y-tick", "-8", y_of(tick.place) + 4, tick.label);
  }
  for (const Tick& tick : frame.x_ticks) {
    const std::string x = percent(tick.place);
    svg += svg_line("grid", x, "0", x, number(kHeight)) + text("x-tick", x, kHeight + 18, tick.label);
  }
  return svg + text("x-name", "100%", kHeight + 38, frame.x_name);
}

/// A path knows no percentages, so it is drawn in a square of its own that is stretched; its stroke is not.
std::string line_path(const PlotLine& line) {
  std::string path;
  for (const auto& [x, y] : line.places) {
    path += (path.empty() ? "M" : "L") + number(x * 1000) + " " + number((1 - y) * 1000);
  }
  return "<svg width=\"100%\" height=\"100%\" viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" class=\"open\">"
         "<path" +
         attribute("class", "curve") + attribute("d", path) + "/></svg>";
}

std::string line_drawing(const PlotLine& line) {
  std::string svg = "<g" + attribute("class", line.css_class) + ">" + line_path(line);
  if (line.has_dots) {
    for (const auto& [x, y] : line.places) {
      svg += "<circle" + attribute("cx", percent(x)) + attribute("cy", number(y_of(y))) + attribute("r", "3.5") + "/>";
    }
  }
  return svg + "</g>";
}

std::string end_labels(const std::vector<PlotLine>& lines) {
  std::vector<double> ends;
  ends.reserve(lines.size());
  for (const PlotLine& line : lines) ends.push_back(y_of(line.places.back().second));
  const std::vector<double> labels = spread(ends, kLabelGap, kHeight);
  std::string svg = "<svg x=\"100%\" class=\"open ends\">";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    svg += "<g" + attribute("class", lines[i].css_class) + "><path" + attribute("class", "leader") +
           attribute("d", "M3 " + number(ends[i]) + "L16 " + number(labels[i])) + "/>" +
           text("end", "20", labels[i] + 4, lines[i].name) + "</g>";
  }
  return svg + "</svg>";
}

}  // namespace

std::vector<double> spread(const std::vector<double>& heights, double gap, double height) {
  std::vector<std::size_t> order(heights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return heights[a] < heights[b]; });
  std::vector<double> result = heights;
  double least = 0;
  for (const std::size_t i : order) {
    result[i] = std::max(result[i], least);
    least = result[i] + gap;
  }
  double greatest = height;
  for (auto i = order.rbegin(); i != order.rend(); ++i) {
    result[*i] = std::min(result[*i], greatest);
    greatest = result[*i] - gap;
  }
  return result;
}

std::string svg_plot(const PlotFrame& frame, const std::vector<PlotLine>& lines, std::string_view title) {
  std::vector<PlotLine> drawn;
  std::copy_if(lines.begin(), lines.end(), std::back_inserter(drawn),
               [](const auto& line) { return !line.places.empty(); });
  std::string svg = "<div class=\"plot\"><p class=\"y-name\">" + escaped(frame.y_name) + "</p><svg" +
                    attribute("width", "100%") + attribute("height", number(kHeight)) + attribute("class", "open") +
                    attribute("role", "img") + attribute("aria-label", escaped(title)) + ">" + axes(frame);
  for (const PlotLine& line : drawn) svg += line_drawing(line);
  return svg + end_labels(drawn) + "</svg></div>";
}

}  // namespace distflow::bench::report
