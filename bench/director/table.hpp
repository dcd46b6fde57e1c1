// Rows as text for a terminal: a line an entry, a line a ratio.
//
// Pure functions; any thread.
// Use: std::cout << to_table(row);
#pragma once

#include <string>
#include <string_view>

#include "bench/director/row.hpp"

namespace distflow::bench {

/// Three digits and a prefix: "3.20 M" of a plain number, "12.3 µs" of nanoseconds.
[[nodiscard]] std::string to_quantity(double value, std::string_view unit);

[[nodiscard]] std::string to_table(const Row& row);

}  // namespace distflow::bench
