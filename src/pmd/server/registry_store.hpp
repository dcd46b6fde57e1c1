// Where it is decided who gets a name: by this PMD alone (local_store.hpp), or by something that the PMDs of many hosts
// share. The server proposes, the store decides, and the server's Registry is the view of what was decided.
//
//     start() ──▶ propose() ──▶ on_decided() ──▶ release(), release_owner() ──▶ stop() ──▶ on_stopped()
//                 and at any time between start() and stop(): on_entry(), on_gone()
//
// Loop thread only, both ways. The server calls from inside Reactor::turn(); start() and stop() may also come between
// two turns. The store's maker gives it what it needs, such as the reactor, and destroys it after the server.
// The store keeps to this:
//   1. A ticket is decided once: from inside propose(), or later, from inside Reactor::turn(). A store that cannot find
//      out decides `unavailable`, within a time of its own.
//   2. on_decided(), on_entry() and on_gone() come in the order in which their causes took effect in the store. That
//      need not be the order of the proposals. From inside a call of the server's comes nothing but the decision of the
//      ticket that is being proposed, and on_stopped().
//   3. A release takes effect before what is proposed after it. It cannot be refused: the store repeats it until it
//      has taken effect. Of another owner's claim it takes nothing.
//   4. on_entry() and on_gone() report what others did. A claim of this server's that was accepted is not reported.
//   5. After stop() comes on_stopped() alone. What this server has in the store ends, as after release_owner() for all
//      of them.
// The server keeps to this:
//   6. No two tickets that are undecided share an alias or a nodeId. A further claim to such a name waits for the
//      decision, in the order of arrival, and is refused, or proposed, after it.
//   7. What was accepted is in the view, answered and announced before on_decided() returns. If the view has no room,
//      the claim is released, and what the node had before leaves the view, also where another owner had it. Without
//      memory for it the owner's connection is closed: release_owner() follows.
//   8. What the store reports is last: an entry takes its names from the nodes that have them in the view, and those
//      are notified. Its uid is dropped: a number of a user counts on its own machine only.
//   9. From inside on_decided() and on_entry() it may call release(), of the node that was accepted or of one that has
//      lost its alias; nothing else, and nothing from inside on_gone(). It proposes and releases owners later.
// Between the proposal and the decision,
//  10. the connection ends: release_owner() gives up its claims, decided or not. A decision that comes nevertheless is
//      ignored. An end that only reading would find is seen after the decision.
//  11. a TTL ends: a node whose registration is proposed anew does not expire; refused, it has its whole TTL again.
//  12. the node unregisters: over the same connection, that is read after the decision. Over the connection that the
//      claim takes the node from, the earlier entry leaves at once, and the claim stays.
//  13. the server ends: the claim is not answered, its connection is closed.
// Use: class EtcdStore final : public RegistryStore { ... };  Server server(reactor, stream_setup, log, options,
// &store);
#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.hpp"
#include "pmd/server/claim.hpp"
#include "pmd/server/registry.hpp"

namespace distflow::pmd {

/// Names a proposal. Never used twice.
using Ticket = std::uint64_t;

struct Decision {
  enum class Status : std::uint8_t {
    accepted,
    alias_in_use,
    node_id_in_use,
    full,         ///< no more nodes at all
    owner_full,   ///< no more nodes of this connection
    user_full,    ///< no more nodes of this user
    unavailable,  ///< the store cannot say: nothing has changed
  };
  Status status = Status::unavailable;
  /// Who has the name that is in use; null where the store does not know. The server keeps no reference to it, and
  /// reads it before it calls the store.
  const protocol::NodeInfo* holder = nullptr;
};

/// What `view` alone would decide of the claim now: the decision of a store that shares nothing. `holder` is the
/// view's.
[[nodiscard]] Decision decide_by(const Registry& view, const Claim& claim);

/// The server, as a store sees it. No call throws.
class StoreObserver {
 public:
  /// Of a ticket that is not known any more it does nothing (line 10).
  virtual void on_decided(Ticket ticket, const Decision& decision) = 0;
  /// A node that was registered elsewhere is there, or has changed. False when there is no memory or no room for it:
  /// the store reports it again later. A node that had its alias may have left all the same.
  [[nodiscard]] virtual bool on_entry(const protocol::NodeInfo& node) = 0;
  /// The node is no more: one that was registered elsewhere, or one of this server's that the store has lost. True also
  /// when the view has no such node. False when there is no memory to say so: the store reports it again later.
  [[nodiscard]] virtual bool on_gone(std::string_view node_id) = 0;
  /// The store makes no call from now on, and has nothing left with the reactor. The server may end now, and does not
  /// before.
  virtual void on_stopped() = 0;

 protected:
  ~StoreObserver() = default;
};

class RegistryStore {
 public:
  virtual ~RegistryStore() = default;

  /// First call, once, when the server has begun to listen: before any claim. `observer` outlives the last call that
  /// the store makes, and `view`, what this server has of what was decided, may be read until then.
  virtual void start(StoreObserver& observer, const Registry& view) noexcept = 0;
  /// Asks for the names of the claim, for its owner. A store that decides later keeps a copy of the claim. Accepted, it
  /// takes the place of what was registered with that nodeId, by this owner or, with the secret, by another: no
  /// release() follows for that. Refused, all is as before. May throw std::bad_alloc: then the ticket is not decided,
  /// and the owner's connection is closed.
  virtual void propose(Ticket ticket, const Claim& claim) = 0;
  /// The owner no longer has this node, whose claim was accepted: it has left, has expired, found no room in the view
  /// (line 7), or its alias went to a node that the store has reported or accepted since. No heartbeat reaches a store:
  /// a TTL is the server's.
  virtual void release(OwnerId owner, std::string_view node_id) noexcept = 0;
  /// The owner is gone, with all its claims.
  virtual void release_owner(OwnerId owner) noexcept = 0;
  /// Last call, once, unless start() never came. on_stopped() answers it: from inside it, or from a turn, `within` that
  /// time, though what the store asks be silent.
  virtual void stop(base::Duration within) noexcept = 0;
};

}  // namespace distflow::pmd
