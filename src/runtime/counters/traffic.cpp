#include "runtime/counters/traffic.hpp"

#include "base/room.hpp"
#include "runtime/counters/counter_table.hpp"

namespace distflow::runtime {
namespace {

SendStats snapshot(const SendCounters& counters) {
  SendStats stats;
  take(kSendCounters, counters, stats);
  return stats;
}

ReceiveStats snapshot(const PeerCounters& counters) {
  ReceiveStats stats;
  take(kReceiveCounters, counters, stats);
  return stats;
}

void accumulate(NodeStats& sum, const SendStats& sent, const ReceiveStats& received) {
  runtime::accumulate(kSendCounters, sent, sum.sent);
  runtime::accumulate(kReceiveCounters, received, sum.received);
}

}  // namespace

TrafficTable::TrafficTable(DropLog* drops, DeadLetters* dead_letters) : drops_(drops), dead_letters_(dead_letters) {
  others_.node_id = "(others)";
  unresolved_.node_id = "(unresolved)";
  tell_drops_of(others_);
  tell_drops_of(unresolved_);
}

void TrafficTable::tell_drops_of(Traffic& traffic) const {
  traffic.dead_letters = dead_letters_;
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
    accumulate(stats, runtime::snapshot(traffic.out), runtime::snapshot(traffic.in));
  };
  const std::scoped_lock lock(mutex_);
  for (const auto& traffic : all_) take(*traffic);
  take(others_);
  take(unresolved_);
}

PeerStats TrafficTable::stats_of(const Traffic& traffic) {
  return {
      .node_id = traffic.node_id, .sent = runtime::snapshot(traffic.out), .received = runtime::snapshot(traffic.in)};
}

void TrafficTable::snapshot(NodeStats& stats) const {
  const auto take = [&stats](const Traffic& traffic) {
    PeerStats peer = stats_of(traffic);
    accumulate(stats, peer.sent, peer.received);
    if (peer.sent.accepted + peer.received.received > 0) stats.peers.push_back(std::move(peer));
  };
  const std::scoped_lock lock(mutex_);
  for (const auto& traffic : all_) take(*traffic);
  take(others_);
  take(unresolved_);
}

}  // namespace distflow::runtime
