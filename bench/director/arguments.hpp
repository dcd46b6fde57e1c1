// The command line of `distflow-bench`, read into a value.
//
// One thread.
// Use: const ParsedArguments parsed = parse_arguments(argc, argv);
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "bench/director/catalogue.hpp"
#include "bench/director/results.hpp"
#include "bench/director/rows.hpp"

namespace distflow::bench {

enum class Command : std::uint8_t {
  latency,
  throughput,
  connections,
  pmd,
  start,
  mailbox,
  backends,
  limits,
  peers,
  targets
};

struct Arguments {
  Command command = Command::targets;
  std::string command_line{};
  RunSettings settings{};
  RowOptions rows{};
  std::vector<std::uint64_t> connection_counts{1, 10, 100, 1000, 10'000};
  std::string only{};       ///< rows whose name contains it
  std::string json_path{};  ///< empty: no results file
};

/// From one results file to another.
struct CompareArguments {
  std::string old_path;
  std::string new_path;
};

/// What to do; or, when there is nothing to do (help, wrong usage), what to end with. What is to be said has been said
/// then.
using ParsedArguments = std::variant<Arguments, CompareArguments, int>;

ParsedArguments parse_arguments(int argc, const char* const* argv);

}  // namespace distflow::bench
