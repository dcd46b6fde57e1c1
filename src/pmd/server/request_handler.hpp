// Answers the requests of the PMD's sessions: look-ups and lists out of the registry, what changes it by the registrar.
//
// Loop thread only.
//   1. Every request gets exactly one reply, in order, unless its session ends first. Not so stats: stats_relay.hpp.
//   2. The reply to a request is queued before the events that the request causes.
//   3. Look-ups are put off for as long as nothing else comes, and no longer than the run.
// Use: handler.on_request(session, frame); ... handler.on_run_end(session); ... handler.on_session_closed(session);
#pragma once

#include <string>
#include <string_view>

#include "base/log.hpp"
#include "pmd/server/announcer.hpp"
#include "pmd/server/options.hpp"
#include "pmd/server/registrar.hpp"
#include "pmd/server/reply_writer.hpp"
#include "pmd/server/resolve_batch.hpp"
#include "pmd/server/session.hpp"
#include "pmd/server/stats_relay.hpp"
#include "protocol/pmd_request.hpp"

namespace distflow::pmd {

class RequestHandler {
 public:
  /// Serves the page at that port of 127.0.0.1 unless it is served already; gives the port. May throw std::bad_alloc.
  using OpenPage = base::Delegate<Result<std::uint16_t>(std::uint16_t port)>;

  /// All but the delegates, which are copied, must outlive the handler. `store` is null for a registry of this PMD's
  /// own. `on_shutdown` is called when a peer that may do so has asked for the PMD's end and been answered.
  /// `on_stopped` is called when the store has ended, after stop(); perhaps from inside that. `find_session` gives the
  /// session of that id, or null.
  RequestHandler(io::Reactor& reactor, const base::Log& log, const ServerOptions& options, ServerCounters& counters,
                 Streams& streams, RegistryStore* store, base::Delegate<void()> on_shutdown,
                 base::Delegate<void()> on_stopped, base::Delegate<Session*(OwnerId)> find_session);
  RequestHandler(const RequestHandler&) = delete;
  RequestHandler& operator=(const RequestHandler&) = delete;

  /// Once, before the first request.
  void start() noexcept { registrar_.start(); }
  /// `frame` must last until on_run_end(), which answers what has not been answered yet. How much work it was, in the
  /// unit of TurnWork.
  std::size_t on_request(Session& session, std::string_view frame);
  void on_run_end(Session& session);
  void on_run_lost() { resolve_batch_.clear(); }
  /// The peer has taken something that was sent.
  void on_sent(Session& session) { announcer_.on_sent(session); }
  /// The session is gone: so are its nodes, its watch, its claim.
  void on_session_closed(Session& session);

  /// Notifies the session, if it asked for that, that the PMD is about to end because it was told to.
  void announce_shutdown(Session& session) { announcer_.tell_shutdown(session); }
  /// No more events: what leaves from now on leaves because the PMD ends.
  void stop();
  /// The store has ended: nothing calls the handler any more but its sessions.
  [[nodiscard]] bool has_stopped() const { return registrar_.has_stopped(); }

  [[nodiscard]] const Registry& registry() const { return registry_; }
  /// For questions of the PMD's own.
  [[nodiscard]] StatsRelay& stats() { return stats_; }
  [[nodiscard]] const StatsRelay& stats() const { return stats_; }
  /// Without it there is no page to serve.
  void set_open_page(OpenPage open_page) { open_page_ = open_page; }
  void set_on_change(Announcer::OnChange on_change) { announcer_.set_on_change(on_change); }

 private:
  void handle(Session& session, protocol::Request& request);
  void on_malformed(Session& session);
  static void note_owner(Session& session, protocol::NodeInfo& node);
  void on_register(Session& session, protocol::Request& request);
  void on_hello(Session& session, const protocol::Request& request);
  void on_regroup(Session& session, const protocol::Request& request);
  void on_watch(Session& session, const protocol::Request& request);
  void on_shutdown(Session& session, const protocol::Request& request);
  void on_web(Session& session, const protocol::Request& request);
  [[nodiscard]] bool may_open_page(Session& session) const;
  void on_resolve(Session& session, protocol::Request& request);
  void answer_look_ups(Session& session);
  void on_list(Session& session, const protocol::Request& request);
  void reply_nodes(Session& session, std::string_view head);
  [[nodiscard]] std::string introduced(const protocol::Request& request) const;

  const base::Log& log_;
  const ServerOptions& options_;
  ServerCounters& counters_;
  const base::Delegate<void()> on_shutdown_;
  OpenPage open_page_;
  const base::WallMs started_at_;
  io::Reactor& reactor_;

  base::ChunkPool chunks_;
  ReplyWriter replies_;
  Announcer announcer_;
  Streams& streams_;
  Registrar registrar_;
  Registry& registry_;  // the registrar's
  transport::OutBuffer stats_out_;
  StatsRelay stats_;
  ResolveBatch resolve_batch_;  // of the session whose run it is
};

}  // namespace distflow::pmd
