// The System concept: what a backend over readiness asks of a system besides readiness. Sockets, clocks, randomness.
//
// Each socket verb is one system call, with its errors as values or, where it gives a size, as -1 with errno. There are
// two: posix::System (src/io/posix), and a system in memory (src/io/sim).
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

#include <distflow/result.hpp>

#include "base/time.hpp"
#include "io/address.hpp"
#include "io/backend.hpp"
#include "io/operation.hpp"

namespace distflow::io {

template <class S>
concept System = requires(S system, int fd, const Address& address, Address& peer, const ListenOptions& listening,
                          const StreamOptions& streaming, std::span<const Piece> pieces, std::size_t size, char* out,
                          std::span<std::byte> random, std::string_view name) {
  { system.open_listener(address, listening) } -> std::same_as<Result<int>>;
  { system.open_connecting(address, streaming) } -> std::same_as<Result<int>>;
  { system.connect_outcome(fd) } -> std::same_as<Result<void>>;
  /// The next connection of a listener; EAGAIN's error when there is none.
  { system.accept_stream(fd, peer) } -> std::same_as<Result<int>>;
  { system.local_address(fd) } -> std::same_as<Result<Address>>;
  /// What a stream receives need not be acknowledged at once: a hint, which holds until the stream falls silent.
  {system.delay_acknowledgements(fd)};
  /// Bytes received, 0 at the stream's end, -1 with errno.
  { system.receive(fd, out, size) } -> std::same_as<std::ptrdiff_t>;
  /// Bytes sent of the pieces from `size` bytes into the first on; -1 with errno.
  { system.send_gathered(fd, pieces, size) } -> std::same_as<std::ptrdiff_t>;
  /// Reads and forgets what has been received, up to a bound.
  {system.discard_received(fd)};
  {system.close_fd(fd)};
  { system.create_memory(size) } -> std::same_as<Result<SharedMemory>>;
  { system.open_memory(name, size) } -> std::same_as<Result<SharedMemory>>;
  /// The owner of the other end of a connected stream, and the user that this process is for others.
  { system.owner_of_peer(fd) } -> std::same_as<PeerOwner>;
  { system.own_user() } -> std::same_as<PeerOwner>;
  { system.now() } -> std::same_as<base::Instant>;
  /// now(), or up to some milliseconds earlier, for less.
  { system.now_coarse() } -> std::same_as<base::Instant>;
  { system.wall_ms() } -> std::same_as<base::WallMs>;
  {system.fill_random(random)};
};

}  // namespace distflow::io
