// Questions over a socket that loses, cuts and delays answers: each ends, and none harms the next.
#include "io/linux/sock_diag_socket.hpp"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "io/posix/owned_descriptors.hpp"
#include "tests/io/linux/tcp_pair.hpp"

namespace distflow::test {
namespace {

using io::OwnerStatus;
using io::SockDiagSocket;

const io::sock_diag::Question kQuestion{.own = io::Address::ipv4_loopback(1), .peer = io::Address::ipv4_loopback(2)};

/// A socket whose other end says what the test wants, in place of the kernel. Its questions have the sequence numbers
/// 1, 2, and so on, so that answers may lie there before they are asked for.
class ScriptedKernel : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    kernel_ = RawSocket(ends[0]);
    asking_.emplace(io::posix::Descriptor(io::posix::open_owned([&ends] { return ends[1]; })));
  }
  OwnerStatus ask() { return asking_->ask(kQuestion).status(); }

  /// "There is no such socket", which is the shortest answer that can be read.
  void answer(std::uint32_t sequence, std::size_t size = sizeof(nlmsghdr) + sizeof(int), int error = -ENOENT,
              std::uint16_t type = NLMSG_ERROR) {
    nlmsghdr header{};
    header.nlmsg_len = sizeof header + sizeof error;
    header.nlmsg_type = type;
    header.nlmsg_seq = sequence;
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    bytes.append(reinterpret_cast<const char*>(&error), sizeof error);
    bytes.resize(size);
    ASSERT_TRUE(kernel_.send(bytes));
  }

  RawSocket kernel_{-1};
  std::optional<SockDiagSocket> asking_;
};

TEST_F(ScriptedKernel, an_answer_to_an_earlier_question_is_dropped) {
  EXPECT_EQ(ask(), OwnerStatus::no_answer) << "nothing came in time";
  answer(1);
  answer(2);
  EXPECT_EQ(ask(), OwnerStatus::not_found);
}

TEST_F(ScriptedKernel, a_cut_answer_fails_its_own_question_and_no_other) {
  answer(1, sizeof(nlmsghdr));
  answer(2);
  answer(3, 3);
  answer(3);
  answer(4, SockDiagSocket::kAnswerSizeMax + 100);
  EXPECT_EQ(ask(), OwnerStatus::no_answer);
  EXPECT_EQ(ask(), OwnerStatus::not_found);
  EXPECT_EQ(ask(), OwnerStatus::not_found);
  EXPECT_EQ(ask(), OwnerStatus::not_found) << "the answer is whole, and more comes behind it";
}

TEST_F(ScriptedKernel, more_datagrams_than_a_question_reads_fail_it_and_not_the_next) {
  for (int i = 0; i < SockDiagSocket::kReadsMax; ++i) answer(4711);
  answer(2);
  EXPECT_EQ(ask(), OwnerStatus::no_answer);
  EXPECT_EQ(ask(), OwnerStatus::not_found);
}

TEST_F(ScriptedKernel, a_question_to_nobody_ends) {
  kernel_.close();
  EXPECT_EQ(ask(), OwnerStatus::no_answer);
}

TEST_F(ScriptedKernel, a_question_that_cannot_be_sent_has_no_answer) {
  const std::string bytes(1000, 'x');
  while (::send(asking_->fd(), bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) {
  }
  EXPECT_EQ(ask(), OwnerStatus::no_answer);
}

TEST_F(ScriptedKernel, signals_do_not_keep_a_question_from_its_end) {
  struct sigaction quiet {};
  quiet.sa_handler = [](int) {};  // and without SA_RESTART
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGALRM, &quiet, &before), 0);
  itimerval often{.it_interval = {.tv_sec = 0, .tv_usec = 500}, .it_value = {.tv_sec = 0, .tv_usec = 500}};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &often, nullptr), 0);
  EXPECT_EQ(ask(), OwnerStatus::no_answer);
  answer(2);
  EXPECT_EQ(ask(), OwnerStatus::not_found);
  often = {};
  ::setitimer(ITIMER_REAL, &often, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
}

TEST_F(ScriptedKernel, the_probe_fails_with_the_error_of_a_kernel_that_cannot_answer) {
  answer(1, sizeof(nlmsghdr) + sizeof(int), -ENOENT, NLMSG_DONE);
  answer(2, sizeof(nlmsghdr) + sizeof(int), 0, NLMSG_DONE);
  const Result<void> without_module = asking_->probe();
  ASSERT_FALSE(without_module);
  EXPECT_EQ(without_module.error().code, std::errc::no_such_file_or_directory);
  EXPECT_TRUE(asking_->probe());
  const Result<void> silent = asking_->probe();
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, std::errc::timed_out);
}

TEST(SockDiagSocket, what_another_process_sends_to_it_is_refused) {
  const Result<SockDiagSocket> opened = SockDiagSocket::open();
  if (!opened) GTEST_SKIP() << opened.error().message();
  sockaddr_nl to{};
  socklen_t size = sizeof to;
  ASSERT_EQ(::getsockname(opened->fd(), reinterpret_cast<sockaddr*>(&to), &size), 0);
  const RawSocket other(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const nlmsghdr message{};
  EXPECT_LT(::sendto(other.fd(), &message, sizeof message, 0, reinterpret_cast<const sockaddr*>(&to), size), 0);
  EXPECT_TRUE(errno == ECONNREFUSED || errno == EPERM) << "with the right to send to processes, and without";
}

TEST(SockDiagSocket, a_full_queue_of_answers_fails_at_most_the_question_that_finds_it) {
  Result<SockDiagSocket> opened = SockDiagSocket::open();
  if (!opened) GTEST_SKIP() << opened.error().message();
  TcpPair pair;
  pair.accept();
  const io::sock_diag::Question question{.own = own_address(pair.accepted), .peer = own_address(pair.dialed)};
  // The smallest queue that the kernel makes, which a few unread answers fill.
  const int size = 1;
  ASSERT_EQ(::setsockopt(opened->fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
  const io::sock_diag::Request unread = io::sock_diag::encode_question(question, 4711);
  for (int i = 0; i < SockDiagSocket::kReadsMax; ++i) {
    static_cast<void>(::send(opened->fd(), unread.data(), unread.size(), MSG_DONTWAIT));
  }
  EXPECT_EQ(opened->ask(question).status(), OwnerStatus::no_answer) << "the queue had no room for the answer";
  EXPECT_TRUE(opened->ask(question).is_user(::geteuid()));
}

}  // namespace
}  // namespace distflow::test
