#include "pmd/server/announcer.hpp"

namespace distflow::pmd {

Announcer::Announcer(io::Reactor& reactor, base::ChunkPool& chunks, const ServerOptions& options,
                     ServerCounters& counters)
    : reactor_(reactor), counters_(counters), out_(chunks), watchers_(reactor, options, counters) {}

void Announcer::forget(Session& session) {
  watchers_.remove(session);
  told_of_loss_.erase(session.id());
}

void Announcer::tell_join(const Registry::Entry& entry, std::uint64_t revision) {
  ++counters_.joins;
  note_change(protocol::EventKind::join, entry.text, revision);
  if (is_stopped_ || watchers_.size() == 0) return;
  tell_or_disconnect([&] { tell(protocol::peer_event(protocol::EventKind::join, entry.node, revision)); });
}

void Announcer::tell_update(const Registry::Entry& entry, std::uint64_t revision) {
  ++counters_.regroups;
  note_change(protocol::EventKind::update, entry.text, revision);
  if (is_stopped_) return;
  tell_or_disconnect([&] {
    using protocol::EventKind;
    if (watchers_.has(WatcherKind::grouped)) {
      tell(protocol::peer_event(EventKind::update, entry.node, revision), only(WatcherKind::grouped));
    }
    if (watchers_.has(WatcherKind::numbered)) {
      tell(protocol::peer_event(EventKind::join, entry.node, revision), only(WatcherKind::numbered));
    }
  });
}

void Announcer::tell_leaves(std::span<const Registry::Departure> departures) {
  counters_.leaves += departures.size();
  for (const Registry::Departure& gone : departures) {
    note_change(protocol::EventKind::leave, gone.text, gone.revision);
  }
  if (is_stopped_ || departures.empty() || watchers_.size() == 0) return;
  tell_or_disconnect([&] {
    for (const Registry::Departure& gone : departures) {
      tell(protocol::peer_event(protocol::EventKind::leave, gone.node, gone.revision));
    }
  });
}

void Announcer::tell_loss(OwnerId owner, std::string_view node_id, protocol::LossReason reason,
                          const protocol::NodeInfo* holder) {
  if (is_stopped_) return;
  const auto found = told_of_loss_.find(owner);
  if (found == told_of_loss_.end()) return;
  ++counters_.registrations_lost;
  Session& loser = *found->second;
  bool is_told = false;
  static_cast<void>(reactor_.has_memory_for(
      [&] { is_told = send(loser, protocol::registration_lost_event(node_id, reason, holder)); }));
  // It has to learn of it: by the end of its connection, if there is no memory to say more.
  // One that drains has an end already, behind the replies that are on their way to it.
  if (!is_told && loser.is_open()) loser.close({Errc::out_of_memory, "telling of a registration that is lost"});
}

void Announcer::tell_shutdown(Session& session) {
  if (!session.wants_shutdown_event) return;
  // Without memory the connection's end has to do.
  static_cast<void>(reactor_.has_memory_for([&] { static_cast<void>(send(session, protocol::pmd_shutdown_event())); }));
}

bool Announcer::send(Session& session, std::string_view event) {
  const std::optional<transport::EncodedFrame> frame = out_.encode(event);
  return frame && session.send(*frame);
}

template <class Call>
void Announcer::tell_or_disconnect(Call&& call) {
  if (reactor_.has_memory_for(call)) return;
  ++counters_.out_of_memory;
  watchers_.disconnect_all({Errc::out_of_memory, "writing an event"});
}

void Announcer::tell(std::string_view event, WatcherKinds kinds) {
  const std::optional<transport::EncodedFrame> frame = out_.encode(event);
  if (!frame) {
    ++counters_.out_of_memory;
    return watchers_.disconnect_all({Errc::out_of_memory, "writing an event"});
  }
  ++counters_.events;
  watchers_.tell(*frame, kinds);
}

}  // namespace distflow::pmd
