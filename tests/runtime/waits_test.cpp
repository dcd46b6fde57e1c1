// Waits for a node of some name and for a turn: what ends them, and that each ends once.
#include "runtime/node/waits.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "tests/support/cluster.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

class WaitsOfANode : public ::testing::Test {
 protected:
  using Outcome = std::optional<Result<PeerInfo>>;

  auto into(Outcome& outcome) {
    return [&outcome](const Result<PeerInfo>& end) {
      EXPECT_FALSE(outcome.has_value()) << "ended twice";
      outcome = end;
    };
  }

  Cluster cluster_;
  TestNode& ping_ = cluster_.add_node({.alias = "ping"});
};

TEST_F(WaitsOfANode, end_when_a_node_of_that_name_joins) {
  std::vector<Outcome> outcomes(3);
  for (Outcome& outcome : outcomes) {
    ASSERT_TRUE(ping_->waits().wait_for("pong", {.deadline = 1h}, into(outcome)));
  }
  Outcome other;
  ASSERT_TRUE(ping_->waits().wait_for("other", {.deadline = 1h}, into(other)));
  turn_some(cluster_.reactor());
  EXPECT_FALSE(outcomes.front().has_value());
  TestNode& pong = cluster_.add_node({.alias = "pong"});
  ASSERT_TRUE(cluster_.turn_until([&] { return outcomes.back().has_value(); }));
  for (const Outcome& outcome : outcomes) {
    ASSERT_TRUE(outcome.has_value() && outcome->has_value());
    EXPECT_EQ(outcome->value().node_id, pong->node_id());
  }
  Outcome known;
  ASSERT_TRUE(ping_->waits().wait_for(pong->node_id(), {}, into(known)));
  EXPECT_FALSE(known.has_value()) << "ended inside the call";
  ASSERT_TRUE(cluster_.turn_until([&] { return known.has_value(); }));
  EXPECT_EQ(known->value().alias, "pong");
  EXPECT_FALSE(other.has_value());
  cluster_.shut_down(ping_);
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(other->error(), Errc::shut_down);
}

TEST_F(WaitsOfANode, end_at_their_deadline) {
  Outcome outcome;
  ASSERT_TRUE(ping_->waits().wait_for("nobody", {.deadline = 10ms}, into(outcome)));
  ASSERT_TRUE(cluster_.turn_until([&] { return outcome.has_value(); }));
  EXPECT_EQ(outcome->error(), Errc::timed_out);
}

#ifdef __cpp_lib_jthread
TEST_F(WaitsOfANode, end_when_they_are_asked_to_stop_even_before_they_begin) {
  std::stop_source stop;
  Outcome outcome;
  Outcome other;
  ASSERT_TRUE(ping_->waits().wait_for("nobody", {.deadline = 1h, .stop = stop.get_token()}, into(outcome)));
  ASSERT_TRUE(ping_->waits().wait_for("nobody", {.deadline = 1h}, into(other)));
  turn_some(cluster_.reactor());
  stop.request_stop();
  ASSERT_TRUE(cluster_.turn_until([&] { return outcome.has_value(); }));
  EXPECT_EQ(outcome->error(), Errc::canceled);
  Outcome next;
  ASSERT_TRUE(ping_->waits().wait_for("nobody", {.deadline = 1h, .stop = stop.get_token()}, into(next)));
  ASSERT_TRUE(cluster_.turn_until([&] { return next.has_value(); }));
  EXPECT_EQ(next->error(), Errc::canceled);
  EXPECT_FALSE(other.has_value());
  cluster_.shut_down(ping_);
  EXPECT_TRUE(other.has_value());
}
#endif

TEST_F(WaitsOfANode, are_bounded) {
  std::size_t ended = 0;
  const auto on_end = [&ended](const Result<PeerInfo>&) { ++ended; };
  for (std::size_t i = 0; i < runtime::Waits::kWaitsMax; ++i) {
    ASSERT_TRUE(ping_->waits().wait_for("nobody", {.deadline = 1h}, on_end));
  }
  EXPECT_EQ(ping_->waits().wait_for("nobody", {.deadline = 1h}, on_end).error(), Errc::queue_full);
  EXPECT_EQ(ping_->waits().next_turn([](const Result<void>&) {}).error(), Errc::queue_full);
  cluster_.shut_down(ping_);
  EXPECT_EQ(ended, runtime::Waits::kWaitsMax);
}

TEST_F(WaitsOfANode, for_a_turn_end_in_a_later_one_and_a_node_that_has_ended_refuses_them) {
  std::optional<Result<void>> turn;
  ASSERT_TRUE(ping_->waits().next_turn([&](const Result<void>& end) { turn = end; }));
  EXPECT_FALSE(turn.has_value());
  ASSERT_TRUE(cluster_.turn_until([&] { return turn.has_value(); }));
  EXPECT_TRUE(*turn);
  turn.reset();
  ASSERT_TRUE(ping_->waits().next_turn([&](const Result<void>& end) { turn = end; }));
  ping_->waits().finish();
  ASSERT_TRUE(turn.has_value());
  EXPECT_EQ(turn->error(), Errc::shut_down);
  EXPECT_EQ(ping_->waits().next_turn([](const Result<void>&) { ADD_FAILURE(); }).error(), Errc::shut_down);
}

}  // namespace
}  // namespace distflow::test
