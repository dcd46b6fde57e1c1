// What a store announces by itself: nodes that others have registered, and nodes that are gone.
#include <string>
#include <utility>
#include <vector>

#include "pmd/server/registrar.hpp"

namespace distflow::pmd {

bool Registrar::on_entry(const protocol::NodeInfo& node) {
  if (is_stopped_) return false;
  Registry::Outcome outcome{Registry::Status::full, nullptr};
  const auto take_up = [&] {
    protocol::NodeInfo known = node;
    known.uid.reset();  // another machine's user with that number is not this machine's
    Registry::Change change = Registry::change_of(kStoreOwner, {.node = std::move(known)}, node.last_heartbeat_ms);
    outcome = registry_.apply(change, reactor_.now(), node.last_heartbeat_ms);
    while (outcome.status == Registry::Status::alias_in_use) {
      evict(*outcome.entry, node);
      outcome = registry_.apply(change, reactor_.now(), node.last_heartbeat_ms);
    }
  };
  if (!reactor_.has_memory_for(take_up)) return false;
  if (outcome.entry == nullptr) {
    ++counters_.entries_refused;
    return false;
  }
  if (outcome.departure) departures_.note({&*outcome.departure, 1});
  announcer_.tell_join(*outcome.entry, registry_.revision());
  announcer_.tell_loss(outcome.loser, node.node_id, protocol::LossReason::replaced, &outcome.entry->node);
  departures_.arm_expiry();
  if (outcome.status == Registry::Status::replaced) note_free_names();
  return true;
}

bool Registrar::on_gone(std::string_view node_id) {
  if (is_stopped_) return true;
  std::vector<Registry::Departure> departures;
  const auto remove = [&] {
    departures.reserve(1);
    if (std::optional<Registry::Departure> gone = registry_.remove_node(node_id))
      departures.push_back(*std::move(gone));
  };
  if (!reactor_.has_memory_for(remove)) return false;
  departures_.note(departures);
  for (const Registry::Departure& gone : departures) {
    announcer_.tell_loss(gone.owner, gone.node.node_id, protocol::LossReason::expired, nullptr);
  }
  return true;
}

/// The store has given a name of the entry to another node.
void Registrar::evict(const Registry::Entry& entry, const protocol::NodeInfo& successor) {
  std::vector<Registry::Departure> departures;
  departures.reserve(1);
  departures.push_back(*registry_.remove_node(std::string(entry.node.node_id)));
  const Registry::Departure& gone = departures.front();
  if (gone.owner != kStoreOwner) store_.release(gone.owner, gone.node.node_id);
  departures_.note(departures);
  announcer_.tell_loss(gone.owner, gone.node.node_id, protocol::LossReason::replaced, &successor);
}

}  // namespace distflow::pmd
