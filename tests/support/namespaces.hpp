// Namespaces of a test's own: another user namespace, or a network with addresses that this machine does not have.
//
// Linux. Holds for the calling process, which must have one thread, and cannot be taken back: call it in a child
// process (tests/support/child.hpp). The namespaces end with the child. Use: if (const int error = refused([] { return
// enter_user_namespace(); })) GTEST_SKIP() << why_refused(error);
//      EXPECT_TRUE(passes_in_child([] { ASSERT_EQ(enter_user_namespace(), 0); ... }));
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "tests/support/sockets.hpp"

namespace distflow::test {

/// The errno with which `enter` fails in a child; 0 if it succeeds.
template <class Enter>
int refused(Enter enter) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(enter());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

inline std::string why_refused(int error) {
  const std::string reason = std::strerror(error);
  return "no namespaces of its own for this test: " + reason + (error == EINVAL ? " (this process has threads)" : "");
}

/// A user namespace in which no user of the outside has a number. An errno, or 0.
inline int enter_user_namespace() { return ::unshare(CLONE_NEWUSER) == 0 ? 0 : errno; }

/// A user namespace in which this process's user has the number `uid` and no other user has one. An errno, or 0.
inline int enter_user_namespace_as(unsigned uid, int further_namespaces = 0) {
  const std::string line = std::to_string(uid) + " " + std::to_string(::geteuid()) + " 1\n";
  if (::unshare(CLONE_NEWUSER | further_namespaces) != 0) return errno;
  const int map = ::open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
  if (map < 0) return errno;
  const int error = ::write(map, line.data(), line.size()) < 0 ? errno : 0;
  ::close(map);
  return error;
}

/// A network with a loopback interface alone. It has IPv4's 127.0.0.1, `address` beside it, and a route to all others
/// that leads nowhere. An errno, or 0.
inline int enter_network(const char* address) {
  if (::unshare(CLONE_NEWNET) != 0) {
    if (const int error = enter_user_namespace_as(::geteuid(), CLONE_NEWNET); error != 0) return error;
  }
  const RawSocket socket;
  const auto to_sockaddr = [](const char* text, sockaddr& out) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    ::inet_pton(AF_INET, text, &in.sin_addr);
    std::memcpy(&out, &in, sizeof out);
  };
  const auto request = [](const char* name) {
    ifreq all{};
    std::strncpy(all.ifr_name, name, sizeof all.ifr_name - 1);
    return all;
  };
  ifreq up = request("lo");
  up.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.fd(), SIOCSIFFLAGS, &up) != 0) return errno;
  ifreq second = request("lo:1");
  to_sockaddr(address, second.ifr_addr);
  if (::ioctl(socket.fd(), SIOCSIFADDR, &second) != 0) return errno;
  to_sockaddr("255.255.255.255", second.ifr_netmask);
  if (::ioctl(socket.fd(), SIOCSIFNETMASK, &second) != 0) return errno;
  rtentry route{};
  to_sockaddr("0.0.0.0", route.rt_dst);
  to_sockaddr("0.0.0.0", route.rt_genmask);
  std::string device = "lo";
  route.rt_dev = device.data();
  route.rt_flags = RTF_UP;
  return ::ioctl(socket.fd(), SIOCADDRT, &route) == 0 ? 0 : errno;
}

/// Whether a socket can be bound to this address and connected to it.
inline bool is_usable(sockaddr_in6 address) {
  const auto* const system = reinterpret_cast<const sockaddr*>(&address);
  const RawSocket socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (::bind(socket.fd(), system, sizeof address) != 0) return false;
  address.sin6_port = htons(4369);  // any: nothing is sent there
  return ::connect(socket.fd(), system, sizeof address) == 0;
}

/// Gives the loopback interface of a network of one's own this link-local address. The kernel takes it into use in its
/// own time, which this waits for. An errno, or 0.
inline int add_link_local_address(const char* address) {
  struct {  // in6_ifreq of <linux/ipv6.h>, which cannot be included beside <netinet/in.h>
    in6_addr address{};
    std::uint32_t prefix_size = 64;
    int interface = 0;
  } request;
  const RawSocket socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0 || ::inet_pton(AF_INET6, address, &request.address) != 1) return EAFNOSUPPORT;
  request.interface = static_cast<int>(::if_nametoindex("lo"));
  if (::ioctl(socket.fd(), SIOCSIFADDR, &request) != 0) return errno;
  sockaddr_in6 self{};
  self.sin6_family = AF_INET6;
  self.sin6_addr = request.address;
  self.sin6_scope_id = static_cast<std::uint32_t>(request.interface);
  constexpr int tries_max = 1'000'000;
  for (int i = 0; i < tries_max; ++i) {
    if (is_usable(self)) return 0;
    ::sched_yield();
  }
  return EADDRNOTAVAIL;
}

}  // namespace distflow::test
