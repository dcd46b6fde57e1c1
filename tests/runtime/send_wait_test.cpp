// Waiting for room, and being told of it: send_wait() and on_writable().
#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/backends.hpp"
#include "tests/support/cluster_thread.hpp"
#include "tests/support/loop.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kMessagesMax = 64;
/// Longer than any test takes: what ends before is not the deadline.
constexpr auto kForEver = 1h;

/// A node with little room, whose loop turns when the test polls, and a peer of another thread.
class SendWait : public ::testing::Test {
 protected:
  void SetUp() override { start(Threading::caller); }
  void start(Threading threading) {
    node_.reset();
    auto started = NodeRuntime::start({.alias = "self",
                                       .pmd_port = others_.pmd_port(),
                                       .start_pmd = false,
                                       .threading = threading,
                                       .send_messages_max = kMessagesMax,
                                       .backend = std::string(chosen_socket_backend().name)});
    ASSERT_TRUE(started) << started.error().message();
    node_.emplace(*std::move(started));
  }
  bool poll_until(const std::function<bool()>& condition) {
    return turn_until([&] { static_cast<void>(node_->poll(20ms)); }, condition);
  }
  /// Makes the name known, and sends until there is no room. Nothing leaves until the test polls.
  void fill() {
    handled_ = 0;
    EXPECT_EQ(node_->send("peer", "0"), SendVerdict::queued);
    EXPECT_TRUE(poll_until([&] { return handled_ == 1; }));
    for (std::uint32_t i = 0; i < kMessagesMax; ++i) EXPECT_EQ(node_->send("peer", "1"), SendVerdict::queued);
    EXPECT_EQ(node_->send("peer", "1"), SendVerdict::queue_full);
  }
  /// Sends on a thread of its own, and says what came of it.
  std::optional<SendVerdict> wait_while(const std::function<void()>& work, std::chrono::milliseconds deadline) {
    std::atomic<bool> has_ended = false;
    SendVerdict verdict{};
    std::thread waiting([&] {
      verdict = node_->send_wait("peer", "2", deadline);
      has_ended = true;
    });
    const bool has = turn_until(work, [&] { return has_ended.load(); });
    waiting.join();
    return has ? std::optional(verdict) : std::nullopt;
  }

  std::atomic<std::uint64_t> handled_ = 0;
  ClusterThread others_{{.alias = "peer"}, [this](const Message&) { ++handled_; }};
  std::optional<NodeRuntime> node_;
};

TEST_F(SendWait, sends_as_soon_as_what_was_before_it_has_left) {
  fill();
  EXPECT_EQ(wait_while([&] { static_cast<void>(node_->poll(1ms)); }, std::chrono::milliseconds::max()),
            SendVerdict::queued);
  EXPECT_TRUE(poll_until([&] { return handled_ == kMessagesMax + 2; }));
  EXPECT_EQ(node_->stats().sent.dropped(), 0U);
}

TEST_F(SendWait, ends_at_its_deadline_as_queue_full_and_has_taken_nothing) {
  fill();
  for (const auto deadline : {std::chrono::milliseconds(1), 0ms, std::chrono::milliseconds::min()}) {
    EXPECT_EQ(wait_while([] { std::this_thread::yield(); }, deadline), SendVerdict::queue_full);
  }
  EXPECT_TRUE(poll_until([&] { return handled_ == kMessagesMax + 1; }));
  for (std::uint32_t i = 0; i < kMessagesMax; ++i) EXPECT_EQ(node_->send("peer", "1"), SendVerdict::queued);
  EXPECT_TRUE(poll_until([&] { return handled_ == 2 * kMessagesMax + 1; }));
}

TEST_F(SendWait, is_refused_on_the_thread_that_makes_the_room_even_where_there_is_some) {
  EXPECT_EQ(node_->send_wait("peer", "1", 1ms), SendVerdict::would_block);
  fill();
  EXPECT_EQ(node_->send_wait("peer", "1", kForEver), SendVerdict::would_block);
  EXPECT_STREQ(to_string(SendVerdict::would_block), "would_block");
}

TEST_F(SendWait, is_refused_in_a_handler_of_the_loops_thread_and_waits_in_one_of_the_second) {
  for (const Threading threading : {Threading::inlined, Threading::dispatcher}) {
    start(threading);
    std::atomic<int> verdict = -1;
    node_->on_message([&](const Message&) { verdict = static_cast<int>(node_->send_wait("peer", "1", kForEver)); });
    others_.send("self", "1", 1);
    EXPECT_TRUE(turn_until([] { std::this_thread::yield(); }, [&] { return verdict >= 0; }));
    EXPECT_EQ(static_cast<SendVerdict>(verdict.load()),
              threading == Threading::inlined ? SendVerdict::would_block : SendVerdict::queued);
    EXPECT_TRUE(node_->shutdown());
  }
}

