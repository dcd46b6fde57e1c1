#include "bench/limits/raw_socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace distflow::bench {
namespace {

constexpr socklen_t kUnixNameAt = offsetof(sockaddr_un, sun_path);

/// Room for an address of each family.
union Address {
  sockaddr any;
  sockaddr_in tcp;
  sockaddr_un unix_stream;
};

Address loopback(std::uint16_t port) {
  Address address{};
  address.tcp.sin_family = AF_INET;
  address.tcp.sin_port = htons(port);
  address.tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int open_socket(int family, const std::string& congestion) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up("no socket");
  if (family == AF_INET && !congestion.empty()) {
    const auto size = static_cast<socklen_t>(congestion.size());
    if (::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion.data(), size) != 0) {
      give_up("the system has no such congestion control");
    }
  }
  return fd;
}

/// `name` is what stands behind the "@".
int connect_unix(std::string_view name) {
  Address address{};
  address.unix_stream.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.unix_stream.sun_path) give_up("the address to --connect to is too long");
  std::memcpy(address.unix_stream.sun_path + 1, name.data(), name.size());
  const int fd = open_socket(AF_UNIX, {});
  const auto size = kUnixNameAt + 1 + static_cast<socklen_t>(name.size());
  if (::connect(fd, &address.any, size) != 0) give_up("nobody listens at the address to --connect to");
  return fd;
}

int connect_tcp(const Setup& setup) {
  const std::size_t colon = setup.connect.rfind(':');
  if (colon == std::string::npos) give_up("--connect takes 127.0.0.1:PORT or @NAME");
  const Address address = loopback(static_cast<std::uint16_t>(std::atoi(setup.connect.c_str() + colon + 1)));
  const int fd = open_socket(AF_INET, setup.congestion);
  if (::connect(fd, &address.any, sizeof address.tcp) != 0) give_up("nobody listens at the address to --connect to");
  set_no_delay(fd);
  return fd;
}

}  // namespace

Socket::~Socket() { ::close(fd_); }

Socket open_listener(const Setup& setup, Family family) {
  const bool is_tcp = family == Family::tcp;
  Address address = loopback(0);
  if (!is_tcp) address.any.sa_family = AF_UNIX;
  const int fd = open_socket(address.any.sa_family, setup.congestion);
  // An address of the family alone: the system finds an abstract name ("Autobind feature" of unix(7)).
  const socklen_t size = is_tcp ? sizeof address.tcp : kUnixNameAt;
  if (::bind(fd, &address.any, size) != 0 || ::listen(fd, SOMAXCONN) != 0) give_up("cannot listen on the loopback");
  return Socket(fd);
}

std::string address_of(const Socket& listener) {
  Address address{};
  socklen_t size = sizeof address;
  if (::getsockname(listener.fd(), &address.any, &size) != 0) give_up("a listener without an address");
  if (address.any.sa_family == AF_INET) return "127.0.0.1:" + std::to_string(ntohs(address.tcp.sin_port));
  return '@' + std::string(address.unix_stream.sun_path + 1, size - kUnixNameAt - 1);
}

Socket accept_from(const Socket& listener) {
  const int fd = ::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) give_up("cannot accept a connection");
  set_no_delay(fd);
  return Socket(fd);
}

Socket connect_to(const Setup& setup) {
  if (setup.connect.starts_with('@')) return Socket(connect_unix(std::string_view(setup.connect).substr(1)));
  return Socket(connect_tcp(setup));
}

void set_no_delay(int fd) {
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

void end_with_reset(int fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void must_send_all(int fd, std::string_view bytes) {
  if (!send_all(fd, bytes)) give_up("the other end is gone");
}

std::size_t receive_some(int fd, char* into, std::size_t size_max) {
  ssize_t got = 0;
  do {
    got = ::recv(fd, into, size_max, 0);
  } while (got < 0 && errno == EINTR);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

}  // namespace distflow::bench
