// What POSIX leaves to each system. Declared once here; answered once per system, in its folder (linux, bsd).
//
// Stateless; any thread.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <span>

namespace distflow::io::platform {

/// A stream socket that neither blocks nor survives exec, or -1 with errno. Sending on it never raises SIGPIPE.
int stream_socket(int family) noexcept;
/// accept(2) giving a socket like stream_socket()'s.
int accept_socket(int listener, sockaddr* peer, socklen_t* peer_size) noexcept;
/// A pipe that no exec inherits, its reading end first; false with errno.
bool open_pipe(std::span<int, 2> ends) noexcept;
/// What send calls need besides, so as neither to block nor to raise SIGPIPE.
int send_flags() noexcept;
/// What a receive from a TCP stream needs besides, for the bytes to be dropped: where the system can, none is copied.
int drop_flags() noexcept;
/// Asks for the congestion control that does not pace on loopback; ignored where there is no choice.
void prefer_unpaced(int fd) noexcept;
/// Lets the acknowledgements of a stream wait for a second segment, until it falls silent; ignored where there is no
/// choice.
void delay_acknowledgements(int fd) noexcept;
/// Unpredictable bytes from the system.
void fill_random(std::span<std::byte> out) noexcept;

}  // namespace distflow::io::platform
