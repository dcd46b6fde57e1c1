// Requests and replies of the process's one node, in each threading mode, from any thread, and at its end.
#include <distflow/ask.hpp>
#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/forked.hpp"
#include "tests/support/lone_node.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

class AskingNode : public LoneNode {};

TEST_P(AskingNode, asks_itself_and_is_answered_where_handlers_run) {
  NodeRuntime node = start();
  std::atomic<std::thread::id> handler_ran_on{};
  node.on_request([&](const Request& request, Responder responder) {
    handler_ran_on = std::this_thread::get_id();
    EXPECT_TRUE(is_under_way(responder.reply(request.payload)));
  });
  std::atomic<int> replies{0};
  for (int i = 0; i < 100; ++i) {
    const std::string json = R"({"n":)" + std::to_string(i) + "}";
    EXPECT_TRUE(is_under_way(node.ask("self", json, {}, [&, json](const Reply& reply) {
      EXPECT_EQ(reply.error, AskError::none) << to_string(reply.error);
      EXPECT_EQ(reply.payload, json);
      EXPECT_EQ(handler_ran_on.load(), std::this_thread::get_id());
      ++replies;
    })));
  }
  EXPECT_TRUE(until(node, [&] { return replies == 100; }));
  EXPECT_EQ(handler_ran_on.load() == std::this_thread::get_id(), GetParam() == Threading::caller);
  // What one end has sent has come at the other, as messages or as replies.
  const NodeStats stats = node.stats();
  EXPECT_EQ(stats.received.replies, 100u);
  EXPECT_EQ(stats.sent.accepted, stats.received.received + stats.received.replies);
  EXPECT_EQ(node.ask("self", "{", {}, [](const Reply&) { ADD_FAILURE(); }), SendVerdict::invalid_json);
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
}

TEST_P(AskingNode, may_be_asked_and_answered_from_several_threads_at_once) {
  constexpr int k_threads = 3;
  constexpr int k_asks = 300;
  NodeRuntime node = start();
  std::mutex mutex;
  std::vector<std::pair<std::string, Responder>> open;
  node.on_request([&](const Request& request, Responder responder) {
    const std::scoped_lock lock(mutex);
    open.emplace_back(request.payload, std::move(responder));
  });
  std::atomic<int> ended{0};
  std::atomic<bool> is_over{false};
  std::vector<std::thread> threads;
  threads.reserve(k_threads + 1);
  for (int t = 0; t < k_threads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < k_asks; ++i) {
        const std::string json = std::to_string(t * k_asks + i);
        SendVerdict verdict = SendVerdict::queue_full;
        while (verdict == SendVerdict::queue_full) {
          verdict = node.ask("self", json, {.deadline = 60s}, [&, json](const Reply& reply) {
            // At asks_per_peer_max a request of another thread is not sent.
            if (reply.error != AskError::not_sent) {
              EXPECT_EQ(reply.payload, json) << to_string(reply.error);
            }
            ++ended;
          });
        }
        EXPECT_TRUE(is_under_way(verdict));
      }
    });
  }
  threads.emplace_back([&] {
    while (!is_over) {
      std::vector<std::pair<std::string, Responder>> taken;
      {
        const std::scoped_lock lock(mutex);
        taken.swap(open);
      }
      for (auto& [json, responder] : taken) EXPECT_TRUE(is_under_way(responder.reply(json)));
      std::this_thread::yield();
    }
  });
  EXPECT_TRUE(until(node, [&] { return ended == k_threads * k_asks; }));
  is_over = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
  EXPECT_EQ(node.stats().asks.pending, 0U);
}

TEST_P(AskingNode, may_be_asked_by_a_target_that_is_kept_beyond_the_node_that_made_it) {
  std::atomic<int> replies{0};
  std::atomic<int> messages{0};
  const auto count_reply = [&](const Reply& reply) {
    EXPECT_EQ(reply.error, AskError::none) << to_string(reply.error);
    EXPECT_EQ(reply.target, "self");
    ++replies;
  };
  Target self;
  for (int expected = 0; expected < 4;) {  // of two nodes, one after the other
    NodeRuntime node = start();
    node.on_request(&echo);
    node.on_message([&](const Message&) { ++messages; });
    if (expected == 0) self = node.target("self");
    EXPECT_EQ(node.ask(self, "{", {}, count_reply), SendVerdict::invalid_json);
    ASSERT_TRUE(is_under_way(node.ask(self, R"({"n":1})", {}, count_reply)));
    ++expected;
    ASSERT_TRUE(until(node, [&] { return replies == expected; }));
    std::thread other([&] {
      EXPECT_TRUE(is_under_way(node.ask(self, raw_json("2"), {}, count_reply)));
      EXPECT_TRUE(is_under_way(node.send(self, "3")));
    });
    other.join();
    ++expected;
    ASSERT_TRUE(until(node, [&] { return replies == expected && messages == expected / 2; }));
    check_law(node);
    EXPECT_TRUE(node.shutdown());
    EXPECT_EQ(node.ask(self, "4", {}, count_reply), SendVerdict::shut_down);
  }
  EXPECT_EQ(replies, 4);
}

