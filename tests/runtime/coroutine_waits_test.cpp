// Coroutines that await a message, a node or a turn, in each threading mode: where they go on, and how they end.
#include <distflow/coroutine.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/coroutines.hpp"
#include "tests/support/lone_node.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

class CoroutineThatWaits : public LoneNode {};

TEST_P(CoroutineThatWaits, goes_on_with_the_node_of_that_name_or_at_the_deadline) {
  NodeRuntime node = start();
  std::atomic<bool> is_over{false};
  const auto run = [&]() -> Detached {
    const Result<PeerInfo> self = co_await wait_for(node, "self");
    EXPECT_TRUE(self) << self.error().message();
    if (self) {
      EXPECT_EQ(self->node_id, node.node_id());
    }
    EXPECT_EQ((co_await wait_for(node, "nobody", {.deadline = 20ms})).error(), Errc::timed_out);
    EXPECT_EQ((co_await wait_for(node, "")).error(), Errc::invalid_option);
    is_over = true;
  };
  run();
  EXPECT_TRUE(until(node, [&] { return is_over.load(); }));
  EXPECT_TRUE(node.shutdown()->is_complete);
}

TEST_P(CoroutineThatWaits, ends_early_by_a_stop_token_or_with_its_frame) {
  NodeRuntime node = start();
  std::stop_source stop;
  std::atomic<int> ended{0};
  const auto run = [&]() -> Owned {
    WaitOptions options{.deadline = 1h};
    options.stop = stop.get_token();
    EXPECT_EQ((co_await wait_for(node, "nobody", options)).error(), Errc::canceled);
    ++ended;
  };
  { const Owned destroyed = run(); }
  const Owned stopped = run();
  stop.request_stop();
  EXPECT_TRUE(until(node, [&] { return ended == 1; }));
  const Owned stopped_before = run();
  EXPECT_TRUE(until(node, [&] { return ended == 2; }));
  EXPECT_TRUE(node.shutdown()->is_complete);
  EXPECT_EQ(ended, 2);
}

TEST_P(CoroutineThatWaits, goes_on_in_later_turns_where_handlers_run) {
  NodeRuntime node = start();
  std::atomic<std::thread::id> handler_ran_on{};
  std::atomic<bool> is_over{false};
  node.on_message([&](const Message&) { handler_ran_on = std::this_thread::get_id(); });
  ASSERT_TRUE(is_under_way(node.send("self", "1")));
  ASSERT_TRUE(until(node, [&] { return handler_ran_on.load() != std::thread::id(); }));
  const auto run = [&]() -> Detached {
    for (int i = 0; i < 1000; ++i) {
      const Result<void> turn = co_await next_turn(node);
      EXPECT_TRUE(turn) << turn.error().message();
      EXPECT_EQ(handler_ran_on.load(), std::this_thread::get_id());
    }
    is_over = true;
  };
  run();
  EXPECT_TRUE(until(node, [&] { return is_over.load(); }));
  EXPECT_TRUE(node.shutdown()->is_complete);
}

TEST_P(CoroutineThatWaits, receives_each_message_in_order_while_others_wait_in_the_mailbox) {
  constexpr int k_messages = 500;
  NodeRuntime node = start();
  node.on_request(&echo);
  std::atomic<bool> is_over{false};
  const auto run = [&]() -> Detached {
    KeptMessage old;
    for (int i = 0; i < k_messages; ++i) {
      Result<KeptMessage> message = co_await next_message(node).reuse(std::move(old));
      EXPECT_TRUE(message) << message.error().message();
      if (!message) break;
      EXPECT_EQ(message->payload, std::to_string(i));
      EXPECT_EQ(message->from, node.node_id());
      old = *std::move(message);
      if (i % 10 == 0) {
        EXPECT_TRUE(co_await ask(node, "self", "1"));
      }
    }
    is_over = true;
  };
  for (int i = 0; i < k_messages / 2; ++i) ASSERT_TRUE(is_under_way(node.send("self", std::to_string(i))));
  run();
  for (int i = k_messages / 2; i < k_messages; ++i) ASSERT_TRUE(is_under_way(node.send("self", std::to_string(i))));
  EXPECT_TRUE(until(node, [&] { return is_over.load(); }));
  EXPECT_TRUE(node.shutdown()->is_complete);
  EXPECT_EQ(node.stats().received.handled, k_messages + node.stats().asks.received);
}

