// The results file: all rows of a run and the circumstances, as one JSON object of the format "distflow-bench 1".
//
// Pure functions; any thread.
// Use: std::ofstream(path) << to_json(results);
#pragma once

#include <string>
#include <vector>

#include "bench/director/row.hpp"

namespace distflow::bench {

/// Where and when a run was.
struct Circumstances {
  std::string command{};
  std::string date{};  ///< UTC, ISO 8601
  std::string commit{};
  std::string kernel{};
  std::string cpu{};
  unsigned cores = 0;
};

struct RunSettings {
  std::size_t pairs = 10;
  double block_s = 0.5;
  bool pins = true;
  std::string congestion = "reno";
};

struct Results {
  Circumstances circumstances{};
  RunSettings settings{};
  std::vector<Row> rows{};
};

[[nodiscard]] std::string to_json(const Results& results);

}  // namespace distflow::bench
