#include "bench/report/svg.hpp"

#include <array>
#include <charconv>

namespace distflow::bench::report {

std::string number(double value) {
  std::array<char, 400> buffer{};
  const auto end = std::to_chars(buffer.begin(), buffer.end(), value, std::chars_format::fixed, 2).ptr;
  std::string text(buffer.begin(), end);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string percent(double fraction) { return number(fraction * 100) + "%"; }

std::string attribute(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=\"" + std::string(value) + "\"";
}

std::string svg_line(std::string_view css_class, const std::string& x1, const std::string& y1, const std::string& x2,
                     const std::string& y2) {
  return "<line" + attribute("class", css_class) + attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) +
         attribute("y2", y2) + "/>";
}

}  // namespace distflow::bench::report
