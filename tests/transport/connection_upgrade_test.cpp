// A connection that has moved to shared memory: what it is like when the other side does not do its part.
#include "stream/memory_stream.hpp"
#include "tests/support/masked_stream.hpp"
#include "tests/transport/connection_fixture.hpp"

namespace distflow::test {
namespace {

using stream::MemoryHeader;
using stream::MemoryStream;

class ConnectionUpgradeTest : public ConnectionTest {
 protected:
  static constexpr std::size_t kRing = 4096;

  void TearDown() override {
    ConnectionTest::TearDown();
    EXPECT_EQ(pool_.count, 0U);
    EXPECT_LE(chunks_.leased(), 1U) << "the backend's own";
  }

  /// A connection whose sending has moved, to a peer that never looks into the ring.
  void move(transport::ConnectionLimits limits) {
    connect(limits);
    Result<std::unique_ptr<MemoryStream>> memory =
        MemoryStream::create(pool_, reactor_, connection_->socket(), "0123456789abcdef");
    ASSERT_TRUE(memory);
    connection_->upgrade(*std::move(memory));
    out_.begin_frame();
    out_.append("last");
    connection_->move_sending(out_.end_frame());
    ASSERT_TRUE(until([&] { return connection_->has_moved_sending(); }));
    EXPECT_EQ(peer_.receive(), framed("last"));
  }
  /// A connection that has offered memory, and would wait for the answer for longer than any test takes.
  void offer() {
    connect({.send_stall_max = base::seconds(3600)});
    Result<std::unique_ptr<MemoryStream>> memory =
        MemoryStream::create(pool_, reactor_, connection_->socket(), "0123456789abcdef");
    ASSERT_TRUE(memory);
    connection_->offer(*std::move(memory));
  }
  std::uint64_t fill(std::string_view body, int count) {
    std::uint64_t taken = 0;
    for (int i = 0; i < count; ++i) taken += send(body) == transport::SendResult::queued ? 1U : 0U;
    return taken;
  }

