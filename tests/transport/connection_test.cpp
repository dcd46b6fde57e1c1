#include "transport/connection.hpp"

#include <thread>

#include "tests/transport/connection_fixture.hpp"

namespace distflow::test {
namespace {

using transport::Connection;
using transport::SendResult;
using Frames = std::vector<std::string>;

class TurnEndCall {
 public:
  explicit TurnEndCall(std::function<void()> what) : what_(std::move(what)) {
    work.on_turn_end = base::Delegate<void()>::to<&TurnEndCall::run>(*this);
  }
  io::DeferredTask work;

 private:
  void run() { what_(); }
  std::function<void()> what_;
};

// Receiving.

TEST_F(ConnectionTest, a_stream_cut_anywhere_gives_the_same_frames) {
  const Frames bodies{"", "a", std::string(300, 'b'), "", "cc"};
  std::string stream;
  for (const std::string& body : bodies) stream += framed(body);
  for (std::size_t cut = 1; cut < stream.size(); ++cut) {
    connect();
    peer_.send(stream.substr(0, cut));
    const std::uint64_t before = backend().counters().recvs;
    ASSERT_TRUE(until([&] { return backend().counters().recvs > before; }));
    peer_.send(stream.substr(cut));
    ASSERT_TRUE(until_frames(bodies.size()));
    EXPECT_EQ(observer_->frames, bodies) << "cut at " << cut;
    end();
  }
}

TEST_F(ConnectionTest, a_large_frame_is_received_where_it_is_put_together) {
  connect();
  const std::string large(3 << 20, 'x');
  std::thread sender([&] { peer_.send(framed(large) + framed("small") + framed(large) + framed("small")); });
  EXPECT_TRUE(until_frames(4));
  sender.join();
  EXPECT_TRUE(observer_->frames == (std::vector<std::string>{large, "small", large, "small"}));
  EXPECT_EQ(connection_->decoder().charged_size(), 0U);
}

TEST_F(ConnectionTest, a_frame_as_long_as_the_limit_comes_and_one_longer_closes) {
  connect({.frame_size_max = 1000});
  peer_.send(framed(std::string(1000, 'x')) + framed("last") + framed(std::string(1001, 'y')) + framed("never"));
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(observer_->frames, (Frames{std::string(1000, 'x'), "last"}));
  EXPECT_EQ(*observer_->closed, Errc::frame_too_long);
}

TEST_F(ConnectionTest, an_end_in_mid_frame_gives_no_frame) {
  connect();
  peer_.send(framed("whole") + framed("cut short").substr(0, 7));
  peer_.close();
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(observer_->frames, Frames{"whole"});
  EXPECT_EQ(*observer_->closed, Errc::end_of_stream);
  EXPECT_EQ(connection_->decoder().partial_size(), 7U);
}

TEST_F(ConnectionTest, a_reset_in_mid_frame_closes_with_the_systems_code) {
  connect();
  peer_.send(framed("cut short").substr(0, 7));
  settle();
  peer_.reset();
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(observer_->closed->code, std::errc::connection_reset);
}

TEST_F(ConnectionTest, bytes_of_a_foreign_protocol_close_only_their_connection) {
  connect();
  peer_.send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(*observer_->closed, Errc::frame_too_long);
}

// Pausing.

TEST_F(ConnectionTest, a_pause_in_the_middle_of_a_run_holds_the_rest_until_resume) {
  connect();
  observer_->on_frame = [&](Connection& connection) {
    if (observer_->frames.size() == 2) connection.pause();
  };
  peer_.send(framed("1") + framed("2") + framed("3") + framed("4"));
  ASSERT_TRUE(until_frames(2));
  peer_.send(framed("5"));
  settle();
  EXPECT_EQ(observer_->frames, (Frames{"1", "2"}));
  connection_->resume();
  ASSERT_TRUE(until_frames(5));
  EXPECT_EQ(observer_->frames, (Frames{"1", "2", "3", "4", "5"}));
}

TEST_F(ConnectionTest, frames_paused_and_resumed_one_by_one_keep_their_order_and_their_number) {
  Frames sent;
  std::string stream;
  for (int i = 0; i < 300; ++i) sent.push_back(std::string(static_cast<std::size_t>(i), 'x') + std::to_string(i));
  for (const std::string& body : sent) stream += framed(body);
  connect();
  observer_->on_frame = [](Connection& connection) { connection.pause(); };
  peer_.send(stream);
  peer_.close();
  while (!observer_->closed) {
    const std::size_t before = observer_->frames.size();
    reactor_.turn(reactor_.now() + base::milliseconds(20));
    EXPECT_LE(observer_->frames.size() - before, 1U);
    connection_->resume();
  }
  EXPECT_EQ(observer_->frames, sent);
  EXPECT_EQ(*observer_->closed, Errc::end_of_stream);
}

TEST_F(ConnectionTest, pause_and_resume_inside_one_run_lose_nothing) {
  connect();
  observer_->on_frame = [](Connection& connection) {
    connection.pause();
    connection.resume();
    connection.pause();
    connection.resume();
  };
  peer_.send(framed("1") + framed("2") + framed("3"));
  ASSERT_TRUE(until_frames(3));
  peer_.send(framed("4"));
  ASSERT_TRUE(until_frames(4));
  EXPECT_EQ(observer_->frames, (Frames{"1", "2", "3", "4"}));
}

// A mailbox that drains at the turn's end resumes there; the peer's end used to overtake the frames left unread.
TEST_F(ConnectionTest, the_end_of_the_stream_does_not_overtake_frames_left_unread) {
  connect();
  observer_->on_frame = [&](Connection& connection) {
    if (observer_->frames.size() < 3) connection.pause();
  };
  TurnEndCall resume([&] { connection_->resume(); });
  peer_.send(framed("1") + framed("2") + framed("3"));
  ASSERT_TRUE(until_frames(1));
  peer_.close();
  reactor_.defer(resume.work);
  ASSERT_TRUE(until_frames(2));
  reactor_.defer(resume.work);
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(observer_->frames, (Frames{"1", "2", "3"}));
  EXPECT_EQ(*observer_->closed, Errc::end_of_stream);
}

TEST_F(ConnectionTest, a_paused_connection_holds_its_peer_back) {
  connect();
  connection_->pause();
  settle();
  const std::uint64_t before = backend().counters().recvs;
  peer_.send(framed("1"));
  settle();
  EXPECT_EQ(backend().counters().recvs, before);
  EXPECT_TRUE(observer_->frames.empty());
  connection_->resume();
  EXPECT_TRUE(until_frames(1));
}

TEST_F(ConnectionTest, a_paused_connection_may_be_closed_and_finished) {
  for (const bool finishes : {false, true}) {
    connect();
    peer_.send(framed("1") + framed("2"));
    observer_->on_frame = [](Connection& connection) { connection.pause(); };
    ASSERT_TRUE(until_frames(1));
    finishes ? connection_->finish() : connection_->close();
    connection_->resume();
    ASSERT_TRUE(until_closed());
    EXPECT_EQ(observer_->frames, Frames{"1"});
    connection_.reset();
  }
}

// Closing.

TEST_F(ConnectionTest, closed_inside_on_frames_it_gives_no_further_frame) {
  for (const bool finishes : {false, true}) {
    connect();
    observer_->on_frame = [&](Connection& connection) { finishes ? connection.finish() : connection.close(); };
    peer_.send(framed("1") + framed("2"));
    ASSERT_TRUE(until_closed());
    EXPECT_EQ(observer_->frames, Frames{"1"});
    EXPECT_EQ(*observer_->closed, Errc::canceled);
    connection_.reset();
  }
}

TEST_F(ConnectionTest, it_may_be_destroyed_inside_on_closed) {
  connect();
  EXPECT_EQ(send("dropped"), SendResult::queued);
  observer_->on_end = [&] { connection_.reset(); };
  connection_->close({Errc::malformed, "testing"});
  connection_->close();
  connection_->finish();
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(connection_, nullptr);
  EXPECT_EQ(*observer_->closed, Errc::malformed);
  EXPECT_STREQ(observer_->closed->doing, "testing");
  EXPECT_EQ(observer_->dropped, 1U);
  settle();
}

TEST_F(ConnectionTest, a_connection_closed_before_its_first_turn_closes_all_the_same) {
  connect();
  connection_->close();
  EXPECT_TRUE(until_closed());
}

TEST_F(ConnectionTest, a_connection_never_opened_may_be_destroyed) {
  make();
  EXPECT_FALSE(connection_->is_open());
  EXPECT_FALSE(connection_->is_opened());
  connection_.reset();
}

TEST_F(ConnectionTest, what_was_queued_before_it_opened_leaves_first) {
  make();
  EXPECT_EQ(send("early"), SendResult::queued);
  settle();
  connection_->open(stream_to_peer());
  EXPECT_EQ(send("later"), SendResult::queued);
  ASSERT_TRUE(until([&] { return observer_->sent == 2; }));
  EXPECT_EQ(peer_.receive(), framed("early") + framed("later"));
}

TEST_F(ConnectionTest, what_was_queued_and_never_sent_is_dropped_by_number) {
  make();
  EXPECT_EQ(send("1"), SendResult::queued);
  EXPECT_EQ(send("2"), SendResult::queued);
  EXPECT_EQ(connection_->drop_unopened().dropped, 2U);
  EXPECT_EQ(connection_->drop_unopened().dropped, 0U);
}

// Its size is guarded in tests/guards.
TEST_F(ConnectionTest, an_idle_connection_owns_no_buffer) {
  connect();
  peer_.send(framed("1"));
  ASSERT_TRUE(until_frames(1));
  EXPECT_EQ(connection_->decoder().charged_size(), 0U);
  EXPECT_EQ(connection_->queue().bytes(), 0U);
  EXPECT_LE(chunks_.leased(), 1U);
  EXPECT_EQ(blocks_.leased(), 0U);
}

}  // namespace
}  // namespace distflow::test
