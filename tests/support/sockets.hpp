// Raw blocking sockets on loopback: peers that do what no well-behaved one does, for tests.
//
// Any thread.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/assert.hpp"
#include "io/address.hpp"

namespace distflow::test {

/// A blocking TCP socket that is closed when it goes out of scope.
class RawSocket {
 public:
  RawSocket() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) { DF_ASSERT(fd_ >= 0); }
  explicit RawSocket(int fd) : fd_(fd) {}
  RawSocket(RawSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RawSocket& operator=(RawSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~RawSocket() { close(); }

  static RawSocket connected_to(std::uint16_t port) {
    RawSocket socket;
    DF_ASSERT(socket.connect(port));
    return socket;
  }
  static RawSocket listening(int backlog = 16) {
    RawSocket socket;
    socket.bind();
    DF_ASSERT(::listen(socket.fd_, backlog) == 0);
    return socket;
  }

  bool connect(std::uint16_t port) {
    const sockaddr_in address = loopback(port);
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  /// To a port that the system chooses.
  void bind() {
    const sockaddr_in address = loopback(0);
    DF_ASSERT(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  RawSocket accept() { return RawSocket(::accept(fd_, nullptr, nullptr)); }

  [[nodiscard]] std::uint16_t port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    DF_ASSERT(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return ntohs(address.sin_port);
  }

  /// All of `bytes`, or false when the peer is gone.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// What is there, waiting for it; empty at the end of the stream and after an error.
  std::string receive(std::size_t size_max = 65536) {
    std::string bytes(size_max, '\0');
    const ssize_t size = ::recv(fd_, bytes.data(), bytes.size(), 0);
    bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return bytes;
  }
  std::string receive_all() {
    std::string all;
    for (std::string bytes = receive(); !bytes.empty(); bytes = receive()) all += bytes;
    return all;
  }

  void end_sending() { ::shutdown(fd_, SHUT_WR); }
  void limit_receive_buffer(int size) { ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &size, sizeof size); }
  /// Closes with a reset in place of an orderly end.
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  int fd_;
};

/// Whether poll(2) says that there is something to read, now.
inline bool is_readable(int fd) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, 0) == 1;
}

/// A port of this machine at which nobody listens, for as long as the object lives.
class SilentPort {
 public:
  SilentPort() { socket_.bind(); }
  [[nodiscard]] std::uint16_t port() const { return socket_.port(); }

 private:
  RawSocket socket_;
};

/// No more descriptors than there are now, for as long as the object lives.
class NoDescriptorsLeft {
 public:
  NoDescriptorsLeft() {
    DF_ASSERT(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int lowest_free = ::dup(0);
    DF_ASSERT(lowest_free >= 0);
    ::close(lowest_free);
    const rlimit none{.rlim_cur = static_cast<rlim_t>(lowest_free), .rlim_max = before_.rlim_max};
    DF_ASSERT(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoDescriptorsLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace distflow::test
