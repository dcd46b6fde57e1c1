// Sending: gathering, limits, flushing, peers that do not read, and the conservation of frames.
#include <thread>

#include "base/random.hpp"
#include "tests/transport/connection_fixture.hpp"

namespace distflow::test {
namespace {

using transport::Connection;
using transport::SendResult;

class ConnectionSendTest : public ConnectionTest {
 protected:
  /// Sends frames until one is refused; how many were taken.
  std::uint64_t fill(std::string_view body, std::uint64_t most = 100'000) {
    std::uint64_t taken = 0;
    while (taken < most && send(body) == SendResult::queued) {
      ++taken;
      if (taken % 64 == 0) turn_some(reactor_, 3);
    }
    return taken;
  }
};

TEST_F(ConnectionSendTest, what_a_turn_queued_leaves_in_one_send) {
  connect();
  settle();
  const std::uint64_t before = backend().counters().sends;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(send(std::to_string(i)), SendResult::queued);
    expected += framed(std::to_string(i));
  }
  EXPECT_EQ(backend().counters().sends, before);
  ASSERT_TRUE(until([&] { return observer_->sent == 100; }));
  EXPECT_EQ(backend().counters().sends, before + 1);
  EXPECT_EQ(peer_.receive(), expected);
}

TEST_F(ConnectionSendTest, a_push_does_not_wait_for_the_turns_end) {
  connect();
  settle();
  EXPECT_FALSE(connection_->push()) << "nothing is queued";
  EXPECT_EQ(send("now"), SendResult::queued);
  EXPECT_TRUE(connection_->push());
  EXPECT_EQ(peer_.receive(), framed("now"));
  EXPECT_EQ(send("later"), SendResult::queued);
  EXPECT_FALSE(connection_->push()) << "one flight at a time";
  ASSERT_TRUE(until([&] { return observer_->sent == 2; }));
  EXPECT_EQ(peer_.receive(), framed("later"));
}

TEST_F(ConnectionSendTest, a_push_to_a_peer_that_is_gone_closes_in_a_turn) {
  connect();
  peer_.reset();
  while (send("x") == SendResult::queued) {
    connection_->push();
    turn_some(reactor_, 1);
  }
  ASSERT_TRUE(until_closed());
  EXPECT_GT(observer_->sent + observer_->dropped, 0U);
}

TEST_F(ConnectionSendTest, answers_given_inside_on_frames_leave_in_one_send) {
  connect();
  observer_->on_frame = [&](Connection&) { EXPECT_EQ(send("answer"), SendResult::queued); };
  const std::uint64_t before = backend().counters().sends;
  peer_.send(framed("1") + framed("2") + framed("3"));
  ASSERT_TRUE(until([&] { return observer_->sent == 3; }));
  EXPECT_EQ(backend().counters().sends, before + 1);
}

TEST_F(ConnectionSendTest, a_full_queue_refuses_and_counts_nothing) {
  connect({.send = {.frames_max = 3}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send("x"), SendResult::queued);
  EXPECT_EQ(send("x"), SendResult::full);
  ASSERT_TRUE(until([&] { return observer_->sent == 3; }));
  EXPECT_EQ(send("x"), SendResult::queued);
}

TEST_F(ConnectionSendTest, finish_sends_what_is_queued_and_then_closes) {
  connect();
  const std::string body(100'000, 'x');
  for (int i = 0; i < 100; ++i) EXPECT_EQ(send(body), SendResult::queued);
  connection_->finish();
  EXPECT_EQ(send("too late"), SendResult::closed);
  std::string received;
  std::thread reader([&] { received = peer_.receive_all(); });
  ASSERT_TRUE(until_closed());
  reader.join();
  EXPECT_EQ(received.size(), 100 * (body.size() + 4));
  EXPECT_EQ(observer_->sent, 100U);
  EXPECT_EQ(observer_->dropped, 0U);
  EXPECT_EQ(*observer_->closed, Errc::canceled);
}

TEST_F(ConnectionSendTest, finish_delivers_the_last_words_though_the_peer_has_sent_more_than_was_read) {
  connect();
  observer_->on_frame = [&](Connection& connection) {
    EXPECT_EQ(send("that was one too many"), SendResult::queued);
    connection.finish();
  };
  std::string flood;
  for (int i = 0; i < 1000; ++i) flood += framed("question");
  peer_.send(flood);
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(peer_.receive_all(), framed("that was one too many"));
}

TEST_F(ConnectionSendTest, a_peer_that_ends_its_sending_gets_the_answers_before_the_end) {
  connect();
  observer_->on_frame = [&](Connection&) { EXPECT_EQ(send("answer"), SendResult::queued); };
  peer_.send(framed("question"));
  peer_.end_sending();
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(*observer_->closed, Errc::end_of_stream);
  EXPECT_EQ(observer_->sent, 1U);
  EXPECT_EQ(peer_.receive_all(), framed("answer"));
}

TEST_F(ConnectionSendTest, a_close_drops_what_is_queued_and_says_how_much) {
  connect();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(send("x"), SendResult::queued);
  connection_->close();
  EXPECT_EQ(send("x"), SendResult::closed);
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(observer_->sent + observer_->dropped, 10U);
}

TEST_F(ConnectionSendTest, a_peer_that_never_reads_is_bounded_and_then_closed) {
  connect({.send = {.bytes_max = 1 << 20}, .send_stall_max = base::milliseconds(30)});
  const std::string body(10'000, 'x');
  const std::uint64_t taken = fill(body);
  EXPECT_EQ(send(body), SendResult::full);
  EXPECT_LE(connection_->queue().bytes(), 1U << 20);
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(*observer_->closed, Errc::timed_out);
  EXPECT_GT(observer_->dropped, 0U);
  EXPECT_EQ(observer_->sent + observer_->dropped, taken);
}

TEST_F(ConnectionSendTest, a_peer_that_never_reads_cannot_hold_a_finished_connection_either) {
  connect({.send_stall_max = base::milliseconds(30)});
  const std::uint64_t taken = fill(std::string(100'000, 'x'), 100);
  connection_->finish();
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(*observer_->closed, Errc::timed_out);
  EXPECT_EQ(observer_->sent + observer_->dropped, taken);
}

TEST_F(ConnectionSendTest, a_peer_that_resets_while_frames_are_under_way_loses_none_in_the_counts) {
  connect();
  const std::uint64_t taken = fill(std::string(100'000, 'x'), 100);
  peer_.reset();
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(observer_->sent + observer_->dropped, taken);
  EXPECT_EQ(connection_->queue().frames(), 0U);
}

TEST_F(ConnectionSendTest, an_idle_connection_gives_its_send_memory_back_after_a_while_and_can_send_again) {
  connect({.send_stall_max = base::milliseconds(1)});
  for (int round = 1; round <= 3; ++round) {
    EXPECT_EQ(send("x"), SendResult::queued);
    ASSERT_TRUE(until([&] { return observer_->sent == static_cast<std::uint64_t>(round); }));
    const base::Instant later = reactor_.now() + base::milliseconds(5);
    ASSERT_TRUE(until([&] { return reactor_.now() >= later; }));
    EXPECT_TRUE(connection_->is_open()) << "a connection with nothing to send does not stall";
  }
}

TEST_F(ConnectionSendTest, every_frame_is_told_once_as_sent_or_as_dropped_whatever_happens) {
  constexpr std::uint64_t kSeed = 7;
  base::Random random(kSeed);
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(::testing::Message() << "seed " << kSeed << ", round " << round);
    connect({.send = {.bytes_max = 200'000, .frames_max = 40}});
    std::uint64_t taken = 0;
    for (int step = 0; step < 60; ++step) {
      const std::uint64_t dice = random.uniform(100);
      if (dice < 60) {
        taken += send(std::string(random.uniform(20'000), 'x')) == SendResult::queued ? 1 : 0;
      } else if (dice < 80) {
        turn_some(reactor_, 2);
      } else if (dice < 90) {
        std::string some(50'000, '\0');
        static_cast<void>(::recv(peer_.fd(), some.data(), some.size(), MSG_DONTWAIT));
      } else if (dice < 94) {
        connection_->pause();
      } else if (dice < 98) {
        connection_->resume();
      } else if (dice < 99) {
        connection_->finish();
      } else {
        peer_.reset();
        peer_ = RawSocket();
      }
      if (!observer_->closed) {
        ASSERT_EQ(taken, observer_->sent + observer_->dropped + connection_->queue().frames());
      }
    }
    if (!observer_->closed) connection_->close();
    ASSERT_TRUE(until_closed());
    ASSERT_EQ(taken, observer_->sent + observer_->dropped);
    connection_.reset();
  }
}

}  // namespace
}  // namespace distflow::test
