// Non-blocking stream sockets, as every POSIX backend needs them. Each verb is one system call and its errors as
// values.
//
// Stateless; any thread.
#pragma once

#include <cstddef>
#include <span>

#include <distflow/result.hpp>

#include "io/address.hpp"
#include "io/backend.hpp"
#include "io/operation.hpp"

namespace distflow::io::posix {

/// The Error for the current errno. The one place where a kernel's numbers become distflow's errors.
Error last_error(const char* doing) noexcept;
Error error_of(int errno_value, const char* doing) noexcept;

/// Whether errno says that the call is to be tried again when the descriptor is ready.
bool would_block() noexcept;

Result<int> open_listener(const Address& address, const ListenOptions& options);
/// Makes `fd`, which somebody else has opened, like open_listener()'s. An error says what it is instead of a listening
/// TCP socket; then it is left as it was.
Result<void> take_over_listener(int fd, const ListenOptions& options);
/// A socket whose connect has been started; its outcome is connect_outcome() once it is writable.
Result<int> open_connecting(const Address& address, const StreamOptions& options);
/// A socket that has connected to itself is refused.
Result<void> connect_outcome(int fd);
/// The next connection of a listener; EAGAIN's error when there is none.
Result<int> accept_stream(int listener, Address& peer);

/// The peer of a stream that the kernel accepted by itself; no address if it is gone already.
Address peer_address(int fd);

/// Bytes received, 0 at the stream's end, -1 with errno.
std::ptrdiff_t receive(int fd, char* out, std::size_t size) noexcept;
/// Reads and forgets what has been received, up to a bound.
void discard_received(int fd) noexcept;
inline constexpr std::size_t kPieceCountMax = 64;
/// Bytes sent of the pieces from `offset` bytes into the first on, at most kPieceCountMax pieces; -1 with errno.
std::ptrdiff_t send_gathered(int fd, std::span<const Piece> pieces, std::size_t offset) noexcept;

Result<Address> local_address(int fd);
/// Of a descriptor that this library has opened (io/posix/owned_descriptors.hpp); nothing if it has closed it already.
void close_fd(int fd) noexcept;

void fill_random(std::span<std::byte> out) noexcept;

}  // namespace distflow::io::posix
