// Raw blocking sockets on loopback: peers that do what no well-behaved one does, for tests.
//
// Any thread.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
  static RawSocket listening(int backlog = 16) { return listening_at(0, backlog); }
  static RawSocket listening_at(std::uint16_t port, int backlog = 16) {
    RawSocket socket;
    DF_ASSERT(socket.bind_to(port) && ::listen(socket.fd_, backlog) == 0);
    return socket;
  }

  bool connect(std::uint16_t port) {
    const sockaddr_in address = loopback(port);
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  /// To a port that the system chooses.
  void bind() { DF_ASSERT(bind_to(0)); }
  /// False if another socket has that port.
  bool bind_to(std::uint16_t port) {
    const sockaddr_in address = loopback(port);
    return ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
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
  /// What is there now, without waiting for it.
  std::string receive_now() {
    std::string bytes(65536, '\0');
    const ssize_t size = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
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

/// No descriptor left, or a few, for as long as the object lives. All are taken, for a lower limit is not seen by what
/// the kernel was asked to do before: io_uring remembers the limit.
class NoDescriptorsLeft {
 public:
  explicit NoDescriptorsLeft(std::size_t but = 0) {
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken_.push_back(fd);
    DF_ASSERT(errno == EMFILE);
    for (; but > 0; --but) give_back();
  }
  NoDescriptorsLeft(const NoDescriptorsLeft&) = delete;
  NoDescriptorsLeft& operator=(const NoDescriptorsLeft&) = delete;
  ~NoDescriptorsLeft() {
    while (!taken_.empty()) give_back();
  }

 private:
  void give_back() {
    ::close(taken_.back());
    taken_.pop_back();
  }
  std::vector<int> taken_;
};

}  // namespace distflow::test
