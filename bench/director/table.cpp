#include "bench/director/table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

namespace distflow::bench {
namespace {

std::string three_digits(double value) {
  const double size = std::fabs(value);
  const int decimals = size == 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

/// Columns a text takes on a terminal: bytes that continue a character of UTF-8 take none.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string padded(std::string text, std::size_t width) {
  text.append(std::max(width, width_of(text)) - width_of(text), ' ');
  return text;
}

std::string right(const std::string& text, std::size_t width) {
  return std::string(std::max(width, width_of(text)) - width_of(text), ' ') + text;
}

std::string interval(const std::string& low, const std::string& high) { return padded(low + " .. " + high, 22); }

std::string ended(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line += '\n';
}

std::string to_line(const Entry& entry, const Row& row, std::size_t width) {
  std::string line = "  " + padded(entry.name, width);
  const auto estimate = estimate_median(entry.values);
  if (!estimate) return line + "  lost all its blocks\n";
  line += right(to_quantity(estimate->median, row.unit), 10) + "   ";
  line += interval(to_quantity(estimate->low, row.unit), to_quantity(estimate->high, row.unit));
  if (entry.cpu_ns) line += "  CPU " + right(to_quantity(*entry.cpu_ns, "ns"), 8);
  if (entry.latency.count() > 0) {
    const Histogram& latency = entry.latency;
    for (const auto& [name, percent] : {std::pair("p50", 50.0), {"p99", 99.0}, {"p99.9", 99.9}, {"p99.99", 99.99}}) {
      line += std::string("  ") + name + ' ' + to_quantity(static_cast<double>(latency.percentile(percent)), "ns");
    }
    line += "  max " + to_quantity(static_cast<double>(latency.max()), "ns");
  }
  if (entry.lost > 0) line += "  LOST " + std::to_string(entry.lost);
  const auto lost_blocks = std::count(entry.values.begin(), entry.values.end(), std::nullopt);
  if (lost_blocks > 0) line += "  " + std::to_string(lost_blocks) + (lost_blocks == 1 ? " block lost" : " blocks lost");
  return ended(line);
}

std::string to_line(const Ratio& ratio, std::size_t width) {
  std::string line = "  " + padded(ratio.of + " / " + ratio.to, width);
  line += right(three_digits(ratio.estimate.median), 10) + "   ";
  line += interval(three_digits(ratio.estimate.low), three_digits(ratio.estimate.high));
  if (ratio.target) {
    line += ratio.target->better == Better::higher ? "  at least " : "  at most ";
    line += three_digits(ratio.target->value);
    line += ratio.target->is_met(ratio.estimate.median) ? "  met" : "  NOT met";
  }
  return ended(line);
}

std::string to_lines(const Growth& growth, const Row& row) {
  std::string lines = "  " + growth.name + '\n';
  for (std::size_t i = 0; i < growth.points.size(); ++i) {
    const auto& [x, value] = growth.points[i];
    lines += "  " + right(std::to_string(x), 10) + right(to_quantity(value, row.unit), 12);
    if (i < growth.memory.size()) lines += "   memory " + to_quantity(growth.memory[i].second, "bytes");
    lines += '\n';
  }
  return lines;
}

}  // namespace

std::string to_quantity(double value, std::string_view unit) {
  using Prefixes = std::array<const char*, 4>;
  static constexpr Prefixes times{" ns", " µs", " ms", " s"};
  static constexpr Prefixes sizes{" B", " kB", " MB", " GB"};
  static constexpr Prefixes plain{"", " k", " M", " G"};
  const Prefixes& prefixes = unit == "ns" ? times : unit == "bytes" ? sizes : plain;
  std::size_t step = 0;
  // What would be shown as 1000 is shown as 1 of the next.
  while (std::fabs(value) >= 999.5 && step + 1 < prefixes.size()) {
    value /= 1000;
    ++step;
  }
  return three_digits(value) + prefixes[step];
}

std::string to_table(const Row& row) {
  std::size_t width = 0;
  for (const Entry& entry : row.entries) width = std::max(width, width_of(entry.name));
  for (const Ratio& ratio : row.ratios) width = std::max(width, width_of(ratio.of + " / " + ratio.to));
  std::string table = row.name + "  (" + row.unit + ", " +
                      (row.better == Better::higher ? "more is better" : "less is better") +
                      (row.kind == Kind::growth ? ")\n" : "; median and its 95 % interval)\n");
  for (const Entry& entry : row.entries) table += to_line(entry, row, width);
  for (const Growth& growth : row.growth) table += to_lines(growth, row);
  for (const Ratio& ratio : row.ratios) table += to_line(ratio, width);
  return table + '\n';
}

}  // namespace distflow::bench
