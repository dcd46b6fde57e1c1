// `distflow ping NAME`: how long a frame takes to a node and back, without its application's code.
//
// Blocking, for --timeout and --count times --interval at most; one thread. Knows the wire only: it is no node, and is
// registered nowhere.
// Use: return ping(arguments, client);
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.hpp"
#include "cli/arguments.hpp"
#include "cli/console.hpp"
#include "pmd/client/client_blocking.hpp"

namespace distflow::cli {

/// kExitNo unless as many pings were answered as were asked for.
Report ping(const Arguments& arguments, pmd::BlockingClient& client);

/// The value that `percent` of `times` do not exceed: the least such one of them. `times` is sorted, and not empty.
[[nodiscard]] base::Duration percentile(const std::vector<base::Duration>& times, unsigned percent);

struct Pings {
  std::uint64_t asked = 0;            ///< how many the user wants
  std::uint64_t sent = 0;             ///< fewer where the connection has ended
  std::vector<base::Duration> times;  ///< round trips of those that were answered
};

/// The text or the JSON of it.
Report report_ping(const Arguments& arguments, const protocol::NodeInfo& node, Pings pings);

}  // namespace distflow::cli
