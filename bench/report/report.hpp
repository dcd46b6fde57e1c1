// What becomes of results files: `distflow-bench report` and `distflow-bench compare`.
//
// One thread. Each gives the exit code of the program, and says on the standard error what is wrong with a file.
// Use: return run_report("run.json", "run.html");
#pragma once

#include <string>

namespace distflow::bench {

inline constexpr int kNothingWorse = 0;
inline constexpr int kSomethingWorse = 1;
inline constexpr int kUnusableFile = 2;

/// Writes the page: 0, or kUnusableFile.
int run_report(const std::string& results_path, const std::string& html_path);

/// Prints what changed from the old file to the new one.
int run_compare(const std::string& old_path, const std::string& new_path);

}  // namespace distflow::bench
