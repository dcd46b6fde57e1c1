// `distflow audit`: both ends of each link between nodes, compared: what was lost where, and why.
//
// Blocking for some seconds at most, report_audit() is a pure function; one thread.
// Use: return audit(arguments, client, screen);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/console.hpp"
#include "cli/mesh_stats.hpp"
#include "cli/screen.hpp"

namespace distflow::cli {

/// The messages from one node to another, as both count them.
struct LinkCounts {
  std::string from;                      ///< a nodeId
  std::string to;                        ///< a nodeId, or "(unresolved)" or "(others)"
  std::optional<SendStats> sent;         ///< absent where the sender does not report
  std::optional<ReceiveStats> received;  ///< absent where the receiver does not report
  std::uint64_t queued = 0;

  /// Dropped at either end.
  [[nodiscard]] std::uint64_t lost() const;
  /// Written and not received: under way, or lost with a connection that broke. Absent unless both ends report.
  [[nodiscard]] std::optional<std::uint64_t> between() const;
};

/// The links of the nodes that report, those with most losses first.
[[nodiscard]] std::vector<LinkCounts> links_of(const std::vector<NodeCounts>& nodes);

/// kExitNo when a message was lost, or when there are nodes and none reports.
Report report_audit(const Arguments& arguments, const std::vector<NodeCounts>& nodes, const Screen& screen);

Report audit(const Arguments& arguments, pmd::BlockingClient& client, const Screen& screen);

}  // namespace distflow::cli
