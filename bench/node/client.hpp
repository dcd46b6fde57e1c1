// A connection of a load generator: one of many, each of which knows its number.
//
// Loop thread only.
//   1. A connection that ends unasked ends the process: what would be measured then is not what was meant.
//   2. It closes in its destructor, and takes the loop's turns that this needs; not to be destroyed inside of one.
// Use: Client client(loop, number, on_frame); client.connect(address); ... client.send(loop.encode(text));
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/delegate.hpp"
#include "bench/node/loop.hpp"
#include "io/operation.hpp"
#include "transport/connection.hpp"

namespace distflow::bench {

class Client final : private transport::ConnectionObserver {
 public:
  using OnFrame = base::Delegate<void(Client&, std::string_view body)>;

  /// `loop` and whatever `on_frame` is for must outlive the client.
  Client(Loop& loop, std::size_t number, OnFrame on_frame);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void connect(const io::Address& to);
  /// Takes over a stream that was accepted.
  void open(stream::OpenStream stream) { connection_.open(std::move(stream)); }
  [[nodiscard]] bool is_connected() const { return connection_.is_open(); }
  void send(const transport::EncodedFrame& frame);
  /// Begins to close, so that many close together.
  void close();

  [[nodiscard]] std::size_t number() const { return number_; }

 private:
  void on_connect(Result<void> outcome);
  void on_frames(transport::Connection& connection) override;
  void on_closed(transport::Connection& connection, Error why) override;

  Loop& loop_;
  const std::size_t number_;
  const OnFrame on_frame_;
  bool is_closed_ = false;
  bool is_closing_ = false;
  io::Handle stream_;
  io::ConnectOp connect_op_;
  transport::Connection connection_;
};

using Clients = std::vector<std::unique_ptr<Client>>;

/// The address that "HOST:PORT", or "PORT" of this machine, names.
io::Address parse_address(std::string_view text);

/// Fewer than any server lets wait.
inline constexpr std::size_t kConnectAtOnce = 256;

/// Connects them a few at a time, calling `greet(those)` after each step, so that no backlog overflows.
template <class Greet>
void connect_all(Loop& loop, const Clients& clients, const io::Address& to, Greet greet) {
  for (std::size_t begin = 0; begin < clients.size(); begin += kConnectAtOnce) {
    const auto step = std::span(clients).subspan(begin, std::min(kConnectAtOnce, clients.size() - begin));
    for (const auto& client : step) client->connect(to);
    for (const auto& client : step) {
      loop.turn_until([&] { return client->is_connected(); });
    }
    greet(step);
  }
}

/// Closes them together.
void close_all(Clients& clients);

}  // namespace distflow::bench
