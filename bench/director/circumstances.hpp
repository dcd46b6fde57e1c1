// Where and when a run is: the machine, its system, the commit.
//
// One thread, the director's: it asks git.
// Use: Circumstances now = observe_circumstances(folder_of_this_program(), "distflow-bench peers");
#pragma once

#include <string>

#include "bench/director/results.hpp"

namespace distflow::bench {

/// Where distflow-bench and the contestants lie.
[[nodiscard]] std::string folder_of_this_program();

/// Since the system started; zeros where it does not say.
[[nodiscard]] ProcessorTimes processor_times();

/// The system's load average of one minute; 0 where it has none.
[[nodiscard]] double load_average();

/// The share of the time from then to now that was stolen.
[[nodiscard]] double steal_since(const ProcessorTimes& before);

/// `folder` lies in the work tree whose commit is meant; "unknown" if there is none.
[[nodiscard]] Circumstances observe_circumstances(const std::string& folder, std::string command);

}  // namespace distflow::bench
