// A client of a PMD on a plain socket, that shares no code with the one under test but the frame's header.
//
// Nothing here waits: who turns the PMD's reactor turns it between the calls.
// Use: PmdTestClient client(port); client.send(R"({"type":"list"})"); while (!client.receive(frame)) turn();
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace distflow::test {

class PmdTestClient {
 public:
  PmdTestClient() = default;
  /// Connects over loopback, IPv4 or IPv6.
  explicit PmdTestClient(std::uint16_t port, int family = AF_INET) : fd_(::socket(family, SOCK_STREAM, 0)) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    in6.sin6_addr = in6addr_loopback;
    const bool is_ipv4 = family == AF_INET;
    const auto* address = is_ipv4 ? reinterpret_cast<const sockaddr*>(&in) : reinterpret_cast<const sockaddr*>(&in6);
    if (fd_ >= 0 && ::connect(fd_, address, is_ipv4 ? sizeof in : sizeof in6) != 0) close();
    if (fd_ >= 0) ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  PmdTestClient(PmdTestClient&& other) noexcept { *this = std::move(other); }
  PmdTestClient& operator=(PmdTestClient&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(received_, other.received_);
    std::swap(has_ended_, other.has_ended_);
    return *this;
  }
  ~PmdTestClient() { close(); }

  [[nodiscard]] bool is_connected() const { return fd_ >= 0; }

  /// Bytes as they are; what the socket does not take is lost.
  void send_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void send(std::string_view body) {
    const std::uint32_t size = htonl(static_cast<std::uint32_t>(body.size()));
    std::string frame(reinterpret_cast<const char*>(&size), sizeof size);
    send_bytes(frame += body);
  }

  /// Whether a whole frame has come; if so, it is in `body`.
  bool receive(std::string& body) {
    read_all();
    std::uint32_t size = 0;
    if (received_.size() < sizeof size) return false;
    received_.copy(reinterpret_cast<char*>(&size), sizeof size);
    size = ntohl(size);
    if (size > received_.size() - sizeof size) return false;
    body = received_.substr(sizeof size, size);
    received_.erase(0, sizeof size + size);
    return true;
  }
  /// Whether the PMD has ended the connection.
  bool has_ended() {
    read_all();
    return has_ended_;
  }

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// Ends the connection with a reset.
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void end_sending() { ::shutdown(fd_, SHUT_WR); }

 private:
  void read_all() {
    char buffer[65536];
    while (fd_ >= 0 && !has_ended_) {
      const ssize_t size = ::recv(fd_, buffer, sizeof buffer, 0);
      if (size > 0) {
        received_.append(buffer, static_cast<std::size_t>(size));
      } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        has_ended_ = true;
      } else {
        return;
      }
    }
  }

  int fd_ = -1;
  std::string received_;
  bool has_ended_ = false;
};

}  // namespace distflow::test
