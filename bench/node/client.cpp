#include "bench/node/client.hpp"

#include <charconv>
#include <string>

namespace distflow::bench {
namespace {

/// A list of all nodes that a registry holds is a frame, too.
constexpr transport::ConnectionLimits kLimits{.frame_size_max = 128 * 1024 * 1024};

}  // namespace

Client::Client(Loop& loop, std::size_t number, OnFrame on_frame)
    : loop_(loop), number_(number), on_frame_(on_frame), connection_(loop.reactor(), loop.blocks(), *this, kLimits) {
  connect_op_.on_connect = base::Delegate<void(Result<void>)>::to<&Client::on_connect>(*this);
}

Client::~Client() {
  if (!connection_.is_opened()) return;
  close();
  loop_.turn_until([this] { return is_closed_; });
}

void Client::connect(const io::Address& to) {
  const Result<io::Handle> stream = loop_.reactor().backend().connect(to, loop_.stream_options(), connect_op_);
  if (!stream) give_up(stream.error().message());
  stream_ = *stream;
}

void Client::on_connect(Result<void> outcome) {
  if (!outcome) give_up(outcome.error().message());
  connection_.open(stream_);
}

void Client::send(const transport::EncodedFrame& frame) {
  if (connection_.send(frame) != transport::SendResult::queued) give_up("a connection takes nothing more");
}

void Client::close() {
  is_closing_ = true;
  if (connection_.is_open()) connection_.close();
}

void Client::on_frames(transport::Connection& connection) {
  framing::Frame frame;
  while (connection.next_frame(frame)) on_frame_(*this, frame.body);
}

void Client::on_closed(transport::Connection&, Error why) {
  is_closed_ = true;
  if (!is_closing_) give_up("a connection has ended: " + why.message());
}

io::Address parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const std::string host(colon == std::string_view::npos ? "127.0.0.1" : text.substr(0, colon));
  const std::string_view digits = colon == std::string_view::npos ? text : text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool is_port = error == std::errc() && end == digits.data() + digits.size() && port != 0;
  const Result<io::Address> address = io::Address::parse(host, port);
  if (!is_port || !address) give_up("not an address: " + std::string(text));
  return *address;
}

void close_all(Clients& clients) {
  for (const auto& client : clients) client->close();
  clients.clear();
}

}  // namespace distflow::bench
