// `distflow metrics`: the figures of the PMD and of its nodes as Prometheus reads them (text format 0.0.4).
//
// One thread; blocking. A node's samples have the labels node, its nodeId, and alias, both as printable() has them;
// what it does not report has no sample.
// Use: const Report report = metrics(arguments, client);
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/mesh_stats.hpp"
#include "cli/report.hpp"
#include "pmd/client/client_blocking.hpp"

namespace distflow::cli {

/// What a PMD says of itself.
struct PmdFigures {
  std::size_t node_count = 0;
  std::optional<std::int64_t> start_time_ms;  ///< since the Unix epoch; none: a PMD of another make
};

/// `pmd` is absent where one node is asked for. Nodes that do not report are left out.
[[nodiscard]] std::string metrics_text(const std::optional<PmdFigures>& pmd, const std::vector<NodeCounts>& nodes);

/// Of all nodes, or of the one that `arguments` name. Who is left out, and why, is in Report::err.
Report metrics(const Arguments& arguments, pmd::BlockingClient& client);

}  // namespace distflow::cli
