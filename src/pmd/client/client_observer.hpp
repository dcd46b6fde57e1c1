// What a client of a registry reports to its owner.
//
// Loop thread only; calls come from inside Reactor::turn().
// Use: class Witness final : public ClientObserver { void on_join(const protocol::NodeInfo& node) override; };
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <distflow/result.hpp>

#include "protocol/pmd_node.hpp"
#include "protocol/pmd_request.hpp"

namespace distflow::pmd {

/// What the client does about a registration that was refused.
enum class AfterRefusal {
  retry,    ///< Ask again, with backoff: the holder of the alias may be about to go.
  give_up,  ///< Stay in session without a registration, until set_registration().
};

/// The owner of a client. Calls come from inside Reactor::turn(); any member of the client may be called from them.
/// on_snapshot(), on_join() and on_leave() may throw std::bad_alloc, with what they reported done in part; so may
/// on_stats_asked(). No other may.
class ClientObserver {
 public:
  /// The PMD took the registration. Comes anew after each new session, and each set_registration().
  virtual void on_registered() {}
  /// The PMD refused it, saying `text`. The code is Errc::alias_in_use or Errc::registration_refused. `holder` is who
  /// has the nodeId or the alias, where the PMD says so; else null.
  virtual AfterRefusal on_registration_refused(const Error& error, std::string_view text,
                                               const protocol::NodeInfo* holder) {
    static_cast<void>(error), static_cast<void>(text), static_cast<void>(holder);
    return AfterRefusal::give_up;
  }
  /// A registration that on_registered reported is no more, although the client has not ended it. It registers again by
  /// itself, with backoff; on_registered comes when it has worked. Once a loss. The code of `why` is Errc::timed_out
  /// when the PMD received nothing within its TTL, Errc::alias_in_use when another node has the alias since,
  /// Errc::registration_refused otherwise. `holder` is who has the nodeId or the alias now, where the PMD says so; else
  /// null.
  virtual void on_registration_lost(const Error& why, const protocol::NodeInfo* holder) {
    static_cast<void>(why), static_cast<void>(holder);
  }
  /// A session has begun: whether its PMD keeps groups. One that does not passes over those of a registration.
  virtual void on_groups_kept(bool are_kept) { static_cast<void>(are_kept); }
  /// The PMD has refused a change of the groups, saying `text`. It is asked again with the next heartbeat.
  virtual void on_groups_refused(std::string_view text) { static_cast<void>(text); }
  /// All nodes of the registry: once a session, and again when an event was missed. The node itself is among them.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): an override keeps them
  virtual void on_snapshot(std::vector<protocol::NodeInfo> nodes) { static_cast<void>(nodes); }
  /// A node joined, or changed its registration or its groups. The node itself is notified of its own join, too.
  virtual void on_join(const protocol::NodeInfo& node) { static_cast<void>(node); }
  virtual void on_leave(const protocol::NodeInfo& node) { static_cast<void>(node); }
  /// The PMD asks for that part of the counters of the registered node: Client::answer_stats(). May throw
  /// std::bad_alloc; the PMD has no answer then.
  virtual void on_stats_asked(const protocol::StatsPart& part) { static_cast<void>(part); }
  /// A session ended; the client goes on trying. No node has left because of it.
  virtual void on_disconnected(const Error& why) { static_cast<void>(why); }
  /// The PMD says that it was told to end; on_disconnected follows. It ought not to be started again.
  virtual void on_pmd_shutdown() {}
  /// The `attempts`-th attempt in a row at a session failed; the next one follows the backoff, or retry_now(). The code
  /// is the system's (ECONNREFUSED and the like), Errc::name_not_found, Errc::timed_out for no connection in time,
  /// Errc::pmd_silent for one without an answer, Errc::erlang_epmd, Errc::not_a_pmd, or Errc::end_of_stream for a
  /// connection that ended before its first answer.
  virtual void on_unreachable(const Error& why, std::uint32_t attempts) {
    static_cast<void>(why), static_cast<void>(attempts);
  }
  /// The client is closed.
  virtual void on_closed() {}

 protected:
  ~ClientObserver() = default;
};

}  // namespace distflow::pmd
