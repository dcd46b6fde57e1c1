// One check of `distflow doctor`: what it asks, and what came of it.
//
// Values and functions; one thread.
// Use: const Outcome outcome = check.run(system);
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/doctor/system_view.hpp"

namespace distflow::cli {

enum class Severity {
  problem,  ///< something does not work, or will not
  hint,     ///< it works, and could be faster or clearer
};

struct Finding {
  Severity severity = Severity::problem;
  std::string what;    ///< one sentence, fit to print
  std::string remedy;  ///< what to do
};

struct Outcome {
  std::vector<Finding> findings;
  std::string seen;       ///< what the check saw, for a person; may be empty
  std::string unchecked;  ///< why it could not be made; empty when it was

  static Outcome fine(std::string seen) { return {.findings = {}, .seen = std::move(seen), .unchecked = {}}; }
  static Outcome found(Severity severity, std::string what, std::string remedy) {
    return {.findings = {{severity, std::move(what), std::move(remedy)}}, .seen = {}, .unchecked = {}};
  }
  static Outcome not_checked(std::string why) { return {.findings = {}, .seen = {}, .unchecked = std::move(why)}; }
};

struct Check {
  const char* name;  ///< one word or two with a hyphen; kept from release to release
  Outcome (*run)(SystemView& system);
};

// Each in the file of its name.
Outcome check_pmd(SystemView& system);          ///< none, a stranger, one of another version, user or installation
Outcome check_addresses(SystemView& system);    ///< registered nodes that nobody reaches
Outcome check_clock(SystemView& system);        ///< a clock that was set while the PMD ran
Outcome check_locks(SystemView& system);        ///< lock files that killed processes have left
Outcome check_ipv6(SystemView& system);         ///< ::1
Outcome check_descriptors(SystemView& system);  ///< this shell's and the system's
Outcome check_ports(SystemView& system);        ///< ephemeral ports: how many, how many in use, the PMD's among them
Outcome check_memory(SystemView& system);       ///< shared memory, and /proc, through which it is opened
Outcome check_uring(SystemView& system);        ///< io_uring
Outcome check_congestion(SystemView& system);   ///< TCP that paces on loopback
Outcome check_load(SystemView& system);         ///< a busy machine

}  // namespace distflow::cli
