// The seam for streams that agree with their peer before they carry bytes, as TLS does.
//
// Loop thread only. Listener and Dialer are given a StreamSetup (stream_setup.hpp), which may have a StreamLayer; then
// they give streams after their handshake, and never one whose handshake failed.
// Use: auto stream = layer.over(reactor, socket, Role::dialer, {.address = address, .host = "localhost"});
//      stream->handshake(op);
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include <distflow/result.hpp>

#include "io/address.hpp"
#include "io/reactor.hpp"
#include "stream/stream.hpp"

namespace distflow::stream {

/// Terminal: on_done, with the outcome. The stream is the caller's to close in either case.
struct HandshakeOp : io::Operation {
  base::Delegate<void(Result<void>)> on_done;
};

/// A stream over a socket, which is its own from its first operation on: close() closes that, too.
class LayeredStream : public Stream {
 public:
  /// Closes a stream that nobody wants, and destroys it then. Needs no memory.
  static void discard(io::Reactor& reactor, std::unique_ptr<LayeredStream> stream);

  /// The stream's first operation. Nothing else but close() may be started before it has ended well. Does not throw:
  /// the memory that it needs has come with StreamLayer::over().
  virtual void handshake(HandshakeOp& op) = 0;

 private:
  void on_discarded();

  io::Reactor* discarded_in_ = nullptr;
  io::CloseOp discard_op_;
  io::DeferredTask discard_end_;
};

/// What this side has done to get the socket.
enum class Role { dialer, accepter };

/// The other end of a socket, as far as it is known before the handshake. The texts are valid during the call.
struct RemoteEnd {
  io::Address address{};    ///< of the other end; unknown (`{}`) of one that has gone already
  std::string_view host{};  ///< what was dialed, a name or a numeric address; empty for an accepter
  std::string_view name{};  ///< of who was dialed, such as a nodeId; empty where any will do, and for an accepter
};

class StreamLayer {
 public:
  StreamLayer() = default;
  StreamLayer(const StreamLayer&) = delete;
  StreamLayer& operator=(const StreamLayer&) = delete;
  virtual ~StreamLayer() = default;

  /// Null: nothing lies over this socket, for instance as its other end is on this machine. Must outlive the streams.
  /// May throw std::bad_alloc. In both cases the socket stays the caller's.
  virtual std::unique_ptr<LayeredStream> over(io::Reactor& reactor, io::Handle socket, Role role,
                                              const RemoteEnd& remote) = 0;
};

/// What Listener and Dialer give: a socket alone, or a layered stream that owns its socket.
struct OpenStream {
  OpenStream(io::Handle handle) : socket(handle) {}  // NOLINT(google-explicit-constructor): a socket is a stream
  explicit OpenStream(std::unique_ptr<LayeredStream> over) : layered(std::move(over)) {}

  io::Handle socket;  ///< valid when nothing lies over it
  std::unique_ptr<LayeredStream> layered;
};

/// Closes a stream that nobody wants. Needs no owner and no memory.
void discard(io::Reactor& reactor, OpenStream stream);

}  // namespace distflow::stream
