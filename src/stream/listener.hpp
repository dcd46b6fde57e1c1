// Listens at one address and gives the connections that come, up to a bound; after their handshake if there is a layer.
//
// Loop thread only.
//   1. At most `connection_count_max` connections are out; what comes beyond is closed at once and counted.
//   2. Out of descriptors or memory, accepting pauses for a while and then goes on by itself; the pause is counted.
//   3. on_closed comes once, after close(); the listener may be destroyed then.
// Use: Listener listener(reactor, stream_setup, {}, on_accept); listener.open(address);
//      ... on_accept(stream, peer) ... listener.release_place();
#pragma once

#include <cstdint>
#include <memory>

#include <distflow/result.hpp>

#include "base/delegate.hpp"
#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "stream/handshakes.hpp"
#include "stream/stream_setup.hpp"

namespace distflow::stream {

struct ListenerOptions {
  std::uint32_t connection_count_max = 65536;
  base::Duration pause_after_failure = base::milliseconds(50);
  io::ListenOptions socket = {};
};

struct ListenerCounters {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  ///< closed at once, at the bound
  std::uint64_t pauses = 0;   ///< times that accepting paused for lack of descriptors or memory
};

class Listener {
 public:
  /// `reactor` and `setup` must outlive the listener. `on_accept` moves the stream out of what it is given, and
  /// closes it one day. It may run out of memory before it has moved it: the stream is closed then.
  Listener(io::Reactor& reactor, StreamSetup& setup, ListenerOptions options,
           base::Delegate<void(OpenStream&, const io::Address&)> on_accept);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Begins to listen. With port 0 the system chooses: address() returns it.
  Result<void> open(const io::Address& address);
  /// Begins to accept from a socket that somebody else has opened (io::Backend::take_over_listener).
  Result<void> take_over(int descriptor);
  [[nodiscard]] const io::Address& address() const { return address_; }

  /// One of the connections given has been closed.
  void release_place();

  /// Stops listening, and gives up the handshakes under way. `on_closed` is called from inside a later turn.
  void close(base::Delegate<void()> on_closed);
  [[nodiscard]] bool is_open() const { return static_cast<bool>(handle_); }

  [[nodiscard]] const ListenerCounters& counters() const { return counters_; }
  [[nodiscard]] std::uint32_t connection_count() const { return connection_count_; }

 private:
  void begin(io::Handle handle, const io::Address& asked);
  void on_stream(io::Handle socket, const io::Address& peer);
  void shake_hands(io::Handle socket, const io::Address& peer);
  void on_handshake(Result<OpenStream> outcome, const io::Address& peer);
  void hand_on(OpenStream stream, const io::Address& peer);
  void on_accept_end(Error why);
  void on_handle_closed();
  void start_accept();
  void refuse(io::Handle socket);

  io::Reactor& reactor_;
  const ListenerOptions options_;
  const base::Delegate<void(OpenStream&, const io::Address&)> on_accept_;
  base::Delegate<void()> on_closed_;
  io::Handle handle_;
  bool is_closing_ = false;
  io::Address address_;
  std::uint32_t connection_count_ = 0;
  ListenerCounters counters_;
  io::AcceptOp accept_op_;
  io::CloseOp close_op_;
  std::unique_ptr<Handshakes> handshakes_;  // where there is a layer
  base::Timer retry_timer_;
};

}  // namespace distflow::stream
