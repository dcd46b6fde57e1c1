// A member of a JSON object that is a count.
//
// Use: append_count(out, "queued", 7);   // ,"queued":7
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace distflow::pmd {

inline void append_count(std::string& out, std::string_view name, std::uint64_t count) {
  ((out += ",\"") += name) += "\":";
  out += std::to_string(count);
}

}  // namespace distflow::pmd
