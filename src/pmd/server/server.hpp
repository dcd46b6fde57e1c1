// The PMD: listens, keeps a session for each connection, and has their requests handled.
//
//     start() ──▶ [serving] ── begin_shutdown(), a shutdown request, idle for too long ──▶ [ending] ──▶ [finished]
//
// Loop thread only. No call of the operating system is made from here: a reactor over any backend will do.
//   1. Of two servers for one port, 127.0.0.1 decides: start() fails where that is taken; ::1 is for who can have it.
//   2. A connection that ends takes its nodes with it, at once.
//   3. begin_shutdown() ends within shutdown_max, whatever the peers do: what is queued is sent first, to those who
//      take it. A store has as long to end (registry_store.hpp), and is waited for. on_finished comes last, from inside
//      a turn; the server may be destroyed from then on, but not in it.
// Use: Server server(reactor, stream_setup, log, options); if (!server.start()) ...; while (!server.is_finished())
// reactor.turn(...);
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "base/log.hpp"
#include "pmd/server/request_handler.hpp"
#include "pmd/server/session.hpp"
#include "stream/listener.hpp"

namespace distflow::pmd {

class Server final : private SessionHost {
 public:
  /// `reactor`, `setup`, which is the process's, and `log` must outlive the server, and so must `store`, which decides
  /// who gets a name; without one the server does by itself.
  Server(io::Reactor& reactor, stream::StreamSetup& setup, const base::Log& log, ServerOptions options,
         RegistryStore* store = nullptr);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Begins to listen, or takes over the listener of its options. The system's EADDRINUSE when another has the port;
  /// Errc::invalid_address for a host that is no numeric address; for what cannot be taken over, an error of
  /// io::Backend::take_over_listener(). May throw std::bad_alloc. May be called again when it has failed, or thrown.
  Result<void> start();
  /// The port listened at.
  [[nodiscard]] std::uint16_t port() const;

  void begin_shutdown();
  [[nodiscard]] bool is_serving() const { return state_ == State::serving; }
  [[nodiscard]] bool is_finished() const { return state_ == State::finished; }
  /// Called with each join, update and leave while it serves, from inside a turn. It does not throw.
  void set_on_change(Announcer::OnChange on_change) { handler_.set_on_change(on_change); }
  /// What serves the page when a client that may do so asks for it, from inside a turn.
  void set_open_page(RequestHandler::OpenPage open_page) { handler_.set_open_page(open_page); }
  void set_on_finished(base::Delegate<void()> on_finished) { on_finished_ = on_finished; }

  [[nodiscard]] const ServerCounters& counters() const { return counters_; }
  [[nodiscard]] const Registry& registry() const { return handler_.registry(); }
  /// For questions of the PMD's own to its nodes.
  [[nodiscard]] StatsRelay& stats_relay() { return handler_.stats(); }
  [[nodiscard]] std::size_t connection_count() const { return sessions_.size(); }
  /// Times that accepting paused for lack of descriptors or memory.
  [[nodiscard]] std::uint64_t accept_pauses() const;
  /// Of the process that it runs in.
  [[nodiscard]] stream::HandshakeCounters handshakes() const { return setup_.counters(); }
  /// What is wrong between two turns; null when nothing is. For the simulator and tests (server_invariants.cpp).
  [[nodiscard]] const char* broken_invariant() const;

 private:
  enum class State : std::uint8_t { unstarted, serving, ending, finished };
  struct Entrance;  // a listener, and the connections that came through it

  void follow_address();
  std::unique_ptr<Entrance> make_entrance();
  Result<void> listen(const io::Address& address);
  Result<void> take_over(int descriptor);
  void add(std::unique_ptr<Entrance> entrance);
  void on_accept(stream::OpenStream& stream, const io::Address& peer, stream::Listener& listener);
  std::size_t on_request(Session& session, std::string_view frame) override;
  void on_run_end(Session& session) override;
  void on_run_lost(Session& session) override;
  void on_sent(Session& session) override;
  void on_session_closed(Session& session, Error why) override;
  void on_entrance_closed();
  void on_idle();
  void on_shutdown_deadline();
  void watch_for_idleness();
  void log_end(const Session& session, Error why);
  void finish_if_done();
  [[nodiscard]] Session* find_session(OwnerId id);

  io::Reactor& reactor_;
  stream::StreamSetup& setup_;
  const base::Log& log_;
  const ServerOptions options_;
  base::Delegate<void()> on_finished_;
  State state_ = State::unstarted;
  ServerCounters counters_;
  base::ChunkPool blocks_;
  std::size_t reply_backlog_ = 0;
  Streams streams_;
  TurnWork work_;
  RequestHandler handler_;
  std::vector<std::unique_ptr<Entrance>> entrances_;
  std::size_t entrances_open_ = 0;
  std::unordered_map<OwnerId, std::unique_ptr<Session>> sessions_;
  OwnerId last_id_ = 0;
  base::Timer idle_timer_;
  base::Timer shutdown_timer_;
  base::RateLimit peer_lines_;
};

}  // namespace distflow::pmd
