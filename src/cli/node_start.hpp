// What `listen` and `send` share: a node on the command line's PMD, and what is said when it does not start.
//
// One thread.
// Use: auto node = NodeRuntime::start(node_options(arguments)); if (!node) return report_start_error(arguments,
// node.error());
#pragma once

#include <distflow/error.hpp>
#include <distflow/node_options.hpp>

#include "cli/arguments.hpp"
#include "cli/console.hpp"

namespace distflow::cli {

[[nodiscard]] NodeOptions node_options(const Arguments& arguments);

/// kExitNo when the node was refused, as for an alias in use; kExitUnreachable when there is no PMD for it.
[[nodiscard]] Report report_start_error(const Arguments& arguments, const StartError& error);

}  // namespace distflow::cli
