// An HTTP server on loopback, in a reactor: GET alone, one request a connection, and streams of server-sent events.
//
// Loop thread only.
//   1. It listens at 127.0.0.1, and at ::1 where there is one. `localhost` is a name of it only where nobody else can
//      have ::1, to which browsers connect first. Who may ask is said in access.hpp; each refusal has a counter.
//   2. At most connection_count_max connections are open, stream_count_max of them streams, so that there is always
//      room for others. More are closed at once, or answered with 503. Where all are taken, a user who may ask and has
//      fewer than an equal share gets the place of a user with more (places_by_user.hpp), whose connection is closed:
//      the newest one, first of those without an answer.
//   3. Users who may not ask are known before they have sent anything: they get 403 at once. At most kStrangersMax of
//      their connections are kept for that to arrive; more are closed without an answer.
//   4. A turn makes at most kAnswerBytesPerTurn bytes of answers, and one answer more, and gives events to at most
//      kGiftsPerTurn streams. Answers that are not taken have at most answer_backlog_max bytes, and one answer more.
//      The other requests and streams wait, in the order that they came.
//   5. Streams are given events in rounds: each takes all that has come by then in one send. The first event after a
//      quiet time begins a round in its turn. The next round begins round_interval() later, or when kRoundBytesMax
//      bytes of events wait for it. A stream costs few sends a second, however many turns bring events. All streams
//      together cost one each kRoundIntervalPerStream, and more where kRoundBytesMax comes first.
//   6. Events are kept once for all streams, in at most event_backlog_max bytes. A stream that has left so many unread
//      that some are no longer kept is closed.
//   7. Each connection accepted is counted once as one of `requests`, `malformed`, `not_allowed`, `busy`,
//      `streams_refused`, `too_slow`, `gone`, `displaced` and `out_of_memory`, unless close() ends it first.
//   8. close() ends all connections at once; on_closed comes last, from inside a turn.
// Use: Server server(reactor, handler, options); server.start(); ... server.close(on_closed);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/event_feed.hpp"
#include "http/exchange.hpp"
#include "http/response.hpp"
#include "stream/listener.hpp"

namespace distflow::http {

struct ServerOptions {
  std::uint16_t port = 0;            ///< 0: the system chooses
  std::vector<std::uint32_t> users;  ///< whose requests are answered, besides root's
  std::uint32_t connection_count_max = 256;
  std::uint32_t stream_count_max = 128;
  std::size_t answer_backlog_max = std::size_t{32} << 20;  ///< bytes of answers that are not taken
  std::size_t event_backlog_max = std::size_t{16} << 20;   ///< bytes of events, once for all streams
  ExchangeLimits limits = {};
};

/// Monotonic.
struct HttpCounters {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  ///< closed at once: at the bound, or for lack of memory
  std::uint64_t requests = 0;             ///< that the handler has answered, streams among them
  std::uint64_t requests_delayed = 0;     ///< that have waited for another turn, or for others to take their answers
  std::uint64_t malformed = 0;            ///< refused with 400, 413 or 431
  std::uint64_t not_allowed = 0;          ///< refused with 403, 405 or 421, or closed for their user
  std::uint64_t busy = 0;                 ///< refused with 503 after a wait of answer_time_max
  std::uint64_t streams_refused = 0;      ///< streams that there was no room for: 503
  std::uint64_t too_slow = 0;             ///< connections closed without a whole request in time
  std::uint64_t gone = 0;                 ///< connections that ended before their request was answered
  std::uint64_t displaced = 0;            ///< connections closed before their answer for another user's
  std::uint64_t answers_displaced = 0;    ///< connections with an answer under way, and streams, closed for the same
  std::uint64_t out_of_memory = 0;        ///< connections closed because there was no memory to read or answer
  std::uint64_t not_taken = 0;            ///< closed for not taking in time an answer, or what a stream was given
  std::uint64_t slow_readers = 0;         ///< streams closed for leaving too much unread
  std::uint64_t too_talkative = 0;        ///< streams closed because their reader went on sending
  std::uint64_t streams_lost = 0;         ///< streams closed because there was no memory for an event
  std::uint64_t rounds = 0;               ///< times that all streams were looked at for who lacks events
  std::uint64_t gifts = 0;                ///< sends of events, one for each stream of a round or more
};

class Handler {
 public:
  /// The answer to a GET request that may be answered, from the user that the system names; nothing for a stream of
  /// events: on_stream() is called then. May throw std::bad_alloc.
  virtual std::optional<Response> on_get(const Request& request, const io::PeerOwner& owner) = 0;
  /// A stream begins; what it begins with. May throw std::bad_alloc: there is no stream then.
  virtual std::string on_stream() = 0;
  /// There is one stream less.
  virtual void on_stream_closed() = 0;

 protected:
  ~Handler() = default;
};

class Server final : private ExchangeHost {
 public:
  static constexpr std::size_t kAnswerBytesPerTurn = std::size_t{512} * 1024;
  /// What an answer counts for at least: asking the handler takes time, too.
  static constexpr std::size_t kAnswerBytesMin = std::size_t{4} * 1024;
  static constexpr std::size_t kGiftsPerTurn = 8;
  static constexpr std::size_t kGiftBytesPerTurn = std::size_t{512} * 1024;
  static constexpr base::Duration kRoundInterval = base::milliseconds(100);
  /// Between two rounds at least, for each stream: the more there are, the fewer rounds they get a second.
  static constexpr base::Duration kRoundIntervalPerStream = base::milliseconds(3);
  /// As many as one stream takes at once: a burst is handed on while it comes, before the feed has no more room.
  static constexpr std::size_t kRoundBytesMax = std::size_t{256} * 1024;
  static constexpr std::uint32_t kStrangersMax = 16;
  static constexpr base::Duration kIpv6Interval = base::seconds(1);

