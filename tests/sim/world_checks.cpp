// What must hold in a world, when faults have stopped and it has had its time.
#include <algorithm>

#include "tests/sim/world.hpp"

namespace distflow::test {
namespace {

using base::milliseconds;
using base::seconds;

/// Of a process with nothing to do but heartbeats and probes, in the time of the probes.
constexpr std::uint64_t kIdleTurnsMax = 400;

}  // namespace

void World::check_quiet() {
  check_places();
  if (!outcome_.failure.empty()) return;  // the rest would only say the same
  check_views();
  check_registry();
  check_subscribers();
  for (const auto& node : nodes_) {
    check_counters(*node);
    if (node->refused.empty()) continue;
    fail(node->label() + " was not told that there is room for messages to " + *node->refused.begin() + " again");
  }
  check_no_ask_is_open();
  check_pairs();
  if (network_.has_unread()) fail("bytes that have come lie unread");
}

/// Every place has its node, and only that; there is a PMD.
void World::check_places() {
  if (!pmd_) return fail("there is no PMD");
  for (std::size_t place = 0; place < options_.nodes; ++place) {
    const auto count = std::count_if(nodes_.begin(), nodes_.end(), [&](const auto& n) { return n->place() == place; });
    if (count != 1) return fail("place " + std::to_string(place) + " has " + std::to_string(count) + " nodes");
  }
  for (const auto& node : nodes_) {
    if (node->state() != NodeMember::State::running) return fail(node->label() + " does not run");
  }
}

/// Every node sees all others, under their aliases, and nobody else; so its application has been told.
void World::check_views() {
  for (const auto& node : nodes_) {
    const std::vector<PeerInfo> peers = (*node)->directory().list();
    for (const PeerInfo& peer : peers) {
      const NodeMember* other = find_by_id(peer.node_id);
      if (other == nullptr) return fail(node->label() + " still sees the dead " + peer.node_id);
      if (peer.alias != "n" + std::to_string(other->place())) return fail(node->label() + " sees a wrong alias");
      const std::optional<PeerInfo> named = (*node)->directory().find_info(peer.alias);
      if (!named || named->node_id != peer.node_id) {
        return fail(node->label() + " is led elsewhere by the alias of " + other->label());
      }
      if (!node->view.contains(peer.node_id)) return fail(node->label() + " was not told of " + other->label());
    }
    if (peers.size() != options_.nodes - 1) return fail(node->label() + " misses a node that lives");
    if (node->view.size() != peers.size()) return fail(node->label() + " was not told of a leave");
  }
}

/// The PMD has each node, and each alias has one holder, the node of its place.
void World::check_registry() {
  const pmd::Registry& registry = pmd_->server().registry();
  if (registry.size() != options_.nodes) {
    return fail("the registry has " + std::to_string(registry.size()) + " nodes");
  }
  for (const auto& node : nodes_) {
    const pmd::Registry::Entry* entry = registry.resolve("n" + std::to_string(node->place()));
    if (entry == nullptr || entry->node.node_id != (*node)->node_id()) {
      return fail("the alias of " + node->label() + " leads elsewhere");
    }
  }
  if (!registry.invariants()) fail("the registry's invariants do not hold");
}

/// The law of conservation, as it holds between any two turns.
void World::check_law(NodeMember& node) {
  const NodeStats stats = node.stats();
  const Extra extra = extra_messages(stats.asks);
  check_asks(node);
  const std::uint64_t counted = stats.sent.accepted + stats.parked_messages + node.submitted_count();
  // What is published is counted once for each copy, or not yet handed out, or discarded.
  const std::uint64_t accepted = node.accepted_count + stats.published_copies + node.published_count - stats.published;
  if (counted < accepted || counted > accepted + extra.sent_max) {
    fail(node.label() + " accepted " + std::to_string(accepted) + " messages, and counts " +
         std::to_string(stats.sent.accepted) + " and " + std::to_string(stats.parked_messages) + " parked, " +
         std::to_string(node.submitted_count()) + " on their way");
  }
  // The verdict's promise: only the loss of the peer, the name or the node loses what was accepted. The verdict of what
  // is published says nothing of each copy.
  if (stats.sent.dropped_queue_full > stats.published_copies)
    fail(node.label() + " dropped for lack of room what it had accepted");
  if (stats.received.handled < node.handled_count + extra.handled_min ||
      stats.received.handled > node.handled_count + extra.handled_max) {
    fail(node.label() + " counts other messages than it handled");
  }
  const std::size_t waiting = stats.mailbox_size + stats.topics_waiting;
  if (stats.received.received !=
      stats.received.handled + waiting + stats.received.conflated + stats.received.dropped()) {
    fail(node.label() + ": received is not handled, waiting and dropped");
  }
  for (const PeerStats& peer : stats.peers) {
    if (peer.sent.accepted < peer.sent.written + peer.sent.dropped()) {
      fail(node.label() + " to " + peer.node_id + ": more was written and dropped than accepted");
    }
  }
}

/// The same, with nothing queued, parked or waiting any more.
void World::check_counters(NodeMember& node) {
  check_law(node);
  const NodeStats stats = node.stats();
  if (stats.parked_messages > 0) fail(node.label() + " still has messages parked");
  if (stats.mailbox_size > 0 || stats.mailbox_bytes > 0) fail(node.label() + " still has messages in its mailbox");
  if (stats.topics_waiting > 0) fail(node.label() + " still has messages of topics that wait");
  if (stats.malformed > 0 && !has_liars()) fail(node.label() + " found a frame malformed");
  if (stats.misrouted > 0 && !has_liars()) fail(node.label() + " got a message for somebody else");
  if (stats.tasks_lost > 0) fail(node.label() + " lost a task");
  if (node.questions > 0) fail(node.label() + " has questions to the PMD without an answer");
  for (const PeerStats& peer : stats.peers) {
    if (peer.sent.accepted != peer.sent.written + peer.sent.dropped()) {
      fail(node.label() + " to " + peer.node_id + ": accepted " + std::to_string(peer.sent.accepted) + ", written " +
           std::to_string(peer.sent.written) + ", dropped " + std::to_string(peer.sent.dropped()));
    }
    if (peer.received.received != peer.received.handled + peer.received.conflated + peer.received.dropped()) {
      fail(node.label() + " from " + peer.node_id + ": received is not handled and dropped");
    }
  }
}

/// Nobody gets more than was written to it, by the sender or in its name; where nothing could be lost, all of it.
void World::check_pairs() {
  for (const auto& sender : nodes_) {
    for (const PeerStats& written : sender->stats().peers) {
      NodeMember* receiver = find_by_id(written.node_id);
      if (receiver == nullptr) continue;
      std::uint64_t received = 0;
      for (const PeerStats& got : receiver->stats().peers) {
        if (got.node_id == (*sender)->node_id()) received = got.received.received;
      }
      const std::string numbers = sender->label() + " wrote " + std::to_string(written.sent.written) + " messages to " +
                                  receiver->label() + ", which received " + std::to_string(received);
      // Under an address that a PMD lies about, a subscriber gets what was written to another, too.
      const bool may_have_others = (has_topics_ || has_retained_) && is_on(Fault::lying_pmd);
      const std::uint64_t forgeries = forged((*sender)->node_id(), written.node_id);
      if (received > written.sent.written + forgeries && !may_have_others) fail(numbers);
      const bool has_replies = has_asks_;  // which are written, and are no messages to who receives them
      if (is_gentle_ && !has_replies && received < written.sent.written) fail(numbers + ", and nothing could be lost");
    }
  }
}

/// That a node which has ended has accounted for everything, and given everything back.
void World::check_end(NodeMember& node) {
  node.release_chunks();
  node->finish_callbacks();
  node->delivery().discard();  // as the node's host does at its end
  node.discard_submissions();
  check_counters(node);
  check_resources(node);
}

void World::check_resources(NodeMember& node) {
  // The reactor's one receive chunk stays with it, and so do three out-buffers: of messages, and, in blocks, of notices
  // and of requests to the PMD.
  if (node.receive_chunks().leased() > 1) fail(node.label() + " has not given its receive chunks back");
  if (node.out_chunks().leased() > 1) fail(node.label() + " has not given its out chunks back");
  if (node.blocks().leased() > 2) fail(node.label() + " has not given its blocks back");
}

void World::check_idleness(std::uint64_t turns_before) {
  if (!outcome_.failure.empty()) return;
  const std::uint64_t turns = total_turns() - turns_before;
  if (turns > kIdleTurnsMax * (options_.nodes + 1)) fail("idle processes took " + std::to_string(turns) + " turns");
  for (const auto& node : nodes_) {
    const std::size_t handles = node->reactor().backend().handle_count();
    // A listener, the PMD, and a stream each way for each node, itself too. What a machine that is gone had open stays:
    // nobody is told, and nothing is sent that way.
    if (handles > 2 + 2 * options_.nodes && !is_on(Fault::vanish))
      fail(node->label() + " has " + std::to_string(handles) + " handles");
    const std::size_t chunks = node->stats().connections_in_memory > 0 ? 2 : 1;  // the reactor's; one for memory
    if (node->receive_chunks().leased() > chunks) fail(node->label() + " keeps receive chunks");
    if (node->blocks().leased() > 2 && !is_on(Fault::vanish)) fail(node->label() + " keeps blocks");
  }
}

/// A word from everybody to everybody, one sender after the other: in the calm all of them arrive, and at once.
void World::send_probes() {
  probe_retained();
  base::Duration turn_of{};
  for (const auto& node : nodes_) {
    after(turn_of, [this, number = node->number()] {
      NodeMember* sender = find_by_number(number);
      if (sender != nullptr && sender->state() == NodeMember::State::running) send_probes_of(*sender);
    });
    turn_of += kProbeInterval;
  }
}

void World::send_probes_of(NodeMember& sender) {
  publish_probes_of(sender);
  for (const auto& receiver : nodes_) {
    if (receiver->state() != NodeMember::State::running) continue;
    const std::string name = "n" + std::to_string(receiver->place());
    if (!send_one(sender, name, 20)) return fail(sender.label() + " cannot send to " + name + " in the calm");
    after(milliseconds(100), [this, name, from = sender.number(), to = receiver->number()] {
      if (!ledger_.has_handled_last(to, from, name)) {
        fail("what node" + std::to_string(from) + " sent to " + name + " in the calm did not arrive");
      }
    });
  }
}

/// Whoever sleeps is woken by a task.
void World::post_probes() {
  for_each_member([this](SimMember& member) {
    const auto has_run = std::make_shared<bool>(false);
    member.post([has_run] { *has_run = true; });
    after(milliseconds(1), [this, has_run, label = member.label()] {
      if (!*has_run) fail(label + " sleeps over a task that was posted to it");
    });
  });
}

/// A node is killed in the calm: all others hear of it, though nothing else happens; and so of its successor.
void World::probe_death() {
  NodeMember& victim = *some_node();
  const std::string node_id = origins_[victim.number()].node_id;
  const std::size_t place = victim.place();
  remove(victim, Severance::killed);
  run_for(seconds(1));
  for (const auto& node : nodes_) {
    if (node->view.contains(node_id)) return fail(node->label() + " was not told that " + node_id + " died");
  }
  populate(place);
  run_for(seconds(1));
  check_quiet();
}

void World::shut_all_down() {
  network_.trace("all shut down");
  is_ending_ = true;
  for (const auto& node : nodes_) node->begin_shutdown(seconds(2));
  run_for(seconds(3));
  if (!nodes_.empty()) return fail(nodes_.front()->label() + " does not end");
  if (pmd_->server().registry().size() > 0) return fail("the registry keeps nodes that have unregistered");
  pmd_->begin_shutdown();
  run_for(seconds(2));
  if (pmd_)
    fail("the PMD does not end: connections " + std::to_string(pmd_->server().connection_count()) + ", handles " +
         std::to_string(pmd_->reactor().backend().handle_count()));
}

/// A fault that was asked for and has not struck; empty when all have.
std::string_view World::missing_fault() const {
  for (const Fault fault : options_.forced) {
    if (network_.counts()[fault] == 0) return to_string(fault);
  }
  return {};
}

}  // namespace distflow::test
