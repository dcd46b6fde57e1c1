// What `distflow` ends with.
#pragma once

namespace distflow::cli {

inline constexpr int kExitSuccess = 0;
inline constexpr int kExitNo = 1;           ///< The PMD answered, and the answer is no.
inline constexpr int kExitUsage = 2;        ///< The command line was wrong.
inline constexpr int kExitUnreachable = 3;  ///< No PMD could be reached.

}  // namespace distflow::cli
