// One connection of the HTTP server: one request, and its response or a stream of events.
//
//     reading ──▶ [waiting] ──▶ answering ──▶ [lingering] ──▶ closing ──▶ closed
//        │                └───▶ streaming ────────────────────▶
//        └────────────────────▶ answering: a refusal
//
// Loop thread only.
//   1. A request has to have come by ExchangeLimits::head_time_max after the connection, however slowly its bytes come;
//      it waits for its answer for answer_time_max. An answer has to be taken within that time, and so has each part
//      of a stream.
//   2. It is read from all the time, so that a peer that goes is noticed. What comes behind a request is not looked
//      at. Only a stream, which has no end of its own, ends with more than kHeadSizeMax bytes of it.
//   3. Where the peer goes on sending behind a refusal or a request, the connection is read for linger_time behind the
//      answer, or until the peer has ended it: if it were closed with bytes unread, the system would take the answer
//      back.
//   4. on_exchange_closed() comes once, last. The exchange is destroyed later (Reactor::destroy_later()).
// Use: Exchange exchange(reactor, host, limits, id); exchange.open(socket); ... exchange.respond({head, body}, false);
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/intrusive_list.hpp"
#include "base/timer_wheel.hpp"
#include "http/event_feed.hpp"
#include "http/request.hpp"
#include "io/reactor.hpp"
#include "stream/socket_stream.hpp"

namespace distflow::http {

class Exchange;
struct WaitingExchanges;
struct ReadyStreams;

struct ExchangeLimits {
  base::Duration head_time_max = base::seconds(5);
  base::Duration answer_time_max = base::seconds(30);
  base::Duration linger_time = base::seconds(1);
};

/// Serves the requests of exchanges. Calls come from inside Reactor::turn().
class ExchangeHost {
 public:
  /// A whole request, or one that is refused, has come: respond(), wait() or close() it now. May throw std::bad_alloc:
  /// on_out_of_memory() is called then.
  virtual void on_reading(Exchange& exchange, Reading reading) = 0;
  /// The request has waited for answer_time_max. It is responded to now.
  virtual void on_waited_too_long(Exchange& exchange) = 0;
  /// An answer, or the beginning of a stream, of so many bytes has been taken.
  virtual void on_answer_taken(Exchange& exchange, std::size_t size) = 0;
  /// A stream has taken what it was given.
  virtual void on_gift_taken(Exchange& exchange) = 0;

  // Why an exchange is closed, right before it is.
  /// No whole request came in time.
  virtual void on_too_slow(Exchange& exchange) = 0;
  /// Its answer, or what a stream was given, was not taken in time.
  virtual void on_not_taken(Exchange& exchange) = 0;
  /// The peer went before it had its answer.
  virtual void on_gone(Exchange& exchange) = 0;
  /// The peer of a stream goes on sending.
  virtual void on_too_talkative(Exchange& exchange) = 0;
  virtual void on_out_of_memory(Exchange& exchange) = 0;

  virtual void on_exchange_closed(Exchange& exchange) = 0;

 protected:
  ~ExchangeHost() = default;
};

class Exchange : public base::ListNode<WaitingExchanges>, public base::ListNode<ReadyStreams> {
 public:
  /// `reactor`, `host` and `limits` must outlive the exchange.
  Exchange(io::Reactor& reactor, ExchangeHost& host, const ExchangeLimits& limits, std::uint64_t id);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void open(io::Handle socket);
  [[nodiscard]] std::uint64_t id() const { return id_; }
  /// The user at the other end, as the system reports. A question that failed when the connection came is asked again.
  [[nodiscard]] const io::PeerOwner& owner();
  /// What the system reported when the connection came.
  [[nodiscard]] const io::PeerOwner& first_owner() const { return owner_; }
  /// Whether the peer has ended its own direction.
  [[nodiscard]] bool has_ended() const { return has_ended_; }

  /// Keeps the request until respond() or begin_stream().
  void wait(Request request);
  [[nodiscard]] const Request& request() const { return request_; }
  [[nodiscard]] bool is_waiting() const { return state_ == State::waiting; }
  [[nodiscard]] bool is_open() const { return state_ != State::closing; }
  /// Whether its request was answered or refused, or is a stream.
  [[nodiscard]] bool has_answer() const { return state_ != State::reading && state_ != State::waiting; }
  /// The answer, in two parts; the connection ends behind it. `is_refusal`: the peer may not have sent all of its own.
  void respond(std::string head, std::string body, bool is_refusal);
  /// The beginning of a stream; it goes on from `cursor`.
  void begin_stream(std::string head, EventFeed::Cursor cursor);
  /// Bytes of an answer that has not been taken.
  [[nodiscard]] std::size_t answer_size() const { return answer_size_; }

  /// Whether it is a stream that has taken all that it was given.
  [[nodiscard]] bool is_ready() const { return state_ == State::streaming && !is_sending_; }
  [[nodiscard]] EventFeed::Cursor cursor() const { return cursor_; }
  /// Sends the next of the feed to a stream that is ready, in one send; returns how many bytes.
  std::size_t give(EventFeed& feed);

  void close();
  /// For Reactor::destroy_later(), once it is closed.
  [[nodiscard]] io::DeferredTask& end_task() { return end_task_; }

  bool is_stranger = false;  ///< the host's: the user may not ask

 private:
  enum class State : std::uint8_t { reading, waiting, answering, streaming, lingering, closing };
  /// A gift has at most so many slices, of 64 KiB or one event each.
  static constexpr std::size_t kSlicesMax = 4;

  void on_recv(const io::Received& received);
  void on_recv_end(Error why);
  void on_sent(Result<void> outcome);
  void on_answer_sent();
  void on_deadline();
  void on_closed();
  void read_on(std::string_view bytes);
  void pass_over(std::size_t size);
  void send(std::size_t piece_count);

  io::Reactor& reactor_;
  ExchangeHost& host_;
  const ExchangeLimits& limits_;
  const std::uint64_t id_;
  io::PeerOwner owner_;
  State state_ = State::reading;
  bool is_refusal_ = false;
  bool is_sending_ = false;
  bool has_ended_ = false;       // the peer sends no more
  std::size_t passed_over_ = 0;  // bytes that came behind the request
  std::string head_;             // of the request, then of the answer
  std::size_t answer_size_ = 0;  // not taken yet
  std::string body_;
  Request request_;
  EventFeed::Cursor cursor_ = 0;
  std::array<EventFeed::Slice, kSlicesMax> gift_;  // under way
  std::array<io::Piece, kSlicesMax> pieces_;
  stream::SocketStream socket_;
  io::RecvOp recv_op_;
  io::SendOp send_op_;
  io::CloseOp close_op_;
  base::Timer deadline_;
  io::DeferredTask end_task_;
};

}  // namespace distflow::http
