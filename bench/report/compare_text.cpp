#include <algorithm>
#include <array>
#include <string_view>

#include <distflow/printable.hpp>

#include "bench/report/compare.hpp"
#include "bench/report/format.hpp"

namespace distflow::bench::report {
namespace {

using Line = std::array<std::string, 6>;

/// In order of Verdict.
constexpr std::array<std::string_view, 6> kVerdicts{"better", "worse", "within noise", "gone", "new", "not judged"};

std::string_view name_of(Verdict verdict) { return kVerdicts[static_cast<std::size_t>(verdict)]; }

/// Characters, not bytes: the micro sign has two of those.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

std::string value_of(std::optional<double> value, const std::string& unit) {
  return value ? format_value(*value, unit) : "-";
}

Line line_of(const Change& change) {
  const auto fraction = change.fraction();
  const std::string_view unit = unit_beside(change.unit);
  return {printable(change.row + (unit.empty() ? "" : " (" + change.unit + ")")),
          printable(change.entry),
          value_of(change.before, change.unit),
          value_of(change.after, change.unit),
          fraction ? format_change(*fraction) : "-",
          std::string(name_of(change.verdict))};
}

std::string aligned(const std::vector<Line>& lines) {
  std::array<std::size_t, 6> widths{};
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
  }
  std::string text;
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string padding(widths[i] - width_of(line[i]), ' ');
      const bool is_number = i >= 2 && i <= 4;
      if (i > 0) text += "  ";
      text += is_number ? padding + line[i] : i + 1 == line.size() ? line[i] : line[i] + padding;
    }
    text += '\n';
  }
  return text;
}

std::string count_text(const Comparison& comparison) {
  std::string text;
  for (std::size_t i = 0; i < kVerdicts.size(); ++i) {
    const auto count = std::count_if(comparison.changes.begin(), comparison.changes.end(), [i](const Change& change) {
      return static_cast<std::size_t>(change.verdict) == i;
    });
    if (count > 0) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(kVerdicts[i]);
  }
  return text.empty() ? "nothing to compare" : text;
}

}  // namespace

std::string comparison_text(const Comparison& comparison) {
  std::string text;
  for (const std::string& warning : comparison.warnings) text += "warning: " + printable(warning) + "\n";
  if (!comparison.warnings.empty()) text += '\n';
  std::vector<Line> lines{{"row", "entry", "old", "new", "change", "verdict"}};
  for (const Change& change : comparison.changes) lines.push_back(line_of(change));
  if (lines.size() > 1) text += aligned(lines) + "\n";
  return text + count_text(comparison) + "\n";
}

}  // namespace distflow::bench::report
