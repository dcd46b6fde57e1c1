// Who owns the other end of a connection, asked of the kernel that the tests run on.
#include "io/linux/peer_owner.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/io/linux/tcp_pair.hpp"
#include "tests/support/child.hpp"
#include "tests/support/forked.hpp"
#include "tests/support/namespaces.hpp"
#include "tests/support/refused_system_call.hpp"

namespace distflow::test {
namespace {

using io::OwnerStatus;
using io::PeerOwner;

/// Skips what it tests where the system has no sock_diag, and says why.
class PeerOwnerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto opened = io::SockDiagSocket::open(); !opened) GTEST_SKIP() << opened.error().message();
  }
  PeerOwner owner_of_peer(const RawSocket& socket) { return lookup_.owner_of_peer(socket.fd()); }
  static bool is_own(const PeerOwner& owner) { return owner.is_user(::geteuid()); }

  const base::Log log_;
  io::SockDiagLookup lookup_{log_};
};

TEST_F(PeerOwnerTest, each_end_of_a_connection_knows_the_owner_of_the_other) {
  TcpPair pair;
  pair.accept();
  EXPECT_TRUE(is_own(owner_of_peer(pair.accepted)));
  EXPECT_TRUE(is_own(owner_of_peer(pair.dialed)));
}

TEST_F(PeerOwnerTest, so_it_is_over_ipv6) {
  TcpPair pair("::1", "::1", "::1");
  if (!pair.is_connected) GTEST_SKIP() << "no IPv6 here";
  pair.accept();
  EXPECT_TRUE(is_own(owner_of_peer(pair.accepted)));
  EXPECT_TRUE(is_own(owner_of_peer(pair.dialed)));
}

