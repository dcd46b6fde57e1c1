// An HTTP server on loopback, in a reactor: GET alone, one request a connection, and streams of server-sent events.
//
// Loop thread only.
//   1. It listens at 127.0.0.1 only. Who may ask is said in access.hpp; each refusal has a counter.
//   2. At most connection_count_max connections are open, stream_count_max of them streams, so that there is always
//      room for others. More are closed at once, or answered with 503.
//   3. A handler is called for what may be answered only.
//   4. close() ends all connections at once; on_closed comes last, from inside a turn.
// Use: Server server(reactor, handler, options); server.start(); ... server.close(on_closed);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "http/exchange.hpp"
#include "http/response.hpp"
#include "stream/listener.hpp"

namespace distflow::http {

struct ServerOptions {
  std::uint16_t port = 0;            ///< 0: the system chooses
  std::vector<std::uint32_t> users;  ///< whose requests are answered, besides root's
  std::uint32_t connection_count_max = 256;
  std::uint32_t stream_count_max = 128;
  ExchangeLimits limits = {};
};

/// Monotonic.
struct HttpCounters {
  std::uint64_t requests = 0;         ///< that were answered by the handler
  std::uint64_t malformed = 0;        ///< refused with 400, 413 or 431
  std::uint64_t not_allowed = 0;      ///< refused with 403, 405 or 421
  std::uint64_t too_slow = 0;         ///< connections closed because a deadline had passed
  std::uint64_t streams_refused = 0;  ///< streams that there was no room for
  std::uint64_t slow_readers = 0;     ///< streams closed for leaving too much unread
};

class Handler {
 public:
  /// The answer to a GET request that may be answered, from the user that the system names; nothing for a stream of
  /// events: on_stream() is called then. May throw std::bad_alloc.
  virtual std::optional<Response> on_get(const Request& request, const io::PeerOwner& owner) = 0;
  /// A stream has begun. What it begins with may be pushed at once.
  virtual void on_stream(Exchange& stream) = 0;
  /// There is one stream less.
  virtual void on_stream_closed() = 0;

 protected:
  ~Handler() = default;
};

class Server final : private ExchangeHost {
 public:
  /// `reactor` and `handler` must outlive the server.
  Server(io::Reactor& reactor, Handler& handler, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// The system's EADDRINUSE when another has the port.
  Result<void> start();
  [[nodiscard]] std::uint16_t port() const { return listener_.address().port; }

  /// The text to all streams, of which some may be closed by that. May throw std::bad_alloc.
  void push_to_streams(const Exchange::Text& text);
  void close_streams();

  void close(base::Delegate<void()> on_closed);

  [[nodiscard]] const HttpCounters& counters() const { return counters_; }
  /// Connections closed at once, at the bound.
  [[nodiscard]] std::uint64_t connections_refused() const { return listener_.counters().refused; }
  [[nodiscard]] std::size_t connection_count() const { return exchanges_.size(); }
  [[nodiscard]] std::uint32_t stream_count() const { return static_cast<std::uint32_t>(streams_.size()); }

 private:
  void on_accept(stream::OpenStream& stream, const io::Address& peer);
  void on_reading(Exchange& exchange, const Reading& reading) override;
  void on_too_slow(Exchange&) override { ++counters_.too_slow; }
  void on_too_much_unread(Exchange&) override { ++counters_.slow_readers; }
  void on_exchange_closed(Exchange& exchange) override;
  void begin_stream(Exchange& exchange);
  void on_listener_closed();
  void finish_if_done();

  io::Reactor& reactor_;
  Handler& handler_;
  const ServerOptions options_;
  HttpCounters counters_;
  stream::Listener listener_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Exchange>> exchanges_;
  std::unordered_map<std::uint64_t, Exchange*> streams_;
  std::uint64_t last_id_ = 0;
  bool is_closing_ = false;
  base::Delegate<void()> on_closed_;
};

}  // namespace distflow::http
