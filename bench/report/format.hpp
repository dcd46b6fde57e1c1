// Numbers as people read them.
//
// Pure functions, the same in every locale; any thread. Three digits are enough: the noise is in the third.
// Use: format_value(3.2e6, "messages/s") is "3.20 M"; format_value(57'300, "ns") is "57.3 µs".
#pragma once

#include <string>
#include <string_view>

namespace distflow::bench::report {

/// `digits` digits after the point; commas between thousands.
[[nodiscard]] std::string format_fixed(double value, int digits);
/// Three digits that count: "0.0312", "5.40", "41.2", "1,240".
[[nodiscard]] std::string format_digits(double value);

/// With the unit, where the unit is a time or a size; else with k, M or G only, and the unit is to be said beside it.
[[nodiscard]] std::string format_value(double value, std::string_view unit);
/// What format_value() leaves to be said: nothing for times and sizes.
[[nodiscard]] std::string_view unit_beside(std::string_view unit);
/// A value on an axis: "10 k", "500 ns", without digits that say nothing.
[[nodiscard]] std::string format_tick(double value, std::string_view unit);

/// "+3.2 %", "-0.4 %".
[[nodiscard]] std::string format_change(double fraction);

}  // namespace distflow::bench::report
