// `distflow node NAME`: the counters of one node and of its peers, with the sums that have to hold between them.
//
// Blocking for some seconds at most; one thread.
// Use: return node_page(arguments, client, screen);
#pragma once

#include <map>
#include <string>

#include "cli/arguments.hpp"
#include "cli/console.hpp"
#include "cli/mesh_stats.hpp"
#include "cli/screen.hpp"

namespace distflow::cli {

/// kExitNo when there is no such node, when it does not report its counters, and when a sum does not hold.
Report node_page(const Arguments& arguments, pmd::BlockingClient& client, const Screen& screen);

/// Of a node that is asked for by name and does not report its counters.
Report report_untold(const Arguments& arguments, const NodeCounts& counts);

/// By nodeId, what people call a node.
using NodeNames = std::map<std::string, std::string>;
[[nodiscard]] NodeNames names_of(const Nodes& nodes);

/// The text or the JSON of it.
Report report_node(const Arguments& arguments, const NodeCounts& counts, const NodeNames& names, const Screen& screen);

}  // namespace distflow::cli
