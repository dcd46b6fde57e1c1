#include "protocol/extension.hpp"

#include "protocol/json_scan.hpp"

namespace distflow::protocol {

std::string_view Extension::find(std::string_view key) const noexcept {
  std::string_view found;
  const char* const end = data_ + text().size();
  for (const char* p = data_; p != end; ++p) {
    const char* const colon = scan_value(p, end);
    if (colon == nullptr || *p != '"' || colon == end || *colon != ':') return {};
    const char* const value = colon + 1;
    const char* const after = scan_value(value, end);
    if (after == nullptr) return {};
    if (std::string_view(p + 1, static_cast<std::size_t>(colon - p - 2)) == key) {
      if (!found.empty()) return {};
      found = {value, static_cast<std::size_t>(after - value)};
    }
    if (after == end) return found;
    if (*after != ',') return {};
    p = after;
  }
  return {};
}

}  // namespace distflow::protocol
