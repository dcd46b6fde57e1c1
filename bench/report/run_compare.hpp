// `distflow-bench compare`: what became better or worse from one results file to another.
//
// One thread. Says on the standard error what is wrong with a file.
// Use: return run_compare("old.json", "new.json");
#pragma once

#include <string>

namespace distflow::bench {

// The exit codes of the program.
inline constexpr int kNothingWorse = 0;
inline constexpr int kSomethingWorse = 1;
inline constexpr int kUnusableFile = 2;

/// Prints what changed from the old file to the new one.
int run_compare(const std::string& old_path, const std::string& new_path);

}  // namespace distflow::bench
