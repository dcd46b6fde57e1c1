// The seam between distflow and a kernel: operations in, completions out, shaped as streams.
//
// Loop thread only, except wake(). One virtual call an operation, none a message. The contract, each line of which is
// a test that runs on every backend (docs/reactor.md):
//   1. Starting an operation only enqueues it. Callbacks run inside poll(), on the loop's thread, and nowhere else.
//   2. Every started operation gets exactly one terminal event, and is idle before that callback runs.
//   3. The caller keeps the operation and the pieces alive until the terminal event.
//   4. recv gives chunks in byte order. The end of the stream is a terminal event, never an empty chunk.
//   5. Out of chunks: receiving pauses, a counter moves, and receiving resumes by itself when leases return. What keeps
//      no chunk goes on receiving. While no receive is under way nothing is reported of a stream, not even its end.
//   6. At most one recv and one send in flight per handle. Short writes are the backend's business.
//   7. close() ends the handle's other operations first, each with its own terminal event; its own callback comes last.
//      Then the generation changes, and late kernel events for the handle are dropped and counted.
//   8. poll() handles a bounded number of events per handle, flushes what callbacks enqueued before it waits, and
//      returns by its deadline.
//   9. What any thread did before wake() is seen by the next poll(). wake() may be called by any thread or signal
//      handler.
//  10. An error is a code and a static string that says what was being done.
//  11. Memory is asked for where a handle is opened: listen() and connect() fail without, and an accepted stream is
//      closed again. No other operation needs any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>

#include <distflow/result.hpp>

#include "base/time.hpp"
#include "io/address.hpp"
#include "io/operation.hpp"
#include "io/peer_owner.hpp"
#include "io/shared_memory.hpp"

namespace distflow::io {

struct StreamOptions {
  /// Ask for the "reno" congestion control on loopback, where the system's default may pace (ignored where there is
  /// none).
  bool fast_loopback = true;
};

struct ListenOptions {
  std::uint32_t backlog = 1024;
  StreamOptions accepted = {};  ///< for the streams accepted
};

/// What a backend counts. Monotonic; loop thread only.
struct BackendCounters {
  std::uint64_t polls = 0;
  std::uint64_t waits = 0;             ///< polls that asked the kernel for events
  std::uint64_t accepts = 0;           ///< streams accepted
  std::uint64_t recvs = 0;             ///< receives that gave bytes
  std::uint64_t received_bytes = 0;    ///< that these gave
  std::uint64_t sends = 0;             ///< system calls that sent bytes, or their equivalent
  std::uint64_t short_sends = 0;       ///< sends that the kernel took a part of
  std::uint64_t chunks_missing = 0;    ///< times that receiving paused for lack of a chunk
  std::uint64_t buffers_missing = 0;   ///< times that the memory given to a kernel beforehand was used up
  std::uint64_t stale_events = 0;      ///< late kernel events dropped by their generation
  std::uint64_t wakes = 0;             ///< wake-ups seen by poll()
  std::uint64_t completions_lost = 0;  ///< times that a kernel had no memory to keep completions in
};

class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;

  /// A listener bound to `address`; port 0 lets the system choose (ask local_address()).
  virtual Result<Handle> listen(const Address& address, const ListenOptions& options) = 0;
  /// A listener that somebody else has opened, as a service manager does: a descriptor of this process. It is the
  /// backend's from then on. An error says what it is instead of a listening TCP socket; then it stays the caller's.
  virtual Result<Handle> take_over_listener(int descriptor, const ListenOptions& options) {
    static_cast<void>(descriptor), static_cast<void>(options);
    return Error{std::make_error_code(std::errc::function_not_supported), "taking over a listening socket"};
  }
  virtual Result<Address> local_address(Handle handle) = 0;

  /// A stream under way to `address`; it may be closed while it still is.
  virtual Result<Handle> connect(const Address& address, const StreamOptions& options, ConnectOp& op) = 0;
  virtual void accept(Handle listener, AcceptOp& op) = 0;
  virtual void recv(Handle stream, RecvOp& op) = 0;
  virtual void send(Handle stream, SendOp& op) = 0;
  /// Tries at once what send() enqueued, without a callback; true when the system has taken all of it. The terminal
  /// event comes from poll() all the same. A backend that cannot try at once returns false.
  virtual bool push(Handle stream) {
    static_cast<void>(stream);
    return false;
  }
  /// Ends the stream's receive, if one is under way, with Errc::canceled. What the backend holds already comes first.
  virtual void cancel_recv(Handle stream) = 0;
  /// Ends the handle, on which nothing may be started from now on. Unsent pieces are dropped; what the kernel has
  /// taken, it still delivers, unless the peer goes on sending: TCP answers that with a reset.
  virtual void close(Handle handle, CloseOp& op) = 0;

  /// The same without a callback or memory of the caller's: for a stream that nobody wants, or that there is no
  /// memory to do anything with.
  virtual void discard(Handle handle) = 0;

  /// Runs what is enqueued, then waits for events until `deadline` unless callbacks have run already. Not to be called
  /// from inside a callback.
  virtual void poll(base::Instant deadline) = 0;
  /// Whether a turn that has had other work may end without poll(): nothing is enqueued, nothing waits for a chunk, and
  /// the clocks are of the last milliseconds. Costs no system call.
  [[nodiscard]] virtual bool may_be_passed_over() { return false; }
  /// Makes the current or the next poll() return. Any thread, any signal handler.
  virtual void wake() noexcept = 0;
  /// A descriptor that polls readable when poll() has something to do, from this call on; -1 where there is none.
  [[nodiscard]] virtual int pollable_fd() { return -1; }

  /// Memory of `size` bytes to share with another process of this machine, and such memory of another's. An error where
  /// the system has none.
  virtual Result<SharedMemory> create_memory(std::size_t size) {
    static_cast<void>(size);
    return Error{std::make_error_code(std::errc::function_not_supported), "creating shared memory"};
  }
  virtual Result<SharedMemory> open_memory(std::string_view name, std::size_t size) {
    static_cast<void>(name), static_cast<void>(size);
    return Error{std::make_error_code(std::errc::function_not_supported), "opening shared memory"};
  }

  /// Which user owns the other end of a connected stream; unknown where the system does not say. It is asked anew by
  /// each call, which blocks for some microseconds: once a connection, never per message. io/peer_owner.hpp says when
  /// each side may ask.
  [[nodiscard]] virtual PeerOwner owner_of_peer(Handle stream) {
    static_cast<void>(stream);
    return PeerOwner::unknown(OwnerStatus::cannot_ask);
  }
  /// The user as whom this process opens and accepts streams now; unknown where owner_of_peer() never knows.
  [[nodiscard]] virtual PeerOwner own_user() { return PeerOwner::unknown(OwnerStatus::cannot_ask); }

  /// Both clocks as of the last time that poll() waited: read once a turn, however many ask.
  [[nodiscard]] base::Instant now() const { return now_; }
  [[nodiscard]] base::WallMs wall_ms() const { return wall_ms_; }
  virtual void fill_random(std::span<std::byte> out) = 0;

  /// Handles that are open. A backend may be destroyed when there are none.
  [[nodiscard]] virtual std::size_t handle_count() const = 0;
  [[nodiscard]] const BackendCounters& counters() const { return counters_; }

 protected:
  BackendCounters counters_;
  base::Instant now_;
  base::WallMs wall_ms_ = 0;
};

}  // namespace distflow::io
