// The results file: all rows of a run and the circumstances, as one JSON object of the format "distflow-bench 1".
//
// Pure functions; any thread.
// Use: std::ofstream(path) << to_json(results);
#pragma once

#include <string>
#include <vector>

#include "bench/director/host_facts.hpp"
#include "bench/director/row.hpp"

namespace distflow::bench {

/// What the system says all processors have done since it started, in its ticks.
struct ProcessorTimes {
  double total = 0;
  double stolen = 0;  ///< by a hypervisor, for others
};

/// Where and when a run was.
struct Circumstances {
  std::string command{};
  std::string date{};  ///< UTC, ISO 8601
  std::string commit{};
  std::string kernel{};
  std::string cpu{};
  unsigned cores = 0;
  double load_before = 0;  ///< the load average of a minute, before anything is measured
  ProcessorTimes times_before{};
  HostFacts host{};  ///< before anything else is measured
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
  double load_while = 0;  ///< the load average of the last minute so far, the contestants' own with it
  double steal = 0;       ///< the share of the time so far that was stolen, 0 to 1
  std::vector<Row> rows{};
};

[[nodiscard]] std::string to_json(const Results& results);

}  // namespace distflow::bench
