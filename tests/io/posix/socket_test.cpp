#include "io/posix/socket.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include <vector>

#include "io/posix/descriptor.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

namespace posix = io::posix;

bool has_flag(int fd, int get, int flag) { return (::fcntl(fd, get) & flag) != 0; }

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

TEST(PosixSocket, every_socket_neither_blocks_nor_survives_exec_nor_delays_small_sends) {
  const posix::Descriptor listener(*posix::open_listener(io::Address::ipv4_loopback(0), {}));
  const posix::Descriptor near(*posix::open_connecting(*posix::local_address(listener.get()), {}));
  io::Address peer;
  const posix::Descriptor far(*posix::accept_stream(listener.get(), peer));
  for (const int fd : {listener.get(), near.get(), far.get()}) {
    EXPECT_TRUE(has_flag(fd, F_GETFL, O_NONBLOCK));
    EXPECT_TRUE(has_flag(fd, F_GETFD, FD_CLOEXEC));
  }
  EXPECT_NE(option(near.get(), IPPROTO_TCP, TCP_NODELAY), 0);
  EXPECT_NE(option(far.get(), IPPROTO_TCP, TCP_NODELAY), 0);
  EXPECT_EQ(peer, *posix::local_address(near.get()));
}

TEST(PosixSocket, accepting_when_nobody_is_there_would_block) {
  const posix::Descriptor listener(*posix::open_listener(io::Address::ipv4_loopback(0), {}));
  io::Address peer;
  const Result<int> accepted = posix::accept_stream(listener.get(), peer);
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, std::errc::operation_would_block);
}

// A socket bound to a port may connect to that port: TCP's simultaneous open with itself. A dial of a dead neighbour's
// ephemeral port meets it when the system happens to choose that very port as the source.
TEST(PosixSocket, a_socket_connected_to_itself_counts_as_refused) {
  RawSocket socket;
  socket.bind();
  ASSERT_TRUE(socket.connect(socket.port()));
  const Result<void> outcome = posix::connect_outcome(socket.fd());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, std::errc::connection_refused);
}

TEST(PosixSocket, a_socket_without_a_peer_does_not_pass_for_connected) {
  RawSocket socket;
  EXPECT_EQ(posix::connect_outcome(socket.fd()).error().code, std::errc::not_connected);
}

TEST(PosixSocket, a_gathered_send_begins_inside_the_first_piece_and_takes_at_most_its_bound_of_pieces) {
  RawSocket listener = RawSocket::listening();
  const RawSocket near = RawSocket::connected_to(listener.port());
  RawSocket far = listener.accept();
  std::vector<io::Piece> pieces(posix::kPieceCountMax + 5, "ab");
  pieces[0] = "xyz";
  const std::ptrdiff_t sent = posix::send_gathered(near.fd(), pieces, 2);
  EXPECT_EQ(sent, static_cast<std::ptrdiff_t>(1 + 2 * (posix::kPieceCountMax - 1)));
  EXPECT_EQ(far.receive(3), "zab");
}

TEST(PosixSocket, sending_to_a_peer_that_is_gone_raises_no_signal) {
  RawSocket listener = RawSocket::listening();
  const RawSocket near = RawSocket::connected_to(listener.port());
  listener.accept().reset();
  const std::vector<io::Piece> pieces{"x"};
  while (posix::send_gathered(near.fd(), pieces, 0) >= 0) {
  }
  EXPECT_TRUE(errno == EPIPE || errno == ECONNRESET);
}

TEST(PosixSocket, errors_keep_the_systems_code_and_say_what_was_being_done) {
  const Error error = posix::error_of(ENETUNREACH, "connecting");
  EXPECT_EQ(error.code, std::errc::network_unreachable);
  EXPECT_STREQ(error.doing, "connecting");
}

TEST(PosixSocket, without_descriptors_opening_is_an_error) {
  const NoDescriptorsLeft none;
  EXPECT_EQ(posix::open_listener(io::Address::ipv4_loopback(0), {}).error().code, std::errc::too_many_files_open);
  EXPECT_EQ(posix::open_connecting(io::Address::ipv4_loopback(1), {}).error().code, std::errc::too_many_files_open);
}

}  // namespace
}  // namespace distflow::test
