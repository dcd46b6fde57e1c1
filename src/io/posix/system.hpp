// The System (src/io/system.hpp) that a program runs on: POSIX sockets, the system's clocks and randomness.
//
// Belongs to one loop, whose thread alone asks for owners; all else is stateless.
// Use: ReadinessBackend<EpollPoller, posix::System>
#pragma once

#include <unistd.h>

#include <memory>

#include "io/clock.hpp"
#include "io/posix/peer_owner.hpp"
#include "io/posix/platform.hpp"
#include "io/posix/shared_memory.hpp"
#include "io/posix/socket.hpp"

namespace distflow::io::posix {

class System {
 public:
  static Result<int> open_listener(const Address& address, const ListenOptions& options) {
    return posix::open_listener(address, options);
  }
  static Result<void> take_over_listener(int fd, const ListenOptions& options) {
    return posix::take_over_listener(fd, options);
  }
  static Result<int> open_connecting(const Address& address, const StreamOptions& options) {
    return posix::open_connecting(address, options);
  }
  static Result<void> connect_outcome(int fd) { return posix::connect_outcome(fd); }
  static Result<int> accept_stream(int listener, Address& peer) { return posix::accept_stream(listener, peer); }
  static Result<Address> local_address(int fd) { return posix::local_address(fd); }
  static void delay_acknowledgements(int fd) noexcept { platform::delay_acknowledgements(fd); }
  static std::ptrdiff_t receive(int fd, char* out, std::size_t size) noexcept { return posix::receive(fd, out, size); }
  static std::ptrdiff_t send_gathered(int fd, std::span<const Piece> pieces, std::size_t offset) noexcept {
    return posix::send_gathered(fd, pieces, offset);
  }
  static void discard_received(int fd) noexcept { posix::discard_received(fd); }
  static void close_fd(int fd) noexcept { posix::close_fd(fd); }
  static Result<SharedMemory> create_memory(std::size_t size) { return platform::create_memory(size); }
  static Result<SharedMemory> open_memory(std::string_view name, std::size_t size) {
    return platform::open_memory(name, size);
  }
  PeerOwner owner_of_peer(int fd) noexcept { return owners_->owner_of_peer(fd); }
  static PeerOwner own_user() noexcept { return PeerOwner::user(::geteuid()); }
  static base::Instant now() noexcept { return system_now(); }
  static base::Instant now_coarse() noexcept { return system_now_coarse(); }
  static base::WallMs wall_ms() noexcept { return system_wall_ms(); }
  static void fill_random(std::span<std::byte> out) noexcept { posix::fill_random(out); }

 private:
  base::Log no_log_{base::LogLevel::error};  // why owners stay unknown is for the backend's user to log
  std::unique_ptr<PeerOwnerLookup> owners_ = platform::make_peer_owner_lookup(no_log_);
};

}  // namespace distflow::io::posix
