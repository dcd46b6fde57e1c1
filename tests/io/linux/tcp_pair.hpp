// Two blocking TCP sockets that are connected to each other, over whatever addresses a test wants, before and after the
// listener has accepted.
//
// One thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "base/assert.hpp"
#include "io/address.hpp"
#include "io/posix/socket.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {

struct SystemAddress {
  explicit SystemAddress(const io::Address& address) {
    if (address.family == io::Address::Family::ipv4) {
      sockaddr_in in{};
      in.sin_family = AF_INET;
      in.sin_port = htons(address.port);
      std::memcpy(&in.sin_addr, address.bytes.data(), sizeof in.sin_addr);
      std::memcpy(&storage, &in, sizeof in);
      size = sizeof in;
    } else {
      sockaddr_in6 in{};
      in.sin6_family = AF_INET6;
      in.sin6_port = htons(address.port);
      in.sin6_scope_id = address.scope;
      std::memcpy(&in.sin6_addr, address.bytes.data(), sizeof in.sin6_addr);
      std::memcpy(&storage, &in, sizeof in);
      size = sizeof in;
    }
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }

  sockaddr_storage storage{};
  socklen_t size = 0;
};

inline io::Address address_of(std::string_view host, std::uint16_t port = 0) { return *io::Address::parse(host, port); }

/// A socket of the address's family that is bound to it; fd() is -1 where the system has no such address.
inline RawSocket bound_to(const io::Address& address) {
  const bool is_ipv4 = address.family == io::Address::Family::ipv4;
  RawSocket socket(::socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const SystemAddress system(address);
  if (::bind(socket.fd(), system.get(), system.size) != 0) socket.close();
  return socket;
}

inline bool connect_to(const RawSocket& socket, const io::Address& address) {
  const SystemAddress system(address);
  return ::connect(socket.fd(), system.get(), system.size) == 0;
}

inline io::Address own_address(const RawSocket& socket) { return *io::posix::local_address(socket.fd()); }

/// A listener and a connection to it. With an IPv6 listener on "::", IPv4 peers are let in, too.
struct TcpPair {
  explicit TcpPair(std::string_view listen_on = "127.0.0.1", std::string_view connect_to_host = "127.0.0.1",
                   std::string_view connect_from = "127.0.0.1")
      : listener(bound_to(address_of(listen_on))), dialed(bound_to(address_of(connect_from))) {
    if (listener.fd() < 0 || dialed.fd() < 0) return;
    DF_ASSERT(::listen(listener.fd(), 16) == 0);
    is_connected = connect_to(dialed, address_of(connect_to_host, own_address(listener).port));
  }
  void accept() { accepted = listener.accept(); }

  RawSocket listener;
  RawSocket dialed;
  RawSocket accepted{-1};
  bool is_connected = false;
};

}  // namespace distflow::test