TEST_F(PeerOwnerTest, one_netlink_socket_is_opened_by_the_first_question_and_closed_with_the_lookup) {
  TcpPair pair;
  pair.accept();
  const std::vector<int> before = open_descriptors();
  {
    io::SockDiagLookup lookup(log_);
    EXPECT_EQ(open_descriptors(), before);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(lookup.owner_of_peer(pair.dialed.fd()).is_known());
    EXPECT_EQ(open_descriptors().size(), before.size() + 1);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(PeerOwnerTest, the_netlink_socket_is_inherited_neither_by_exec_nor_by_a_forked_child) {
  TcpPair pair;
  pair.accept();
  const std::vector<int> before = open_descriptors();
  ASSERT_TRUE(owner_of_peer(pair.dialed).is_known());
  for (const int fd : open_descriptors()) {
    if (std::ranges::find(before, fd) != before.end()) continue;
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_TRUE(holds_in_child([fd] { return !is_open(fd); }));
  }
}

TEST_F(PeerOwnerTest, what_is_no_connection_has_no_owner) {
  const RawSocket unconnected;
  const RawSocket listener = RawSocket::listening();
  EXPECT_EQ(owner_of_peer(unconnected).status(), OwnerStatus::not_connected);
  EXPECT_EQ(owner_of_peer(listener).status(), OwnerStatus::not_connected);
  EXPECT_EQ(lookup_.owner_of_peer(-1).status(), OwnerStatus::not_connected);
}

TEST_F(PeerOwnerTest, another_user_is_known_at_the_accepting_end_and_the_dialing_end_of_that_user_knows_the_server) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can act as another user";
  constexpr uid_t other = 54321;
  EXPECT_TRUE(passes_in_child([this] {
    RawSocket listener = RawSocket::listening();
    ASSERT_EQ(::seteuid(other), 0);
    RawSocket dialed = RawSocket::connected_to(listener.port());
    ASSERT_EQ(::seteuid(0), 0);
    RawSocket accepted = listener.accept();
    EXPECT_TRUE(owner_of_peer(accepted).is_user(other));
    // From here on without any right: the question needs none.
    ASSERT_EQ(::setuid(other), 0);
    io::SockDiagLookup of_other(log_);
    EXPECT_TRUE(of_other.owner_of_peer(dialed.fd()).is_user(0));
    EXPECT_TRUE(of_other.owner_of_peer(accepted.fd()).is_user(other));
  }));
}

TEST_F(PeerOwnerTest, a_peer_with_another_address_of_this_host_is_known_and_local) {
  const auto enter = [] { return enter_network("10.20.30.40"); };
  if (const int error = refused(enter)) GTEST_SKIP() << why_refused(error);
  EXPECT_TRUE(passes_in_child([this, enter] {
    ASSERT_EQ(enter(), 0);
    io::SockDiagLookup lookup(log_);
    for (const char* const from : {"10.20.30.40", "127.0.0.1"}) {
      TcpPair pair("0.0.0.0", "10.20.30.40", from);
      ASSERT_TRUE(pair.is_connected) << from;
      pair.accept();
      for (const RawSocket* const end : {&pair.accepted, &pair.dialed}) {
        const PeerOwner owner = lookup.owner_of_peer(end->fd());
        EXPECT_TRUE(is_own(owner)) << from << ": " << to_text(owner.status());
        EXPECT_TRUE(is_local(owner, io::posix::peer_address(end->fd()))) << from;
      }
    }
  }));
}

TEST_F(PeerOwnerTest, a_peer_with_a_link_local_address_is_known_by_its_interface) {
  const auto enter = [] {
    const int error = enter_network("10.20.30.40");
    return error != 0 ? error : add_link_local_address("fe80::17");
  };
  if (const int error = refused(enter)) GTEST_SKIP() << why_refused(error);
  EXPECT_TRUE(passes_in_child([this, enter] {
    ASSERT_EQ(enter(), 0);
    io::SockDiagLookup lookup(log_);
    const std::string address = "fe80::17%" + std::to_string(::if_nametoindex("lo"));
    TcpPair pair(address, address, address);
    ASSERT_TRUE(pair.is_connected) << std::strerror(errno);
    pair.accept();
    EXPECT_TRUE(is_own(lookup.owner_of_peer(pair.accepted.fd())));
    EXPECT_TRUE(is_own(lookup.owner_of_peer(pair.dialed.fd())));
  }));
}

/// Lines of a log, and how many there were.
struct Lines {
  void add(base::LogLevel level, std::string_view line) {
    EXPECT_EQ(level, base::LogLevel::debug);
    last = line;
    ++count;
  }
  std::string last;
  int count = 0;
};

TEST_F(PeerOwnerTest, where_the_kernel_may_not_be_asked_that_is_remembered_and_said_once_at_debug) {
  EXPECT_TRUE(passes_in_child([] {
    TcpPair pair;
    pair.accept();
    Lines lines;
    const base::Log log(base::LogLevel::debug, base::LogSink::to<&Lines::add>(lines));
    io::SockDiagLookup lookup(log);
    ASSERT_TRUE(refuse_system_call({.number = __NR_socket, .error = EPERM}));
    for (int i = 0; i < 3; ++i) {
      const PeerOwner owner = lookup.owner_of_peer(pair.accepted.fd());
      EXPECT_EQ(owner.status(), OwnerStatus::cannot_ask);
      EXPECT_TRUE(is_local(owner, own_address(pair.dialed))) << "by its address alone";
    }
    EXPECT_EQ(lines.count, 1);
    EXPECT_NE(lines.last.find("not permitted"), std::string::npos) << lines.last;
  }));
}

TEST_F(PeerOwnerTest, a_question_that_is_forbidden_once_the_socket_is_open_has_no_answer) {
  EXPECT_TRUE(passes_in_child([this] {
    TcpPair pair;
    pair.accept();
    ASSERT_TRUE(owner_of_peer(pair.accepted).is_known());
    ASSERT_TRUE(refuse_system_call({.number = __NR_sendto, .error = EPERM}));
    EXPECT_EQ(owner_of_peer(pair.accepted).status(), OwnerStatus::no_answer);
  }));
}

}  // namespace
}  // namespace distflow::test
