#include "protocol/json_double.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <locale>  // declares strtod_l, on macOS too
#include <string>

namespace distflow::protocol {

bool to_double(std::string_view number, double& value) {
#ifdef __cpp_lib_to_chars
  const char* const end = number.data() + number.size();
  const auto [after, error] = std::from_chars(number.data(), end, value);
  return error == std::errc() && after == end;
#else
  return to_double_by_strtod(number, value);
#endif
}

bool to_double_by_strtod(std::string_view number, double& value) {
  static const locale_t c_locale = ::newlocale(LC_ALL_MASK, "C", nullptr);  // kept until the process ends
  const std::string text(number);                                           // which ends in a NUL
  char* end = nullptr;
  value = ::strtod_l(text.c_str(), &end, c_locale);
  return end == text.c_str() + text.size() && std::isfinite(value);
}

}  // namespace distflow::protocol
