// Coroutines that await a request, in each threading mode: where they go on, and how they end.
#include <distflow/coroutine.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "tests/base/seed.hpp"
#include "tests/support/coroutines.hpp"
#include "tests/support/lone_node.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

/// Handles that wait for a thread to resume them.
class Queue {
 public:
  ResumeOn executor() {
    return [this](std::coroutine_handle<> handle) {
      const std::scoped_lock lock(mutex_);
      handles_.push_back(handle);
    };
  }
  [[nodiscard]] std::size_t size() {
    const std::scoped_lock lock(mutex_);
    return handles_.size();
  }
  void run() {
    std::vector<std::coroutine_handle<>> handles;
    {
      const std::scoped_lock lock(mutex_);
      handles.swap(handles_);
    }
    for (const std::coroutine_handle<> handle : handles) handle.resume();
  }

 private:
  std::mutex mutex_;
  std::vector<std::coroutine_handle<>> handles_;
};

class CoroutineThatAsks : public LoneNode {
 protected:
  /// Keeps each request unanswered.
  void hold(NodeRuntime& node) {
    node.on_request([this](const Request&, Responder responder) {
      const std::scoped_lock lock(mutex_);
      held_.push_back(std::move(responder));
    });
  }
  std::size_t held() {
    const std::scoped_lock lock(mutex_);
    return held_.size();
  }

 private:
  std::mutex mutex_;
  std::vector<Responder> held_;
};

TEST_P(CoroutineThatAsks, goes_on_with_the_reply_where_handlers_run) {
  NodeRuntime node = start();
  std::atomic<std::thread::id> handler_ran_on{};
  node.on_request([&](const Request& request, Responder responder) {
    handler_ran_on = std::this_thread::get_id();
    responder.reply(request.payload);
  });
  std::atomic<bool> is_over{false};
  const auto run = [&]() -> Detached {
    for (int i = 0; i < 100; ++i) {
      const std::string json = R"({"n":)" + std::to_string(i) + "}";
      const KeptReply reply = co_await ask(node, "self", json);
      EXPECT_EQ(reply.error, AskError::none) << to_string(reply.error);
      EXPECT_EQ(reply.payload, json);
      EXPECT_EQ(reply.target, "self");
      EXPECT_EQ(handler_ran_on.load(), std::this_thread::get_id());
    }
    is_over = true;
  };
  run();
  EXPECT_TRUE(until(node, [&] { return is_over.load(); }));
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
}

TEST_P(CoroutineThatAsks, goes_on_at_once_when_nothing_was_sent) {
  NodeRuntime node = start();
  bool is_over = false;
  const auto run = [&](std::string_view json, SendVerdict verdict) -> Detached {
    const KeptReply reply = co_await ask(node, "self", json);
    EXPECT_EQ(reply.error, AskError::not_sent);
    EXPECT_EQ(reply.verdict, verdict) << to_string(reply.verdict);
    EXPECT_FALSE(reply.may_have_run);
    is_over = true;
  };
  run("{", SendVerdict::invalid_json);
  EXPECT_TRUE(std::exchange(is_over, false));
  EXPECT_TRUE(node.shutdown()->is_complete);
  run("1", SendVerdict::shut_down);
  EXPECT_TRUE(is_over);
}

TEST_P(CoroutineThatAsks, goes_on_where_the_executor_resumes_it) {
  NodeRuntime node = start();
  node.on_request(&echo);
  Queue queue;
  bool is_over = false;
  const auto run = [&]() -> Detached {
    KeptReply reply;
    for (int i = 0; i < 100; ++i) {
      const std::string json = '"' + std::string(100, 'x') + std::to_string(i) + '"';
      reply = co_await ask(node, "self", json).reuse(std::move(reply)).via(queue.executor());
      EXPECT_EQ(reply.payload, json);
    }
    is_over = true;
  };
  run();
  EXPECT_TRUE(until(node, [&] { return queue.run(), is_over; }));
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
}

TEST_P(CoroutineThatAsks, cancels_its_request_when_it_is_destroyed) {
  NodeRuntime node = start();
  hold(node);
  const auto run = [&]() -> Owned {
    co_await ask(node, "self", "1", {.deadline = 1h});
    ADD_FAILURE() << "went on though it was destroyed";
  };
  Owned coroutine = run();
  ASSERT_TRUE(until(node, [&] { return held() == 1; }));
  EXPECT_EQ(node.stats().asks.pending, 1U);
  coroutine.destroy();
  ASSERT_TRUE(until(node, [&] { return node.stats().asks.pending == 0; }));
  EXPECT_EQ(node.stats().asks.failed_cancelled, 1U);
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
}

TEST_P(CoroutineThatAsks, ends_early_by_a_stop_token) {
  NodeRuntime node = start();
  hold(node);
  std::stop_source stop;
  std::atomic<bool> is_over{false};
  const auto run = [&]() -> Detached {
    const KeptReply reply = co_await ask(node, "self", "1", {.deadline = 1h}).with_stop(stop.get_token());
    EXPECT_EQ(reply.error, AskError::cancelled) << to_string(reply.error);
    is_over = true;
  };
  run();
  ASSERT_TRUE(until(node, [&] { return held() == 1; }));
  stop.request_stop();
  EXPECT_TRUE(until(node, [&] { return is_over.load(); }));
  is_over = false;
  run();  // which has been asked to stop as it begins
  EXPECT_TRUE(until(node, [&] { return is_over.load(); }));
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
}

