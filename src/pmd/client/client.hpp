// The client of a PMD: keeps a session with it, the node registered, and the registry watched, over any loss of it.
//
//     start() ──▶ [dialing] ── connected ──▶ [greeting] ── hello answered ──▶ [in session]
//                     ▲                          │                                 │
//                     └── backoff, retry_now() ──┴── on_unreachable ── on_disconnected
//     anywhere: close() ──▶ [closing] ──▶ on_closed
//
// Loop thread only.
//   1. hello, register and watch leave in one send on every new connection. A PMD that knows no hello is a TypeScript
//      one, and is as good.
//   2. After a loss the client dials again by itself, with backoff and jitter, and registers and watches again.
//   3. Every request has exactly one answer, within its timeout, from inside a later turn. One made while there is no
//      session waits for one.
//   4. Each on_snapshot holds everything up to it: joins and leaves reported before are contained in it, those after
//      come on top. An event missed, as its `rev` tells, leads to a new snapshot; so does one, or a snapshot, that the
//      observer had no memory for, a little later.
//   5. on_closed is the last call, comes within the close timeout, and never from inside close(). Only then may the
//      client be destroyed, in on_closed itself too.
// Use: Client client({reactor, resolver, stream_setup, chunks, out}, observer, options);
//      client.start(); ... client.close();
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/result.hpp>

#include "base/random.hpp"
#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "io/resolver.hpp"
#include "pmd/client/client_messages.hpp"
#include "pmd/client/client_observer.hpp"
#include "pmd/client/client_requests.hpp"
#include "pmd/client/client_watch.hpp"
#include "pmd/client/epmd_probe.hpp"
#include "pmd/client/told_groups.hpp"
#include "pmd/pmd_address.hpp"
#include "protocol/pmd_reply.hpp"
#include "stream/backoff.hpp"
#include "stream/dialer.hpp"
#include "transport/connection.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::pmd {

struct ClientOptions {
  std::string host = kDefaultHost;
  std::uint16_t port = kDefaultPort;
  /// Registered on every connection; the client adds the cap that asks for on_pmd_shutdown and, unless there is one, a
  /// secret of its own.
  std::optional<protocol::Registration> registration;
  bool is_watching = false;  ///< whether to watch on every connection
  base::Duration request_timeout = base::seconds(5);
  base::Duration heartbeat_interval = base::seconds(20);
  base::Duration close_timeout = base::seconds(1);  ///< for the answer to the unregister of a close
  stream::BackoffOptions backoff;
  std::uint32_t request_count_max = 4096;            ///< requests without an answer; more fail with Errc::queue_full
  std::uint32_t reply_size_max = 128 * 1024 * 1024;  ///< bytes of a frame from the PMD: all nodes that one can hold
  std::uint64_t seed = 0;                            ///< of the jitter
};

/// What a client works with. All of it must outlive the client.
struct ClientParts {
  io::Reactor& reactor;
  io::Resolver& resolver;
  stream::StreamSetup& stream_setup;  ///< of the process
  base::ChunkPool& chunks;
  transport::OutBuffer& out;
};

enum class Unregister { no, yes };

class Client final : private transport::ConnectionObserver {
 public:
  template <class T>
  using Callback = std::function<void(Result<T>)>;

  /// `observer` must outlive the client.
  Client(ClientParts parts, ClientObserver& observer, ClientOptions options);
  ~Client();

  /// Begins to dial.
  void start();
  /// Dials at once if the client waits to do so, for instance after a PMD has been started.
  void retry_now();
  /// Registers `registration` from now on, in place of any other. May throw std::bad_alloc, and has changed nothing
  /// then.
  void set_registration(protocol::Registration registration);
  /// The groups of the registration from now on. The PMD is notified, if it keeps any; so is each one after it. May
  /// throw std::bad_alloc, and has changed nothing then. Nothing happens without a registration.
  void set_groups(protocol::Groups groups);

  /// The node of that alias or nodeId; Errc::node_not_found when there is none.
  void resolve(std::string_view name, Callback<protocol::NodeInfo> on_answer);
  void list(Callback<std::vector<protocol::NodeInfo>> on_answer);
  /// Who the PMD is; Errc::refused when it is one that knows no hello.
  void hello(Callback<protocol::Hello> on_answer);
  /// A part of that node's report on itself. StatsKind::redrive has it do something: lost with the session it is not
  /// asked again, and whether it was done is not known.
  void stats(std::string_view name, std::uint64_t after, Callback<ToldStats> on_answer,
             protocol::StatsKind what = protocol::StatsKind::counters);
  /// Answers on_stats_asked(): the part of that id. `stats` is a JSON object; empty: none can be sent now. Without a
  /// session, and without memory or room to send it, it is dropped: the PMD ends the question in a time of its own.
  /// Whether it has been queued. May throw std::bad_alloc, and has queued nothing then.
  bool answer_stats(std::uint64_t id, std::string_view stats);
  /// As which user the PMD of this session runs, as the system has it; unknown where it cannot say, and without a
  /// session. Once the PMD has said something: its end has no owner before. Takes io::kOwnerLookupMax at most.
  [[nodiscard]] io::PeerOwner owner_of_pmd() const { return connection_ ? connection_->peer().owner : io::PeerOwner(); }
  /// Ends the registration for good; Errc::node_not_found when there was none. May throw std::bad_alloc, and has
  /// changed nothing then.
  void unregister(Callback<void> on_answer);
  /// Has the PMD serve its page, at this port of 127.0.0.1 if it does not yet. It does so for its own user and root.
  void open_page(std::uint16_t port, Callback<PageAnswer> on_answer);
  /// Tells the PMD to end; Errc::refused when it will not, because nodes are registered and `force` is no, or because
  /// it is on another machine. A TypeScript PMD ends in any case.
  void shutdown_pmd(protocol::Force force, Callback<void> on_answer);

