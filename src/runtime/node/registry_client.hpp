// The registry as a node uses it: to register, to learn which other nodes there are, and to resolve names. A node does
// not know which implementation it has: a PMD (pmd_registry.hpp), or a registry of a test. registry_choice.cpp makes
// it.
//
//     start() ──▶ on_registered, on_snapshot, on_join, on_leave, ... ──▶ close() ──▶ on_closed
//
// Loop thread only, both ways: the node calls from it, and is called on it, from inside Reactor::turn().
// The client keeps to this:
//   1. It calls nobody before start(), and from inside none of the node's calls: what a call leads to comes in a later
//      turn, or at the end of this one (Reactor::defer).
//   2. It registers the node and watches the registry by itself, and again after each loss, with a backoff of its own.
//      A registry that is away is no error. on_start_failed is for what trying again will not mend.
//   3. on_registered and on_snapshot come in any order. on_snapshot, on_join and on_leave report the state of the whole
//      registry, with the node itself: a snapshot has all that came before it, a join or leave comes on top.
//   4. Every resolve() has one answer, within a time of its own, and before on_closed.
//   5. on_closed comes within a time of its own after close(); what else but answers comes until then is passed over.
//      From on_closed on, in it too, the client has nothing left with the reactor and may be destroyed.
// The node keeps to this:
//   6. start() once. Every other call comes between that and on_closed, except is_registered(), which may come always;
//      set_groups() comes before close(), and close() once.
//   7. All of these calls, close() too, may come from inside the observer's calls and answers. It destroys the client
//      after on_closed, or without start().
// Memory: what may throw std::bad_alloc says so below; nothing else does. See Reactor::has_memory_for().
// Use: registry.start(observer, registration); ... registry.resolve(name, on_answer); ... registry.close();
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include <distflow/error.hpp>
#include <distflow/result.hpp>

#include "base/chunk_pool.hpp"
#include "base/log.hpp"
#include "io/peer_owner.hpp"
#include "io/reactor.hpp"
#include "protocol/pmd_node.hpp"
#include "protocol/pmd_request.hpp"
#include "stream/stream_setup.hpp"

namespace distflow::runtime {

class PmdStarter;

/// What a process has for the client of any registry. All must outlive the client.
struct RegistryParts {
  io::Reactor& reactor;
  stream::StreamSetup& stream_setup;  ///< of the process
  base::ChunkPool& blocks;            ///< frames from the registry that come in parts, and requests
  const base::Log& log;
  PmdStarter* starter = nullptr;  ///< starts a PMD where there is none; null: none is ever started
};

/// What the client does about a registration that was refused.
enum class AfterRefusal {
  retry,    ///< asks again, with backoff: the holder of the alias may be about to go
  give_up,  ///< goes on without a registration
};

/// The node, as its registry sees it. References and texts are valid for the call.
class RegistryObserver {
 public:
  /// The node is registered: the first time, and again after each loss.
  virtual void on_registered() = 0;
  /// The registry has refused the registration, saying `text`, for people. The code is Errc::alias_in_use or
  /// Errc::registration_refused. `holder` is who has the nodeId or the alias; null where that is not known.
  virtual AfterRefusal on_registration_refused(const Error& error, std::string_view text,
                                               const protocol::NodeInfo* holder) = 0;
  /// A registration that on_registered reported is no more, though the node has not ended it and the session lives.
  /// Once a loss; the client registers again by itself. The code of `why` is Errc::timed_out when the registry has
  /// heard nothing within its TTL, Errc::alias_in_use when another node has the alias since, Errc::registration_refused
  /// otherwise. `holder` as above.
  virtual void on_registration_lost(const Error& why, const protocol::NodeInfo* holder) = 0;
  /// All nodes of the registry: once a session, and whenever an event was missed. May throw std::bad_alloc, with part
  /// of it done: the client gives another snapshot a little later.
  virtual void on_snapshot(std::vector<protocol::NodeInfo> nodes) = 0;
  /// A node joined, or changed its registration or its groups. May throw, as on_snapshot().
  virtual void on_join(const protocol::NodeInfo& node) = 0;
  /// A node left; one that is not known is passed over. May throw, as on_snapshot().
  virtual void on_leave(const protocol::NodeInfo& node) = 0;
  /// The session with the registry has ended, and with it the registration; the client goes on trying. No node has left
  /// because of it: those that the next snapshot lacks are given time to come back.
  virtual void on_disconnected(const Error& why) = 0;
  /// There is no registry for this node, and trying again will not help. Only before the node is registered and has had
  /// its first snapshot. The node calls close() then, perhaps from inside this.
  virtual void on_start_failed(StartError why) = 0;
  /// The client is closed. The last call.
  virtual void on_closed() = 0;

