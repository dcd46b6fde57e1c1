// In the steady state nothing is allocated per message on one thread, neither to send nor to receive.
#include <gtest/gtest.h>

#include "tests/support/cluster.hpp"
#include "tests/support/counted_allocations.hpp"

namespace distflow::test {
namespace {

class Allocations : public ::testing::Test {
 protected:
  Allocations() {
    pong_->delivery().set_message_handler([this](const Message& message) {
      ++handled_;
      payload_bytes_ += message.payload.size();
    });
    static_cast<void>(cluster_.turn_until([this] { return ping_->directory().list().size() == 1; }));
  }

  /// Sends `count` messages, `per_turn` at a time, and turns until they are handled.
  void exchange(std::size_t count, std::size_t per_turn, const std::string& payload) {
    const std::size_t end = handled_ + count;
    for (std::size_t sent = 0; sent < count; ++sent) {
      ping_.send("pong", payload);
      if (sent % per_turn == per_turn - 1) cluster_.reactor().turn(base::Instant::min());
    }
    ASSERT_TRUE(cluster_.turn_until([&] { return handled_ == end; }));
  }

  void expect_none_in_steady_state(std::size_t per_turn, const std::string& payload) {
    exchange(20'000, per_turn, payload);
    const std::size_t before = allocation_count();
    exchange(20'000, per_turn, payload);
    EXPECT_EQ(allocation_count(), before);
  }

  SocketCluster cluster_;  // a network in memory allocates
  TestNode& ping_ = cluster_.add_node({.alias = "ping"});
  TestNode& pong_ = cluster_.add_node({.alias = "pong"});
  std::size_t handled_ = 0;
  std::size_t payload_bytes_ = 0;
};

TEST_F(Allocations, are_none_per_message_in_runs) {
  expect_none_in_steady_state(64, '"' + std::string(126, 'x') + '"');
}

TEST_F(Allocations, are_none_per_message_one_by_one) {
  expect_none_in_steady_state(1, '"' + std::string(126, 'x') + '"');
}

TEST_F(Allocations, are_none_for_payloads_of_a_kilobyte) {
  expect_none_in_steady_state(64, '"' + std::string(1022, 'x') + '"');
}

TEST_F(Allocations, are_none_per_request_answered_by_callback) {
  pong_->set_request_handler([](const Request& request, Responder responder) { responder.reply(request.payload); });
  std::size_t replies = 0;
  const std::string payload = '"' + std::string(126, 'x') + '"';
  const auto ask = [&](std::size_t count, std::size_t per_turn) {
    const std::size_t end = replies + count;
    for (std::size_t asked = 0; asked < count; ++asked) {
      const runtime::AskWay::OnLoop on_loop(ping_->ask_way());
      const auto on_end = [&replies](const Reply& reply) { replies += reply ? 1U : 0U; };
      ASSERT_TRUE(
          is_under_way(ping_->ask_way().ask("pong", payload, {}, on_end, runtime::AskWay::Callback::of_application)));
      if (asked % per_turn != per_turn - 1) continue;
      const std::size_t all = end - count + asked + 1;
      ASSERT_TRUE(cluster_.turn_until([&] { return replies == all; }));
    }
  };
  for (const std::size_t per_turn : {std::size_t{1}, std::size_t{64}}) {
    ask(6400, per_turn);
    const std::size_t before = allocation_count();
    ask(6400, per_turn);
    EXPECT_EQ(allocation_count(), before) << per_turn;
  }
}

TEST_F(Allocations, are_none_per_published_message) {
  for (TestNode* node : {&ping_, &pong_}) {
    runtime::SubscriptionPtr replaced;
    ASSERT_TRUE((*node)->subscribe(
        "prices", [this](const Message&) { ++handled_; }, {}, replaced));
    (*node)->update_groups();
  }
  const auto knows_both = [this] {
    std::size_t count = 0;
    ping_->directory().for_each_node(
        [&count](const base::PackedInfo& node) { count += node.has_group("topic:prices") ? 1U : 0U; });
    return count == 2;
  };
  ASSERT_TRUE(cluster_.turn_until(knows_both));
  const runtime::TargetPtr prices = ping_->topic("prices");
  const std::string payload = '"' + std::string(126, 'x') + '"';
  const auto publish = [&](std::size_t count) {
    const std::size_t end = handled_ + 2 * count;
    for (std::size_t published = 1; published <= count; ++published) {
      ASSERT_EQ(ping_->publish(*prices, runtime::OutgoingMessage(payload)), SendVerdict::queued);
      if (published % 64 == 0) cluster_.reactor().turn(base::Instant::min());
    }
    ASSERT_TRUE(cluster_.turn_until([&] { return handled_ == end; }));
  };
  for (const std::size_t retained : {std::size_t{0}, std::size_t{16}}) {
    ASSERT_TRUE(ping_->retain("prices", {.count = retained}));
    publish(20'000);
    const std::size_t before = allocation_count();
    publish(20'000);
    EXPECT_EQ(allocation_count(), before) << retained;
  }
}

TEST_F(Allocations, are_counted_by_this_test_at_all) {
  const std::size_t before = allocation_count();
  const auto made = std::make_unique<int>(1);
  EXPECT_EQ(allocation_count(), before + static_cast<std::size_t>(*made));
}

}  // namespace
}  // namespace distflow::test
