// When a stream that closes has bytes to forget, and when it need not ask.
#include <gtest/gtest.h>

#include <array>

#include "io/epoll/epoll_poller.hpp"
#include "io/posix/platform.hpp"
#include "io/readiness_backend.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/operations.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

/// The real system; counts how often a stream's bytes are forgotten.
struct CountingSystem : io::posix::System {
  static inline int discards = 0;
  static void discard_received(int fd) {
    ++discards;
    io::posix::System::discard_received(fd);
  }
};

class DiscardTest : public ::testing::Test {
 protected:
  DiscardTest() {
    CountingSystem::discards = 0;
    Connecting connecting;
    stream_ = *backend_->connect(io::Address::ipv4_loopback(listener_.port()), {}, connecting.op);
    peer_ = listener_.accept();
    poll_until(*backend_, [&] { return connecting.has_ended(); });
  }
  void receive_all() {
    Receiving receiving;
    backend_->recv(stream_, receiving.op);
    ASSERT_TRUE(poll_until(*backend_, [&] { return receiving.has_ended(); }));
  }
  void close() {
    Closing closing;
    backend_->close(stream_, closing.op);
    ASSERT_TRUE(poll_until(*backend_, [&] { return closing.has_ended(); }));
  }

  base::ChunkPool chunks_{{.chunk_size = 4096, .chunk_count_max = 2}};
  std::unique_ptr<io::Backend> backend_ = *io::ReadinessBackend<io::EpollPoller, CountingSystem>::create(chunks_);
  RawSocket listener_ = RawSocket::listening();
  RawSocket peer_{-1};
  io::Handle stream_;
};

TEST_F(DiscardTest, a_stream_that_may_have_bytes_unread_forgets_them_before_it_closes) {
  peer_.send("unread");
  close();
  EXPECT_EQ(CountingSystem::discards, 1);
}

TEST_F(DiscardTest, a_stream_that_has_ended_is_not_asked_for_more) {
  peer_.send("the last");
  peer_.end_sending();
  receive_all();
  close();
  EXPECT_EQ(CountingSystem::discards, 0);
}

TEST_F(DiscardTest, a_stream_that_was_reset_is_not_asked_for_more) {
  peer_.reset();
  receive_all();
  close();
  EXPECT_EQ(CountingSystem::discards, 0);
}

TEST(PlatformDrop, takes_as_many_bytes_as_it_says_and_leaves_what_comes_behind) {
  RawSocket listener = RawSocket::listening();
  RawSocket sender = RawSocket::connected_to(listener.port());
  RawSocket receiver = listener.accept();
  sender.send("0123456789");
  std::array<char, 4> bytes{};
  EXPECT_EQ(::recv(receiver.fd(), bytes.data(), bytes.size(), io::platform::drop_flags()), 4);
  sender.end_sending();
  EXPECT_EQ(receiver.receive_all(), "456789");
}

}  // namespace
}  // namespace distflow::test