TEST_F(SendWait, has_the_verdicts_of_send_for_what_no_room_helps) {
  std::thread([&] {
    EXPECT_EQ(node_->send_wait("peer", "{", kForEver), SendVerdict::invalid_json);
    EXPECT_EQ(node_->send_wait("", "1", kForEver), SendVerdict::invalid_target);
    const std::string large(20 << 20, '1');
    EXPECT_EQ(node_->send_wait("peer", raw_json(large), kForEver), SendVerdict::too_large);
  }).join();
  EXPECT_TRUE(node_->shutdown());
  std::thread([&] { EXPECT_EQ(node_->send_wait("peer", "1", kForEver), SendVerdict::shut_down); }).join();
}

TEST_F(SendWait, ends_as_shut_down_when_the_node_is_shut_down_meanwhile) {
  fill();
  bool is_shut_down = false;
  const auto shut_down = [&] {
    if (std::exchange(is_shut_down, true)) return std::this_thread::yield();
    EXPECT_TRUE(node_->shutdown(0ms));
  };
  EXPECT_EQ(wait_while(shut_down, kForEver), SendVerdict::shut_down);
}

TEST_F(SendWait, ends_when_its_peer_leaves_and_all_that_was_accepted_is_counted) {
  fill();
  others_.end_peer();
  const std::optional<SendVerdict> verdict = wait_while([&] { static_cast<void>(node_->poll(1ms)); }, kForEver);
  ASSERT_TRUE(verdict);
  // Sent before the peer has left, or to a name that is looked for, or that nobody has.
  EXPECT_TRUE(verdict == SendVerdict::queued || verdict == SendVerdict::unresolved) << to_string(*verdict);
  EXPECT_TRUE(poll_until([&] {
    const SendStats sent = node_->stats().sent;
    return sent.accepted >= kMessagesMax + 1 && sent.accepted == sent.written + sent.dropped();
  }));
  EXPECT_EQ(node_->stats().sent.dropped_queue_full, 0U);
}

TEST_F(SendWait, from_many_threads_delivers_all_in_order_and_each_gets_on) {
  constexpr int kThreads = 8;
  constexpr int kEach = 300;
  fill();
  std::atomic<int> ended = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      Target peer = node_->target("peer");
      for (int i = 0; i < kEach; ++i) EXPECT_EQ(node_->send_wait(peer, "3", kForEver), SendVerdict::queued);
      ++ended;
    });
  }
  EXPECT_TRUE(poll_until([&] { return ended == kThreads; }));
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(poll_until([&] { return handled_ == kMessagesMax + 1 + kThreads * kEach; }));
  EXPECT_EQ(node_->stats().sent.dropped(), 0U);
}

TEST_F(SendWait, is_served_although_others_send_without_a_pause) {
  fill();
  std::atomic<bool> is_over = false;
  std::thread busy([&] {
    while (!is_over) static_cast<void>(node_->send("peer", "4"));
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(wait_while([&] { static_cast<void>(node_->poll(1ms)); }, kForEver), SendVerdict::queued);
  }
  is_over = true;
  busy.join();
  EXPECT_TRUE(node_->shutdown());
}

TEST_F(SendWait, a_name_is_writable_once_for_all_refusals_before) {
  std::vector<std::string> told;
  node_->on_writable([&](const Writable& writable) { told.push_back(writable.target); });
  fill();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(node_->send("peer", "1"), SendVerdict::queue_full);
  EXPECT_TRUE(told.empty());
  EXPECT_TRUE(poll_until([&] { return !told.empty() && handled_ == kMessagesMax + 1; }));
  EXPECT_EQ(told, std::vector<std::string>{"peer"});
  EXPECT_EQ(node_->send("peer", "1"), SendVerdict::queued);
  EXPECT_TRUE(poll_until([&] { return handled_ == kMessagesMax + 2; }));
  EXPECT_EQ(told.size(), 1U) << "nothing was refused since";
}

TEST_F(SendWait, who_sends_again_when_told_of_room_sends_all_on_any_thread) {
  constexpr std::uint64_t kCount = 1000;
  for (const Threading threading : {Threading::inlined, Threading::dispatcher}) {
    start(threading);
    handled_ = 0;
    EXPECT_TRUE(node_->resolve("peer"));
    std::atomic<std::uint64_t> sent = 0;
    // Where handlers run; this thread begins, and only once.
    const auto send_more = [&] {
      while (sent < kCount && node_->send("peer", "5") == SendVerdict::queued) ++sent;
    };
    node_->on_writable([&](const Writable&) { send_more(); });
    node_->on_message([&](const Message&) { send_more(); });
    others_.send("self", "1", 1);
    EXPECT_TRUE(turn_until([] { std::this_thread::yield(); }, [&] { return handled_ == kCount; })) << sent;
    EXPECT_TRUE(node_->shutdown());
  }
}

}  // namespace
}  // namespace distflow::test