TEST_P(AskingNode, ends_what_is_pending_at_its_shutdown_and_takes_nothing_after_it) {
  std::vector<Responder> kept;
  std::atomic<int> ended{0};
  std::atomic<bool> has_come{false};
  NodeRuntime node = start();
  node.on_request([&](const Request&, Responder responder) {
    kept.push_back(std::move(responder));
    has_come = true;
  });
  ASSERT_TRUE(is_under_way(node.ask("self", "1", {.deadline = 1h}, [&](const Reply& reply) {
    EXPECT_EQ(reply.error, AskError::shut_down);
    EXPECT_EQ(node.ask("self", "1", {}, [](const Reply&) { ADD_FAILURE(); }), SendVerdict::shut_down);
    ++ended;
  })));
  ASSERT_TRUE(until(node, [&] { return has_come.load(); }));
  EXPECT_TRUE(node.shutdown()->is_complete);
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(kept.front().reply("1"), SendVerdict::shut_down);
  EXPECT_EQ(node.ask("self", "1", {}, [](const Reply&) { ADD_FAILURE(); }), SendVerdict::shut_down);
  check_law(node);
}

TEST_P(AskingNode, may_lose_its_last_handle_in_a_callback) {
  std::optional<NodeRuntime> node = start();
  node->on_request(&echo);
  std::atomic<bool> is_dropped{false};
  auto last = std::make_shared<std::optional<NodeRuntime>>(std::move(node));
  node.reset();
  ASSERT_TRUE(is_under_way((*last)->ask("self", "1", {}, [&, last](const Reply& reply) {
    EXPECT_EQ(reply.error, AskError::none);
    if (GetParam() != Threading::caller) last->reset();
    is_dropped = true;
  })));
  if (GetParam() == Threading::caller) {
    ASSERT_TRUE(until(**last, [&] { return is_dropped.load(); }));
    last->reset();
  } else {
    ASSERT_TRUE(turn_until([] { std::this_thread::yield(); }, [&] { return is_dropped.load(); }));
  }
}

TEST_P(AskingNode, may_lose_its_last_handle_with_a_callback_that_it_does_not_take) {
  if (GetParam() != Threading::caller) GTEST_SKIP() << "a verdict of another thread does not say how many a peer has";
  auto node = std::make_shared<NodeRuntime>(start());
  int ended = 0;
  while (is_under_way(node->ask("self", "1", {}, [&ended](const Reply&) { ++ended; }))) {
  }
  // What the callback holds is let go when the verdict is known, and not from inside of what gives it.
  const std::uint64_t pending = node->stats().asks.pending;
  std::uint64_t pending_then = 0;
  std::shared_ptr<void> held(nullptr, [&](void*) { pending_then = node->stats().asks.pending; });
  EXPECT_EQ(node->ask("self", "1", {}, [held = std::move(held)](const Reply&) { FAIL() << "it was not taken"; }),
            SendVerdict::queue_full);
  EXPECT_EQ(pending_then, pending);
  NodeRuntime& last = *node;
  EXPECT_EQ(last.ask("self", "1", {}, [node = std::move(node)](const Reply&) { FAIL() << "it was not taken"; }),
            SendVerdict::queue_full);
  EXPECT_GT(ended, 0);
}

TEST_P(AskingNode, may_be_waited_for_on_any_thread_but_its_own) {
  NodeRuntime node = start();
  node.on_request(&echo);
  std::atomic<bool> is_done{false};
  std::thread waiting([&] {
    const Result<KeptReply> reply = ask_and_wait(node, "self", R"({"n":1})");
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->error, AskError::none) << to_string(reply->error);
    EXPECT_EQ(reply->payload, R"({"n":1})");
    EXPECT_EQ(ask_and_wait(node, "nobody", "1")->error, AskError::unresolved);
    EXPECT_EQ(ask_and_wait(node, "self", "{")->verdict, SendVerdict::invalid_json);
    is_done = true;
  });
  EXPECT_TRUE(until(node, [&] { return is_done.load(); }));
  waiting.join();
  if (GetParam() == Threading::caller) {
    EXPECT_EQ(ask_and_wait(node, "self", "1").error(), Errc::would_block);
  }
  std::atomic<bool> was_refused{false};
  node.on_message([&](const Message&) {
    if (GetParam() != Threading::dispatcher) {
      EXPECT_EQ(ask_and_wait(node, "self", "1").error(), Errc::would_block);
    }
    was_refused = true;
  });
  EXPECT_TRUE(is_under_way(node.send("self", "1")));
  EXPECT_TRUE(until(node, [&] { return was_refused.load(); }));
  EXPECT_TRUE(node.shutdown()->is_complete);
  EXPECT_EQ(ask_and_wait(node, "self", "1")->verdict, SendVerdict::shut_down);
  check_law(node);
}

