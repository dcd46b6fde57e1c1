// A connection that a peer has opened to here, as a way to send to that peer (docs/wire-protocol.md, "Sharing a
// connection").
//
// Loop thread only.
//   1. At most one link sends on a carrier at a time. What it has sent is counted, whether it still does so or not.
//   2. A link is told once that its carrier is gone, and holds it no longer than until then.
// Use: Carrier carrier(connection);   // by whoever has the connection
//      carrier.lend(link, traffic); carrier.connection().send(run); ... carrier.give_back(reason);   // by a link
#pragma once

#include <cstdint>
#include <utility>

#include "runtime/traffic.hpp"
#include "transport/connection.hpp"

namespace distflow::runtime {

class Link;

class Carrier {
 public:
  Carrier(transport::Connection& connection, bool is_near) : connection_(connection), is_near_(is_near) {}
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;
  ~Carrier() { DF_ASSERT(link_ == nullptr); }

  [[nodiscard]] transport::Connection& connection() { return connection_; }
  /// Whether the peer is of this machine.
  [[nodiscard]] bool is_near() const { return is_near_; }
  [[nodiscard]] bool is_lent() const { return link_ != nullptr; }
  /// Whether a link has ever sent here: then some of it may still be queued.
  [[nodiscard]] bool was_lent() const { return traffic_ != nullptr; }

  // For a link.
  void lend(Link& link, Traffic& traffic) {
    DF_ASSERT(!is_lent());
    link_ = &link;
    traffic_ = &traffic;
    drop_reason_ = &SendCounters::dropped_connection_lost;
  }
  /// Nothing more is sent here. What is queued still leaves; if it cannot, it is counted in `drop_reason`.
  void give_back(Counter SendCounters::*drop_reason) {
    link_ = nullptr;
    drop_reason_ = drop_reason;
  }

  // For whoever has the connection.
  void note_sent(std::uint32_t sent, std::uint32_t dropped) {
    if (traffic_ == nullptr) return;
    add_owned(traffic_->out.written, sent);
    if (dropped > 0) traffic_->note_dropped(drop_reason_, dropped);
  }
  /// The connection is closed, or is about to be: the link sends elsewhere.
  void note_gone();

 private:
  transport::Connection& connection_;
  const bool is_near_;
  Link* link_ = nullptr;
  Traffic* traffic_ = nullptr;  // of the link that sends here, or did last
  Counter SendCounters::*drop_reason_ = nullptr;
};

}  // namespace distflow::runtime
