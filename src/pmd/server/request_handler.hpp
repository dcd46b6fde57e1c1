// Answers the requests of the PMD's sessions out of the registry, and tells watchers what changes in it.
//
// Loop thread only.
//   1. Every request gets exactly one reply, in order, unless its session ends first.
//   2. The reply to a request is queued before the events that the request causes.
//   3. A claim to an alias or a nodeId in use is answered when its holder has gone, or at the end of the grace period.
//   4. Look-ups are put off for as long as nothing else comes, and no longer than the run.
//   5. What one request or one end causes is done over turns: of leaves, refusals and events a turn does a bounded
//      number.
// Use: handler.on_request(session, frame); ... handler.on_run_end(session); ... handler.on_session_closed(session);
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/log.hpp"
#include "pmd/server/claims.hpp"
#include "pmd/server/look_ups.hpp"
#include "pmd/server/options.hpp"
#include "pmd/server/registry.hpp"
#include "pmd/server/session.hpp"
#include "pmd/server/watchers.hpp"
#include "protocol/pmd_reply.hpp"
#include "protocol/pmd_request.hpp"

namespace distflow::pmd {

class RequestHandler {
 public:
  /// All but `on_shutdown`, which is copied, must outlive the handler. `on_shutdown` is called when a peer that may do
  /// so has asked for the PMD's end and been answered.
  RequestHandler(io::Reactor& reactor, const base::Log& log, const ServerOptions& options, ServerCounters& counters,
                 Streams& streams, base::Delegate<void()> on_shutdown);
  ~RequestHandler();
  RequestHandler(const RequestHandler&) = delete;
  RequestHandler& operator=(const RequestHandler&) = delete;

  /// `frame` must last until on_run_end(), which answers what has not been answered yet.
  void on_request(Session& session, std::string_view frame);
  void on_run_end(Session& session);
  void on_run_lost() { look_ups_.clear(); }
  /// The peer has taken something that was sent.
  void on_sent(Session& session) { watchers_.on_sent(session); }
  /// The session is gone: so are its nodes, its watch, its claim.
  void on_session_closed(Session& session);

  /// Tells the session, if it asked for that, that the PMD is about to end because it was told to.
  void announce_shutdown(Session& session);
  /// No more events: what leaves from now on leaves because the PMD ends.
  void stop();

  [[nodiscard]] const Registry& registry() const { return registry_; }

 private:
  void on_malformed(Session& session);
  static void note_owner(Session& session, protocol::NodeInfo& node);
  void on_register(Session& session, const protocol::Request& request);
  void on_unregister(Session& session, const protocol::Request& request);
  void on_heartbeat(Session& session, const protocol::Request& request);
  void on_watch(Session& session, const protocol::Request& request);
  void on_shutdown(Session& session, const protocol::Request& request);
  void on_resolve(Session& session, protocol::Request& request);
  void answer_look_ups(Session& session);
  void on_list(Session& session, const protocol::Request& request);
  void reply_nodes(Session& session, std::string_view head);
  [[nodiscard]] std::string introduced(const protocol::Request& request) const;

  /// The node that has the alias or the nodeId, or null: then the registration was answered.
  const Registry::Entry* try_register(Session& session, const protocol::Registration& registration,
                                      std::string_view raw_request_id);
  void welcome(Session& session, const protocol::Registration& registration, std::string_view raw_request_id,
               const Registry::Outcome& outcome);
  [[nodiscard]] bool may_wait(const Session& session, const Registry::Entry& holder) const;
  void refuse_claim(Session& session, const protocol::Registration& registration, std::string_view raw_request_id,
                    const Registry::Entry& holder);
  void settle_claims(base::Instant refused_until);
  void grant_claims();
  void arm_claims(base::Instant at);
  void on_claim_timer();
  void on_expiry_timer();
  void arm_expiry();
  void remove_gone();
  void go_on_removing();
  void tell_loss(OwnerId owner, std::string_view node_id, protocol::LossReason reason,
                 const protocol::NodeInfo* holder);

  void reply(Session& session, std::string_view body);
  void tell_join(const Registry::Entry& entry);
  void tell_leaves(const std::vector<Registry::Departure>& departures);
  void tell(std::string_view event);
  template <class Call>
  void tell_or_disconnect(Call&& call);

  io::Reactor& reactor_;
  const base::Log& log_;
  const ServerOptions& options_;
  ServerCounters& counters_;
  const base::Delegate<void()> on_shutdown_;
  const base::WallMs started_at_;
  bool is_stopped_ = false;

  base::ChunkPool chunks_;
  transport::OutBuffer replies_;
  transport::OutBuffer events_;
  Streams& streams_;

  Registry registry_;
  LookUps look_ups_;  // of the session whose run it is
  Watchers watchers_;
  Claims claims_;
  base::Timer claim_timer_;
  base::Instant claims_armed_at_;
  base::Timer expiry_timer_;
  base::Instant expiry_armed_at_ = base::kNever;
  base::Instant no_expiry_before_ = base::Instant::min();
  io::TurnEnd grant_claims_;
  io::TurnEnd go_on_removing_;
  std::size_t leaves_left_ = 0;                         // in this turn
  std::unordered_map<OwnerId, Session*> told_of_loss_;  // sessions that registered with a secret
};

}  // namespace distflow::pmd
