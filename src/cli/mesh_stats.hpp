// The counters of nodes, as they report them through their PMD, for `distflow node`, `top` and `audit`.
//
// Values, and one call that asks; one thread. What nodes report is not trusted:
//   1. What is missing is zero.
//   2. Reading ends at its time, by an answer at the latest, and when it is told to.
//   3. At most kPeersMax peers of a node are kept, and kPeersOfAllMax in all: who reports more is shown as untold.
// Use: const std::vector<NodeCounts> all = read_counts(client, nodes, {.until = io::system_now() + timeout});
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <distflow/stats.hpp>

#include "base/time.hpp"
#include "cli/arguments.hpp"
#include "cli/node_table.hpp"
#include "pmd/client/client_blocking.hpp"
#include "runtime/counters/traffic.hpp"

namespace distflow::cli {

/// What one node reports on another.
struct PeerCounts {
  std::string node_id;
  std::string via;           ///< "memory", "tcp" or "none": how it is sent to now
  std::uint64_t queued = 0;  ///< messages that wait to be sent to it
  SendStats sent;
  ReceiveStats received;
};

struct NodeCounts {
  protocol::NodeInfo node;
  std::string why_untold;   ///< empty: it has reported them
  std::uint64_t at_us = 0;  ///< by a clock of the node's machine that only goes forward
  std::uint64_t queued = 0;
  SendStats sent;
  ReceiveStats received;
  std::uint64_t mailbox_size = 0;
  std::uint64_t mailbox_high_water = 0;
  std::uint64_t parked = 0;
  std::uint64_t cpu_us = 0;
  std::optional<LatencyStats> latency;  ///< none: of a release that does not report them, or there was no room
  std::string json;                     ///< of the node alone, as it came
  std::vector<PeerCounts> peers;

  [[nodiscard]] bool is_told() const { return why_untold.empty(); }
};

/// Those that a node counts one by one, and its two rows of all others.
inline constexpr std::size_t kPeersMax = runtime::TrafficTable::kPeersMax + 2;
inline constexpr std::size_t kPeersOfAllMax = 256 * kPeersMax;

/// How far read_counts() goes. What is not reported by then is untold.
struct ReadingBounds {
  base::Instant until;                         ///< nothing further is asked after that
  const std::atomic<bool>* is_over = nullptr;  ///< nor once it is true
  bool are_peers_read = true;                  ///< else a node is asked once, and its peers are left out
};
/// BlockingClient::stats(), or what stands for it.
using AskForStats = std::function<std::vector<Result<pmd::ToldStats>>(const std::vector<pmd::StatsQuestion>&)>;

/// Of each of `nodes`, in their order.
[[nodiscard]] std::vector<NodeCounts> read_counts(const AskForStats& ask, const Nodes& nodes,
                                                  const ReadingBounds& bounds);
[[nodiscard]] std::vector<NodeCounts> read_counts(pmd::BlockingClient& client, const Nodes& nodes,
                                                  const ReadingBounds& bounds);

/// A part of what a node reports, added to what is there; whether it can be read. A peer without a name is passed over.
/// `next` is the part to ask for then, or 0.
[[nodiscard]] bool take_part(std::string_view json, NodeCounts& counts, std::uint64_t& next);

/// "900 ns", "1.3 us", "20.0 ms", "1.5 s".
[[nodiscard]] std::string latency_text(std::uint64_t ns);

/// A sum that has to hold between counters.
struct Law {
  const char* name;      ///< "sent" or "received"
  std::int64_t missing;  ///< messages that are counted on the left side and not on the right; below 0: the reverse

  [[nodiscard]] bool holds() const { return missing == 0; }
};

/// Of messages to others: accepted = written + queued + dropped.
[[nodiscard]] Law law_of_sent(const SendStats& sent, std::uint64_t queued);
/// Of messages from others: received = handled + waiting + conflated + dropped, where those that are being handled are
/// among the waiting: only too many on the right side break it.
[[nodiscard]] Law law_of_received(const ReceiveStats& received, std::uint64_t waiting);
/// Messages that wait for a handler or are being handled.
[[nodiscard]] std::uint64_t waiting_of(const ReceiveStats& received);

/// "3 unreachable, 1 peer_left": what was dropped, by the names of the counters; "-" where nothing was.
[[nodiscard]] std::string drops_text(const SendStats& sent);
[[nodiscard]] std::string drops_text(const ReceiveStats& received);
/// The same as the members of a JSON object.
[[nodiscard]] std::string drops_json(const SendStats& sent);
[[nodiscard]] std::string drops_json(const ReceiveStats& received);

}  // namespace distflow::cli
