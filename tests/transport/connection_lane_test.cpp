// A connection that has moved to shared memory: what it is like when the other side does not do its part.
#include "tests/transport/connection_fixture.hpp"
#include "transport/memory_lane.hpp"

namespace distflow::test {
namespace {

using transport::LaneHeader;
using transport::MemoryLane;

class ConnectionLaneTest : public ConnectionTest {
 protected:
  static constexpr std::size_t kRing = 4096;

  void TearDown() override {
    ConnectionTest::TearDown();
    EXPECT_EQ(places_.count, 0U);
    EXPECT_LE(chunks_.leased(), 1U) << "the backend's own";
  }

  /// A connection whose sending has moved, to a peer that never looks into the ring.
  void move(transport::ConnectionLimits limits) {
    connect(limits);
    Result<std::unique_ptr<MemoryLane>> lane = MemoryLane::create(places_, backend(), "0123456789abcdef");
    ASSERT_TRUE(lane);
    MemoryLane& moved = **lane;
    connection_->attach(*std::move(lane));
    out_.begin_frame();
    out_.append("last");
    connection_->move_sending(out_.end_frame());
    ASSERT_TRUE(until([&] { return moved.sends; }));
    EXPECT_EQ(peer_.receive(), framed("last"));
  }
  std::uint64_t fill(std::string_view body, int count) {
    std::uint64_t taken = 0;
    for (int i = 0; i < count; ++i) taken += send(body) == transport::SendResult::queued ? 1U : 0U;
    return taken;
  }

  transport::LanePlaces places_{.chunk = io::ReceiveChunk(chunks_), .ring_size = kRing, .count_max = 1};
};

TEST_F(ConnectionLaneTest, a_peer_that_takes_nothing_is_given_up_whether_little_is_sent_or_much) {
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

TEST_F(ConnectionLaneTest, memory_that_is_never_answered_holds_a_finished_connection_for_a_while_only) {
  connect({.send_stall_max = base::milliseconds(30)});
  Result<std::unique_ptr<MemoryLane>> lane = MemoryLane::create(places_, backend(), "0123456789abcdef");
  ASSERT_TRUE(lane);
  connection_->offer(*std::move(lane));
  connection_->finish();
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(*observer_->closed, Errc::canceled);
}

TEST_F(ConnectionLaneTest, a_finished_connection_that_offered_memory_ends_with_the_answer) {
  connect({.send_stall_max = base::seconds(3600)});
  Result<std::unique_ptr<MemoryLane>> lane = MemoryLane::create(places_, backend(), "0123456789abcdef");
  ASSERT_TRUE(lane);
  connection_->offer(*std::move(lane));
  send("behind the offer");
  connection_->finish();
  settle();
  EXPECT_EQ(peer_.receive(), framed("behind the offer"));
  EXPECT_FALSE(observer_->closed);
  ASSERT_TRUE(peer_.send(framed("mapped")));
  ASSERT_TRUE(until_closed());
}

TEST_F(ConnectionLaneTest, a_connection_that_offered_memory_waits_for_no_answer_behind_the_end_of_the_stream) {
  connect({.send_stall_max = base::seconds(3600)});
  Result<std::unique_ptr<MemoryLane>> lane = MemoryLane::create(places_, backend(), "0123456789abcdef");
  ASSERT_TRUE(lane);
  connection_->offer(*std::move(lane));
  peer_.end_sending();
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(*observer_->closed, Errc::end_of_stream);
}

TEST_F(ConnectionLaneTest, no_more_lanes_are_made_than_there_are_places_for) {
  Result<std::unique_ptr<MemoryLane>> lane = MemoryLane::create(places_, backend(), "0123456789abcdef");
  ASSERT_TRUE(lane);
  EXPECT_EQ(MemoryLane::create(places_, backend(), "0123456789abcdef").error(), Errc::queue_full);
  lane->reset();
  EXPECT_TRUE(MemoryLane::create(places_, backend(), "0123456789abcdef"));
}

TEST_F(ConnectionLaneTest, rings_larger_than_ones_own_are_refused) {
  places_.count_max = 2;
  const std::string nonce = "0123456789abcdef";
  transport::LanePlaces larger{.chunk = io::ReceiveChunk(chunks_), .ring_size = 2 * kRing, .count_max = 1};
  const auto offered = MemoryLane::create(larger, backend(), nonce);
  ASSERT_TRUE(offered);
  EXPECT_EQ(MemoryLane::open(places_, backend(), (*offered)->name(), 2 * kRing, nonce).error(), Errc::queue_full);
  places_.ring_size = 2 * kRing;
  EXPECT_TRUE(MemoryLane::open(places_, backend(), (*offered)->name(), 2 * kRing, nonce));
}

TEST_F(ConnectionLaneTest, that_the_system_refuses_memory_is_said_once) {
  const Error refused{std::make_error_code(std::errc::file_too_large), "creating shared memory"};
  const Error own_bound{Errc::queue_full, "sharing memory"};
  const Error unknown{std::make_error_code(std::errc::function_not_supported), "creating shared memory"};
  using base::LogLevel;
  EXPECT_EQ(places_.level_of_failure(own_bound, LogLevel::warn), LogLevel::debug);
  EXPECT_EQ(places_.level_of_failure(unknown, LogLevel::warn), LogLevel::debug);
  EXPECT_EQ(places_.level_of_failure(refused, LogLevel::warn), LogLevel::warn);
  EXPECT_EQ(places_.level_of_failure(refused, LogLevel::warn), LogLevel::debug);
}

}  // namespace
}  // namespace distflow::test
