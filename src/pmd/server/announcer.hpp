// Tells sessions what has changed in the registry: watchers of joins and leaves, a session of a registration of its own
// that is lost, and of the PMD's end if it has asked for that.
//
// Loop thread only.
//   1. An event is written once, whatever the number of watchers; a change of groups once for each kind of them.
//   2. A watcher that there was no memory to notify would never know what it missed: its connection ends.
//   3. After stop() only the PMD's end is announced.
// Use: announcer.tell_join(entry, registry.revision()); ... announcer.tell_leaves(departures);
#pragma once

#include <span>
#include <string_view>
#include <unordered_map>

#include "pmd/server/options.hpp"
#include "pmd/server/registry.hpp"
#include "pmd/server/session.hpp"
#include "pmd/server/watchers.hpp"
#include "protocol/pmd_reply.hpp"

namespace distflow::pmd {

class Announcer {
 public:
  /// All must outlive the announcer.
  Announcer(io::Reactor& reactor, base::ChunkPool& chunks, const ServerOptions& options, ServerCounters& counters);

  /// Joins and leaves, from the next one on. May throw std::bad_alloc, and has done nothing then.
  void watch(Session& session) { watchers_.add(session); }
  /// Losses: the session registers with a secret, and so knows the event. May throw std::bad_alloc.
  void tell_of_losses(Session& session) { told_of_loss_[session.id()] = &session; }
  /// The session has taken something that was sent.
  void on_sent(Session& session) { watchers_.on_sent(session); }
  /// The session is gone.
  void forget(Session& session);

  void tell_join(const Registry::Entry& entry, std::uint64_t revision);
  /// The node's groups are others than before. A watcher that counts revisions, and does not know this event, learns
  /// that the node joined; one that does not count them is not notified.
  void tell_update(const Registry::Entry& entry, std::uint64_t revision);
  void tell_leaves(std::span<const Registry::Departure> departures);
  /// The owner's registration is no more. Nothing happens when it has not asked for that. `holder` is who has the
  /// nodeId now, or null.
  void tell_loss(OwnerId owner, std::string_view node_id, protocol::LossReason reason,
                 const protocol::NodeInfo* holder);
  /// The PMD is about to end because it was told to.
  void tell_shutdown(Session& session);
  void stop() { is_stopped_ = true; }

  /// Called with each join, update and leave, the JSON of the node as the registry has it, and the revision that the
  /// change made, until stop(). It does not throw.
  using OnChange = base::Delegate<void(protocol::EventKind, std::string_view, std::uint64_t)>;
  void set_on_change(OnChange on_change) { on_change_ = on_change; }

 private:
  void note_change(protocol::EventKind kind, const protocol::NodeText& node, std::uint64_t revision) {
    if (on_change_ && !is_stopped_) on_change_(kind, node.json(), revision);
  }
  void tell(std::string_view event, WatcherKinds kinds = kAllWatchers);
  template <class Call>
  void tell_or_disconnect(Call&& call);
  /// Writes `event` to the session; false when there is no memory or room for it.
  [[nodiscard]] bool send(Session& session, std::string_view event);

  io::Reactor& reactor_;
  ServerCounters& counters_;
  transport::OutBuffer out_;
  Watchers watchers_;
  std::unordered_map<OwnerId, Session*> told_of_loss_;  // sessions that registered with a secret
  bool is_stopped_ = false;
  OnChange on_change_;
};

}  // namespace distflow::pmd