// A name that is known to lead nowhere ends its request inside the call that begins it.
TEST_P(AskingNode, has_no_deadline_left_of_a_request_that_ended_as_it_began) {
  NodeRuntime node = start();
  std::vector<Responder> kept;
  node.on_request([&](const Request&, Responder responder) { kept.push_back(std::move(responder)); });
  std::atomic<bool> is_done{false};
  std::thread waiting([&] {
    for (int i = 0; i < 3; ++i) {
      const AskError error = ask_and_wait(node, "nobody", "1", {.deadline = 50ms})->error;
      EXPECT_TRUE(error == AskError::unresolved || error == AskError::deadline) << to_string(error);
    }
    EXPECT_EQ(ask_and_wait(node, "self", "1", {.deadline = 150ms})->error, AskError::deadline);
    is_done = true;
  });
  EXPECT_TRUE(until(node, [&] { return is_done.load(); }));
  waiting.join();
  EXPECT_TRUE(node.shutdown()->is_complete);
  kept.clear();
  check_law(node);
}

/// Time that a program spends elsewhere.
std::chrono::steady_clock::time_point busy_for(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  auto now = std::chrono::steady_clock::now();
  while (now < until) now = std::chrono::steady_clock::now();
  return now;
}

// Between two turns, and in a handler that has run for long, the loop's own time is long past.
TEST_P(AskingNode, takes_no_time_before_it_is_asked_for_that_of_a_request) {
  NodeRuntime node = start();
  std::atomic<int> ended{0};
  std::atomic<int> handled{0};
  const auto ask_after_a_while = [&] {
    const auto begun = busy_for(50ms);
    EXPECT_TRUE(is_under_way(node.ask("self", "1", {.deadline = 1h}, [&, begun](const Reply& reply) {
      EXPECT_LE(reply.took, std::chrono::steady_clock::now() - begun);
      ++ended;
    })));
  };
  node.on_request([&](const Request& request, Responder responder) {
    const std::chrono::milliseconds left = request.remaining();
    busy_for(50ms);
    EXPECT_LE(request.remaining(), left - 49ms);
    EXPECT_LE(responder.remaining(), left - 49ms);
    if (++handled == 1) ask_after_a_while();
    responder.reply("1");
  });
  ask_after_a_while();
  EXPECT_TRUE(until(node, [&] { return ended == 2; }));
  EXPECT_TRUE(node.shutdown()->is_complete);
}

TEST_P(AskingNode, has_no_part_in_a_forked_child_that_has_a_responder_of_it) {
  NodeRuntime node = start();
  std::vector<Responder> kept;
  std::atomic<bool> has_come{false};
  std::atomic<bool> has_ended{false};
  node.on_request([&](const Request&, Responder responder) {
    kept.push_back(std::move(responder));
    has_come = true;
  });
  ASSERT_TRUE(is_under_way(node.ask("self", "1", {.deadline = 1h}, [&](const Reply& reply) {
    EXPECT_EQ(reply.payload, "2");
    has_ended = true;
  })));
  ASSERT_TRUE(until(node, [&] { return has_come.load(); }));
  EXPECT_TRUE(holds_in_child([&] {
    const bool is_refused = kept.front().reply("1") == SendVerdict::forked;
    kept.clear();
    return is_refused;
  }));
  EXPECT_TRUE(is_under_way(kept.front().reply("2")));
  EXPECT_TRUE(until(node, [&] { return has_ended.load(); }));
  EXPECT_TRUE(node.shutdown()->is_complete);
}

// Beyond what the clock's type holds.
TEST_P(AskingNode, may_be_waited_for_without_an_end) {
  NodeRuntime node = start();
  node.on_request([](const Request&, Responder responder) {
    busy_for(1100ms);  // longer than what is granted to a loop that nobody turns
    responder.reply("1");
  });
  std::atomic<bool> is_done{false};
  std::thread waiting([&] {
    EXPECT_EQ(ask_and_wait(node, "self", "1", {.deadline = std::chrono::milliseconds::max()})->error, AskError::none);
    EXPECT_EQ(ask_and_wait(node, "self", "1", {.deadline = std::chrono::milliseconds::min()})->error,
              AskError::deadline);
    is_done = true;
  });
  EXPECT_TRUE(until(node, [&] { return is_done.load(); }));
  waiting.join();
  EXPECT_TRUE(node.shutdown()->is_complete);
}

