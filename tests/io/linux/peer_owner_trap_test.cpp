// The traps of the question who owns a socket, each on the kernel that the tests run on: none of them names an owner.
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/linux/peer_owner.hpp"
#include "tests/io/linux/tcp_pair.hpp"
#include "tests/support/child.hpp"
#include "tests/support/namespaces.hpp"

namespace distflow::test {
namespace {

using io::OwnerStatus;
using io::PeerOwner;

/// Skips what it tests where the system has no sock_diag, and says why.
class PeerOwnerTrap : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = io::SockDiagSocket::open();
    if (!opened) GTEST_SKIP() << opened.error().message();
    kernel_.emplace(*std::move(opened));
  }
  PeerOwner owner_of_peer(const RawSocket& socket) { return lookup_.owner_of_peer(socket.fd()); }

  const base::Log log_;
  io::SockDiagLookup lookup_{log_};
  std::optional<io::SockDiagSocket> kernel_;  // asked with addresses alone
};

TEST_F(PeerOwnerTrap, a_stranger_whose_port_is_that_of_a_listener_here_is_not_the_owner_of_the_listener) {
  const io::Address own = address_of("127.0.0.1", 4369);
  for (const char* const any : {"0.0.0.0", "::"}) {
    const RawSocket listener = bound_to(address_of(any));
    if (listener.fd() < 0) continue;  // no IPv6
    ASSERT_EQ(::listen(listener.fd(), 1), 0);
    const std::uint16_t port = own_address(listener).port;
    EXPECT_EQ(kernel_->ask({.own = own, .peer = address_of("203.0.113.9", port)}).status(), OwnerStatus::listener);
  }
}

