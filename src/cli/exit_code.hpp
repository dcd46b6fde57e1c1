// What the programs end with: one table, which README.md has in words.
//
// `distflow`, `distflow-pmd` and the examples all end with these.
#pragma once

namespace distflow::cli {

inline constexpr int kExitSuccess = 0;
inline constexpr int kExitNo = 1;           ///< The answer is no: not found, refused. A daemon or node did not start.
inline constexpr int kExitUsage = 2;        ///< The command line, or a variable that it goes by, was wrong.
inline constexpr int kExitUnreachable = 3;  ///< No PMD could be reached, or started.
inline constexpr int kExitNotWritten = 4;   ///< It was done, but what is to be said of it could not be written.

}  // namespace distflow::cli
