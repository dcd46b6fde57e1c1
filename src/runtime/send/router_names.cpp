// Where the names lead that the router sends to: what is reported of them, and what it has asked for.
#include <new>

#include "runtime/send/router.hpp"

namespace distflow::runtime {

/// For the application's first message to the name, and where it is not known that it leads anywhere.
bool Router::finds_route(const TargetPtr& target) {
  target->carries_messages = true;
  if (target->way) {
    open_route(*target);
  } else {
    finds_way(target);
  }
  return static_cast<bool>(target->route);
}

/// Whether the directory knows by now where the name leads.
bool Router::finds_way(const TargetPtr& target) {
  if (Peer* const peer = parts_.directory.find(target->name)) bind(target, peer);
  return static_cast<bool>(target->way);
}

bool Router::look_up(const TargetPtr& target) {
  if (is_closed_ || parts_.reactor.now() < target->unknown_until) return false;
  ask_for(*target);
  return true;
}

void Router::on_answer(const std::string& name, Answer answer) {
  const TargetPtr target = parts_.targets.find(name);
  if (target == nullptr) return;
  target->is_asking = false;
  if (answer == Answer::not_found && !target->way) {
    target->unknown_until = parts_.reactor.now() + TargetState::kUnknownFor;
    target->unknown_at.store(parts_.reactor.wall_ms(), std::memory_order_relaxed);
    parts_.drops.tell_unresolved(target->name, target->told, NoPeer::unknown, target->parked.size());
    drop_parked(target, &SendCounters::dropped_unresolved);
  }
}

void Router::on_snapshot() {
  for (const TargetPtr& target : waiting()) {
    if (Peer* const peer = parts_.directory.find(target->name)) {
      bind(target, peer);
    } else {
      ask_for(*target);
    }
  }
}

void Router::on_binding(std::string_view name, Peer* peer) {
  const TargetPtr target = parts_.targets.find(name);
  if (target == nullptr) return;
  // Without memory the name is as unknown as before, until it is sent to again or the patrol comes.
  static_cast<void>(parts_.reactor.has_memory_for([&] { bind(target, peer); }));
}

/// Makes the name lead to the peer, or nowhere if this throws.
void Router::bind(const TargetPtr& target, Peer* peer) {
  target->way = target->route = {};
  if (peer == nullptr) return target->publish({}, nullptr);
  try {
    Link& link = parts_.directory.link_of(*peer);
    target->way = Route(link);
    if (target->carries_messages) note_name_of_messages(*target);
    // What is parked goes first: only then may other threads encode for it by themselves.
    flush_parked(target);
    if (target->carries_messages) {
      open_route(*target);
    } else if (!target->prefix.empty() || target->credit != link.credit()) {
      target->publish({}, link.credit());
    }
  } catch (const std::bad_alloc&) {
    target->way = target->route = {};
    target->publish({}, nullptr);
    throw;
  }
}

/// From now on the application's messages may take the name's way, and other threads encode for it by themselves. May
/// throw.
void Router::open_route(TargetState& target) {
  Link& link = target.way.link();
  note_name_of_messages(target);
  if (target.prefix != link.prefix() || target.credit != link.credit()) target.publish(link.prefix(), link.credit());
  target.route = target.way;
}

/// What was sent to its peer by a nodeId is for that process, and not for who has its alias later.
void Router::note_name_of_messages(const TargetState& target) {
  Link& link = target.way.link();
  if (parts_.directory.alias_on_loop(link.node_id()) != target.name) link.traffic().was_sent_by_id = true;
}

}  // namespace distflow::runtime
