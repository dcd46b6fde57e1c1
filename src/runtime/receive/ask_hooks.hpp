// Who takes the requests and replies that come: what the receive room knows of the room that has them (runtime/ask).
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

/// A reply, or the word that there is none, and what it came on.
struct IncomingReply {
  const Mail& mail;  ///< its sender is what it claims to be
  const protocol::AskMembers& members;
  const transport::Connection& connection;
  const Carrier* carrier;      ///< the same, if a peer has opened it; else null
  std::string_view opened_to;  ///< the nodeId that this node has opened it to; empty if a peer has opened it
};

struct AskHooks {
  // The loop's thread.
  base::Delegate<void(const IncomingReply& reply)> on_reply{};
  /// Of a request that nobody waits for any more.
  base::Delegate<void()> on_cancel{};
  /// A request has come; handle(), refuse() or drop() follows once.
  base::Delegate<void()> on_request{};
  /// It has not: its connection waits with it, for room.
  base::Delegate<void()> on_request_blocked{};
  /// There is no room for it.
  base::Delegate<void(const Mail& mail)> refuse{};
  /// So many requests are dropped at the node's end.
  base::Delegate<void(std::size_t count)> drop{};

  // The thread that handlers run on.
  base::Delegate<void(const Mail& mail)> handle{};
  /// Messages wait, and there is no handler: hands out those that somebody waits for. Without a second thread only.
  base::Delegate<void()> hand_out{};
  /// Calls back for what has ended; says whether there was anything. With a second thread only.
  base::Delegate<bool()> call_back{};
  /// Whether there is anything to call back for. With a second thread only; any thread.
  base::Delegate<bool()> has_ended{};
};

}  // namespace distflow::runtime
