// The answers of macOS and the BSDs to io/posix/platform.hpp.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "io/posix/platform.hpp"

namespace distflow::io::platform {
namespace {

/// What Linux and newer BSDs take as flags of the call that opens the socket. In between another thread may fork and
/// exec: what distflow itself starts closes such descriptors (pmd/launch/detached_process.hpp).
int quieten(int fd) noexcept {
  if (fd < 0) return fd;
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && ::fcntl(fd, F_SETFL, O_NONBLOCK) == 0) return fd;
  const int failure = errno;
  ::close(fd);
  errno = failure;
  return -1;
}

}  // namespace

int stream_socket(int family) noexcept {
  const int fd = quieten(::socket(family, SOCK_STREAM, 0));
#if defined(SO_NOSIGPIPE)
  const int on = 1;
  if (fd >= 0) ::setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);  // cannot fail on a socket just opened
#endif
  return fd;
}

int accept_socket(int listener, sockaddr* peer, socklen_t* peer_size) noexcept {
  // SO_NOSIGPIPE is inherited from the listener. Setting it would fail when the peer has gone already.
  return quieten(::accept(listener, peer, peer_size));
}

// macOS has no pipe2().
bool open_pipe(std::span<int, 2> ends) noexcept {
  if (::pipe(ends.data()) != 0) return false;
  for (const int fd : ends) ::fcntl(fd, F_SETFD, FD_CLOEXEC);  // cannot fail on a descriptor just opened
  return true;
}

#if defined(SO_NOSIGPIPE)
int send_flags() noexcept { return MSG_DONTWAIT; }
#else
int send_flags() noexcept { return MSG_DONTWAIT | MSG_NOSIGNAL; }  // OpenBSD
#endif

int drop_flags() noexcept { return 0; }

void prefer_unpaced(int) noexcept {}

void delay_acknowledgements(int) noexcept {}

void fill_random(std::span<std::byte> out) noexcept { ::arc4random_buf(out.data(), out.size()); }

}  // namespace distflow::io::platform
