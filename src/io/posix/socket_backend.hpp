// SocketBackend<Derived, Slot, System>: a SlotBackend whose handles are sockets of a system, and whose time is its
// time.
//
// Loop thread only, except wake(). Derived gives watch(Handle, Slot&), which makes a new socket known to its kernel,
// and unwatch(Slot&), after which its kernel may forget it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "io/posix/system.hpp"
#include "io/slot_backend.hpp"
#include "io/system.hpp"

namespace distflow::io {

struct SocketSlot : OperationSlot {
  int fd = -1;
  std::uint32_t heard_at_ms = 0;  // when it last received, modulo 2^32
  bool is_from_near = false;      // accepted from this machine
  bool has_been_heard = false;    // if from near
};

template <class Derived, class Slot, System S = posix::System>
class SocketBackend : public SlotBackend<Derived, Slot> {
 public:
  Result<Handle> listen(const Address& address, const ListenOptions& options) override {
    Result<int> fd = system_.open_listener(address, options);
    return fd ? adopt(*fd) : Result<Handle>(fd.error());
  }

  Result<Handle> take_over_listener(int descriptor, const ListenOptions& options) override {
    if constexpr (requires { system_.take_over_listener(descriptor, options); }) {
      const Result<void> taken = system_.take_over_listener(descriptor, options);
      return taken ? adopt(descriptor) : Result<Handle>(taken.error());
    } else {
      return Backend::take_over_listener(descriptor, options);
    }
  }

  Result<Address> local_address(Handle handle) override { return system_.local_address(this->slots_.at(handle).fd); }

  Result<Handle> connect(const Address& address, const StreamOptions& options, ConnectOp& op) override {
    Result<int> fd = system_.open_connecting(address, options);
    if (!fd) return fd.error();
    Result<Handle> handle = adopt(*fd);
    if (!handle) return handle;
    Slot& slot = this->slots_.at(*handle);
    this->start(slot, slot.connect, op);
    return handle;
  }

  Result<SharedMemory> create_memory(std::size_t size) override { return system_.create_memory(size); }
  Result<SharedMemory> open_memory(std::string_view name, std::size_t size) override {
    return system_.open_memory(name, size);
  }

  PeerOwner owner_of_peer(Handle stream) override { return system_.owner_of_peer(this->slots_.at(stream).fd); }
  PeerOwner own_user() override { return system_.own_user(); }

  void fill_random(std::span<std::byte> out) override { system_.fill_random(out); }

  /// Bytes of user memory that an open handle costs.
  [[nodiscard]] static constexpr std::size_t handle_size() { return sizeof(Slot); }

 protected:
  /// The system is made of `parts`.
  template <class... Parts>
  explicit SocketBackend(base::ChunkPool& chunks, const Parts&... parts)
      : SlotBackend<Derived, Slot>(chunks), system_(parts...) {
    read_clocks();
  }

  Result<Handle> adopt(int fd) {
    const std::optional<Handle> opened = this->open_slot();
    if (!opened) {
      system_.close_fd(fd);
      return Error{Errc::out_of_memory, "opening a socket"};
    }
    const Handle handle = *opened;
    Slot& slot = this->slots_.at(handle);
    slot.fd = fd;
    if (Result<void> watched = static_cast<Derived&>(*this).watch(handle, slot); !watched) {
      system_.close_fd(fd);
      this->slots_.free(handle);
      return watched.error();
    }
    return handle;
  }

  void note_accepted(Slot& slot, const Address& peer) {
    slot.is_from_near = peer.is_loopback();
    slot.heard_at_ms = now_in_ms() - 2 * kSilenceMs;
  }

  /// Between nodes each direction has a stream of its own, so that no answer takes an acknowledgement along. A separate
  /// one for every message costs a round trip several microseconds. The first receive changes nothing: a peer that asks
  /// one thing and goes has sent it by then.
  void note_received(Slot& slot) {
    if (!slot.is_from_near || !std::exchange(slot.has_been_heard, true)) return;
    const std::uint32_t now_ms = now_in_ms();
    if (now_ms - slot.heard_at_ms > kSilenceMs) system_.delay_acknowledgements(slot.fd);
    slot.heard_at_ms = now_ms;
  }

  enum class Unread { none, perhaps };

  /// The end of a handle that is to be closed, with all that it has under way.
  void end_socket(Handle handle, Slot& slot, Unread unread) {
    this->cancel_operations(slot);
    // Closing over unread bytes resets the stream, and takes what the peer has yet to get with it (RFC 2525, 2.17).
    if (unread == Unread::perhaps) system_.discard_received(slot.fd);
    static_cast<Derived&>(*this).unwatch(slot);
    system_.close_fd(slot.fd);
    this->free_closed(handle, slot);
  }

  base::Duration time_to_wait(base::Instant deadline) {
    if (!this->runnable_.empty() || deadline <= this->now_) return base::Duration::zero();
    const base::Duration wait_max = this->is_out_of_chunks_ ? kStarvedWaitMax : base::Duration::max();
    if (deadline == base::kNever) return wait_max;
    read_clocks();  // callbacks may have taken their time since the last look
    return std::clamp(deadline - this->now_, base::Duration::zero(), wait_max);
  }

  /// What no backend over sockets may be passed over for. Clocks that are older than kStaleAfter make timers late.
  [[nodiscard]] bool has_to_be_polled() {
    return !this->runnable_.empty() || this->is_out_of_chunks_ || this->is_watched_ ||
           system_.now_coarse() - this->now_ > kStaleAfter;
  }

  void read_clocks() {
    this->now_ = system_.now();
    this->wall_ms_ = system_.wall_ms();
  }

  [[no_unique_address]] S system_;

 private:
  static constexpr base::Duration kStaleAfter = base::milliseconds(1);

  // How long a wait may last while chunks are out: no lease returns when it is memory, not the pool, that was
  // exhausted.
  static constexpr base::Duration kStarvedWaitMax = base::milliseconds(100);

  // Linux's shortest delay of an acknowledgement is 40 ms; one that ran out ends the mode.
  static constexpr std::uint32_t kSilenceMs = 35;

  [[nodiscard]] std::uint32_t now_in_ms() const {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<base::milliseconds>(this->now_.time_since_epoch()).count());
  }
};

}  // namespace distflow::io