TEST_F(PeerOwnerTrap, a_stranger_with_an_established_connection_has_no_owner_and_is_not_local) {
  const auto enter = [] { return enter_network("10.20.30.40"); };
  if (const int error = refused(enter)) GTEST_SKIP() << why_refused(error);
  EXPECT_TRUE(passes_in_child([this, enter] {
    ASSERT_EQ(enter(), 0);
    const RawSocket listener = bound_to(address_of("0.0.0.0"));
    ASSERT_EQ(::listen(listener.fd(), 1), 0);
    const io::Address with_listener = address_of("203.0.113.9", own_address(listener).port);
    const io::Address without = address_of("203.0.113.9", 1);
    io::SockDiagLookup lookup(log_);
    for (const io::Address& stranger : {with_listener, without}) {
      // A socket in repair mode is connected without a packet (TCP_REPAIR, for processes that are moved to a host).
      const RawSocket end = bound_to(address_of("10.20.30.40"));
      const int on = 1;
      ASSERT_EQ(::setsockopt(end.fd(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof on), 0);
      ASSERT_TRUE(connect_to(end, stranger)) << std::strerror(errno);
      const PeerOwner owner = lookup.owner_of_peer(end.fd());
      EXPECT_EQ(owner.status(), stranger == without ? OwnerStatus::not_found : OwnerStatus::listener);
      EXPECT_FALSE(is_local(owner, stranger));
    }
  }));
}

TEST_F(PeerOwnerTrap, a_peer_whose_process_has_ended_has_no_owner_and_is_not_root) {
  RawSocket listener = RawSocket::listening();
  const pid_t peer = ::fork();
  if (peer == 0) {
    const RawSocket dialed = RawSocket::connected_to(listener.port());
    ::_exit(0);
  }
  RawSocket accepted = listener.accept();
  ASSERT_EQ(::waitpid(peer, nullptr, 0), peer);
  const io::sock_diag::Question question{.own = own_address(accepted), .peer = io::posix::peer_address(accepted.fd())};
  EXPECT_EQ(owner_of_peer(accepted).status(), OwnerStatus::ending);
  EXPECT_EQ(accepted.receive(), "") << "its end has come";
  accepted.close();
  EXPECT_EQ(kernel_->ask(question).status(), OwnerStatus::ending) << "in time-wait";
}

TEST_F(PeerOwnerTrap, a_peer_that_has_half_closed_has_no_owner_and_is_local) {
  TcpPair pair;
  pair.accept();
  pair.dialed.end_sending();
  EXPECT_EQ(pair.accepted.receive(), "");
  for (const RawSocket* const end : {&pair.accepted, &pair.dialed}) {
    const PeerOwner owner = owner_of_peer(*end);
    EXPECT_EQ(owner.status(), OwnerStatus::ending);
    EXPECT_TRUE(is_local(owner, address_of("10.20.30.40"))) << "whatever its address";
  }
}

TEST_F(PeerOwnerTrap, before_the_server_has_accepted_its_end_has_no_owner_and_after_its_first_byte_it_has) {
  TcpPair pair;
  EXPECT_EQ(owner_of_peer(pair.dialed).status(), OwnerStatus::not_accepted);
  pair.accept();
  ASSERT_TRUE(pair.accepted.send("x"));
  ASSERT_EQ(pair.dialed.receive(), "x");
  EXPECT_TRUE(owner_of_peer(pair.dialed).is_user(::geteuid()));
}

TEST_F(PeerOwnerTrap, while_the_server_has_not_seen_the_end_of_the_handshake_its_end_has_no_owner) {
  RawSocket listener = RawSocket::listening();
  const int seconds = 60;  // a server that waits for the first byte takes the handshake for unfinished (tcp(7))
  ASSERT_EQ(::setsockopt(listener.fd(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds), 0);
  RawSocket dialed = RawSocket::connected_to(listener.port());
  EXPECT_EQ(owner_of_peer(dialed).status(), OwnerStatus::opening);
  ASSERT_TRUE(dialed.send("x"));
  const RawSocket accepted = listener.accept();
  EXPECT_TRUE(owner_of_peer(dialed).is_user(::geteuid()));
}

TEST_F(PeerOwnerTrap, a_socket_that_is_bound_to_an_interface_has_no_owner) {
  RawSocket listener = RawSocket::listening();
  const RawSocket dialed;
  if (::setsockopt(dialed.fd(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) != 0) GTEST_SKIP() << "a kernel before Linux 5.7";
  ASSERT_TRUE(connect_to(dialed, own_address(listener)));
  const RawSocket accepted = listener.accept();
  EXPECT_EQ(owner_of_peer(accepted).status(), OwnerStatus::not_found);
}

TEST_F(PeerOwnerTrap, a_user_who_has_no_number_in_this_user_namespace_is_unknown) {
  if (const int error = refused(enter_user_namespace)) GTEST_SKIP() << why_refused(error);
  TcpPair pair;
  pair.accept();
  EXPECT_TRUE(passes_in_child([&] {
    ASSERT_EQ(enter_user_namespace(), 0);
    io::SockDiagLookup lookup(log_);
    const PeerOwner owner = lookup.owner_of_peer(pair.accepted.fd());
    EXPECT_EQ(owner.status(), OwnerStatus::other_user_namespace);
    EXPECT_FALSE(owner.is_user(::geteuid())) << "which is the overflow uid here, too";
    EXPECT_TRUE(is_local(owner, own_address(pair.dialed)));
  }));
}

TEST_F(PeerOwnerTrap, a_user_has_the_number_that_this_user_namespace_gives) {
  const auto enter = [] { return enter_user_namespace_as(4711); };
  if (const int error = refused(enter)) GTEST_SKIP() << why_refused(error);
  TcpPair pair;
  pair.accept();
  EXPECT_TRUE(passes_in_child([&] {
    ASSERT_EQ(enter(), 0);
    io::SockDiagLookup lookup(log_);
    ASSERT_EQ(::geteuid(), 4711U);
    EXPECT_TRUE(lookup.owner_of_peer(pair.accepted.fd()).is_user(4711));
  }));
}

TEST_F(PeerOwnerTrap, an_ipv4_peer_of_a_dual_stack_listener_is_known_at_both_ends) {
  TcpPair pair("::", "127.0.0.1");
  if (!pair.is_connected) GTEST_SKIP() << "no dual-stack listener here";
  pair.accept();
  ASSERT_EQ(io::posix::peer_address(pair.accepted.fd()).host(), "::ffff:127.0.0.1");
  EXPECT_TRUE(owner_of_peer(pair.accepted).is_user(::geteuid()));
  EXPECT_TRUE(owner_of_peer(pair.dialed).is_user(::geteuid()));
}

TEST_F(PeerOwnerTrap, who_takes_the_port_of_a_connection_that_was_reset_does_not_own_what_came_on_it) {
  TcpPair pair;
  pair.accept();
  const io::Address port = own_address(pair.dialed);
  const io::Address server = own_address(pair.accepted);
  ASSERT_TRUE(pair.dialed.send("x"));
  pair.dialed.reset();
  const RawSocket next = bound_to(port);
  ASSERT_TRUE(next.fd() >= 0 && connect_to(next, server));

  EXPECT_TRUE(kernel_->ask({.own = server, .peer = port}).is_known()) << "the addresses alone do not tell";
  const PeerOwner owner = owner_of_peer(pair.accepted);
  EXPECT_EQ(owner.status(), OwnerStatus::not_connected);
  EXPECT_FALSE(is_local(owner, port));
}

TEST_F(PeerOwnerTrap, another_network_with_the_same_addresses_is_not_taken_for_this_one) {
  const auto enter = [] { return enter_network("10.20.30.40"); };
  if (const int error = refused(enter)) GTEST_SKIP() << why_refused(error);
  TcpPair pair;
  pair.accept();
  EXPECT_TRUE(passes_in_child([&] {
    ASSERT_EQ(enter(), 0);
    io::SockDiagLookup lookup(log_);
    EXPECT_EQ(lookup.owner_of_peer(pair.accepted.fd()).status(), OwnerStatus::not_found);
  }));
}

}  // namespace
}  // namespace distflow::test
