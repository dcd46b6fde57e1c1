// Requests to a group that go to another member after the first one has failed.
#include <memory>
#include <semaphore>
#include <utility>

#include "tests/runtime/group_asking.hpp"

namespace distflow::test {
namespace {

/// What holds a handler up, at most until the test is over, however it ends.
struct Gate {
  Gate() = default;
  ~Gate() { open(); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  void open() const { shared->release(100); }

  std::shared_ptr<std::counting_semaphore<>> shared = std::make_shared<std::counting_semaphore<>>(0);
};

TEST_P(RequestsToAGroup, one_that_a_member_is_too_busy_for_goes_to_another_where_it_may) {
  Gate gate;
  TestNode* slow_member = nullptr;
  others_.run([&](Cluster& cluster) {
    // One whose handler is held up, and whose mailbox has room for one.
    NodeOptions options;
    options.threading = Threading::dispatcher;
    options.mailbox.max_size = 1;
    TestNode& slow = cluster.add_node(options);
    slow_member = &slow;
    slow->set_request_handler([gate = gate.shared](const Request&, Responder responder) {
      gate->acquire();
      responder.reply(R"("slow")");
    });
    join(slow);
  });
  add_quick_worker();
  NodeRuntime node = start();
  Group workers = group_of(node, 2);
  // A member says that it is busy only to a node that it has heard of.
  ASSERT_TRUE(until(node, [&] {
    bool is_known = false;
    others_.run([&](Cluster&) { is_known = (*slow_member)->directory().knows_id(node.node_id()); });
    return is_known;
  }));
  // Five for each: more than the slow one has room for.
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 60s, .idempotent = true, .attempts = 3}, Pick::round_robin())));
  }
  ASSERT_TRUE(until(node, [&] { return reply_count() >= 5 && node.stats().asks.retried >= 1; }));
  gate.open();
  ASSERT_TRUE(until_replies(node, 10));
  expect_all(10, AskError::none);
  check_law(node);
}

TEST_P(RequestsToAGroup, one_whose_member_leaves_before_it_has_left_goes_to_another_where_it_may) {
  NodeRuntime node = start();
  add_holding_workers(1);
  PmdTestClient dead = add_dead_worker();
  Group workers = group_of(node, 2);
  ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 60s, .idempotent = true, .attempts = 2}, Pick::first())));
  ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 60s}, Pick::first())));
  ASSERT_TRUE(until(node, [&] { return node.stats().sent.accepted == 2; }));
  dead = PmdTestClient();
  ASSERT_TRUE(until_replies(node, 1));
  EXPECT_EQ(reply(0).error, AskError::peer_left) << to_string(reply(0).error);
  EXPECT_FALSE(reply(0).may_have_run);
  ASSERT_TRUE(until(node, [&] { return held_count_ == 1; }));
  answer(0, R"("other")");
  ASSERT_TRUE(until_replies(node, 2));
  EXPECT_EQ(reply(1).payload, R"("other")") << to_string(reply(1).error);
  check_law(node);
}

TEST_P(RequestsToAGroup, one_whose_member_cannot_be_connected_to_goes_to_another_where_it_may) {
  NodeRuntime node = start_hasty();
  add_quick_worker();
  const PmdTestClient dead = add_dead_worker();
  Group workers = group_of(node, 2);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 60s, .idempotent = true, .attempts = 2}, Pick::round_robin())));
  }
  ASSERT_TRUE(until_replies(node, 4));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(reply(i).payload, R"("quick")") << to_string(reply(i).error);
  EXPECT_EQ(node.stats().asks.retried, 2U);
  check_law(node);
}

}  // namespace
}  // namespace distflow::test
