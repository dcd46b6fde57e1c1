// `distflow nodes --watch`: the nodes, and then each join and leave as the PMD reports it.
//
// Blocking, until SIGINT or SIGTERM, or until the standard output cannot be written.
//   1. A session with the PMD that is lost is sought again. What has changed meanwhile is printed when it is back.
//   2. Without any first session the command ends with the error that `nodes` would have.
// Use: return watch_nodes(arguments, Screen::of_standard_output());
#pragma once

#include "cli/arguments.hpp"
#include "cli/console.hpp"
#include "cli/screen.hpp"

namespace distflow::cli {

Report watch_nodes(const Arguments& arguments, const Screen& screen);

}  // namespace distflow::cli
