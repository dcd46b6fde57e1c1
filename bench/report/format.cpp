#include "bench/report/format.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <span>

namespace distflow::bench::report {
namespace {

struct Step {
  double size;
  const char* name;
};

constexpr std::array<Step, 4> kTimes{{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}}};
constexpr std::array<Step, 4> kSizes{{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}, {1, "B"}}};
constexpr std::array<Step, 4> kCounts{{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}}};

std::span<const Step> steps_of(std::string_view unit) {
  if (unit == "ns") return kTimes;
  if (unit == "bytes") return kSizes;
  return kCounts;
}

/// The step that leaves at least one digit before the point; 999.6 counts as 1000, which it is shown as.
const Step& step_for(double value, std::span<const Step> steps) {
  for (const Step& step : steps) {
    if (std::abs(value) >= step.size * 0.9995) return step;
  }
  return steps.back();
}

std::string with(std::string number, const char* name) {
  if (*name != '\0') number += std::string(" ") + name;
  return number;
}

}  // namespace

std::string format_fixed(double value, int digits) {
  std::array<char, 400> buffer{};  // the largest double has 309 digits before the point
  const auto end = std::to_chars(buffer.begin(), buffer.end(), value, std::chars_format::fixed, digits).ptr;
  std::string text(buffer.begin(), end);
  const std::size_t begin = text.front() == '-' ? 1 : 0;
  std::size_t at = text.find('.');
  if (at == std::string::npos) at = text.size();
  while (at > begin + 3) text.insert(at -= 3, ",");
  return text;
}

std::string format_digits(double value) {
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size < 0.0001) return format_fixed(value, 6);
  const int digits_before = static_cast<int>(std::floor(std::log10(size * 1.0005))) + 1;
  return format_fixed(value, std::max(0, 3 - digits_before));
}

std::string format_value(double value, std::string_view unit) {
  const Step& step = step_for(value, steps_of(unit));
  // There is no half a byte and, mostly, no half of what is counted.
  if (step.size == 1 && unit != "ns" && value == std::floor(value)) return with(format_fixed(value, 0), step.name);
  return with(format_digits(value / step.size), step.name);
}

std::string_view unit_beside(std::string_view unit) { return unit == "ns" || unit == "bytes" ? "" : unit; }

std::string format_tick(double value, std::string_view unit) {
  if (value == 0) return "0";
  const Step& step = step_for(value, steps_of(unit));
  std::string text = format_digits(value / step.size);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return with(text, step.name);
}

std::string format_change(double fraction) {
  const std::string text = format_fixed(fraction * 100, 1) + " %";
  if (text == "-0.0 %") return "0.0 %";
  return fraction > 0 && text != "0.0 %" ? "+" + text : text;
}

}  // namespace distflow::bench::report
