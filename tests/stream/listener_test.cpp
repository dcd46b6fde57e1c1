#include "stream/listener.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <optional>

#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/operations.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

class ListenerTest : public ::testing::Test {
 protected:
  void open(stream::ListenerOptions options = {}) {
    listener_.emplace(reactor_, sockets_, options,
                      base::Delegate<void(stream::OpenStream&, const io::Address&)>::to<&ListenerTest::take>(*this));
    ASSERT_TRUE(listener_->open(io::Address::ipv4_loopback(0)));
  }
  void TearDown() override {
    for (const io::Handle stream : streams_) end(stream);
    if (listener_->is_open()) close();
    EXPECT_TRUE(until([&] { return !listener_->is_open(); }));
    listener_.reset();
    EXPECT_TRUE(until([&] { return reactor_.backend().handle_count() == 0; }));
  }
  void take(stream::OpenStream& stream, const io::Address& peer) {
    EXPECT_TRUE(peer.is_loopback() || peer == io::Address{}) << "of one that is gone already, maybe nothing is known";
    streams_.push_back(stream.socket);
    if (on_stream_) on_stream_();
  }
  void close() { listener_->close(base::Delegate<void()>::to<&ListenerTest::on_closed>(*this)); }
  void on_closed() { ++closed_count_; }
  void end(io::Handle stream) {
    Closing closing;
    reactor_.backend().close(stream, closing.op);
    ASSERT_TRUE(until([&] { return closing.has_ended(); }));
  }
  RawSocket dial() { return RawSocket::connected_to(listener_->address().port); }

  template <class Condition>
  bool until(Condition condition) {
    return turn_until(reactor_, condition);
  }
  [[nodiscard]] const stream::ListenerCounters& counters() const { return listener_->counters(); }

  base::ChunkPool chunks_{{}};
  io::Reactor reactor_{make_socket_backend(chunks_), {}};
  stream::StreamSetup sockets_;
  std::vector<io::Handle> streams_;
  std::function<void()> on_stream_;
  int closed_count_ = 0;
  std::optional<stream::Listener> listener_;
};

TEST_F(ListenerTest, many_connections_that_wait_are_all_accepted) {
  open();
  std::deque<RawSocket> peers;
  for (int i = 0; i < 100; ++i) peers.push_back(dial());
  ASSERT_TRUE(until([&] { return streams_.size() == 100; }));
  EXPECT_EQ(counters().accepted, 100U);
  EXPECT_EQ(listener_->connection_count(), 100U);
}

TEST_F(ListenerTest, a_port_that_is_taken_is_an_error_and_the_listener_stays_closed) {
  open();
  stream::Listener second(reactor_, sockets_, {}, {});
  EXPECT_EQ(second.open(listener_->address()).error().code, std::errc::address_in_use);
  EXPECT_FALSE(second.is_open());
}

TEST_F(ListenerTest, beyond_the_bound_connections_are_closed_at_once_and_counted) {
  open({.connection_count_max = 2});
  std::deque<RawSocket> peers;
  for (int i = 0; i < 5; ++i) peers.push_back(dial());
  ASSERT_TRUE(until([&] { return counters().refused == 3; }));
  EXPECT_EQ(streams_.size(), 2U);
  ASSERT_TRUE(until([&] { return reactor_.backend().handle_count() == 3; })) << "two streams and the listener";
  for (int i = 2; i < 5; ++i) EXPECT_EQ(peers[static_cast<std::size_t>(i)].receive(), "");

  listener_->release_place();
  peers.push_back(dial());
  ASSERT_TRUE(until([&] { return streams_.size() == 3; }));
  EXPECT_EQ(counters().accepted, 3U);
  EXPECT_EQ(listener_->connection_count(), 2U);
}

TEST_F(ListenerTest, out_of_descriptors_accepting_pauses_is_counted_and_goes_on_by_itself) {
  open({.pause_after_failure = base::milliseconds(1)});
  std::deque<RawSocket> peers;
  for (int i = 0; i < 3; ++i) peers.push_back(dial());
  {
    const NoDescriptorsLeft none;
    ASSERT_TRUE(until([&] { return counters().pauses >= 3; }));
    EXPECT_TRUE(streams_.empty());
  }
  ASSERT_TRUE(until([&] { return streams_.size() == 3; }));
}

TEST_F(ListenerTest, out_of_descriptors_the_loop_sleeps_between_its_tries) {
  open({.pause_after_failure = base::seconds(3600)});
  const RawSocket peer = dial();
  const NoDescriptorsLeft none;
  ASSERT_TRUE(until([&] { return counters().pauses == 1; }));
  turn_some(reactor_, 50);
  EXPECT_EQ(counters().pauses, 1U);
}

TEST_F(ListenerTest, a_connection_that_is_gone_before_it_is_accepted_harms_nobody) {
  open();
  for (int i = 0; i < 20; ++i) dial().reset();
  const RawSocket honest = dial();
  ASSERT_TRUE(until([&] { return !streams_.empty(); }));
  turn_some(reactor_);
  EXPECT_EQ(counters().pauses, 0U);
}

TEST_F(ListenerTest, it_may_be_closed_inside_on_accept) {
  open();
  on_stream_ = [&] { close(); };
  std::deque<RawSocket> peers;
  for (int i = 0; i < 10; ++i) peers.push_back(dial());
  ASSERT_TRUE(until([&] { return closed_count_ == 1; }));
  EXPECT_EQ(streams_.size(), 1U);
  EXPECT_FALSE(listener_->is_open());
  EXPECT_EQ(counters().pauses, 0U) << "the end of accepting was no failure";
}

TEST_F(ListenerTest, it_may_be_closed_while_it_pauses_and_opened_again) {
  open({.pause_after_failure = base::milliseconds(1)});
  {
    const RawSocket peer = dial();
    const NoDescriptorsLeft none;
    ASSERT_TRUE(until([&] { return counters().pauses == 1; }));
    close();
    ASSERT_TRUE(until([&] { return closed_count_ == 1; }));
  }
  turn_some(reactor_);
  ASSERT_TRUE(listener_->open(io::Address::ipv4_loopback(0)));
  const RawSocket peer = dial();
  EXPECT_TRUE(until([&] { return streams_.size() == 1; }));
}

}  // namespace
}  // namespace distflow::test
