// `distflow top`: all nodes of a mesh with what they send and receive, what waits, what is dropped and why.
//
// Blocking: until SIGINT or SIGTERM, or for --count rounds. report_top() is a pure function; one thread.
// Use: return top(arguments, client, screen);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/console.hpp"
#include "cli/mesh_stats.hpp"
#include "cli/screen.hpp"

namespace distflow::cli {

/// What `--sort` takes, the first by default.
[[nodiscard]] const std::vector<std::string>& top_columns();

/// Asks and prints once every --interval. On a terminal it goes on until it is told to end; elsewhere --count is 1 by
/// default.
Report top(const Arguments& arguments, pmd::BlockingClient& client, const Screen& screen);

/// One round: rates are from the difference to `before`, which holds any nodes in any order.
[[nodiscard]] std::string report_top(const Arguments& arguments, const std::vector<NodeCounts>& before,
                                     const std::vector<NodeCounts>& now, const Screen& screen);

}  // namespace distflow::cli
