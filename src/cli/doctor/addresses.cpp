#include <distflow/printable.hpp>

#include <fmt/format.h>

#include <algorithm>

#include "cli/doctor/check.hpp"
#include "cli/node_table.hpp"
#include "io/resolver.hpp"

namespace distflow::cli {
namespace {

constexpr std::size_t kTriedMax = 256;  // nodes: each may take two seconds
constexpr std::size_t kNamedMax = 8;    // findings; the others are counted

}  // namespace

Outcome check_addresses(SystemView& system) {
  const Result<Nodes> nodes = system.nodes();
  if (!nodes) return Outcome::not_checked("no PMD says which nodes there are");
  const bool is_pmd_here = io::is_loopback_host(system.pmd_host());
  Outcome outcome;
  std::size_t unreached_count = 0;
  const std::size_t tried_count = std::min(nodes->size(), kTriedMax);
  for (std::size_t i = 0; i < tried_count; ++i) {
    const protocol::NodeInfo& node = (*nodes)[i];
    const bool is_only_for_its_machine = !is_pmd_here && io::is_loopback_host(node.host);
    const Result<void> connected = is_only_for_its_machine ? Result<void>() : system.connect(node.host, node.port);
    if (connected && !is_only_for_its_machine) continue;
    if (++unreached_count > kNamedMax) continue;
    const std::string name = printable(name_of(node)) + " at " + to_place(node.host, node.port);
    if (is_only_for_its_machine) {
      outcome.findings.push_back({Severity::problem, "Node " + name + " is reached on its own machine only.",
                                  "Set its 'host' to an address of that machine, or 'advertised_host'."});
    } else {
      outcome.findings.push_back({Severity::problem,
                                  "Node " + name + " does not accept: " + connected.error().code.message() + ".",
                                  "Look whether the process still runs, and at its 'host' and 'advertised_host'."});
    }
  }
  if (unreached_count > kNamedMax) {
    outcome.findings.push_back({Severity::problem,
                                fmt::format("{} more nodes are not reached.", unreached_count - kNamedMax),
                                "'distflow nodes' lists them all."});
  }
  outcome.seen = fmt::format("{} of {} nodes accept.", tried_count - unreached_count, tried_count);
  if (tried_count < nodes->size())
    outcome.seen += fmt::format(" The other {} were not tried.", nodes->size() - tried_count);
  return outcome;
}

}  // namespace distflow::cli
