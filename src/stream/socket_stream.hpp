// A stream of a backend: TCP, or the simulator's.
//
// Loop thread only. A value: it does not own the handle, which lives until close() has called back. It is embedded
// where it is used, so that an idle connection costs no allocation more.
// Use: SocketStream socket(reactor); socket.open(handle); socket.recv(op);
#pragma once

#include "io/reactor.hpp"
#include "stream/stream.hpp"

namespace distflow::stream {

class SocketStream final : public Stream {
 public:
  /// `reactor` must outlive the stream.
  explicit SocketStream(io::Reactor& reactor) : reactor_(reactor) {}

  void open(io::Handle handle) { handle_ = handle; }
  [[nodiscard]] io::Reactor& reactor() const { return reactor_; }

  void recv(io::RecvOp& op) override { reactor_.backend().recv(handle_, op); }
  void cancel_recv() override { reactor_.backend().cancel_recv(handle_); }
  void send(io::SendOp& op) override { reactor_.backend().send(handle_, op); }
  bool push() override { return reactor_.backend().push(handle_); }
  void close(io::CloseOp& op) override { reactor_.backend().close(handle_, op); }
  [[nodiscard]] PeerIdentity peer() const override {
    return {.owner = handle_ ? reactor_.backend().owner_of_peer(handle_) : io::PeerOwner()};
  }

 private:
  io::Reactor& reactor_;
  io::Handle handle_;
};

}  // namespace distflow::stream
