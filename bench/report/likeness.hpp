// Which contestants of a row go through shared memory, so that they are compared with others' TCP by that name, and
// behind what is compared like for like.
//
// Pure functions; any thread. Nodes of one machine share memory unless they are told not to: where a row has both
// "distflow, inlined" and "distflow, inlined, TCP", the former is the one through memory.
// Use: html += shown_name(row, entry.name); for (const Ratio& ratio : like_for_like_first(row)) ...
#pragma once

#include <string>
#include <vector>

#include "bench/report/results.hpp"

namespace distflow::bench::report {

[[nodiscard]] bool is_through_memory(const Row& row, const std::string& name);

/// The name, and ", memory" if it goes through it.
[[nodiscard]] std::string shown_name(const Row& row, const std::string& name);

/// Whether one side of the ratio goes through memory and the other over TCP.
[[nodiscard]] bool is_memory_against_tcp(const Row& row, const Ratio& ratio);

/// "distflow, inlined, memory ÷ libzmq over TCP".
[[nodiscard]] std::string shown_name(const Row& row, const Ratio& ratio);

/// The row's ratios in their order, but memory against TCP behind all others.
[[nodiscard]] std::vector<Ratio> like_for_like_first(const Row& row);

/// The row's entries in their order, but each one over TCP before its sibling through memory.
[[nodiscard]] std::vector<Entry> tcp_first(const Row& row);

}  // namespace distflow::bench::report
