// `distflow ask NAME JSON`: asks a node, and prints its reply.
//
// Blocking, for --timeout at most and what a node needs to start and to end.
// Use: return ask(arguments);
#pragma once

#include "cli/arguments.hpp"
#include "cli/console.hpp"

namespace distflow::cli {

/// kExitNo when there is no reply; the error says why, by its name in AskError.
Report ask(const Arguments& arguments);

}  // namespace distflow::cli