TEST_P(CoroutineThatWaits, leaves_messages_to_a_handler_and_to_those_who_waited_before) {
  NodeRuntime node = start();
  std::atomic<int> handled{0};
  std::vector<std::string> received;
  std::atomic<int> ended{0};
  const auto run = [&](std::string name) -> Detached {
    const Result<KeptMessage> message = co_await next_message(node);
    EXPECT_TRUE(message);
    if (message) received.push_back(name + message->payload);
    ++ended;
  };
  run("a");
  run("b");
  node.on_message([&](const Message&) { ++handled; });
  // One after the other, until one goes to the handler: more could fill the mailbox. The test counts what it sends
  // itself: stats() counts a message as accepted no sooner than the loop takes it from this thread.
  int sent = 0;
  const auto is_handled = [&] {
    if (ended + handled == sent && handled == 0 && is_under_way(node.send("self", "0"))) ++sent;
    return handled > 0;
  };
  ASSERT_TRUE(until(node, is_handled));
  const int ended_before = ended;  // of those that came before the handler was set
  node.on_message(nullptr);
  for (int i = 1; i <= 2 - ended_before; ++i) ASSERT_TRUE(is_under_way(node.send("self", std::to_string(i))));
  ASSERT_TRUE(until(node, [&] { return ended == 2; }));
  ASSERT_EQ(received.size(), 2U);
  EXPECT_EQ(received.front().front(), 'a');
  EXPECT_EQ(received.back().front(), 'b');
  EXPECT_TRUE(node.shutdown()->is_complete);
}

TEST_P(CoroutineThatWaits, that_is_stopped_or_destroyed_leaves_the_message_to_the_next) {
  NodeRuntime node = start();
  std::stop_source stop;
  std::atomic<int> stopped{0};
  std::atomic<int> received{0};
  const auto be_stopped = [&]() -> Owned {
    const Result<KeptMessage> message = co_await next_message(node).with_stop(stop.get_token());
    EXPECT_FALSE(message);
    if (!message) {
      EXPECT_EQ(message.error(), Errc::canceled);
    }
    ++stopped;
  };
  const auto receive = [&]() -> Owned {
    const Result<KeptMessage> message = co_await next_message(node);
    EXPECT_TRUE(message);
    ++received;
  };
  const Owned first = be_stopped();
  Owned second = receive();
  const Owned third = receive();
  stop.request_stop();
  second.destroy();
  const Owned fourth = be_stopped();  // which has been asked to stop as it begins
  ASSERT_TRUE(is_under_way(node.send("self", "1")));
  ASSERT_TRUE(until(node, [&] { return received == 1 && stopped == 2; }));
  EXPECT_TRUE(node.shutdown()->is_complete);
}

TEST_P(CoroutineThatWaits, goes_on_with_the_reason_when_the_node_shuts_down) {
  NodeRuntime node = start();
  std::atomic<int> ended{0};
  const auto run = [&]() -> Detached {
    EXPECT_EQ((co_await wait_for(node, "nobody", {.deadline = 1h})).error(), Errc::shut_down);
    EXPECT_EQ((co_await next_turn(node)).error(), Errc::shut_down);
    EXPECT_EQ((co_await next_message(node)).error(), Errc::shut_down);
    ++ended;
  };
  const auto receive = [&]() -> Detached {
    EXPECT_EQ((co_await next_message(node)).error(), Errc::shut_down);
    EXPECT_EQ((co_await next_message(node)).error(), Errc::shut_down);
    ++ended;
  };
  for (int i = 0; i < 100; ++i) {
    run();
    receive();
  }
  EXPECT_TRUE(node.shutdown()->is_complete);
  EXPECT_EQ(ended, 200);
  run();
  receive();
  EXPECT_EQ(ended, 202);
}

INSTANTIATE_TEST_SUITE_P(modes, CoroutineThatWaits, ::testing::ValuesIn(LoneNode::kModes), &LoneNode::name_of);

}  // namespace
}  // namespace distflow::test
