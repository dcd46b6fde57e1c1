#include "bench/report/scale.hpp"

#include <algorithm>
#include <cmath>

namespace distflow::bench::report {
namespace {

constexpr double kRoomForLeast = 0.7;  // so that the least has a bar, too
constexpr double kRounding = 1e-9;     // so that 1000 is not beyond a tick at 999.9999999

/// 1, 2 or 5 times a power of ten, at most or at least `value`.
double round_down(double value) {
  const double power = std::pow(10, std::floor(std::log10(value) + kRounding));
  for (const double factor : {5., 2.}) {
    if (value >= factor * power * (1 - kRounding)) return factor * power;
  }
  return power;
}

double round_up(double value) {
  const double below = round_down(value);
  if (below >= value * (1 - kRounding)) return below;
  const double power = std::pow(10, std::floor(std::log10(value) + kRounding));
  for (const double factor : {2., 5.}) {
    if (value <= factor * power) return factor * power;
  }
  return 10 * power;
}

}  // namespace

Scale Scale::fitting(double least, double greatest) {
  if (least > 0 && greatest > least * kLinearSpanMax) return logarithmic(least * kRoomForLeast, greatest);
  return linear(greatest);
}

Scale Scale::linear(double greatest) {
  if (greatest <= 0) return {false, 0, 1};
  return {false, 0, greatest * 1.02};
}

Scale Scale::logarithmic(double least, double greatest) {
  const double from = round_down(std::max(least, 1e-12));
  const double to = round_up(std::max(greatest, from));
  return {true, from, std::max(to, from * 2)};
}

double Scale::place(double value) const {
  if (!is_logarithmic_) return std::clamp(value / to_, 0., 1.);
  return value <= from_ ? 0 : std::clamp(std::log(value / from_) / std::log(to_ / from_), 0., 1.);
}

std::vector<double> Scale::ticks(std::size_t most) const {
  std::vector<double> ticks;
  if (!is_logarithmic_) {
    const double step = round_up(to_ / 6);
    for (double n = 0; n * step <= to_ * (1 + kRounding); ++n) ticks.push_back(n * step);
    return ticks;
  }
  const int first = static_cast<int>(std::floor(std::log10(from_) + kRounding));
  const int last = static_cast<int>(std::floor(std::log10(to_ * 1.001)));
  for (const bool only_powers : {false, true}) {
    ticks.clear();
    for (int exponent = first; exponent <= last; ++exponent) {
      for (const double factor : {1., 2., 5.}) {
        const double tick = factor * std::pow(10, exponent);
        if ((only_powers && factor > 1) || tick < from_ * 0.999 || tick > to_ * 1.001) continue;
        ticks.push_back(tick);
      }
    }
    if (ticks.size() <= most) break;
  }
  return ticks;
}

}  // namespace distflow::bench::report
