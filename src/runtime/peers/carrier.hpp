// A connection that a peer has opened to here, as a way to send to that peer (docs/wire-protocol.md, "One connection
// for both directions"); and those of all peers.
//
// Loop thread only.
//   1. A carrier is open to one node, or to nobody: to the node that its opener is believed to be, until it ends.
//   2. At most one link sends on a carrier at a time. What it has sent is counted, whether it still does so or not.
//   3. What has left gives its credit back, whether the link sends here or not.
//   4. A link is notified once that its carrier is gone, and holds it no longer than until then. It learns what it has
//      sent here that is dropped, before and after (LeftWays).
// Use: Carrier carrier(connection);   // by the owner of the connection
//      carrier.open_to(carriers, node_id);
//      carrier.bear(credit); carrier.lend(link, traffic); carrier.connection().send(run); ...
//      carrier.give_back(reason);   // by a link
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/string_map.hpp"
#include "runtime/counters/traffic.hpp"
#include "runtime/peers/left_ways.hpp"
#include "runtime/peers/send_credit.hpp"
#include "transport/connection.hpp"

namespace distflow::runtime {

class Carrier;
class Link;

/// The carriers that are open to a node, the latest of each. Must outlive them.
class Carriers {
 public:
  /// Null where there is none.
  [[nodiscard]] Carrier* find(std::string_view node_id) const {
    const auto found = by_node_id_.find(node_id);
    return found == by_node_id_.end() ? nullptr : found->second;
  }
  /// Carriers that links have left; and own connections of links.
  LeftWays left;

 private:
  friend Carrier;
  base::StringMap<Carrier*> by_node_id_;
};

class Carrier {
 public:
  explicit Carrier(transport::Connection& connection) : connection_(connection) {}
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;
  ~Carrier() { DF_ASSERT(link_ == nullptr && opener().empty()); }

  [[nodiscard]] transport::Connection& connection() { return connection_; }
  [[nodiscard]] bool is_lent() const { return link_ != nullptr && !is_put_off_; }
  /// Whether a link has ever sent here: then some of it may still be queued.
  [[nodiscard]] bool was_lent() const { return open_ != nullptr && open_->traffic != nullptr; }
  /// The nodeId that the opener is believed to have; empty: it is open to nobody.
  [[nodiscard]] std::string_view opener() const {
    return open_ == nullptr || open_->is_gone ? std::string_view() : std::string_view(open_->node_id);
  }

  /// True once: whether it is open to somebody is decided when its connection has opened, and never again.
  [[nodiscard]] bool is_to_be_decided() { return !std::exchange(is_decided_, true); }
  /// The opener is believed to be that node. Once. May throw std::bad_alloc, and has done nothing then.
  void open_to(Carriers& carriers, std::string_view node_id);

  /// The link answers the opener's question later, and is notified if the connection ends before. Null: the question is
  /// answered.
  void put_off_for(Link* link) {
    DF_ASSERT(!is_lent());
    link_ = link;
    is_put_off_ = link != nullptr;
  }

  // For a link.
  /// All frames that are queued here, now and later, count against that credit. Before the link queues any.
  void bear(const std::shared_ptr<SendCredit>& credit);
  void lend(Link& link, Traffic& traffic) {
    DF_ASSERT(!is_lent() && open_ != nullptr);
    link_ = &link;
    open_->traffic = &traffic;
    open_->drop_reason = &SendCounters::dropped_connection_lost;
  }
  /// The link sends no more here. Queued frames still leave; those that cannot are counted in `drop_reason`.
  void give_back(Counter SendCounters::*drop_reason) {
    link_ = nullptr;
    open_->drop_reason = drop_reason;
  }

  // For the owner of the connection.
  void note_dropping(std::span<const io::Piece> pieces, std::size_t bytes_sent);
  void note_sent(const transport::DepartedFrames& departed);
  /// The connection is closed, or is about to be: it is open to nobody, and the link sends elsewhere.
  void note_gone();
  /// What is wrong between two turns; null when nothing is. For the simulator and tests (link_invariants.cpp).
  [[nodiscard]] const char* broken_invariant() const;

 private:
  struct Open {
    Carriers& carriers;
    std::string node_id;
    bool is_gone = false;
    Traffic* traffic = nullptr;            // of the link that sends here, or did last
    std::shared_ptr<SendCredit> credit{};  // of the same: of all that is queued here
    Counter SendCounters::*drop_reason = nullptr;
    std::uint64_t before = 0;  // frames queued here that are not of the link since it was lent last
  };

  transport::Connection& connection_;
  bool is_decided_ = false;
  bool is_put_off_ = false;
  std::unique_ptr<Open> open_;  // to somebody, now or before; of its own, as most connections never are
  Link* link_ = nullptr;        // that sends here, or that has the opener's question to be answered
};

}  // namespace distflow::runtime
