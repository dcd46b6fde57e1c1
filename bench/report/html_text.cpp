#include "bench/report/html_text.hpp"

#include <distflow/printable.hpp>

namespace distflow::bench::report {

std::string escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : printable(text)) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default: result += c;
    }
  }
  return result;
}

std::string element(std::string_view tag, std::string_view css_class, std::string_view text) {
  std::string result = "<" + std::string(tag);
  if (!css_class.empty()) result += " class=\"" + escaped(css_class) + "\"";
  return result + ">" + escaped(text) + "</" + std::string(tag) + ">";
}

}  // namespace distflow::bench::report
