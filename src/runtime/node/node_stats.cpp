// What a node counts, and what it reports on itself and does when its PMD asks (introspection.hpp).
#include <cinttypes>
#include <utility>

#include "io/root_user.hpp"
#include "runtime/node/node.hpp"
#include "runtime/peers/node_id.hpp"

namespace distflow::runtime {
namespace {}  // namespace

void Node::on_stats_asked(const protocol::StatsPart& part) {
  if (!options_.introspection || is_closing()) return;
  const std::string text = tell(part);
  if (parts_.registry.answer_stats(part.id, text))
    introspection_.note_queued();
  else
    introspection_.note_unqueued();
}

std::string Node::tell(const protocol::StatsPart& part) {
  if (part.what == protocol::StatsKind::dead_letters) return introspection_.tell_dead_letters(part);
  if (part.what == protocol::StatsKind::redrive) {
    return introspection_.tell_redriven(base::Delegate<DeadLetters::Redriven()>::to<&Node::redrive>(*this));
  }
  if (part.what == protocol::StatsKind::unknown) return introspection_.refuse_unknown();
  publish_gauges();
  NodeStats stats;
  traffic_.add_up(stats);
  add_counters(stats);
  if (parts_.add_process_counters) parts_.add_process_counters(stats);
  return introspection_.tell(part, stats);
}

/// The report goes through the memory of the PMD. It is for users who could read the node's memory as well: its own
/// user, and root.
bool Node::may_show_messages() {
  const io::PeerOwner owner = parts_.registry.owner_of_registry();
  return owner.is_user(io::kRootUser) || owner.is_same_user(own_user_);
}

/// One that was sent to a nodeId is for that process, and not for a node that has the nodeId for its alias by now. Of a
/// name that no peer was found for it is not known which of the two it was: if it looks like a nodeId, it is one.
bool Node::leads_to_addressee(const DeadLetter& letter) {
  const Peer* const holder = directory_.find(letter.to);
  if (holder == nullptr) return false;
  return holder == directory_.find_id(letter.to) || !(letter.is_to_id || looks_like_node_id(letter.to));
}

/// A letter that is not taken, because its name is still unknown or there is no room, stays. A name that the directory
/// does not have is unknown. The letter is not parked for it: it would count as sent, and be dropped a moment later.
DeadLetters::Redriven Node::redrive() {
  return dead_letters_.redrive([this](const DeadLetter& letter) {
    if (!leads_to_addressee(letter)) return false;
    const TargetPtr target = parts_.targets.of(letter.to);
    if (target == nullptr) return false;
    return is_under_way(router_.send_again(target, OutgoingMessage(letter.text), letter.sent_at));
  });
}

void Node::publish_gauges() {
  if (const std::uint64_t count = parts_.reactor.out_of_memory_count(); count != out_of_memory_seen_) [[unlikely]]
    tell_out_of_memory(count);
  const auto set = [](Counter& gauge, std::uint64_t value) { gauge.store(value, std::memory_order_relaxed); };
  set(gauges_.parked, router_.parked_count());
  set(gauges_.is_registered, is_registered_ ? 1 : 0);
  set(gauges_.connections_in, accepted_.session_count());
  set(gauges_.connections_out, link_parts_.open_count);
  set(gauges_.connections_shared, link_parts_.carrier_count);
  set(gauges_.connections_in_memory, memory_pool_.count);
  set(gauges_.connections_accepted, accepted_.listener_counters().accepted);
  set(gauges_.connections_refused, accepted_.listener_counters().refused);
  set(gauges_.accept_pauses, accepted_.listener_counters().pauses);
  set(gauges_.chunks_missing, parts_.reactor.backend().counters().chunks_missing + memory_pool_.chunks_missing);
}

/// The effects are visible elsewhere: a connection closes, or a peer is reported later.
void Node::tell_out_of_memory(std::uint64_t count) {
  if (!out_of_memory_log_.admit(parts_.reactor.now())) return;
  parts_.log.write(base::LogLevel::error, "out of memory: what this node had to do was given up %" PRIu64 " times",
                   count - std::exchange(out_of_memory_seen_, count));
}

void Node::snapshot(NodeStats& stats) const {
  traffic_.snapshot(stats);
  add_counters(stats);
}

void Node::add_counters(NodeStats& stats) const {
  stats.asks = ask_way_->counters.snapshot();
  stats.latency = delivery_.latency();
  stats.malformed = read(reader_parts_.counters.malformed);
  stats.misrouted = read(reader_parts_.counters.misrouted);
  stats.extensions_too_long = read(reader_parts_.counters.extensions_too_long);
  stats.connections_overflowed = read(reader_parts_.counters.overflowed);
  stats.tasks_lost = delivery_.tasks_lost();
  stats.calls_out_of_memory = read(ask_way_->counters.calls_out_of_memory);
  stats.frames_too_long = read(accepted_.counters().frames_too_long);
  stats.handler_exceptions = delivery_.exceptions();
  stats.connections_accepted = read(gauges_.connections_accepted);
  stats.connections_refused = read(gauges_.connections_refused);
  stats.accept_pauses = read(gauges_.accept_pauses);
  const stream::HandshakeCounters handshakes = parts_.stream_setup.counters();
  stats.handshakes_failed = handshakes.failed;
  stats.handshakes_refused = handshakes.refused;
  stats.chunks_missing = read(gauges_.chunks_missing);
  stats.is_registered = read(gauges_.is_registered) != 0;
  stats.registrations_lost = read(gauges_.registrations_lost);
  stats.pmd_connections = read(gauges_.pmd_connections);
  stats.pmd_starts = read(gauges_.pmd_starts);
  stats.pings_dropped = read(gauges_.pings_dropped);
  stats.stats_told = introspection_.told();
  stats.stats_refused = introspection_.refused();
  dead_letters_.count_into(stats);
  stats.published = read(publications_.counters().published);
  stats.published_copies = read(publications_.counters().copies);
  stats.retained_copies = read(publications_.counters().retained_copies);
  stats.not_retained = read(publications_.counters().not_retained);
  stats.topics_waiting = subscriptions_.waiting();
  stats.mailbox_size = delivery_.mailbox().size();
  stats.mailbox_bytes = delivery_.mailbox().bytes();
  stats.mailbox_high_water = delivery_.mailbox().high_water();
  stats.send_queue_messages = stats.sent.accepted - stats.sent.written - stats.sent.dropped();
  stats.parked_messages = read(gauges_.parked);
  stats.connections_in = read(gauges_.connections_in);
  stats.connections_out = read(gauges_.connections_out);
  stats.connections_shared = read(gauges_.connections_shared);
  stats.connections_in_memory = read(gauges_.connections_in_memory);
}

}  // namespace distflow::runtime
