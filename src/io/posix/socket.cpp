#include "io/posix/socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "io/posix/gathered_message.hpp"
#include "io/posix/owned_descriptors.hpp"
#include "io/posix/platform.hpp"

namespace distflow::io::posix {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress to_system(const Address& address) {
  SocketAddress result;
  if (address.family == Address::Family::ipv4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port);
    std::memcpy(&in.sin_addr, address.bytes.data(), sizeof in.sin_addr);
    std::memcpy(&result.storage, &in, sizeof in);
    result.size = sizeof in;
  } else {
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(address.port);
    in6.sin6_scope_id = address.scope;
    std::memcpy(&in6.sin6_addr, address.bytes.data(), sizeof in6.sin6_addr);
    std::memcpy(&result.storage, &in6, sizeof in6);
    result.size = sizeof in6;
  }
  return result;
}

Address from_system(const SocketAddress& system) {
  Address address;
  if (system.storage.ss_family == AF_INET6) {
    sockaddr_in6 in6{};
    std::memcpy(&in6, &system.storage, sizeof in6);
    address.family = Address::Family::ipv6;
    address.port = ntohs(in6.sin6_port);
    address.scope = in6.sin6_scope_id;
    std::memcpy(address.bytes.data(), &in6.sin6_addr, sizeof in6.sin6_addr);
  } else {
    sockaddr_in in{};
    std::memcpy(&in, &system.storage, sizeof in);
    address.port = ntohs(in.sin_port);
    std::memcpy(address.bytes.data(), &in.sin_addr, sizeof in.sin_addr);
  }
  return address;
}

int system_family(const Address& address) { return address.family == Address::Family::ipv4 ? AF_INET : AF_INET6; }

void enable(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

/// Closes `fd` and gives the error that errno held before.
Error close_with_error(int fd, const char* doing) {
  const Error error = last_error(doing);
  close_fd(fd);
  return error;
}

/// Whether a connect to a free port of this machine was given that very port, and TCP let both ends be one socket
/// (RFC 9293, 3.5: simultaneous open). It happens to who dials a dead neighbour's port again and again. A socket
/// without a peer, whose error somebody has taken or who was never connected, is an error: it must not pass for
/// connected.
Result<bool> is_connected_to_itself(int fd) {
  SocketAddress near;
  SocketAddress far;
  if (::getpeername(fd, far.get(), &far.size) != 0) return last_error("connecting");
  if (::getsockname(fd, near.get(), &near.size) != 0) return last_error("connecting");
  return from_system(near) == from_system(far);
}

}  // namespace

Error error_of(int errno_value, const char* doing) noexcept {
  return {std::error_code(errno_value, std::generic_category()), doing};
}

Error last_error(const char* doing) noexcept { return error_of(errno, doing); }

bool would_block() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK; }

Result<int> open_listener(const Address& address, const ListenOptions& options) {
  const int fd = open_owned([&address] { return platform::stream_socket(system_family(address)); });
  if (fd < 0) return last_error("opening a listening socket");
  enable(fd, SOL_SOCKET, SO_REUSEADDR);  // a port in TIME_WAIT is free to listen on
  if (address.family == Address::Family::ipv6) enable(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  // Accepted sockets inherit both: on Linux, and with the TCP of BSD.
  enable(fd, IPPROTO_TCP, TCP_NODELAY);
  if (options.accepted.fast_loopback && address.is_loopback()) platform::prefer_unpaced(fd);

  SocketAddress system = to_system(address);
  if (::bind(fd, system.get(), system.size) != 0) return close_with_error(fd, "binding a listening socket");
  if (::listen(fd, static_cast<int>(options.backlog)) != 0) return close_with_error(fd, "listening");
  return fd;
}

Result<void> take_over_listener(int fd, const ListenOptions& options) {
  constexpr const char* doing = "taking over a listening socket";
  SocketAddress bound;
  if (::getsockname(fd, bound.get(), &bound.size) != 0) return last_error(doing);  // EBADF, ENOTSOCK
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return last_error(doing);
  const bool is_internet = bound.storage.ss_family == AF_INET || bound.storage.ss_family == AF_INET6;
  if (!is_internet || type != SOCK_STREAM) return error_of(EPROTOTYPE, doing);
  int listens = 0;
  size = sizeof listens;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) return last_error(doing);
  if (listens == 0) return error_of(EINVAL, "taking over a socket that does not listen");

  // Nothing of what follows fails for a socket that is one. Its opener may have a copy, which gets the first, too.
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  enable(fd, IPPROTO_TCP, TCP_NODELAY);
  if (options.accepted.fast_loopback && from_system(bound).is_loopback()) platform::prefer_unpaced(fd);
  open_owned([fd] { return fd; });
  return {};
}

Result<int> open_connecting(const Address& address, const StreamOptions& options) {
  const int fd = open_owned([&address] { return platform::stream_socket(system_family(address)); });
  if (fd < 0) return last_error("opening a socket");
  enable(fd, IPPROTO_TCP, TCP_NODELAY);
  if (options.fast_loopback && address.is_loopback()) platform::prefer_unpaced(fd);
  SocketAddress system = to_system(address);
  if (::connect(fd, system.get(), system.size) != 0 && errno != EINPROGRESS && errno != EINTR) {
    return close_with_error(fd, "connecting");
  }
  return fd;
}

Result<void> connect_outcome(int fd) {
  int outcome = 0;
  socklen_t size = sizeof outcome;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &outcome, &size) != 0) return last_error("connecting");
  if (outcome != 0) return error_of(outcome, "connecting");
  const Result<bool> is_to_itself = is_connected_to_itself(fd);
  if (!is_to_itself) return is_to_itself.error();
  return *is_to_itself ? Result<void>(error_of(ECONNREFUSED, "connecting")) : Result<void>();
}

Result<int> accept_stream(int listener, Address& peer) {
  SocketAddress system;
  const int fd = open_owned([&] { return platform::accept_socket(listener, system.get(), &system.size); });
  if (fd < 0) return last_error("accepting a connection");
  peer = from_system(system);
  return fd;
}

Address peer_address(int fd) {
  SocketAddress system;
  return ::getpeername(fd, system.get(), &system.size) == 0 ? from_system(system) : Address{};
}

std::ptrdiff_t receive(int fd, char* out, std::size_t size) noexcept { return ::recv(fd, out, size, 0); }

void discard_received(int fd) noexcept {
  constexpr int receives_max = 64;
  std::array<char, 16 * 1024> bytes;  // what it holds is of no interest
  const int flags = platform::drop_flags();
  for (int i = 0; i < receives_max; ++i) {
    if (::recv(fd, bytes.data(), bytes.size(), flags) <= 0) return;
  }
}

std::ptrdiff_t send_gathered(int fd, std::span<const Piece> pieces, std::size_t offset) noexcept {
  if (pieces.size() == 1) {
    return ::send(fd, pieces.front().data() + offset, pieces.front().size() - offset, platform::send_flags());
  }
  GatheredMessage message;
  return ::sendmsg(fd, &message.gather(pieces, offset), platform::send_flags());
}

Result<Address> local_address(int fd) {
  SocketAddress system;
  if (::getsockname(fd, system.get(), &system.size) != 0) return last_error("asking for a socket's address");
  return from_system(system);
}

void close_fd(int fd) noexcept {
  // Not tried again on EINTR: the descriptor is gone already, on Linux and the BSDs alike (close(2)).
  close_owned(fd, [fd] { ::close(fd); });
}

void fill_random(std::span<std::byte> out) noexcept { platform::fill_random(out); }

}  // namespace distflow::io::posix
