#include "bench/report/html_text.hpp"

namespace distflow::bench::report {

std::string escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default: result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
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