  // Of registries that have such a thing.

  /// A session has begun: whether its registry keeps groups. One that does not passes over those of the registration.
  virtual void on_groups_kept(bool are_kept) { static_cast<void>(are_kept); }
  /// The registry has refused a change of the groups, saying `text`. The client asks again later.
  virtual void on_groups_refused(std::string_view text) { static_cast<void>(text); }
  /// The registry asks for that part of the node's counters: answer_stats(). May throw std::bad_alloc; there is no
  /// answer then.
  virtual void on_stats_asked(const protocol::StatsPart& part) { static_cast<void>(part); }
  /// The registry was not there, and this client has started it.
  virtual void on_registry_started() {}

 protected:
  ~RegistryObserver() = default;
};

class RegistryClient {
 public:
  /// Gets the node of a look-up, or: Errc::node_not_found when the registry has none of that name, Errc::canceled after
  /// close(), Errc::out_of_memory, Errc::timed_out, or another error of the way to the registry. May throw
  /// std::bad_alloc: then it is called once more, with Errc::out_of_memory, and does not throw.
  using OnAnswer = std::function<void(Result<protocol::NodeInfo>)>;

  virtual ~RegistryClient() = default;

  /// Registers the node, and watches. May throw std::bad_alloc, and is not started then. `observer` must outlive it.
  virtual void start(RegistryObserver& observer, protocol::Registration registration) = 0;
  /// The node of that alias, or else of that nodeId. While the registry is away it waits for it, as long as its time
  /// allows. May throw std::bad_alloc: there is no answer then. `name` is valid for the call.
  virtual void resolve(std::string_view name, OnAnswer on_answer) = 0;
  /// Answers on_stats_asked(): the part of that id. `stats` is a JSON object; empty: none can be sent now. Valid for
  /// the call. Whether it has been queued. May throw std::bad_alloc, and has queued nothing then. A registry that never
  /// asks has no use for it.
  [[nodiscard]] virtual bool answer_stats(std::uint64_t id, std::string_view stats) {
    static_cast<void>(id), static_cast<void>(stats);
    return false;
  }
  /// As which user the registry runs, as the system has it: for a registry that asks. Unknown where the system cannot
  /// say, and without a session. Takes io::kOwnerLookupMax at most.
  [[nodiscard]] virtual io::PeerOwner owner_of_registry() const { return {}; }
  /// The node's groups from now on, in place of those of the registration, for each later session too. May throw
  /// std::bad_alloc, and has changed nothing then. A registry without groups passes over them.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): who overrides it keeps them
  virtual void set_groups(protocol::Groups groups) { static_cast<void>(groups); }
  /// Unregisters, and ends.
  virtual void close() = 0;

  /// From on_registered on, until that is lost. After close(): until the registry has confirmed the end.
  [[nodiscard]] virtual bool is_registered() const = 0;
  /// Why the node has not been registered in the time that it had. Asked once that is over, before close().
  [[nodiscard]] virtual StartError why_unregistered() const = 0;
};

}  // namespace distflow::runtime
