// The operations that a backend carries out. Their caller owns them and keeps them where they are.
//
// Loop thread only.
//   1. An operation is idle, or it has been started and its one terminal callback is still to come.
//   2. It is idle again before its terminal callback runs, which may therefore restart or destroy it.
//   3. It is idle when it is destroyed (asserted).
// Use: RecvOp recv; recv.on_recv = ...; recv.on_end = ...; backend.recv(handle, recv);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <distflow/result.hpp>

#include "base/assert.hpp"
#include "base/chunk_pool.hpp"
#include "base/delegate.hpp"
#include "io/address.hpp"

namespace distflow::io {

/// Names a listener or a stream of one backend. Never a file descriptor: after a close the generation moves on, so that
/// no late event can reach the next user of the slot.
struct Handle {
  std::uint32_t slot = UINT32_MAX;
  std::uint32_t generation = 0;

  explicit operator bool() const { return slot != UINT32_MAX; }
  friend bool operator==(Handle, Handle) = default;
};

class Operation {
 public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() { DF_ASSERT(is_idle()); }

  [[nodiscard]] bool is_idle() const { return !started_; }

  // For backends alone: the two ends of an operation's life.
  void mark_started() {
    DF_ASSERT(is_idle());
    started_ = true;
  }
  void mark_idle() {
    DF_ASSERT(!is_idle());
    started_ = false;
  }

 private:
  bool started_ = false;
};

/// A sequence of accepted streams. Terminal: on_end, for instance with EMFILE when descriptors are out. A peer that is
/// gone already may have no address: Address{}.
struct AcceptOp : Operation {
  base::Delegate<void(Handle stream, const Address& peer)> on_accept;
  base::Delegate<void(Error)> on_end;
};

/// Terminal: on_connect, with the outcome. The handle is the caller's to close in either case.
struct ConnectOp : Operation {
  base::Delegate<void(Result<void>)> on_connect;
};

/// Bytes that lie in `chunk`. The lease is the backend's, for the call only: who keeps bytes retains the chunk.
struct Received {
  base::Chunk& chunk;
  std::string_view bytes;  ///< never empty
};

/// A sequence of received bytes, in order. Terminal: on_end, with Errc::end_of_stream at the stream's end.
struct RecvOp : Operation {
  /// How large the next message is likely to be; 0 where nothing is known. Of a large one the beginning alone is best
  /// received elsewhere than in a place made for it.
  std::uint32_t size_expected = 0;
  /// Set before it is started: on_recv keeps no lease of any chunk. Such a receive has memory of its own and does not
  /// wait for chunks, even if others hold all of them.
  bool keeps_nothing = false;
  /// Set before it is started: a backend gives kLittle bytes at most at once, and nothing between cancel_recv() and the
  /// next recv().
  bool takes_little = false;
  static constexpr std::size_t kLittle = std::size_t{4} * 1024;
  /// Where the next bytes are wanted, in `place_chunk`, of which the caller has a lease. Changed while idle, or in
  /// on_recv. A stream may receive them there, and gives them there then; one that does not gives them where it has
  /// them. Empty: nowhere.
  std::span<char> place{};
  base::Chunk* place_chunk = nullptr;
  base::Delegate<void(const Received&)> on_recv;
  base::Delegate<void(Error)> on_end;
};

/// One contiguous run of bytes to send.
using Piece = std::string_view;

/// All the bytes of all the pieces, or an error. Terminal: on_sent.
struct SendOp : Operation {
  std::span<const Piece> pieces;  ///< bytes and span stay where they are until on_sent
  std::size_t bytes_sent = 0;     ///< set before on_sent; with an error, how many the system had taken
  base::Delegate<void(Result<void>)> on_sent;
};

/// The end of a handle. Its other operations end first. Terminal: on_closed; the handle is no longer valid then.
struct CloseOp : Operation {
  base::Delegate<void()> on_closed;
};

}  // namespace distflow::io