  /// Ends the session, having unregistered first when asked to. Requests without an answer get Errc::canceled.
  void close(Unregister unregister = Unregister::no);

  [[nodiscard]] bool is_in_session() const { return state_ == State::in_session; }
  /// Errc::pmd_silent while there is a connection on which nothing has been answered yet.
  [[nodiscard]] std::optional<Error> silence() const;
  /// After close(Unregister::yes) it returns whether the PMD has confirmed: false then.
  [[nodiscard]] bool is_registered() const { return is_registered_; }
  [[nodiscard]] std::uint16_t port() const { return options_.port; }
  /// What is wrong between two turns; null when nothing is. For the simulator and tests (client_invariants.cpp).
  [[nodiscard]] const char* broken_invariant() const;

 private:
  enum class State : std::uint8_t {
    idle,
    waiting,  // for the next attempt
    dialing,
    greeting,  // connected, and nothing has come yet that only a PMD says
    in_session,
    probing,  // whether it is Erlang's epmd that did not talk to us
    closing,
    closed,
  };

  // What the connection reports.
  void on_frames(transport::Connection& connection) override;
  void on_closed(transport::Connection& connection, Error why) override;
  void on_frame(std::string_view body);
  void on_event(const protocol::Event& event);
  void on_stats_asked(const protocol::StatsPart& part);

  // The way into a session and out of it.
  void dial();
  void on_dialed(Result<stream::OpenStream> outcome);
  void greet();
  void on_hello_answer(const Answer& answer);
  void on_loss(Error why);
  void on_probed(ProbeVerdict verdict);
  void on_attempt_failed(Error why);
  void wait_to_dial();

  // Requests: the owner's, bounded, and the session's own, which end it when they get no answer.
  using WriteRequest = std::function<std::string(std::string_view id)>;
  void ask(const WriteRequest& write, AcrossLoss across_loss, ClientRequests::OnAnswer on_answer);
  void ask_for_session(const WriteRequest& write, void (Client::*on_answer)(const Answer&));
  void post(const WriteRequest& write, AcrossLoss across_loss, ClientRequests::OnAnswer on_answer);
  void transmit(PendingRequest& request);
  void end_session(Error why);

  // The registration.
  void register_now();
  void on_register_answer(const Answer& answer);
  void on_refused(const std::string& text, const std::optional<protocol::NodeInfo>& holder);
  void on_lost(const protocol::Event& event);
  void tell_lost(const Error& why, const protocol::NodeInfo* holder);
  [[nodiscard]] protocol::Registration completed(protocol::Registration registration) const;
  void regroup();
  void on_regroup_answer(ToldGroups::Number number, const Answer& answer);
  void on_heartbeat_answer(const Answer& answer);
  void on_registration_timer();
  void forget_registration();

  // The watch.
  void watch_now();
  void on_watch_answer(const Answer& answer);
  void on_list_answer(const Answer& answer);
  void tell_snapshot(const protocol::Response& response);
  void tell_change(const protocol::Event& event);
  void watch_again();
  /// What a session cannot do without is done, or the session ends and the next one begins anew.
  template <class Call>
  void in_session_or_end_it(Call&& call) {
    if (!parts_.reactor.has_memory_for(call)) end_session({Errc::out_of_memory, kAsking});
  }

  // The end.
  [[nodiscard]] bool is_closed() const { return state_ == State::closing || state_ == State::closed; }
  void hang_up();
  void finish_when_idle();
  void finish();

  const ClientParts parts_;
  ClientObserver& observer_;
  ClientOptions options_;
  State state_ = State::idle;
  std::uint32_t failed_attempts_ = 0;  // in a row
  Error why_lost_;                     // while probing
  stream::Backoff backoff_;
  base::Random random_;

  std::unique_ptr<transport::Connection> connection_;  // while there is one, closing or not
  ClientRequests requests_;
  ClientWatch watch_;

  const std::string secret_;  // that the node is registered with, for its life
  bool is_registered_ = false;
  bool knows_registered_ = false;           // on_registered was called, and no loss was reported since
  bool keeps_groups_ = false;               // the PMD of this session
  ToldGroups told_groups_;                  // to the PMD of this session, with the registration and after it
  std::uint32_t registers_unanswered_ = 0;  // an answer counts only when no later request is under way
  stream::Backoff refusal_backoff_;

  stream::Dialer dialer_;
  EpmdProbe probe_;
  base::Timer dial_timer_;
  base::Timer registration_timer_;  // the next heartbeat, or the next try after a refusal
  base::Timer watch_timer_;         // to ask for all nodes again
  base::Timer close_timer_;
  io::DeferredTask finish_;
};

}  // namespace distflow::pmd
