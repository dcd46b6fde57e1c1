#include <distflow/printable.hpp>

#include <algorithm>

#include "cli/doctor/check.hpp"
#include "cli/doctor/parse.hpp"

namespace distflow::cli {

// BBR sends at a pace that it derives from round trips: on loopback it holds back what could leave at once. Nodes ask
// for "reno" on loopback, which a process without rights gets only where the system allows it (tcp(7)).
Outcome check_congestion(SystemView& system) {
  constexpr const char* folder = "/proc/sys/net/ipv4/";
  const Result<std::string> used = system.read_file(std::string(folder) + "tcp_congestion_control");
  if (!used) return Outcome::not_checked("the congestion control of TCP cannot be read");
  const std::vector<std::string_view> names = words_in(*used);
  const std::string name = names.empty() ? "" : printable(names[0]);
  if (!name.starts_with("bbr")) return Outcome::fine("TCP uses " + name + ", which does not pace.");
  const std::string allowed = system.read_file(std::string(folder) + "tcp_allowed_congestion_control").value_or("");
  const std::vector<std::string_view> choice = words_in(allowed);
  if (system.own_user() == 0 || std::find(choice.begin(), choice.end(), "reno") != choice.end())
    return Outcome::fine("TCP uses " + name + "; nodes use reno on loopback.");
  return Outcome::found(Severity::hint,
                        "TCP uses " + name + ", which paces on loopback, and nodes may not choose another.",
                        "Add reno to the sysctl net.ipv4.tcp_allowed_congestion_control.");
}

}  // namespace distflow::cli
