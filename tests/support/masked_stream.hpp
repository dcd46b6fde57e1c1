// A stream for tests that stands for TLS: it changes every byte on its way, and shakes hands first.
//
// Loop thread only. The handshake: each side sends kHello, and waits for the other's. `MaskedLayer` can be told to keep
// its own hello back, or to send a wrong one.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/receive_chunk.hpp"
#include "stream/handshake.hpp"
#include "stream/socket_stream.hpp"
#include "stream/stream_setup.hpp"
#include "tests/support/operations.hpp"

namespace distflow::test {

inline constexpr std::string_view kHello = "masked 1";
/// What a peer with the right hello is called.
inline constexpr std::string_view kProvenName = "masked";

enum class Hello { right, wrong, none };

struct ShakingHands : Recorder {
  ShakingHands() : Recorder(nullptr) { op.on_done = base::Delegate<void(Result<void>)>::to<&ShakingHands::end>(*this); }
  void end(Result<void> result) {
    outcome = result;
    ended("shaken");
  }
  stream::HandshakeOp op;
  Result<void> outcome;
};

class MaskedStream final : public stream::LayeredStream {
 public:
  MaskedStream(io::Reactor& reactor, io::Handle socket, base::ChunkPool& chunks, Hello hello)
      : socket_(reactor), chunk_(chunks), hello_(hello) {
    socket_.open(socket);
    lower_recv_.on_recv = base::Delegate<void(const io::Received&)>::to<&MaskedStream::on_recv>(*this);
    lower_recv_.on_end = base::Delegate<void(Error)>::to<&MaskedStream::on_recv_end>(*this);
    lower_send_.on_sent = base::Delegate<void(Result<void>)>::to<&MaskedStream::on_sent>(*this);
    lower_close_.on_closed = base::Delegate<void()>::to<&MaskedStream::on_closed>(*this);
    turn_end_.on_turn_end = base::Delegate<void()>::to<&MaskedStream::give_early>(*this);
  }
  ~MaskedStream() override { turn_end_.unlink(); }

  void handshake(stream::HandshakeOp& op) override {
    op.mark_started();
    handshake_ = &op;
    socket_.recv(lower_recv_);
    if (hello_ != Hello::none) send_lower(hello_ == Hello::right ? std::string(kHello) : "unmasked");
  }
  void recv(io::RecvOp& op) override {
    op.mark_started();
    recv_ = &op;
    if (!early_.empty()) {
      socket_.reactor().defer(turn_end_);
    } else if (lower_recv_.is_idle()) {
      socket_.recv(lower_recv_);
    }
  }
  void cancel_recv() override {
    if (recv_ == nullptr) return;
    if (lower_recv_.is_idle()) {
      is_canceled_ = true;
      socket_.reactor().defer(turn_end_);
    } else {
      socket_.cancel_recv();
    }
  }
  void send(io::SendOp& op) override {
    op.mark_started();
    send_ = &op;
    std::string masked;
    for (const io::Piece piece : op.pieces) masked += piece;
    send_lower(mask(std::move(masked)));
  }
  bool push() override { return socket_.push(); }
  void close(io::CloseOp& op) override {
    op.mark_started();
    close_ = &op;
    turn_end_.unlink();
    socket_.close(lower_close_);
  }
  [[nodiscard]] stream::PeerIdentity peer() const override {
    return {.owner = socket_.peer().owner, .name = is_greeted_ ? kProvenName : std::string_view()};
  }

  std::function<void()> on_shaken;  ///< hands have been shaken, and the owner learns of it next

 private:
  static std::string mask(std::string bytes) {
    for (char& byte : bytes) byte = static_cast<char>(byte ^ 0x5A);
    return bytes;
  }
  void send_lower(std::string bytes) {
    sending_ = std::move(bytes);
    piece_ = sending_;
    lower_send_.pieces = std::span(&piece_, 1);
    socket_.send(lower_send_);
  }

