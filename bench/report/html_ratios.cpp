#include "bench/report/html_ratios.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

#include "bench/report/format.hpp"
#include "bench/report/html_text.hpp"
#include "bench/report/likeness.hpp"
#include "bench/report/palette.hpp"
#include "bench/report/scale.hpp"
#include "bench/report/svg_bars.hpp"

namespace distflow::bench::report {
namespace {

/// Both are "better" than their target from 1 on, whatever the target's sense.
double margin_of(const Ratio& ratio) {
  const double least = std::numeric_limits<double>::min();
  const double median = std::max(ratio.figure->median, least);
  const double target = std::max(ratio.target->value, least);
  return ratio.target->is_at_least ? median / target : target / median;
}

std::string target_of(const Ratio& ratio) {
  if (ratio.is_noise()) return "<span class=\"verdict soft\">noise of this run</span>";
  if (!ratio.target) return "<span class=\"verdict\"></span>";
  const Target& target = *ratio.target;
  const std::string wanted = (target.is_at_least ? "≥ " : "≤ ") + format_tick(target.value, "") + "×";
  return target.is_met ? element("span", "verdict met", "✓ met, " + wanted)
                       : element("span", "verdict missed", "✗ not met, " + wanted);
}

std::string range_of(const Interval& figure) {
  return element("span", "range", format_digits(figure.low) + "–" + format_digits(figure.high));
}

Scale scale_of(const Row& row) {
  double least = 1;
  double greatest = 1;
  for (const Ratio& ratio : row.ratios) {
    if (!ratio.figure) continue;
    least = std::min({least, ratio.figure->low, ratio.target ? ratio.target->value : 1});
    greatest = std::max({greatest, ratio.figure->high, ratio.target ? ratio.target->value : 1});
  }
  return Scale::fitting(least, greatest);
}

std::string ratio_line(const Row& row, const Ratio& ratio, const Scale& scale) {
  const std::string_view css_class = ratio.is_noise()    ? "bar-line noise"
                                     : is_ours(ratio.of) ? "bar-line us"
                                                         : "bar-line";
  std::string html = "<div class=\"" + std::string(css_class) + "\">" + element("span", "name", shown_name(row, ratio));
  if (!ratio.figure) return html + "<span class=\"pad\"></span><span class=\"value\">lost</span></div>";
  const auto target = ratio.target ? std::optional(ratio.target->value) : std::nullopt;
  html += svg_ratio_bar(scale, *ratio.figure, target, "");
  html += "<span class=\"value\">" + format_ratio(ratio.figure->median) + "</span>" + range_of(*ratio.figure);
  return html + target_of(ratio) + "</div>";
}

std::string margin_line(const Row& row, const Ratio& ratio, double margin_max) {
  std::string html = "<div class=\"bar-line\">" + element("span", "name", shown_name(row, ratio));
  html += svg_margin_bar(margin_of(ratio), margin_max, ratio.target->is_met ? "met" : "missed");
  return html + element("span", "value", format_ratio(ratio.figure->median)) + target_of(ratio) + "</div>";
}

/// The row's targets under its name; empty if it has none.
std::string margin_group(const Row& row, std::size_t index, double margin_max) {
  std::string html;
  for (const Ratio& ratio : like_for_like_first(row)) {
    if (ratio.target && ratio.figure) html += margin_line(row, ratio, margin_max);
  }
  if (html.empty()) return html;
  return "<p class=\"group\"><a href=\"#" + row_id(index) + "\">" + escaped(row.name) + "</a></p>" + html;
}

}  // namespace

std::string row_id(std::size_t index) { return "row-" + std::to_string(index + 1); }

std::string html_ratios(const Row& row) {
  if (row.ratios.empty()) return {};
  const Scale scale = scale_of(row);
  const bool has_target =
      std::any_of(row.ratios.begin(), row.ratios.end(), [](const auto& r) { return r.target.has_value(); });
  std::string html = "<h3>Ratios <span class=\"unit\">median of the ratios of each round";
  if (scale.is_logarithmic()) html += ", logarithmic";
  html += has_target ? "; dotted: equal, solid: target</span></h3>" : "; dotted: equal</span></h3>";
  html += "<div class=\"ratios\">";
  for (const Ratio& ratio : like_for_like_first(row)) html += ratio_line(row, ratio, scale);
  return html + "<div class=\"bar-line axis\"><span class=\"pad\"></span>" + svg_bar_axis(scale, "") + "</div></div>";
}

std::string Score::text() const { return std::to_string(met) + " of " + std::to_string(targets) + " targets met"; }

Score score_of(const Results& results) {
  Score score;
  for (const Row& row : results.rows) {
    for (const Ratio& ratio : row.ratios) {
      if (!ratio.target || !ratio.figure) continue;
      ++score.targets;
      score.met += ratio.target->is_met ? 1 : 0;
    }
  }
  return score;
}

std::string html_summary(const Results& results) {
  const Score score = score_of(results);
  double margin_max = 1.5;
  for (const Row& row : results.rows) {
    for (const Ratio& ratio : row.ratios) {
      if (!ratio.target || !ratio.figure) continue;
      const double margin = margin_of(ratio);
      margin_max = std::max(margin_max, std::max(margin, 1 / margin));
    }
  }
  if (score.targets == 0) return {};
  margin_max = std::min(margin_max, 20.);
  std::string html = "<section class=\"summary\"><p class=\"score\">" + score.text() +
                     "</p><p class=\"how\">The line in the middle is the target; a bar to "
                     "the right is better than it, a bar to the left misses it. The edges are " +
                     format_tick(margin_max, "") + " times better and worse.</p><div class=\"margins\">";
  for (std::size_t i = 0; i < results.rows.size(); ++i) html += margin_group(results.rows[i], i, margin_max);
  return html + "</div></section>";
}

}  // namespace distflow::bench::report
