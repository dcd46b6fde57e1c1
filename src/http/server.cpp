#include "http/server.hpp"

#include <utility>

#include "http/access.hpp"

namespace distflow::http {
namespace {

constexpr int kUnavailable = 503;

stream::ListenerOptions listener_options(const ServerOptions& options) {
  stream::ListenerOptions listener;
  listener.connection_count_max = options.connection_count_max;
  return listener;
}

}  // namespace

Server::Server(io::Reactor& reactor, Handler& handler, ServerOptions options)
    : reactor_(reactor),
      handler_(handler),
      options_(std::move(options)),
      listener_(reactor, listener_options(options_),
                base::Delegate<void(stream::OpenStream&, const io::Address&)>::to<&Server::on_accept>(*this)) {}

Server::~Server() { DF_ASSERT(exchanges_.empty() && !listener_.is_open()); }

Result<void> Server::start() { return listener_.open(io::Address::ipv4_loopback(options_.port)); }

void Server::on_accept(stream::OpenStream& stream, const io::Address&) {
  ExchangeHost& host = *this;
  auto exchange = std::make_unique<Exchange>(reactor_, host, options_.limits, ++last_id_);
  Exchange& added = *exchange;
  exchanges_.emplace(last_id_, std::move(exchange));  // may throw, and the stream is the listener's until it is opened
  added.open(stream.socket);
  if (is_closing_) added.close();
}

void Server::on_reading(Exchange& exchange, const Reading& reading) {
  if (reading.status != Reading::kWhole) {
    ++counters_.malformed;
    return exchange.respond(error_text(reading.status), true);
  }
  const int status =
      access_status(reading.request,
                    {.port = port(), .is_localhost = true, .users = options_.users, .owner = exchange.owner()});
  if (status != Reading::kWhole) {
    ++counters_.not_allowed;
    return exchange.respond(error_text(status, port(), reading.request.method == "HEAD"), true);
  }
  ++counters_.requests;
  const std::optional<Response> response = handler_.on_get(reading.request, exchange.owner());
  if (response) return exchange.respond(response_head(*response) + response->body, false);
  begin_stream(exchange);
}

void Server::begin_stream(Exchange& exchange) {
  if (streams_.size() >= options_.stream_count_max) {
    ++counters_.streams_refused;
    return exchange.respond(error_text(kUnavailable), true);
  }
  streams_.emplace(exchange.id(), &exchange);
  exchange.begin_stream(event_stream_head());
  handler_.on_stream(exchange);
}

void Server::push_to_streams(const Exchange::Text& text) {
  for (const auto& [id, stream] : streams_) {
    if (stream->is_streaming()) stream->push(text);
  }
}

void Server::close_streams() {
  for (const auto& [id, stream] : streams_) stream->close();
}

void Server::on_exchange_closed(Exchange& exchange) {
  listener_.release_place();
  if (streams_.erase(exchange.id()) > 0) handler_.on_stream_closed();
  exchanges_.erase(exchange.id());
  finish_if_done();
}

void Server::close(base::Delegate<void()> on_closed) {
  DF_ASSERT(!is_closing_);
  is_closing_ = true;
  on_closed_ = on_closed;
  listener_.close(base::Delegate<void()>::to<&Server::on_listener_closed>(*this));
  for (const auto& [id, exchange] : exchanges_) exchange->close();
}

void Server::on_listener_closed() { finish_if_done(); }

void Server::finish_if_done() {
  if (is_closing_ && exchanges_.empty() && !listener_.is_open()) on_closed_();
}

}  // namespace distflow::http
