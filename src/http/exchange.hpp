// One connection of the HTTP server: one request, and its response or a stream of events.
//
//     reading ──▶ answering ──▶ [lingering] ──▶ closing ──▶ closed
//        └──────▶ streaming ────────────────────▶
//
// Loop thread only.
//   1. A request has to have come by ExchangeLimits::head_time_max after the connection, however slowly its bytes come;
//      an answer has to be taken within answer_time_max, and what a stream has to send within that time, too.
//   2. A stream that leaves more than stream_backlog_max bytes unread is closed.
//   3. It is read from all the time, so that a peer that goes is noticed. What comes behind a request is not looked at,
//      and more than kHeadSizeMax bytes of it end the connection.
//   4. A refused request is answered. Its connection is then read for linger_time, or until the peer has ended it: if
//   it
//      were closed with bytes unread, the system would take the answer back.
//   5. on_exchange_closed() comes once, last; the exchange may be destroyed in it.
// Use: Exchange exchange(parts, host, id); exchange.open(socket); ... exchange.respond(text);
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "base/timer_wheel.hpp"
#include "http/request.hpp"
#include "io/reactor.hpp"
#include "stream/socket_stream.hpp"

namespace distflow::http {

class Exchange;

struct ExchangeLimits {
  base::Duration head_time_max = base::seconds(5);
  base::Duration answer_time_max = base::seconds(30);
  base::Duration linger_time = base::seconds(1);
  std::size_t stream_backlog_max = std::size_t{64} * 1024;
};

/// Whoever exchanges are for. Calls come from inside Reactor::turn().
class ExchangeHost {
 public:
  /// A whole request, or one that is refused, has come. It is responded to now. May throw std::bad_alloc: the exchange
  /// is closed then.
  virtual void on_reading(Exchange& exchange, const Reading& reading) = 0;
  /// The time for `exchange` to send its request, or to take its answer, is over. It is closed behind that.
  virtual void on_too_slow(Exchange& exchange) = 0;
  /// The exchange was closed because it has left too much unread.
  virtual void on_too_much_unread(Exchange& exchange) = 0;
  virtual void on_exchange_closed(Exchange& exchange) = 0;

 protected:
  ~ExchangeHost() = default;
};

class Exchange {
 public:
  /// Pieces of text that several exchanges may share.
  using Text = std::shared_ptr<const std::string>;

  /// `reactor`, `host` and `limits` must outlive the exchange.
  Exchange(io::Reactor& reactor, ExchangeHost& host, const ExchangeLimits& limits, std::uint64_t id);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void open(io::Handle socket);
  [[nodiscard]] std::uint64_t id() const { return id_; }
  /// The user at the other end, as the system told when the connection came.
  [[nodiscard]] const io::PeerOwner& owner() const { return owner_; }

  /// The answer to what was read; the connection ends behind it. `is_refusal`: bytes may be unread.
  void respond(std::string text, bool is_refusal);
  /// The same for a stream: push() adds to it.
  void begin_stream(std::string head);
  [[nodiscard]] bool is_streaming() const { return state_ == State::streaming; }
  /// More of the stream. False, and the exchange is closed, when too much is unread. May throw std::bad_alloc.
  bool push(Text text);

  void close();

 private:
  enum class State : std::uint8_t { reading, answering, streaming, lingering, closing };

  void on_recv(const io::Received& received);
  void on_recv_end(Error why);
  void on_sent(Result<void> outcome);
  void on_deadline();
  void on_closed();
  void read_on(std::string_view bytes);
  void send_next();

  io::Reactor& reactor_;
  ExchangeHost& host_;
  const ExchangeLimits& limits_;
  const std::uint64_t id_;
  io::PeerOwner owner_;
  State state_ = State::reading;
  bool is_refusal_ = false;
  bool has_ended_ = false;  // the peer sends no more
  std::string head_;
  std::size_t passed_over_ = 0;  // bytes that came behind the request
  std::deque<Text> unsent_;      // the first one is under way
  std::size_t unsent_size_ = 0;
  io::Piece piece_;
  stream::SocketStream socket_;
  io::RecvOp recv_op_;
  io::SendOp send_op_;
  io::CloseOp close_op_;
  base::Timer deadline_;
};

}  // namespace distflow::http
