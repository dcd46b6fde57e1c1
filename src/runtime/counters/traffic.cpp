#include "runtime/counters/traffic.hpp"

#include "base/room.hpp"

namespace distflow::runtime {
namespace {

void accumulate(SendStats& sum, const SendStats& part) {
  sum.accepted += part.accepted;
  sum.written += part.written;
  sum.dropped_unreachable += part.dropped_unreachable;
  sum.dropped_connection_lost += part.dropped_connection_lost;
  sum.dropped_peer_left += part.dropped_peer_left;
  sum.dropped_unresolved += part.dropped_unresolved;
  sum.dropped_queue_full += part.dropped_queue_full;
  sum.dropped_shutdown += part.dropped_shutdown;
}

void accumulate(ReceiveStats& sum, const ReceiveStats& part) {
  sum.received += part.received;
  sum.handled += part.handled;
  sum.dropped_mailbox_newest += part.dropped_mailbox_newest;
  sum.dropped_mailbox_oldest += part.dropped_mailbox_oldest;
  sum.dropped_shutdown += part.dropped_shutdown;
  sum.conflated += part.conflated;
}

}  // namespace

SendStats SendCounters::snapshot() const {
  return {.accepted = read(accepted),
          .written = read(written),
          .dropped_unreachable = read(dropped_unreachable),
          .dropped_connection_lost = read(dropped_connection_lost),
          .dropped_peer_left = read(dropped_peer_left),
          .dropped_unresolved = read(dropped_unresolved),
          .dropped_queue_full = read(dropped_queue_full),
          .dropped_shutdown = read(dropped_shutdown)};
}

ReceiveStats snapshot(const PeerCounters& counters) {
  return {.received = read(counters.received),
          .handled = read(counters.handled),
          .dropped_mailbox_newest = read(counters.dropped_mailbox_newest),
          .dropped_mailbox_oldest = read(counters.dropped_mailbox_oldest),
          .dropped_shutdown = read(counters.dropped_shutdown),
          .conflated = read(counters.conflated)};
}

TrafficTable::TrafficTable(DropLog* drops) : drops_(drops) {
  others_.node_id = "(others)";
  unresolved_.node_id = "(unresolved)";
  tell_drops_of(others_);
  tell_drops_of(unresolved_);
}

void TrafficTable::tell_drops_of(Traffic& traffic) const {
  if (drops_ == nullptr) return;
  traffic.drops = drops_;
  traffic.in.on_drop =
      base::Delegate<void(Counter PeerCounters::*, std::uint64_t)>::to<&Traffic::on_received_dropped>(traffic);
}

Traffic& TrafficTable::of(std::string_view node_id) {
  if (const auto found = by_id_.find(node_id); found != by_id_.end()) return *found->second;
  if (by_id_.size() == kPeersMax) return others_;
  auto traffic = std::make_unique<Traffic>();
  traffic->node_id = node_id;
  tell_drops_of(*traffic);
  Traffic& added = *traffic;
  const std::scoped_lock lock(mutex_);
  base::make_room(all_, all_.size() + 1);
  by_id_.emplace(node_id, &added);
  all_.push_back(std::move(traffic));
  return added;
}

void TrafficTable::add_up(NodeStats& stats) const {
  const auto take = [&stats](const Traffic& traffic) {
    accumulate(stats.sent, traffic.out.snapshot());
    accumulate(stats.received, runtime::snapshot(traffic.in));
  };
  const std::scoped_lock lock(mutex_);
  for (const auto& traffic : all_) take(*traffic);
  take(others_);
  take(unresolved_);
}

void TrafficTable::snapshot(NodeStats& stats) const {
  const auto take = [&stats](const Traffic& traffic) {
    PeerStats peer{
        .node_id = traffic.node_id, .sent = traffic.out.snapshot(), .received = runtime::snapshot(traffic.in)};
    accumulate(stats.sent, peer.sent);
    accumulate(stats.received, peer.received);
    if (peer.sent.accepted + peer.received.received > 0) stats.peers.push_back(std::move(peer));
  };
  const std::scoped_lock lock(mutex_);
  for (const auto& traffic : all_) take(*traffic);
  take(others_);
  take(unresolved_);
}

}  // namespace distflow::runtime
