#include "cli/doctor/check.hpp"
#include "cli/doctor/parse.hpp"

namespace distflow::cli {

Outcome check_ipv6(SystemView& system) {
  constexpr const char* remedy =
      "Nothing of distflow needs it. A program that takes 'localhost' for ::1 alone must be given 127.0.0.1.";
  const Result<std::string> addresses = system.read_file("/proc/net/if_inet6");
  if (!addresses) {
    if (!system.read_file("/proc/self/stat")) return Outcome::not_checked("/proc cannot be read");
    return Outcome::found(Severity::hint, "This kernel has no IPv6.", remedy);
  }
  for (const std::string_view line : lines_in(*addresses)) {
    if (line.starts_with("00000000000000000000000000000001 ")) return Outcome::fine("::1 is there.");
  }
  return Outcome::found(Severity::hint, "The loopback interface has no IPv6 address (::1).", remedy);
}

}  // namespace distflow::cli
