// A count as text, for the formats that figures are told in.
#pragma once

#include <charconv>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>

namespace distflow::runtime {

inline void append_number(std::string& out, std::uint64_t value) {
  char digits[std::numeric_limits<std::uint64_t>::digits10 + 1];
  out.append(digits, std::to_chars(std::begin(digits), std::end(digits), value).ptr);
}

}  // namespace distflow::runtime
