// A stream of bytes, both ways: what a connection's frames travel on. A socket, or something over another stream.
//
// Loop thread only. The contract is lines 1 to 4, 6, 7 and 10 of the backends' (io/backend.hpp), and the tests of those
// lines run over every kind of stream:
//   1. Starting an operation only enqueues it; callbacks come from inside a turn. send_now() is the exception: it may
//      carry out the operation at once, and then calls nothing back.
//   2. Every started operation gets exactly one terminal event, and is idle before that callback runs.
//   3. At most one recv and one send are in flight.
//   4. close() ends the other operations first; its own callback comes last. The stream may be destroyed then, and
//      before its first operation.
// Use: stream.recv(recv_op); stream.send(send_op); ... stream.close(close_op);
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "io/operation.hpp"
#include "io/peer_owner.hpp"

namespace distflow::stream {

/// Who is at the other end of a stream, as far as this side has proof of it.
struct PeerIdentity {
  io::PeerOwner owner{};    ///< the user who owns that end (io/peer_owner.hpp), whatever lies over the socket
  std::string_view name{};  ///< what the peer has proven in a handshake; empty without one. Lives as long as the stream
};

class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  virtual void recv(io::RecvOp& op) = 0;
  /// Ends the receive, if one is under way, with Errc::canceled. No byte is lost: the next recv() gives what follows.
  virtual void cancel_recv() = 0;

  /// For a stream over another: its owner sends nothing more on the lower one. The first send says the same.
  virtual void begin_sending() {}
  virtual void send(io::SendOp& op) = 0;
  /// Sends without waiting for the turn: true when all of it has been taken, and `op` has not been started. Else it is
  /// started as by send().
  virtual bool send_now(io::SendOp& op) {
    send(op);
    return false;
  }
  /// Tries at once what send() enqueued, without a callback; true when all of it has been taken.
  virtual bool push() { return false; }
  /// How many bytes are worth a send_now() before the turn's end.
  [[nodiscard]] virtual std::size_t batch_size() const { return SIZE_MAX; }

  virtual void close(io::CloseOp& op) = 0;

  /// Who the other end is. It is a system call: ask once a connection. Unknown before the stream is open and from
  /// close() on.
  [[nodiscard]] virtual PeerIdentity peer() const = 0;

  /// What is wrong with it between two turns; null when nothing is. For the simulator and tests.
  [[nodiscard]] virtual const char* broken_invariant() const { return nullptr; }
};

}  // namespace distflow::stream
