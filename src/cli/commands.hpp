// The commands of `distflow`: each asks or starts a PMD, and says what came of it.
//
// One thread; blocking.
// Use: const Report report = run_command(arguments);
#pragma once

#include "cli/arguments.hpp"
#include "cli/report.hpp"

namespace distflow::cli {

Report run_command(const Arguments& arguments);

}  // namespace distflow::cli
