// What the programs say on the standard output and the standard error, and whether it got there.
//
// One thread.
// Use: prepare_console(); return say("distflow", report);
#pragma once

#include <string>

namespace distflow::cli {

struct Report {
  int exit_code = 0;
  std::string out;  ///< for the standard output
  std::string err;  ///< for the standard error
};

/// To be called first. A pipe that nobody reads becomes an error of the write. Where the program was started without
/// one of the three standard descriptors, it gets one that cannot be written to: else the next socket would have that
/// number, and what is to be read by people would go to a peer.
void prepare_console();

/// Writes a report. Its exit code; kExitNotWritten where that would be success, but `out` could not be written whole.
[[nodiscard]] int say(const char* program, const Report& report);

}  // namespace distflow::cli