  /// `reactor` and `handler` must outlive the server.
  Server(io::Reactor& reactor, Handler& handler, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// The system's EADDRINUSE when another has the port of 127.0.0.1. May be called again when it has failed. While
  /// another has that of ::1, it is tried again each kIpv6Interval.
  Result<void> start();
  [[nodiscard]] std::uint16_t port() const { return ipv4_.listener.address().port; }
  /// Whether `localhost` is a name of this server, too.
  [[nodiscard]] bool is_localhost() const { return is_localhost_; }

  /// An event for all streams. May throw std::bad_alloc, and has notified none of them then.
  void push_to_streams(std::string_view text);
  /// To be called when there is no memory for an event.
  void close_streams();

  void close(base::Delegate<void()> on_closed);

  [[nodiscard]] const HttpCounters& counters() const { return counters_; }
  /// Times that accepting paused for lack of descriptors or memory.
  [[nodiscard]] std::uint64_t accept_pauses() const {
    return ipv4_.listener.counters().pauses + ipv6_.listener.counters().pauses;
  }
  [[nodiscard]] std::size_t connection_count() const { return exchanges_.size(); }
  [[nodiscard]] std::uint32_t stream_count() const { return static_cast<std::uint32_t>(streams_.size()); }
  /// Bytes of answers that are not taken.
  [[nodiscard]] std::size_t answer_backlog() const { return answer_backlog_; }

 private:
  /// A listener, and the connections that come through it.
  struct Entrance {
    Entrance(io::Reactor& reactor, Server& owner);
    void on_accept(stream::OpenStream& stream, const io::Address&) { server.on_accept(stream, *this); }

    Server& server;
    stream::StreamSetup sockets;  // HTTP without TLS, on loopback alone
    stream::Listener listener;
  };
  struct Guest {
    std::unique_ptr<Exchange> exchange;
    Entrance* entrance;
  };

  void on_accept(stream::OpenStream& stream, Entrance& entrance);
  Exchange& add(Entrance& entrance);
  void on_reading(Exchange& exchange, Reading reading) override;
  void on_waited_too_long(Exchange& exchange) override;
  void on_answer_taken(Exchange& exchange, std::size_t size) override;
  void on_gift_taken(Exchange& exchange) override;
  void on_too_slow(Exchange&) override { ++counters_.too_slow; }
  void on_not_taken(Exchange&) override { ++counters_.not_taken; }
  void on_gone(Exchange&) override { ++counters_.gone; }
  void on_too_talkative(Exchange&) override { ++counters_.too_talkative; }
  void on_out_of_memory(Exchange&) override { ++counters_.out_of_memory; }
  void on_exchange_closed(Exchange& exchange) override;

  /// `places` gives each connection that may have to go to the function that it is called with.
  template <class Places>
  [[nodiscard]] bool take_place_for(const io::PeerOwner& asker, const Places& places);
  [[nodiscard]] bool take_connection_for(const stream::OpenStream& stream);
  void turn_away(Exchange& stranger);
  void refuse(Exchange& exchange, int status);
  void respond(Exchange& exchange, std::string head, std::string body, bool is_refusal);
  void answer_some();
  void answer(Exchange& exchange);
  void begin_stream(Exchange& exchange);
  [[nodiscard]] bool is_round_due() const;
  [[nodiscard]] base::Duration round_interval() const;
  void begin_round();
  void on_round_time();
  [[nodiscard]] bool is_closed_as_lost(Exchange& stream);
  void give_some();
  void forget_events();
  void go_on();
  void on_listener_closed() { finish_if_done(); }
  void finish_if_done();
  void listen_at_ipv6();

  io::Reactor& reactor_;
  Handler& handler_;
  const ServerOptions options_;
  HttpCounters counters_;
  Entrance ipv4_;
  Entrance ipv6_;
  bool is_localhost_ = false;
  std::unordered_map<std::uint64_t, Guest> exchanges_;
  std::unordered_map<std::uint64_t, Exchange*> streams_;
  base::IntrusiveList<Exchange, WaitingExchanges> waiting_;  // requests that are not answered yet
  base::IntrusiveList<Exchange, ReadyStreams> ready_;        // streams that are behind, and have taken what they had
  EventFeed feed_;
  EventFeed::Cursor round_end_ = 0;  // the end of the feed when the last round began
  std::size_t answer_backlog_ = 0;
  std::size_t answer_bytes_left_ = kAnswerBytesPerTurn;  // in this turn
  std::uint32_t strangers_ = 0;
  std::uint64_t last_id_ = 0;
  bool is_closing_ = false;
  base::Delegate<void()> on_closed_;
  io::DeferredTask go_on_;
  base::Timer round_timer_;  // armed: the last round began less than kRoundInterval ago
  base::Timer ipv6_timer_;
};

}  // namespace distflow::http
