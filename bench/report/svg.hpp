// Words of SVG that the drawings share.
//
// Pure functions; any thread. Use: svg += svg_line("grid", percent(0.25), "0", percent(0.25), "100%");
#pragma once

#include <string>
#include <string_view>

namespace distflow::bench::report {

/// 0.25 is "25%".
[[nodiscard]] std::string percent(double fraction);
/// At most two digits after the point.
[[nodiscard]] std::string number(double value);

/// `name="value"` with a space before it.
[[nodiscard]] std::string attribute(std::string_view name, std::string_view value);
/// A line from one place to the other; each an SVG length.
[[nodiscard]] std::string svg_line(std::string_view css_class, const std::string& x1, const std::string& y1,
                                   const std::string& x2, const std::string& y2);

}  // namespace distflow::bench::report