  void on_recv(const io::Received& received) {
    if (handshake_ == nullptr) return give(received.bytes);
    early_ += received.bytes;
    if (early_.size() < kHello.size()) return;
    is_greeted_ = early_.starts_with(kHello);
    early_.erase(0, kHello.size());
    if (!is_greeted_) return end_handshake(Error{Errc::malformed, "a masked stream's handshake"});
    socket_.cancel_recv();  // its end ends the handshake, so that the receive is free for the owner
  }
  /// Hands on what has come, in a chunk of this stream's own.
  void give(std::string_view bytes) {
    while (!bytes.empty() && recv_ != nullptr) {
      const std::span<char> space = chunk_.space();
      const std::string masked = mask(std::string(bytes.substr(0, space.size())));
      std::ranges::copy(masked, space.begin());
      bytes.remove_prefix(masked.size());
      recv_->on_recv(chunk_.take(masked.size()));
      chunk_.settle();
    }
  }
  /// What came behind the peer's hello, in the same chunk.
  void give_early() {
    if (!is_canceled_) give(std::exchange(early_, {}));
    if (std::exchange(is_canceled_, false)) return end_recv({Errc::canceled, "receiving masked bytes"});
    if (recv_ != nullptr && lower_recv_.is_idle() && close_ == nullptr) socket_.recv(lower_recv_);
  }
  void on_recv_end(Error why) {
    if (handshake_ != nullptr && is_greeted_ && why == Errc::canceled && close_ == nullptr) return finish_handshake();
    if (handshake_ != nullptr) return end_handshake(why);
    if (recv_ != nullptr) end_recv(why);
  }
  void on_sent(Result<void> result) {
    if (send_ == nullptr) return result ? finish_handshake() : end_handshake(result.error());
    io::SendOp* const op = std::exchange(send_, nullptr);
    op->bytes_sent = lower_send_.bytes_sent;
    op->mark_idle();
    op->on_sent(result);
  }
  /// Both hellos are through.
  void finish_handshake() {
    if (is_greeted_ && lower_recv_.is_idle() && lower_send_.is_idle() && hello_ != Hello::none) end_handshake({});
  }
  void end_handshake(Result<void> result) {
    if (handshake_ == nullptr) return;
    stream::HandshakeOp* const op = std::exchange(handshake_, nullptr);
    op->mark_idle();
    if (result && on_shaken) on_shaken();
    op->on_done(result);
  }
  void end_recv(Error why) {
    io::RecvOp* const op = std::exchange(recv_, nullptr);
    op->mark_idle();
    op->on_end(why);
  }
  void on_closed() {
    const Error why{Errc::canceled, "closing a masked stream"};
    if (handshake_ != nullptr) end_handshake(why);
    if (recv_ != nullptr) end_recv(why);
    io::CloseOp* const op = std::exchange(close_, nullptr);
    op->mark_idle();
    op->on_closed();
  }

  stream::SocketStream socket_;
  io::ReceiveChunk chunk_;
  const Hello hello_;
  stream::HandshakeOp* handshake_ = nullptr;
  io::RecvOp* recv_ = nullptr;
  io::SendOp* send_ = nullptr;
  io::CloseOp* close_ = nullptr;
  bool is_greeted_ = false;   // the peer's hello has come
  bool is_canceled_ = false;  // a receive that gives what came early
  std::string early_;         // received, and not handed on
  std::string sending_;
  io::Piece piece_;
  io::RecvOp lower_recv_;
  io::SendOp lower_send_;
  io::CloseOp lower_close_;
  io::DeferredTask turn_end_;
};

class MaskedLayer final : public stream::StreamLayer {
 public:
  explicit MaskedLayer(base::ChunkPool& chunks) : chunks_(chunks) {}

  /// What one stream was made for.
  struct Asked {
    stream::Role role;
    io::Address address;
    std::string host;
    std::string name;

    friend bool operator==(const Asked&, const Asked&) = default;
  };

  std::unique_ptr<stream::LayeredStream> over(io::Reactor& reactor, io::Handle socket, stream::Role role,
                                              const stream::RemoteEnd& remote) override {
    asked.push_back({role, remote.address, std::string(remote.host), std::string(remote.name)});
    if (leaves_bare) return nullptr;
    auto stream = std::make_unique<MaskedStream>(reactor, socket, chunks_, hello);
    stream->on_shaken = [this, place = asked.size() - 1] {
      if (on_shaken) on_shaken(asked[place]);
    };
    return stream;
  }

  Hello hello = Hello::right;                   ///< of the streams to come
  bool leaves_bare = false;                     ///< sockets as they are
  std::vector<Asked> asked;                     ///< of all streams so far
  std::function<void(const Asked&)> on_shaken;  ///< over one stream, before its owner learns of it

 private:
  base::ChunkPool& chunks_;
};

/// A setup with such a layer.
struct MaskedSetup {
  explicit MaskedSetup(base::ChunkPool& chunks, const stream::HandshakeLimits& limits = {},
                       const base::Log* log = nullptr)
      : MaskedSetup(std::make_unique<MaskedLayer>(chunks), limits, log) {}

  stream::StreamSetup setup;
  MaskedLayer& layer;

 private:
  MaskedSetup(std::unique_ptr<MaskedLayer>&& made, const stream::HandshakeLimits& limits, const base::Log* log)
      : MaskedSetup(*made, std::move(made), limits, log) {}
  MaskedSetup(MaskedLayer& of, std::unique_ptr<MaskedLayer>&& made, const stream::HandshakeLimits& limits,
              const base::Log* log)
      : setup(std::move(made), limits, log), layer(of) {}
};

}  // namespace distflow::test
