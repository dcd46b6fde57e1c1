// Calls of the process's one node from several threads, and at its end, where a program may be right and still unlucky.
#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/process/process_lock.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/pmd_thread.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

constexpr std::array kModes = {Threading::inlined, Threading::dispatcher, Threading::caller};

class NodeCalls : public ::testing::Test {
 protected:
  NodeRuntime start(Threading threading, std::uint32_t targets_max = NodeOptions{}.targets_max,
                    std::string_view backend = chosen_socket_backend().name) {
    Result<NodeRuntime> node = NodeRuntime::start({.alias = "self",
                                                   .pmd_port = pmd_.port(),
                                                   .start_pmd = false,
                                                   .threading = threading,
                                                   .targets_max = targets_max,
                                                   .backend = std::string(backend)});
    EXPECT_TRUE(node) << node.error().message();
    return *std::move(node);
  }

  /// Turns the loop as an application does, until the node says that it has ended.
  static void poll_to_the_end(NodeRuntime& node) {
    Result<void> polled;
    EXPECT_TRUE(turn_until([&] { polled = node.poll(5ms); }, [&] { return !polled; }));
    EXPECT_EQ(polled.error(), Errc::shut_down);
  }
  static void yield_until(const std::atomic<bool>& flag) {
    while (!flag) std::this_thread::yield();
  }

  PmdThread pmd_;
};

TEST_F(NodeCalls, what_writes_a_message_on_the_thread_of_poll_may_resolve_and_send_to_names_that_nobody_has) {
  NodeRuntime node = start(Threading::caller);
  ASSERT_TRUE(node.resolve("self"));
  EXPECT_TRUE(is_under_way(node.send_with("self", [&](PayloadWriter& out) {
    out.append("[");
    EXPECT_EQ(node.resolve("nobody").error(), Errc::node_not_found);
    EXPECT_TRUE(is_under_way(node.send("nobody", "1")));
    EXPECT_EQ(node.poll(0ms).error(), Errc::already_running);
    out.append("1]");
  })));
  EXPECT_TRUE(node.shutdown()->is_complete);
  EXPECT_EQ(node.stats().sent.accepted, 2U);
}

TEST_F(NodeCalls, a_handler_on_the_second_thread_may_drop_the_last_handle_when_the_loop_has_ended) {
  std::optional<NodeRuntime> node = start(Threading::dispatcher);
  const std::string id = node->node_id();
  std::atomic<bool> is_sent{false};
  std::atomic<bool> is_dropped{false};
  node->on_message([&](const Message&) {
    yield_until(is_sent);
    static_cast<void>(node->shutdown());
    while (::access(runtime::ProcessLock::path().c_str(), F_OK) == 0) std::this_thread::yield();
    node.reset();
    is_dropped = true;
  });
  node->send("self", "1");
  is_sent = true;
  yield_until(is_dropped);
  EXPECT_NE(start(Threading::inlined).node_id(), id);
}

TEST_F(NodeCalls, with_a_polled_node_another_thread_may_shut_down_while_its_own_polls_on) {
  NodeRuntime node = start(Threading::caller);
  EXPECT_EQ(node.send("self", "1"), SendVerdict::queued);
  Result<ShutdownReport> report = ShutdownReport{};
  std::thread other([&] { report = node.shutdown(); });
  poll_to_the_end(node);
  other.join();
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->is_complete);
  EXPECT_TRUE(report->is_unregistered);
}

TEST_F(NodeCalls, with_a_polled_node_a_handler_may_shut_down_and_polling_brings_the_end) {
  NodeRuntime node = start(Threading::caller);
  node.on_message([&](const Message&) { EXPECT_FALSE(node.shutdown()->is_complete); });
  EXPECT_EQ(node.send("self", "1"), SendVerdict::queued);
  poll_to_the_end(node);
  EXPECT_NE(start(Threading::inlined).node_id(), node.node_id());
}

TEST_F(NodeCalls, the_last_handle_of_a_polled_node_may_go_on_another_thread_which_ends_it) {
  std::optional<NodeRuntime> node = start(Threading::caller);
  const std::string id = node->node_id();
  std::thread([&] { node.reset(); }).join();
  NodeRuntime next = start(Threading::inlined);
  EXPECT_NE(next.node_id(), id);
  EXPECT_EQ(next.resolve(id).error(), Errc::node_not_found) << "unregistered";
}

// The kernel has rings for one thread alone, and refuses all others.
TEST_F(NodeCalls, the_last_handle_of_a_polled_node_on_io_uring_may_go_on_another_thread_too) {
  std::optional<NodeRuntime> node = start(Threading::caller, NodeOptions{}.targets_max, "uring");
  const NodeStats stats = node->stats();
  if (stats.backend != "uring") GTEST_SKIP() << stats.backend_fallback_reason;
  const std::string id = node->node_id();
  std::thread([&] { node.reset(); }).join();
  NodeRuntime next = start(Threading::inlined);
  EXPECT_NE(next.node_id(), id);
  EXPECT_EQ(next.resolve(id).error(), Errc::node_not_found) << "unregistered";
}

TEST_F(NodeCalls, the_thread_that_started_a_polled_node_may_have_ended_before_the_last_handle_goes) {
  std::optional<NodeRuntime> node;
  std::thread([&] { node = start(Threading::caller); }).join();
  const std::string id = node->node_id();
  node.reset();
  NodeRuntime next = start(Threading::inlined);
  EXPECT_NE(next.node_id(), id);
  EXPECT_EQ(next.resolve(id).error(), Errc::node_not_found) << "unregistered";
}

