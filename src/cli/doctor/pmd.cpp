#include <distflow/printable.hpp>

#include <fmt/format.h>

#include "cli/doctor/check.hpp"
#include "cli/doctor/parse.hpp"
#include "cli/node_table.hpp"

namespace distflow::cli {
namespace {

constexpr std::int64_t kVersion = 1;  // of the PMD's protocol: docs/wire-protocol.md
constexpr const char* kElsewhere =
    "Give the PMD and all nodes another port (--port, pmd_port, DISTFLOW_PMD_ADDR), or stop what has this one.";

Outcome explain_absence(SystemView& system, const Error& why, const std::string& place) {
  if (why == Errc::erlang_epmd)
    return Outcome::found(Severity::problem, "Erlang's epmd answers at " + place + ", not a PMD.",
                          std::string(kElsewhere) + " ERL_EPMD_PORT moves epmd.");
  if (why == Errc::not_a_pmd)
    return Outcome::found(Severity::problem, "Another program than a PMD answers at " + place + ".", kElsewhere);
  if (why == Errc::pmd_silent || why == Errc::timed_out)
    return Outcome::found(Severity::problem, "Something listens at " + place + " and does not answer.",
                          "It is a PMD that is stopped or overloaded, or another program: 'ss -ltnp' shows which.");
  if (why.code != std::errc::connection_refused)
    return Outcome::found(Severity::problem, "No PMD can be reached at " + place + ": " + why.code.message() + ".",
                          "Check the host and the network, or give another place with --host and --port.");
  if (const Result<std::string> program = system.pmd_program(); !program)
    return Outcome::found(Severity::problem, "No PMD runs at " + place + ", and its program is not found.",
                          "Set DISTFLOW_PMD to the path of distflow-pmd, or put it beside distflow or on the PATH.");
  return Outcome::fine("No PMD runs at " + place + "; the first node starts one.");
}

/// What the system says of the PMD's process, where it runs on this machine and may be looked at.
void judge_process(SystemView& system, std::int64_t pid, Outcome& outcome) {
  const std::string process = fmt::format("/proc/{}", pid);
  if (const Result<std::string> status = system.read_file(process + "/status")) {
    const std::optional<std::int64_t> user = number_after(*status, "Uid:");
    if (user && *user != system.own_user() && *user != 0) {
      outcome.findings.push_back(
          {Severity::hint, fmt::format("The PMD belongs to user {}, and you are user {}.", *user, system.own_user()),
           "It serves all users of the machine. Only its user and root can end its process."});
    }
  }
  const Result<std::string> program = system.read_link(process + "/exe");
  if (program && program->ends_with(" (deleted)")) {
    outcome.findings.push_back(
        {Severity::hint, "The PMD's program was replaced or removed since the PMD was started.",
         "Start the new one: end the nodes, then 'distflow pmd kill' and 'distflow pmd start'."});
  }
}

}  // namespace

Outcome check_pmd(SystemView& system) {
  const std::string place = to_place(system.pmd_host(), system.pmd_port());
  const Result<Nodes> nodes = system.nodes();
  if (!nodes) return explain_absence(system, nodes.error(), place);
  Outcome outcome = Outcome::fine(fmt::format("A PMD runs at {}; nodes: {}.", place, nodes->size()));
  const Result<protocol::Hello> hello = system.hello();
  if (!hello) {
    outcome.findings.push_back({Severity::hint, "The PMD is one of the TypeScript distflow, or of another make.",
                                "Nodes work with it. They do not share connections or memory, as it names no users."});
    return outcome;
  }
  if (hello->version != kVersion) {
    outcome.findings.push_back(
        {Severity::problem,
         fmt::format("The PMD speaks version {} of the protocol; this program speaks {}.", hello->version, kVersion),
         "Use programs and a PMD of one release."});
  }
  judge_process(system, hello->pid, outcome);
  return outcome;
}

}  // namespace distflow::cli
