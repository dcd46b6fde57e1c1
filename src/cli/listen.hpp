// `distflow listen --as NAME`: a node that prints each message that it gets as one line of JSON.
//
// Blocking, until SIGINT or SIGTERM, until --count messages were printed, or until the standard output cannot be
// written. A slow reader of the standard output holds the senders back: no message is dropped for it.
// Use: return listen(arguments);
#pragma once

#include "cli/arguments.hpp"
#include "cli/console.hpp"

namespace distflow::cli {

Report listen(const Arguments& arguments);

}  // namespace distflow::cli