  stream::MemoryStreamPool pool_{.chunk = io::ReceiveChunk(chunks_), .ring_size = kRing, .count_max = 1};
};

TEST_F(ConnectionUpgradeTest, a_peer_that_takes_nothing_is_given_up_whether_little_is_sent_or_much) {
  for (const int count : {10, 100}) {  // 100 are more than waits for a turn's end
    move({.send_stall_max = base::milliseconds(30)});
    const std::uint64_t taken = fill(std::string(1000, 'x'), count);
    ASSERT_TRUE(until_closed()) << count;
    EXPECT_EQ(*observer_->closed, Errc::timed_out);
    EXPECT_EQ(observer_->sent, kRing / 1004) << "what is in the ring has been sent";
    EXPECT_EQ(observer_->sent + observer_->dropped, taken);
    end();
  }
}

TEST_F(ConnectionUpgradeTest, memory_that_is_never_answered_holds_a_finished_connection_for_a_while_only) {
  connect({.send_stall_max = base::milliseconds(30)});
  Result<std::unique_ptr<MemoryStream>> memory =
      MemoryStream::create(pool_, reactor_, connection_->socket(), "0123456789abcdef");
  ASSERT_TRUE(memory);
  connection_->offer(*std::move(memory));
  connection_->finish();
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(*observer_->closed, Errc::canceled);
}

TEST_F(ConnectionUpgradeTest, a_finished_connection_that_offered_memory_ends_with_the_answer) {
  ASSERT_NO_FATAL_FAILURE(offer());
  EXPECT_EQ(send("behind the offer"), transport::SendResult::queued);
  connection_->finish();
  settle();
  EXPECT_EQ(peer_.receive(), framed("behind the offer"));
  EXPECT_FALSE(observer_->closed);
  ASSERT_TRUE(peer_.send(framed("mapped")));
  ASSERT_TRUE(until_closed());
}

TEST_F(ConnectionUpgradeTest, a_connection_that_offered_memory_waits_for_no_answer_behind_the_end_of_the_stream) {
  ASSERT_NO_FATAL_FAILURE(offer());
  peer_.end_sending();
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(*observer_->closed, Errc::end_of_stream);
}

TEST_F(ConnectionUpgradeTest, of_a_connection_over_a_layer_the_peer_is_known_as_the_layer_says) {
  make();
  auto masked = std::make_unique<MaskedStream>(reactor_, stream_to_peer(), chunks_, Hello::right);
  ShakingHands shaking;
  masked->handshake(shaking.op);
  ASSERT_TRUE(peer_.send(kHello));
  ASSERT_TRUE(until([&] { return shaking.has_ended(); }));
  ASSERT_TRUE(shaking.outcome);
  EXPECT_FALSE(connection_->peer().owner.is_known()) << "it is not open";
  connection_->open(stream::OpenStream(std::move(masked)));
  EXPECT_EQ(connection_->peer().name, kProvenName);
  if (connection_->peer().owner.status() != io::OwnerStatus::cannot_ask) {
    EXPECT_TRUE(connection_->peer().owner.is_same_user(backend().own_user()));
  }
  connection_->close();
  EXPECT_EQ(connection_->peer().name, "");
}

// What a peer sends before it reads an offer, and its answer, come together: a handler of the first that shut its node
// down had that wait for the second until its deadline.
TEST_F(ConnectionUpgradeTest, a_connection_that_a_handler_finishes_does_not_wait_for_an_answer_that_lies_behind) {
  ASSERT_NO_FATAL_FAILURE(offer());
  observer_->on_frame = [](transport::Connection& connection) { connection.finish(); };
  ASSERT_TRUE(peer_.send(framed("message") + framed("mapped")));
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(observer_->frames, std::vector<std::string>{"message"});
}

TEST_F(ConnectionUpgradeTest, a_connection_that_a_handler_finishes_waits_for_the_rest_of_an_answer) {
  ASSERT_NO_FATAL_FAILURE(offer());
  observer_->on_frame = [](transport::Connection& connection) { connection.finish(); };
  ASSERT_TRUE(peer_.send(framed("message") + framed("mapped").substr(0, 7)));
  ASSERT_TRUE(until_frames(1));
  settle();
  EXPECT_FALSE(observer_->closed);
  ASSERT_TRUE(peer_.send(framed("mapped").substr(7)));
  ASSERT_TRUE(until_closed());
}

TEST_F(ConnectionUpgradeTest, a_connection_that_is_paused_and_finished_in_one_turn_waits_for_the_answer) {
  ASSERT_NO_FATAL_FAILURE(offer());
  observer_->on_frame = [](transport::Connection& connection) {
    connection.pause();
    connection.finish();
  };
  ASSERT_TRUE(peer_.send(framed("message")));
  ASSERT_TRUE(until_frames(1));
  settle();
  EXPECT_FALSE(observer_->closed) << "the answer has not come";
  ASSERT_TRUE(peer_.send(framed("mapped")));
  ASSERT_TRUE(until_closed());
}

TEST_F(ConnectionUpgradeTest, a_paused_connection_that_is_finished_sees_the_answer_that_came_and_the_one_that_comes) {
  for (const bool has_come : {true, false}) {
    ASSERT_NO_FATAL_FAILURE(offer());
    observer_->on_frame = [](transport::Connection& connection) { connection.pause(); };
    ASSERT_TRUE(peer_.send(framed("message") + (has_come ? framed("mapped") : std::string())));
    ASSERT_TRUE(until_frames(1));
    settle();
    connection_->finish();
    if (!has_come) {
      ASSERT_TRUE(peer_.send(framed("mapped")));
    }
    ASSERT_TRUE(until_closed()) << has_come;
    EXPECT_EQ(observer_->frames.size(), 1U);
    end();
  }
}

}  // namespace
}  // namespace distflow::test