// The next node often lies where the one before did. A writer is inside the node only on its loop's thread.
TEST_F(NodeCalls, a_thread_whose_polled_node_another_one_has_ended_does_not_take_the_next_for_its_own) {
  for (int i = 0; i < 20; ++i) {
    auto node = std::make_unique<NodeRuntime>(start(Threading::caller));
    std::thread([&] { node.reset(); }).join();
    node = std::make_unique<NodeRuntime>(start(Threading::inlined));
    EXPECT_TRUE(is_under_way(node->send_with("self", [&](PayloadWriter& out) {
      EXPECT_TRUE(node->resolve("self"));
      out.append("1");
      EXPECT_TRUE(node->shutdown()->is_complete) << "this thread can wait for the node's own";
    }))) << "what was written as the node ended";
    node.reset();
  }
}

TEST_F(NodeCalls, another_thread_may_ask_a_polled_node_when_polling_is_due_and_is_told_nothing) {
  NodeRuntime node = start(Threading::caller);
  std::atomic<bool> is_over{false};
  std::thread other([&] {
    while (!is_over) {
      EXPECT_EQ(node.fd(), -1);
      EXPECT_EQ(node.poll_within(), std::chrono::milliseconds::max());
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 100; ++i) {
    node.send("nobody", "1");
    EXPECT_TRUE(node.poll(0ms));
    EXPECT_GE(node.fd(), 0);
    EXPECT_LT(node.poll_within(), std::chrono::milliseconds::max());
  }
  is_over = true;
  other.join();
}

TEST_F(NodeCalls, a_message_that_is_written_while_the_node_ends_is_counted_as_its_verdict_says) {
  for (const Threading threading : {Threading::inlined, Threading::dispatcher}) {
    for (const bool is_resolved : {false, true}) {
      NodeRuntime node = start(threading);
      node.on_message([](const Message&) {});
      std::uint64_t accepted = 0;
      if (is_resolved) {
        while (node.stats().received.handled == 0) accepted += is_under_way(node.send("self", "1")) ? 1U : 0U;
      }
      std::atomic<bool> is_writing{false};
      std::atomic<bool> has_ended{false};
      std::thread other([&] {
        const SendVerdict verdict = node.send_with("self", [&](PayloadWriter& out) {
          is_writing = true;
          yield_until(has_ended);
          out.append("2");
        });
        if (is_under_way(verdict)) ++accepted;
      });
      yield_until(is_writing);
      EXPECT_TRUE(node.shutdown()->is_complete);
      has_ended = true;
      other.join();
      const SendStats sent = node.stats().sent;
      EXPECT_EQ(sent.accepted, accepted);
      EXPECT_EQ(sent.accepted, sent.written + sent.dropped());
    }
  }
}

TEST_F(NodeCalls, every_message_that_was_said_to_be_under_way_is_counted_whatever_races_with_the_end) {
  for (int i = 0; i < 30; ++i) {
    NodeRuntime node = start(kModes[static_cast<std::size_t>(i) % kModes.size()]);
    node.on_message([](const Message&) {});
    std::atomic<std::uint64_t> accepted{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        for (SendVerdict verdict = SendVerdict::queued; verdict != SendVerdict::shut_down;) {
          verdict = node.send("self", "1");
          if (is_under_way(verdict)) ++accepted;
        }
      });
    }
    while (accepted < 100) static_cast<void>(node.poll(0ms));  // an error but where the loop is this thread's
    EXPECT_TRUE(node.shutdown()->is_complete);
    for (std::thread& thread : threads) thread.join();
    const NodeStats stats = node.stats();
    EXPECT_EQ(stats.sent.accepted, accepted);
    EXPECT_EQ(stats.sent.accepted, stats.sent.written + stats.sent.dropped());
    EXPECT_EQ(stats.received.received, stats.received.handled + stats.received.dropped());
  }
}

TEST_F(NodeCalls, a_second_shutdown_does_not_wait_for_the_deadline_of_the_first) {
  NodeRuntime node = start(Threading::dispatcher);
  std::atomic<bool> is_in_handler{false};
  std::atomic<bool> may_return{false};
  node.on_message([&](const Message&) {
    is_in_handler = true;
    yield_until(may_return);
  });
  node.send("self", "1");
  yield_until(is_in_handler);
  std::thread first([&] { EXPECT_TRUE(node.shutdown(std::chrono::hours(1))->is_complete); });
  while (node.is_running()) std::this_thread::yield();
  EXPECT_FALSE(node.shutdown(0ms)->is_complete) << "the handler runs still";
  may_return = true;
  first.join();
}

TEST_F(NodeCalls, a_target_that_was_made_while_the_table_was_full_works_once_there_is_room) {
  NodeRuntime node = start(Threading::inlined, 2);
  std::optional<Target> first = node.target("first");
  std::optional<Target> second = node.target("second");
  Target self = node.target("self");
  EXPECT_EQ(node.send(self, "1"), SendVerdict::invalid_target);
  first.reset();
  EXPECT_EQ(node.send(self, "1"), SendVerdict::queued);
}

}  // namespace
}  // namespace distflow::test