TEST_P(CoroutineThatAsks, is_not_resumed_when_it_was_destroyed_while_its_resumption_was_queued) {
  NodeRuntime node = start();
  node.on_request(&echo);
  Queue queue;
  const auto run = [&]() -> Owned {
    co_await ask(node, "self", "1").via(queue.executor());
    ADD_FAILURE() << "went on though it was destroyed";
  };
  for (int i = 0; i < 3; ++i) {
    Owned coroutine = run();
    ASSERT_TRUE(until(node, [&] { return queue.size() == 1; }));
    coroutine.destroy();
    queue.run();
  }
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
}

// One mutex is had by the thread that resumes the coroutine, and by the one that destroys it.
TEST_P(CoroutineThatAsks, may_be_destroyed_at_any_moment_where_one_mutex_guards_it) {
  constexpr int k_rounds = 300;
  const Seed seed;
  SCOPED_TRACE(seed.replay());
  std::mutex mutex;
  NodeRuntime node = start();
  node.on_request(&echo);
  const ResumeOn executor = [&mutex](std::coroutine_handle<> handle) {
    const std::scoped_lock lock(mutex);
    handle.resume();
  };
  std::atomic<std::uint64_t> replies{0};
  const auto run = [&]() -> Owned {
    KeptReply reply;
    do {
      reply = co_await ask(node, "self", "1").reuse(std::move(reply)).via(executor);
      ++replies;
    } while (reply);
    ADD_FAILURE() << to_string(reply.error);
  };
  std::atomic<bool> is_over{false};
  std::thread destroying([&] {
    base::Random random(seed.value());
    for (int i = 0; i < k_rounds; ++i) {
      std::unique_lock lock(mutex);
      Owned coroutine = run();
      lock.unlock();
      const std::uint64_t looks = random.next() % (std::uint64_t{1} << (random.next() % 14));
      const std::uint64_t enough = replies + random.next() % 4;
      for (std::uint64_t look = 0; look < looks && replies < enough; ++look) std::this_thread::yield();
      lock.lock();
      coroutine.destroy();
    }
    is_over = true;
  });
  EXPECT_TRUE(until(node, [&] { return is_over.load(); }));
  destroying.join();
  EXPECT_TRUE(until(node, [&] { return node.stats().asks.pending == 0; }));
  EXPECT_GT(replies, 0U);
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
}

TEST_P(CoroutineThatAsks, goes_on_with_the_reason_when_the_node_shuts_down_however_many_there_are) {
  constexpr int k_coroutines = 3000;
  NodeRuntime node = start({.mailbox = {.max_size = k_coroutines}, .asks_per_peer_max = k_coroutines});
  hold(node);
  std::atomic<int> ended{0};
  const auto run = [&]() -> Detached {
    const KeptReply reply = co_await ask(node, "self", "1", {.deadline = 1h});
    EXPECT_EQ(reply.error, AskError::shut_down) << to_string(reply.error);
    const KeptReply next = co_await ask(node, "self", "1");
    EXPECT_EQ(next.verdict, SendVerdict::shut_down);
    ++ended;
  };
  for (int i = 0; i < k_coroutines; ++i) run();
  ASSERT_TRUE(until(node, [&] { return held() == k_coroutines; }));
  EXPECT_TRUE(node.shutdown()->is_complete);
  EXPECT_EQ(ended, k_coroutines);
  check_law(node);
}

TEST_P(CoroutineThatAsks, stays_suspended_when_its_executor_throws) {
  NodeRuntime node = start();
  node.on_request(&echo);
  const auto run = [&]() -> Owned {
    co_await ask(node, "self", "1").via([](std::coroutine_handle<>) { throw std::runtime_error("no room"); });
    ADD_FAILURE() << "went on though nobody resumed it";
  };
  Owned coroutine = run();
  ASSERT_TRUE(until(node, [&] { return node.stats().handler_exceptions == 1; }));
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
}

TEST_P(CoroutineThatAsks, that_throws_to_an_executor_which_resumes_at_once_leaves_its_memory_to_one_other) {
  NodeRuntime node = start();
  node.on_request([held = std::make_shared<std::vector<std::pair<std::string, Responder>>>()](const Request& request,
                                                                                              Responder responder) {
    if (request.payload == "1") return static_cast<void>(responder.reply("1"));
    held->emplace_back(request.payload, std::move(responder));
    if (held->size() < 2) return;
    for (auto& [payload, open] : *held) open.reply(payload);
    held->clear();
  });
  const auto fail = [&]() -> OwnedThatThrows {
    co_await ask(node, "self", "1").via([](std::coroutine_handle<> handle) { handle.resume(); });
    throw std::runtime_error("of the coroutine");
  };
  const OwnedThatThrows failed = fail();
  ASSERT_TRUE(until(node, [&] { return node.stats().handler_exceptions == 1; }));
  std::atomic<int> ended{0};
  const auto run = [&](std::string json) -> Detached {
    const KeptReply reply = co_await ask(node, "self", json);
    EXPECT_EQ(reply.payload, json);
    ++ended;
  };
  run("2");
  run("3");
  EXPECT_TRUE(until(node, [&] { return ended == 2; }));
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
}

// What holds the last handle ends with the coroutine, inside the node's own callback.
TEST_P(CoroutineThatAsks, may_hold_the_last_handle) {
  NodeRuntime node = start();
  node.on_request(&echo);
  std::atomic<bool> is_over{false};
  const auto run = [&is_over](NodeRuntime own) -> Detached {
    const KeptReply reply = co_await ask(own, "self", "1");
    EXPECT_EQ(reply.error, AskError::none) << to_string(reply.error);
    is_over = true;
  };
  run(node);
  EXPECT_TRUE(until(node, [&] { return is_over.load(); }));
}

INSTANTIATE_TEST_SUITE_P(modes, CoroutineThatAsks, ::testing::ValuesIn(LoneNode::kModes), &LoneNode::name_of);

}  // namespace
}  // namespace distflow::test
