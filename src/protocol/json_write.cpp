#include "protocol/json_write.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace distflow::protocol {
namespace {

void append_escaped(std::string& out, char c) {
  static constexpr char hex_digits[] = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; break;
    case '\\': out += "\\\\"; break;
    case '\b': out += "\\b"; break;
    case '\f': out += "\\f"; break;
    case '\n': out += "\\n"; break;
    case '\r': out += "\\r"; break;
    case '\t': out += "\\t"; break;
    default:
      out += "\\u00";
      out += hex_digits[c >> 4];
      out += hex_digits[c & 0xF];
  }
}

bool needs_escape(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' '; }

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (auto from = text.begin(); from != text.end();) {
    const auto escaped = std::find_if(from, text.end(), needs_escape);
    out.append(from, escaped);
    if (escaped != text.end()) append_escaped(out, *escaped);
    from = escaped == text.end() ? escaped : escaped + 1;
  }
  out += '"';
}

void append_json_integer(std::string& out, std::int64_t value) {
  char digits[std::numeric_limits<std::int64_t>::digits10 + 2];
  out.append(digits, std::to_chars(std::begin(digits), std::end(digits), value).ptr);
}

}  // namespace distflow::protocol
