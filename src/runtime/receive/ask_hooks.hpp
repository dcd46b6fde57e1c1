// The calls from the receive room to the room of requests and replies (runtime/ask), which lies above it.
//
// Values; each says which thread calls it. None of them throws.
// Use: AskHooks hooks{.on_reply = ...}; reader_parts.asks = &hooks; delivery.set_asks(hooks);
#pragma once

#include <string_view>

#include "base/delegate.hpp"
#include "protocol/ask_members.hpp"
#include "runtime/receive/mail.hpp"
#include "transport/connection.hpp"

namespace distflow::runtime {

class Carrier;

/// A reply, or the error word in its place, and the connection that it came on.
struct IncomingReply {
  const Mail& mail;  ///< its sender is a claim
  const protocol::AskMembers& members;
  const transport::Connection& connection;
  const Carrier* carrier;      ///< the same, if a peer has opened it; else null
  std::string_view opened_to;  ///< the nodeId that this node has opened it to; empty if a peer has opened it
};

struct AskHooks {
  // The loop's thread.
  base::Delegate<void(const IncomingReply& reply)> on_reply{};
  /// Whether that node is believed to have opened that connection.
  base::Delegate<bool(const Carrier& carrier, std::string_view node_id)> is_opener{};
  /// A peer no longer waits for the answer to its request.
  base::Delegate<void()> on_cancel{};
  /// A request has come; handle(), refuse() or drop() follows once.
  base::Delegate<void()> on_request{};
  /// It has not: its connection waits with it, for room.
  base::Delegate<void()> on_request_blocked{};
  /// There is no room for it.
  base::Delegate<void(const Mail& mail)> refuse{};
  /// So many requests are dropped, because the node ends.
  base::Delegate<void(std::size_t count)> drop{};

  // The thread that handlers run on.
  base::Delegate<void(const Mail& mail, const protocol::AskMembers& members)> handle{};
  /// Whether there is no handler of requests, and one is about to be set.
  base::Delegate<bool()> awaits_handler{};
  /// Messages wait, and there is no handler: hands out those that somebody waits for. Without a second thread only.
  base::Delegate<void()> hand_out{};
  /// Calls back for what has ended; returns whether there was anything. With a second thread only.
  base::Delegate<bool()> call_back{};
  /// Whether call_back() would find any. With a second thread only; any thread.
  base::Delegate<bool()> has_ended{};
};

}  // namespace distflow::runtime
