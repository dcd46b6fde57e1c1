// From values to places on an axis, linear or logarithmic.
//
// A value; any thread.
//
//   1. The axis begins and ends at round numbers around what it is to hold.
//   2. place() is within 0 and 1, whatever the value.
//
// Use: const Scale scale = Scale::fitting(0.19e6, 20e6); x = scale.place(3.2e6);
#pragma once

#include <cstddef>
#include <vector>

namespace distflow::bench::report {

class Scale {
 public:
  /// Beyond this span between the least and the greatest a linear axis hides the least.
  static constexpr double kLinearSpanMax = 20;

  /// An axis from zero; logarithmic where the span is too large for that. Both positive.
  static Scale fitting(double least, double greatest);
  static Scale linear(double greatest);
  static Scale logarithmic(double least, double greatest);

  [[nodiscard]] double place(double value) const;
  [[nodiscard]] bool is_logarithmic() const { return is_logarithmic_; }
  /// Round values, at most so many, or powers of ten.
  [[nodiscard]] std::vector<double> ticks(std::size_t most = 9) const;

 private:
  Scale(bool is_logarithmic, double from, double to) : is_logarithmic_(is_logarithmic), from_(from), to_(to) {}

  bool is_logarithmic_;
  double from_;
  double to_;
};

}  // namespace distflow::bench::report
