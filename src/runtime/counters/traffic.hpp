// The counters of each peer's messages, both ways, and those of the node as a whole.
//
// The loop's thread adds peers and writes what is sent; any thread may read.
//   1. At most kPeersMax peers are counted one by one; all others share one set.
//   2. A Traffic stays where it is as long as its table.
// Use: Traffic& traffic = table.of(node_id); add_owned(traffic.out.accepted, 1);
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/stats.hpp>

#include "base/string_map.hpp"
#include "runtime/counters/counters.hpp"
#include "runtime/counters/drop_log.hpp"

namespace distflow::runtime {

class DeadLetters;

/// Written by the loop's thread alone.
struct SendCounters {
  Counter accepted{0};
  Counter written{0};
  Counter dropped_unreachable{0};
  Counter dropped_connection_lost{0};
  Counter dropped_peer_left{0};
  Counter dropped_unresolved{0};
  Counter dropped_queue_full{0};
  Counter dropped_shutdown{0};
};

struct Traffic {
  std::string node_id;
  SendCounters out;
  PeerCounters in;
  DropLog* drops = nullptr;             ///< null: drops are not logged
  DeadLetters* dead_letters = nullptr;  ///< null: of what is dropped, nothing is kept
  std::uint16_t told = 0;               ///< the drop log's
  bool was_sent_by_id = false;          ///< a message, by another name than the alias that it has

  /// Counts `count` messages to that peer as dropped, and logs it. Loop thread only, as all of this but the counters.
  void note_dropped(Counter SendCounters::*reason, std::uint64_t count, const Attempt* attempt = nullptr) {
    add_owned(out.*reason, count);
    if (drops != nullptr) drops->tell_sent(*this, reason, count, attempt);
  }
  /// The same for published messages that its queue had no room for.
  void note_no_room(std::uint64_t count) {
    add_owned(out.dropped_queue_full, count);
    if (drops != nullptr) drops->tell_no_room(*this, count);
  }
  void on_received_dropped(Counter PeerCounters::*reason, std::uint64_t count) {
    drops->tell_received(*this, reason, count);
  }
};

class TrafficTable {
 public:
  static constexpr std::size_t kPeersMax = 4096;

  /// `drops` logs all drops, and `dead_letters` keeps some of what is dropped; null: nothing does. Both must outlive
  /// the table.
  explicit TrafficTable(DropLog* drops = nullptr, DeadLetters* dead_letters = nullptr);

  /// The counters of that node; those of "(others)" beyond kPeersMax. May throw std::bad_alloc. Loop thread only.
  Traffic& of(std::string_view node_id);
  /// Of messages whose peer is not known yet.
  Traffic& unresolved() { return unresolved_; }

  /// All peers' counters, and their sums. Any thread.
  void snapshot(NodeStats& stats) const;
  /// Calls `visit(PeerStats)` for each peer with messages from place `after` on, until it returns false: then the place
  /// of that one; 0 when all were visited. A peer keeps its place. Any thread.
  template <class Visit>
  std::uint64_t visit(std::uint64_t after, Visit&& visit) const;
  /// Their sums alone, without memory. Any thread.
  void add_up(NodeStats& stats) const;

 private:
  void tell_drops_of(Traffic& traffic) const;
  [[nodiscard]] static PeerStats stats_of(const Traffic& traffic);

  DropLog* const drops_;
  DeadLetters* const dead_letters_;
  mutable std::mutex mutex_;  // for adding to `all_` and walking it
  std::vector<std::unique_ptr<Traffic>> all_;
  base::StringMap<Traffic*> by_id_;  // loop thread only
  Traffic others_;
  Traffic unresolved_;
};

template <class Visit>
std::uint64_t TrafficTable::visit(std::uint64_t after, Visit&& visit) const {
  // Those that are no one peer's come first: more peers may come behind the others.
  constexpr std::uint64_t together = 2;
  const std::scoped_lock lock(mutex_);
  for (std::uint64_t place = after; place < together + all_.size(); ++place) {
    const Traffic& traffic = place == 0 ? unresolved_ : place == 1 ? others_ : *all_[place - together];
    const PeerStats peer = stats_of(traffic);
    if (peer.sent.accepted + peer.received.received > 0 && !visit(peer)) return place;
  }
  return 0;
}

}  // namespace distflow::runtime