INSTANTIATE_TEST_SUITE_P(modes, AskingNode, ::testing::ValuesIn(LoneNode::kModes), &LoneNode::name_of);

/// A node whose handlers have a thread of their own, which a test holds up.
class AskingDispatcher : public AskingNode {};

TEST_P(AskingDispatcher, answers_busy_what_finds_no_room_and_expired_what_waited_too_long) {
  NodeRuntime node = start({.mailbox = {.max_size = 4}});
  std::atomic<bool> is_held{false};
  std::atomic<bool> may_go_on{false};
  std::atomic<int> ran{0};
  node.on_request([&](const Request& request, Responder responder) {
    ++ran;
    is_held = true;
    while (!may_go_on) std::this_thread::yield();
    responder.reply(request.payload);
  });
  std::atomic<int> ended{0};
  std::array<std::atomic<int>, kAskErrorCount> errors{};
  const auto on_end = [&](const Reply& reply) {
    ++errors[static_cast<std::size_t>(reply.error)];
    if (reply.error == AskError::busy || reply.error == AskError::expired) {
      EXPECT_FALSE(reply.may_have_run);
    }
    ++ended;
  };
  ASSERT_TRUE(is_under_way(node.ask("self", "1", {.deadline = 1h}, on_end)));
  ASSERT_TRUE(until(node, [&] { return is_held.load(); }));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(is_under_way(node.ask("self", "2", {.deadline = 20ms}, on_end)));
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(is_under_way(node.ask("self", "3", {.deadline = 1h}, on_end)));
  ASSERT_TRUE(until(node, [&] { return node.stats().asks.said_busy == 6; }));
  EXPECT_EQ(node.stats().asks.waiting, 4U);
  // Their deadlines are seen by the loop, though nothing is called back meanwhile.
  const auto then = std::chrono::steady_clock::now() + 30ms;
  ASSERT_TRUE(until(node, [&] { return std::chrono::steady_clock::now() > then; }));
  may_go_on = true;
  ASSERT_TRUE(until(node, [&] { return ended == 11; }));
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(errors[static_cast<std::size_t>(AskError::busy)], 6);
  EXPECT_EQ(errors[static_cast<std::size_t>(AskError::deadline)], 4);
  ASSERT_TRUE(until(node, [&] { return node.stats().asks.said_expired == 4; }));
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
}

TEST_P(AskingDispatcher, keeps_no_more_bytes_of_replies_than_a_mailbox_until_they_are_called_back_for) {
  NodeRuntime node = start({.mailbox = {.bytes_max = 1000}});
  std::mutex mutex;
  std::vector<Responder> open;
  std::atomic<std::size_t> open_count{0};
  std::atomic<bool> is_held{false};
  std::atomic<bool> may_go_on{false};
  node.on_request([&](const Request& request, Responder responder) {
    if (request.payload == "0") {
      is_held = true;
      while (!may_go_on) std::this_thread::yield();
      return static_cast<void>(responder.reply("0"));
    }
    const std::scoped_lock lock(mutex);
    open.push_back(std::move(responder));
    open_count = open.size();
  });
  std::vector<AskError> errors;
  std::atomic<int> ended{0};
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(is_under_way(node.ask("self", std::to_string(i), {.deadline = 1h}, [&](const Reply& reply) {
      EXPECT_TRUE(reply.may_have_run);
      errors.push_back(reply.error);
      ++ended;
    })));
    ASSERT_TRUE(until(node, [&] { return open_count == static_cast<std::size_t>(i); }));
  }
  // The loop's thread has all replies once it has this one, which needs no room.
  std::thread waiting([&] { EXPECT_EQ(ask_and_wait(node, "self", "4", {.deadline = 1h})->payload.size(), 602U); });
  ASSERT_TRUE(until(node, [&] { return open_count == 4; }));
  ASSERT_TRUE(is_under_way(node.ask("self", "0", {.deadline = 1h}, [&](const Reply&) { ++ended; })));
  ASSERT_TRUE(until(node, [&] { return is_held.load(); }));
  for (Responder& responder : open) {
    EXPECT_TRUE(is_under_way(responder.reply('"' + std::string(600, 'x') + '"')));
  }
  waiting.join();
  may_go_on = true;
  ASSERT_TRUE(until(node, [&] { return ended == 4; }));
  EXPECT_EQ(errors, (std::vector{AskError::none, AskError::reply_lost, AskError::reply_lost}));
  EXPECT_EQ(node.stats().asks.failed_reply_lost, 2U);
  EXPECT_EQ(ask_and_wait(node, "self", "0")->error, AskError::none) << "what was kept is free again";
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
}

INSTANTIATE_TEST_SUITE_P(modes, AskingDispatcher, ::testing::Values(Threading::dispatcher), &LoneNode::name_of);

}  // namespace
}  // namespace distflow::test
