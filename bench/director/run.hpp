// A run: the rows of a command, one contest after the other, printed as they come and kept in the results file.
//
// One thread, the director's.
// Use: return run(arguments);
#pragma once

#include "bench/director/arguments.hpp"

namespace distflow::bench {

/// The exit code: 0 if all rows were measured, 1 if some were not.
int run(const Arguments& arguments);

}  // namespace distflow::bench
