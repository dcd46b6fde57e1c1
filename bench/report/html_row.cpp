#include "bench/report/html_row.hpp"

#include <algorithm>
#include <limits>

#include "bench/report/format.hpp"
#include "bench/report/html_ratios.hpp"
#include "bench/report/html_text.hpp"
#include "bench/report/likeness.hpp"
#include "bench/report/scale.hpp"
#include "bench/report/svg_bars.hpp"
#include "bench/report/svg_curves.hpp"
#include "bench/report/svg_growth.hpp"

namespace distflow::bench::report {
namespace {

std::string swatch(const std::string& css_class) {
  return "<svg class=\"swatch " + css_class +
         "\" width=\"22\" height=\"8\" aria-hidden=\"true\"><path class=\"curve\" d=\"M0 4H22\"/></svg>";
}

std::string_view line_class(const Entry& entry) { return is_ours(entry.name) ? "bar-line us" : "bar-line"; }

std::string cpu_of(const Entry& entry) { return entry.cpu_ns ? format_value(*entry.cpu_ns, "ns") : ""; }

/// Whose ratios to the others are shown beside the bars.
std::string whose_ratios(const Row& row) {
  for (const Ratio& ratio : like_for_like_first(row)) {
    if (!ratio.is_noise() && ratio.figure) return ratio.of;
  }
  return {};
}

std::string ratio_to(const Row& row, const std::string& of, const std::string& to) {
  for (const Ratio& ratio : row.ratios) {
    if (ratio.of == of && ratio.to == to && ratio.figure) return format_ratio(ratio.figure->median);
  }
  return {};
}

/// A label that a phone shows before the figure, where there is no column's head.
std::string worded(std::string_view css_class, std::string_view word, const std::string& figure) {
  if (figure.empty()) return element("span", css_class, "");
  return "<span class=\"" + std::string(css_class) + "\"><span class=\"word\">" + escaped(word) + " </span>" +
         escaped(figure) + "</span>";
}

Scale scale_of(const Row& row) {
  double least = std::numeric_limits<double>::max();
  double greatest = 0;
  for (const Entry& entry : row.entries) {
    if (!entry.figure) continue;
    least = std::min(least, entry.figure->low);
    greatest = std::max(greatest, entry.figure->high);
  }
  return Scale::fitting(least, greatest);
}

std::string bar_line(const Row& row, const Entry& entry, const Scale& scale, const std::string& of) {
  std::string html =
      "<div class=\"" + std::string(line_class(entry)) + "\">" + element("span", "name", shown_name(row, entry.name));
  if (!entry.figure) return html + "<span class=\"pad\"></span><span class=\"value\">lost</span></div>";
  html += svg_bar(scale, *entry.figure, "");
  html += "<span class=\"value\">" + format_value(entry.figure->median, row.unit);
  if (const auto unit = unit_beside(row.unit); !unit.empty()) html += " " + element("span", "word", unit);
  html += "</span>" + worded("cpu", "CPU", cpu_of(entry));
  if (!of.empty()) html += worded("versus", shown_name(row, of) + " ÷ this:", ratio_to(row, of, entry.name));
  return html + "</div>";
}

/// The heads of the columns.
std::string bars_head(const Row& row, const Scale& scale, const std::string& of) {
  const bool has_cpu =
      std::any_of(row.entries.begin(), row.entries.end(), [](const auto& e) { return e.cpu_ns.has_value(); });
  std::string html = "<div class=\"bar-line head\"><span></span>";
  html += element("span", "scale", scale.is_logarithmic() ? "logarithmic" : "");
  html += element("span", "value", unit_beside(row.unit)) + element("span", "cpu", has_cpu ? "CPU time each" : "");
  if (!of.empty()) html += element("span", "versus", shown_name(row, of) + " ÷ this");
  return html + "</div>";
}

std::string bars(const Row& row) {
  const Scale scale = scale_of(row);
  const std::string of = whose_ratios(row);
  std::string html = of.empty() ? "<div class=\"figures two\">" : "<div class=\"figures\">";
  html += bars_head(row, scale, of);
  for (const Entry& entry : tcp_first(row)) html += bar_line(row, entry, scale, of);
  return html + "<div class=\"bar-line axis\"><span class=\"pad\"></span>" + svg_bar_axis(scale, row.unit) +
         "</div></div>";
}

std::string table_line(const Row& row, const Entry& entry, const Palette& palette) {
  std::string html = is_ours(entry.name) ? "<tr class=\"us\"><td>" : "<tr><td>";
  html += swatch(palette.css_class(row, entry.name)) + escaped(shown_name(row, entry.name)) + "</td>";
  if (!entry.latency) return html + "<td>lost</td></tr>";
  for (const double ns : entry.latency->named) html += element("td", "", format_digits(ns / 1000));
  return html + element("td", "", format_digits(entry.latency->max / 1000)) +
         "<td class=\"cpu\"><span class=\"word\">CPU </span>" + cpu_of(entry) + "</td></tr>";
}

std::string percentile_table(const Row& row, const Palette& palette) {
  std::string html = "<table><tr><th>in µs</th>";
  for (const char* name : kPercentiles) html += element("th", "", name);
  html += "<th>max</th><th class=\"cpu\">CPU time each</th></tr>";
  for (const Entry& entry : tcp_first(row)) html += table_line(row, entry, palette);
  return html + "</table>";
}

std::string keys(const Row& row, const Palette& palette) {
  std::string html = "<ul class=\"keys\">";
  for (const Entry& entry : row.entries) {
    html += "<li>" + swatch(palette.css_class(row, entry.name)) + escaped(shown_name(row, entry.name)) + "</li>";
  }
  return html + "</ul>";
}

/// What of the row did not come through, if anything.
std::string losses(const Row& row) {
  std::string text;
  for (const Entry& entry : row.entries) {
    if (entry.lost == 0) continue;
    text += (text.empty() ? "Lost rounds: " : ", ") + entry.name + " " + std::to_string(entry.lost) + " of " +
            std::to_string(entry.lost + entry.rounds);
  }
  return text.empty() ? "" : element("p", "note", text + ".");
}

std::string figures(const Row& row, const Palette& palette) {
  switch (row.kind) {
    case Kind::throughput: return bars(row);
    case Kind::latency: return svg_curves(row, palette) + percentile_table(row, palette);
    case Kind::growth:
      return keys(row, palette) + svg_growth(row, palette, Growth::figure) + svg_growth(row, palette, Growth::memory);
  }
  return {};
}

}  // namespace

std::string html_row(const Row& row, const Palette& palette, std::string_view id) {
  return "<section id=\"" + std::string(id) + "\">" + element("h2", "", row.name) +
         element("p", "how", how_to_read(row)) + figures(row, palette) + losses(row) + html_ratios(row) +
         "</section>\n";
}

}  // namespace distflow::bench::report
