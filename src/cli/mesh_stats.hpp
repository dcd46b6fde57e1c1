// The counters of nodes, as they tell them through their PMD, for `distflow node`, `top` and `audit`.
//
// Values, and one call that asks; one thread. What nodes tell is not trusted: what is missing is zero.
// Use: const std::vector<NodeCounts> all = read_counts(client, nodes);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <distflow/stats.hpp>

#include "cli/arguments.hpp"
#include "cli/node_table.hpp"
#include "pmd/client/client_blocking.hpp"

namespace distflow::cli {

/// What one node tells of another.
struct PeerCounts {
  std::string node_id;
  std::string via;           ///< "memory", "tcp" or "none": how it is sent to now
  std::uint64_t queued = 0;  ///< messages that wait to be sent to it
  SendStats sent;
  ReceiveStats received;
};

struct NodeCounts {
  protocol::NodeInfo node;
  std::string why_untold;   ///< empty: it has told them
  std::uint64_t at_us = 0;  ///< by a clock of the node's machine that only goes forward
  std::uint64_t queued = 0;
  SendStats sent;
  ReceiveStats received;
  std::uint64_t mailbox_size = 0;
  std::uint64_t mailbox_high_water = 0;
  std::uint64_t parked = 0;
  std::uint64_t cpu_us = 0;
  std::string json;  ///< of the node alone, as it came
  std::vector<PeerCounts> peers;

  [[nodiscard]] bool is_told() const { return why_untold.empty(); }
};

/// Of each of `nodes`, in their order.
[[nodiscard]] std::vector<NodeCounts> read_counts(pmd::BlockingClient& client, const Nodes& nodes);

/// A part of what a node tells, added to what is there; whether it can be read. `next` is the part to ask for then, or
/// 0.
[[nodiscard]] bool take_part(std::string_view json, NodeCounts& counts, std::uint64_t& next);

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
