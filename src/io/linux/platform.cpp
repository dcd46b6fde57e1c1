// Linux's answers to io/posix/platform.hpp.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>

#include "io/posix/lost_descriptor.hpp"
#include "io/posix/platform.hpp"
#include "io/posix/socket.hpp"

namespace distflow::io::platform {
namespace {

/// For kernels before Linux 3.17, and filters that know nothing of getrandom(2).
void fill_from_device(std::span<std::byte> out) noexcept {
  const int fd = ::open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  while (fd >= 0 && !out.empty()) {
    const ssize_t filled = ::read(fd, out.data(), out.size());
    if (filled < 0 && errno == EINTR) continue;
    if (filled <= 0) break;
    out = out.subspan(static_cast<std::size_t>(filled));
  }
  // Names that others could guess are worse than none.
  if (!out.empty()) posix::stop_without_descriptor("asking the system for random bytes", errno);
  posix::close_fd(fd);
}

}  // namespace

int stream_socket(int family) noexcept { return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

int accept_socket(int listener, sockaddr* peer, socklen_t* peer_size) noexcept {
  return ::accept4(listener, peer, peer_size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

bool open_pipe(std::span<int, 2> ends) noexcept { return ::pipe2(ends.data(), O_CLOEXEC) == 0; }

int send_flags() noexcept { return MSG_DONTWAIT | MSG_NOSIGNAL; }

int drop_flags() noexcept { return MSG_TRUNC; }  // tcp(7)

void prefer_unpaced(int fd) noexcept {
  // BBR, a common default, paces even on loopback (tcp(7), TCP_CONGESTION); reno is built into every kernel.
  ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}

void delay_acknowledgements(int fd) noexcept {
  // A stream on which nothing is sent back stays in the mode that acknowledges every segment (tcp(7), TCP_QUICKACK).
  const int off = 0;
  ::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
}

void fill_random(std::span<std::byte> out) noexcept {
  while (!out.empty()) {
    const ssize_t filled = ::getrandom(out.data(), out.size(), 0);
    if (filled < 0 && errno == EINTR) continue;
    if (filled < 0) return fill_from_device(out);
    out = out.subspan(static_cast<std::size_t>(filled));
  }
}

}  // namespace distflow::io::platform
