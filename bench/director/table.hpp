// Rows as text for a terminal: a line an entry, a line a ratio.
//
// Pure functions; any thread.
// Use: std::cout << to_table(row);
#pragma once

#include <string>
#include <string_view>

#include "bench/director/row.hpp"

namespace distflow::bench {

/// Three digits and a prefix: "12.3 µs" of the unit "ns", "1.20 MB" of "bytes", "3.20 M" of any other.
[[nodiscard]] std::string to_quantity(double value, std::string_view unit);

[[nodiscard]] std::string to_table(const Row& row);

}  // namespace distflow::bench
