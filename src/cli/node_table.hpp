// The nodes of a registry for people: one line a node, and what a pattern and a page leave of them.
//
// Pure functions except to_user(), which asks the system; one thread. What others have named is escaped.
// Use: const NodeSelection selection = select_nodes(nodes, arguments.nodes);
//      out += node_table(selection.nodes, now_ms).text(screen);
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/table.hpp"
#include "protocol/pmd_node.hpp"

namespace distflow::cli {

using Nodes = std::vector<protocol::NodeInfo>;

struct NodeSelection {
  Nodes nodes;                     ///< of this page, in the order of their names
  std::size_t matching_count = 0;  ///< that the pattern matches, on this page or not
  std::size_t left_count = 0;      ///< that match and come after this page
};

/// What `query` leaves of them. A pattern matches a node by its alias or its nodeId.
[[nodiscard]] NodeSelection select_nodes(Nodes nodes, const NodesQuery& query);

/// Columns: name, address, age of the last heartbeat, user, nodeId, meta.
[[nodiscard]] Table node_table(const Nodes& nodes, std::int64_t now_ms);

[[nodiscard]] bool matches_pattern(std::string_view pattern, const protocol::NodeInfo& node);

/// The alias; the nodeId of a node without one.
[[nodiscard]] const std::string& name_of(const protocol::NodeInfo& node);

/// "host:port", fit to print; an IPv6 address in brackets.
[[nodiscard]] std::string to_place(std::string_view host, std::uint16_t port);

/// "7s", "3m", "5h", "12d"; "?" where `now_ms` is earlier, as with another machine's clock.
[[nodiscard]] std::string to_age(std::int64_t then_ms, std::int64_t now_ms);

}  // namespace distflow::cli
