#include "runtime/router.hpp"

#include <utility>
#include <vector>

namespace distflow::runtime {
namespace {

/// For so long after the PMD said that there is no such node, it is not asked again.
constexpr base::Duration kUnknownFor = base::milliseconds(100);
constexpr base::Duration kPatrolInterval = base::milliseconds(250);

}  // namespace

Router::Router(RouterParts parts)
    : parts_(std::move(parts)), patrol_timer_(base::Delegate<void()>::to<&Router::on_patrol>(*this)) {}

SendVerdict Router::send(TargetState& target, const PayloadSource& payload) {
  if (target.peer == nullptr) {
    if (Peer* peer = parts_.directory.find(target.name)) bind(target, peer);
  }
  if (target.peer != nullptr) return send_to(*target.peer, payload, suffix_.at(parts_.reactor.wall_ms()));
  ParkedMessage message{.payload = {}, .timestamp = parts_.reactor.wall_ms()};
  const SendVerdict verdict = copy_payload(payload, parts_.options.frame_size_max, message.payload);
  return verdict == SendVerdict::queued ? park(target, std::move(message)) : verdict;
}

SendVerdict Router::send_to(Peer& peer, const PayloadSource& payload, std::string_view suffix) {
  transport::EncodedFrame frame;
  const SendVerdict verdict =
      write_frame(parts_.out, peer.prefix, payload, suffix, parts_.options.frame_size_max, frame);
  if (verdict != SendVerdict::queued) return verdict;
  return peer.link->send(frame) ? SendVerdict::queued : SendVerdict::queue_full;
}

void Router::send_encoded(TargetState& target, std::uint64_t version, const transport::EncodedFrame& frame) {
  // Addressed to who had the name then: to whoever has it now it would be misrouted.
  const bool is_current = target.peer != nullptr && target.version.load(std::memory_order_relaxed) == version;
  SendCounters& counters = target.peer != nullptr ? target.peer->traffic->out : parts_.traffic.unresolved().out;
  if (is_current && target.peer->link->send(frame)) return;
  add_owned(counters.accepted, 1);
  add_owned(is_current ? counters.dropped_queue_full : counters.dropped_peer_left, 1);
}

void Router::send_parked(TargetState& target, ParkedMessage message) {
  if (target.peer == nullptr) {
    if (Peer* peer = parts_.directory.find(target.name)) bind(target, peer);
  }
  SendVerdict verdict;
  SendCounters* counters = &parts_.traffic.unresolved().out;
  if (target.peer != nullptr) {
    EnvelopeSuffix suffix;
    counters = &target.peer->traffic->out;
    verdict = send_to(*target.peer, {.text = message.payload}, suffix.at(message.timestamp));
  } else {
    verdict = park(target, std::move(message));
  }
  if (is_under_way(verdict)) return;
  // Its verdict was given on the other thread, as queued.
  add_owned(counters->accepted, 1);
  add_owned(verdict == SendVerdict::unresolved ? counters->dropped_unresolved : counters->dropped_queue_full, 1);
}

SendVerdict Router::park(TargetState& target, ParkedMessage message) {
  if (parts_.reactor.now() < target.unknown_until) return SendVerdict::unresolved;
  const std::size_t size = message.payload.size();
  if (target.parked.size() >= parts_.options.parked_messages_max) return SendVerdict::unresolved;
  if (size > parts_.options.send_bytes_max - target.parked_bytes) return SendVerdict::unresolved;
  if (target.parked.empty()) {
    target.parked_since = parts_.reactor.now();
    waiting_.insert(&target);
    if (!patrol_timer_.is_armed()) parts_.reactor.arm_after(patrol_timer_, kPatrolInterval);
  }
  target.parked.push_back(std::move(message));
  target.parked_bytes += size;
  ++parked_count_;
  ask_for(target);
  return SendVerdict::queued;
}

void Router::ask_for(TargetState& target) {
  if (std::exchange(target.is_asking, true)) return;
  parts_.ask(target.name);
}

void Router::on_answer(const std::string& name, Answer answer) {
  const std::shared_ptr<TargetState> target = parts_.targets.find(name);
  if (target == nullptr) return;
  target->is_asking = false;
  if (answer == Answer::not_found && target->peer == nullptr) {
    target->unknown_until = parts_.reactor.now() + kUnknownFor;
    drop_parked(*target, &SendCounters::dropped_unresolved);
  }
}

void Router::on_snapshot() {
  const std::vector<TargetState*> waiting(waiting_.begin(), waiting_.end());
  for (TargetState* target : waiting) {
    if (Peer* peer = parts_.directory.find(target->name)) {
      bind(*target, peer);
    } else {
      ask_for(*target);
    }
  }
}

void Router::on_binding(std::string_view name, Peer* peer) {
  if (const std::shared_ptr<TargetState> target = parts_.targets.find(name)) bind(*target, peer);
}

void Router::bind(TargetState& target, Peer* peer) {
  target.peer = peer;
  // What is parked goes first: only then may other threads encode for it by themselves.
  if (peer != nullptr) flush_parked(target);
  target.publish(peer != nullptr ? std::string_view(peer->prefix) : std::string_view());
}

void Router::flush_parked(TargetState& target) {
  if (target.parked.empty()) return;
  SendCounters& unresolved = parts_.traffic.unresolved().out;
  for (const ParkedMessage& message : target.parked) {
    EnvelopeSuffix suffix;
    const SendVerdict verdict = send_to(*target.peer, {.text = message.payload}, suffix.at(message.timestamp));
    if (is_under_way(verdict)) continue;
    add_owned(unresolved.accepted, 1);
    add_owned(unresolved.dropped_queue_full, 1);
  }
  parked_count_ -= target.parked.size();
  target.parked.clear();
  target.parked_bytes = 0;
  waiting_.erase(&target);
}

std::uint64_t Router::drop_parked(TargetState& target, Counter SendCounters::*reason) {
  const std::uint64_t count = target.parked.size();
  add_owned(parts_.traffic.unresolved().out.accepted, count);
  add_owned(parts_.traffic.unresolved().out.*reason, count);
  parked_count_ -= count;
  target.parked.clear();
  target.parked_bytes = 0;
  waiting_.erase(&target);
  return count;
}

void Router::on_patrol() {
  const base::Instant now = parts_.reactor.now();
  const base::Duration patience = parts_.options.connect_deadline;
  const std::vector<TargetState*> waiting(waiting_.begin(), waiting_.end());
  for (TargetState* target : waiting) {
    if (now - target->parked_since >= patience) drop_parked(*target, &SendCounters::dropped_unresolved);
  }
  if (!waiting_.empty()) parts_.reactor.arm_after(patrol_timer_, kPatrolInterval);
}

std::uint64_t Router::discard() {
  std::uint64_t count = 0;
  const std::vector<TargetState*> waiting(waiting_.begin(), waiting_.end());
  for (TargetState* target : waiting) count += drop_parked(*target, &SendCounters::dropped_shutdown);
  parts_.reactor.timers().cancel(patrol_timer_);
  return count;
}

}  // namespace distflow::runtime
