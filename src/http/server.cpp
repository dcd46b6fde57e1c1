#include "http/server.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <system_error>
#include <tuple>
#include <utility>

#include "http/access.hpp"
#include "http/places_by_user.hpp"
#include "http/status.hpp"

namespace distflow::http {
namespace {

using base::Delegate;

constexpr std::string_view kUntold = "This system does not tell whose a connection is, so that nobody is answered";

stream::ListenerOptions listener_options() {
  stream::ListenerOptions options;
  options.connection_count_max = std::numeric_limits<std::uint32_t>::max();  // the server's bound is for both listeners
  return options;
}

/// Whether the error says that this machine has no such address, so that nobody else has it, either.
bool says_no_such_address(const Error& error) {
  return error.code == std::errc::address_not_available || error.code == std::errc::address_family_not_supported;
}

}  // namespace

Server::Entrance::Entrance(io::Reactor& reactor, Server& owner)
    : server(owner),
      listener(reactor, sockets, listener_options(),
               Delegate<void(stream::OpenStream&, const io::Address&)>::to<&Entrance::on_accept>(*this)) {}

Server::Server(io::Reactor& reactor, Handler& handler, ServerOptions options)
    : reactor_(reactor),
      handler_(handler),
      options_(std::move(options)),
      ipv4_(reactor, *this),
      ipv6_(reactor, *this),
      feed_(options_.event_backlog_max),
      round_timer_(Delegate<void()>::to<&Server::on_round_time>(*this)),
      ipv6_timer_(Delegate<void()>::to<&Server::listen_at_ipv6>(*this)) {
  go_on_.on_turn_end = Delegate<void()>::to<&Server::go_on>(*this);
}

Server::~Server() {
  DF_ASSERT(exchanges_.empty() && !ipv4_.listener.is_open() && !ipv6_.listener.is_open());
  go_on_.unlink();
  reactor_.timers().cancel(round_timer_);
  reactor_.timers().cancel(ipv6_timer_);
}

Result<void> Server::start() {
  if (Result<void> opened = ipv4_.listener.open(io::Address::ipv4_loopback(options_.port)); !opened) return opened;
  listen_at_ipv6();
  return {};
}

void Server::listen_at_ipv6() {
  static_cast<void>(reactor_.has_memory_for([&] {
    const Result<void> opened = ipv6_.listener.open(io::Address::ipv6_loopback(port()));
    is_localhost_ = opened || says_no_such_address(opened.error());
  }));
  if (!is_localhost_) reactor_.arm_after(ipv6_timer_, kIpv6Interval);
}

void Server::on_accept(stream::OpenStream& stream, Entrance& entrance) {
  const bool is_full = exchanges_.size() >= options_.connection_count_max;
  if (is_closing_ || (is_full && !take_connection_for(stream))) {
    ++counters_.connections_refused;
    entrance.listener.release_place();
    return reactor_.backend().discard(stream.socket);
  }
  Exchange& exchange = add(entrance);  // the stream is the listener's until it is opened
  exchange.open(stream.socket);
  // An owner that the system could not report just now is asked for again when the request is there.
  const io::PeerOwner& owner = exchange.first_owner();
  const bool is_to_be_asked_again = owner.status() == io::OwnerStatus::no_answer;
  if (!is_to_be_asked_again && !is_user_allowed(owner, options_.users)) turn_away(exchange);
}

bool Server::take_connection_for(const stream::OpenStream& stream) {
  const io::PeerOwner asker = reactor_.backend().owner_of_peer(stream.socket);
  if (!is_user_allowed(asker, options_.users)) return false;
  const auto all = [this](const auto& visit) {
    for (const auto& [id, guest] : exchanges_) visit(*guest.exchange);
  };
  bool is_taken = false;
  return reactor_.has_memory_for([&] { is_taken = take_place_for(asker, all); }) && is_taken;
}

/// Strangers have a bound of their own, and what is closing is on its way out.
template <class Places>
bool Server::take_place_for(const io::PeerOwner& asker, const Places& places) {
  PlacesByUser by_user(asker.uid());
  const auto may_go = [](const Exchange& one) {
    return one.is_open() && !one.is_stranger && one.first_owner().is_known();
  };
  places([&](const Exchange& one) {
    if (may_go(one)) by_user.note(one.first_owner().uid());
  });
  if (!by_user.may_take()) return false;
  const auto goes_before = [&by_user](const Exchange& one, const Exchange& other) {
    return std::tuple(by_user.of(other.first_owner().uid()), one.has_answer(), other.id()) <
           std::tuple(by_user.of(one.first_owner().uid()), other.has_answer(), one.id());
  };
  Exchange* found = nullptr;
  places([&](Exchange& one) {
    if (!may_go(one) || !by_user.may_give(one.first_owner().uid())) return;
    if (found == nullptr || goes_before(one, *found)) found = &one;
  });
  if (found == nullptr) return false;
  ++(found->has_answer() ? counters_.answers_displaced : counters_.displaced);
  found->close();
  return true;
}

Exchange& Server::add(Entrance& entrance) {
  ExchangeHost& host = *this;
  try {
    auto exchange = std::make_unique<Exchange>(reactor_, host, options_.limits, last_id_ + 1);
    Exchange& added = *exchange;
    exchanges_.emplace(last_id_ + 1, Guest{std::move(exchange), &entrance});
    ++last_id_;
    ++counters_.connections_accepted;
    return added;
  } catch (const std::bad_alloc&) {
    ++counters_.connections_refused;
    throw;
  }
}

void Server::turn_away(Exchange& stranger) {
  ++counters_.not_allowed;
  stranger.is_stranger = true;
  ++strangers_;
  if (strangers_ > kStrangersMax) return stranger.close();
  const bool is_told = stranger.first_owner().status() != io::OwnerStatus::cannot_ask;
  const auto refuse_it = [&] { respond(stranger, error_text(kForbidden, is_told ? "" : kUntold), {}, true); };
  if (reactor_.has_memory_for(refuse_it)) return;
  stranger.close();
}

void Server::on_reading(Exchange& exchange, Reading reading) {
  if (reading.status != Reading::kWhole) {
    refuse(exchange, reading.status);
    ++counters_.malformed;
    return;
  }
  const AccessFacts facts{
      .port = port(), .is_localhost = is_localhost_, .users = options_.users, .owner = exchange.owner()};
  const int status = access_status(reading.request, facts);
  if (status != Reading::kWhole) {
    const bool has_no_body = reading.request.method == "HEAD";
    const std::string remedy =
        status == kMisdirected ? "Ask for http://127.0.0.1:" + std::to_string(port()) + '/' : std::string();
    respond(exchange, error_text(status, remedy, has_no_body), {}, true);
    ++counters_.not_allowed;
    return;
  }
  exchange.wait(std::move(reading.request));
  waiting_.push_back(exchange);
  answer_some();
  if (exchange.is_waiting()) ++counters_.requests_delayed;
}

void Server::refuse(Exchange& exchange, int status) { respond(exchange, error_text(status), {}, true); }

void Server::respond(Exchange& exchange, std::string head, std::string body, bool is_refusal) {
  exchange.respond(std::move(head), std::move(body), is_refusal);
  answer_backlog_ += exchange.answer_size();
}

void Server::answer_some() {
  while (!waiting_.empty() && answer_bytes_left_ > 0 && answer_backlog_ < options_.answer_backlog_max) {
    Exchange& next = waiting_.pop_front();
    if (reactor_.has_memory_for([&] { answer(next); })) {
      const std::size_t cost = std::max(next.answer_size(), kAnswerBytesMin);
      answer_bytes_left_ -= std::min(answer_bytes_left_, cost);
    } else {
      ++counters_.out_of_memory;
      next.close();
    }
    reactor_.defer(go_on_);
  }
}

void Server::answer(Exchange& exchange) {
  std::optional<Response> response = handler_.on_get(exchange.request(), exchange.owner());
  if (!response) return begin_stream(exchange);
  std::string head = response_head(*response);
  respond(exchange, std::move(head), std::move(response->body), false);
  ++counters_.requests;
}

void Server::begin_stream(Exchange& exchange) {
  if (exchange.has_ended()) {  // nothing would say that its reader goes
    ++counters_.gone;
    return exchange.close();
  }
  const auto all = [this](const auto& visit) {
    for (const auto& [id, stream] : streams_) visit(*stream);
  };
  const bool is_full = streams_.size() >= options_.stream_count_max;
  if (is_full && !(exchange.owner().is_known() && take_place_for(exchange.owner(), all))) {
    refuse(exchange, kUnavailable);
    ++counters_.streams_refused;
    return;
  }
  // Before the handler knows of the stream: nothing that may fail is left then but what ends it.
  const auto place = streams_.emplace(exchange.id(), &exchange).first;
  std::string beginning;
  try {
    beginning = handler_.on_stream();
  } catch (...) {
    streams_.erase(place);
    throw;
  }
  beginning.insert(0, event_stream_head());
  exchange.begin_stream(std::move(beginning), feed_.end());
  answer_backlog_ += exchange.answer_size();
  ++counters_.requests;
}

void Server::on_waited_too_long(Exchange& exchange) {
  if (!reactor_.has_memory_for([&] { refuse(exchange, kUnavailable); })) exchange.close();
  ++counters_.busy;
}

void Server::on_answer_taken(Exchange&, std::size_t size) {
  answer_backlog_ -= size;
  if (!waiting_.empty()) reactor_.defer(go_on_);
}

void Server::push_to_streams(std::string_view text) {
  if (streams_.empty()) return;
  feed_.append(text);
  if (is_round_due()) reactor_.defer(go_on_);  // not at once: what else comes in this turn leaves in the same send
}

void Server::on_gift_taken(Exchange& exchange) {
  // It goes on where a gift had no room for all of its round, or it was busy when the round began. What has come since
  // waits for the next one.
  if (!exchange.is_ready() || exchange.cursor() >= round_end_) return;
  ready_.push_back(exchange);
  reactor_.defer(go_on_);
}

bool Server::is_round_due() const {
  const EventFeed::Cursor news = feed_.end() - round_end_;
  return news >= kRoundBytesMax || (news > 0 && !round_timer_.is_armed());
}

base::Duration Server::round_interval() const {
  return std::max(kRoundInterval, kRoundIntervalPerStream * static_cast<int>(streams_.size()));
}

void Server::begin_round() {
  ++counters_.rounds;
  reactor_.arm_after(round_timer_, round_interval());
  round_end_ = feed_.end();
  EventFeed::Cursor least = round_end_;
  for (const auto& [id, stream] : streams_) {
    if (!stream->is_open() || is_closed_as_lost(*stream)) continue;
    least = std::min(least, stream->cursor());
    const base::ListNode<ReadyStreams>& place = *stream;
    if (stream->is_ready() && !place.is_linked() && stream->cursor() != round_end_) ready_.push_back(*stream);
  }
  feed_.forget_until(least);
}

void Server::on_round_time() {
  if (is_round_due()) reactor_.defer(go_on_);
}

bool Server::is_closed_as_lost(Exchange& stream) {
  if (!feed_.is_lost(stream.cursor())) return false;
  ++counters_.slow_readers;
  stream.close();
  return true;
}

void Server::give_some() {
  std::size_t gifts_left = kGiftsPerTurn;
  std::size_t bytes_left = kGiftBytesPerTurn;
  while (!ready_.empty() && gifts_left > 0 && bytes_left > 0) {
    --gifts_left;
    Exchange& next = ready_.pop_front();
    if (is_closed_as_lost(next)) continue;
    ++counters_.gifts;
    bytes_left -= std::min(bytes_left, next.give(feed_));
  }
}

void Server::go_on() {
  answer_bytes_left_ = kAnswerBytesPerTurn;
  if (is_round_due()) begin_round();
  give_some();
  answer_some();
  if (!ready_.empty()) reactor_.defer(go_on_);
}

void Server::close_streams() {
  for (const auto& [id, stream] : streams_) {
    if (!stream->is_open()) continue;
    ++counters_.streams_lost;
    stream->close();
  }
}

void Server::forget_events() {
  feed_.clear();
  round_end_ = feed_.end();
  reactor_.timers().cancel(round_timer_);
}

void Server::on_exchange_closed(Exchange& exchange) {
  const auto found = exchanges_.find(exchange.id());
  found->second.entrance->listener.release_place();
  std::unique_ptr<Exchange> ended = std::move(found->second.exchange);
  exchanges_.erase(found);
  answer_backlog_ -= exchange.answer_size();
  if (exchange.is_stranger) --strangers_;
  if (streams_.erase(exchange.id()) > 0) handler_.on_stream_closed();
  if (streams_.empty()) forget_events();
  if (!waiting_.empty()) reactor_.defer(go_on_);
  reactor_.destroy_later(std::move(ended), exchange.end_task());
  finish_if_done();
}

void Server::close(Delegate<void()> on_closed) {
  DF_ASSERT(!is_closing_ && ipv4_.listener.is_open());
  is_closing_ = true;
  on_closed_ = on_closed;
  reactor_.timers().cancel(ipv6_timer_);
  for (Entrance* entrance : {&ipv4_, &ipv6_}) {
    if (!entrance->listener.is_open()) continue;
    entrance->listener.close(Delegate<void()>::to<&Server::on_listener_closed>(*this));
  }
  for (const auto& [id, guest] : exchanges_) guest.exchange->close();
}

void Server::finish_if_done() {
  const bool listens = ipv4_.listener.is_open() || ipv6_.listener.is_open();
  if (is_closing_ && exchanges_.empty() && !listens) on_closed_();
}

}  // namespace distflow::http
