// Reads results files (docs/results.md), as far as two runs are compared by them.
//
// Pure but for the file; any thread.
//
//   1. Text of any size and nesting gives results or a problem; files beyond kResultsSizeMax are not read.
//   2. A problem says what is wrong and where: a line and column of the text, or a member's path.
//
// Use: const Loaded loaded = load_results("run.json");
//      if (!loaded.results) std::cerr << loaded.problem << '\n';
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "bench/report/results.hpp"

namespace distflow::bench::report {

inline constexpr std::size_t kResultsSizeMax = std::size_t{64} << 20;
inline constexpr std::string_view kResultsFormat = "distflow-bench 1";

/// Results, or what is wrong.
struct Loaded {
  std::optional<Results> results;
  std::string problem;
};

[[nodiscard]] Loaded parse_results(std::string_view text);
/// The problem begins with the path.
[[nodiscard]] Loaded load_results(const std::string& path);

}  // namespace distflow::bench::report
