// What `queued` promises: the message is lost with its peer, its name or its process only. Who sends faster than a peer
// takes is told queue_full in time, on whatever thread.
#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/backends.hpp"
#include "tests/support/cluster_thread.hpp"
#include "tests/support/lock_file.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/pmd_thread.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

/// A peer's handler waits here until it is opened.
class Gate {
 public:
  void open() {
    const std::scoped_lock lock(mutex_);
    is_open_ = true;
    opened_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_open_ = false;
};

/// What a receiver has of several threads, each of which numbers its messages: "[thread,number]".
class Tally {
 public:
  void take(std::string_view payload) {
    int thread = 0;
    std::uint64_t number = 0;
    const char* const end = payload.data() + payload.size();
    const auto [after, error] = std::from_chars(payload.data() + 1, end, thread);
    EXPECT_EQ(error, std::errc());
    std::from_chars(after + 1, end, number);
    EXPECT_EQ(number, next_[thread]++) << "of thread " << thread;
    ++count_;
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::map<int, std::uint64_t> next_;
  std::atomic<std::uint64_t> count_ = 0;
};

std::string numbered(int thread, std::uint64_t number) {
  return "[" + std::to_string(thread) + "," + std::to_string(number) + ",\"" + std::string(100, 'x') + "\"]";
}

NodeOptions small_queues(NodeOptions options) {
  options.start_pmd = false;
  options.backend = std::string(chosen_socket_backend().name);
  options.frame_size_max = 64 * 1024;
  options.send_bytes_max = 256 * 1024;
  options.send_messages_max = 700;
  return options;
}

/// Sends `count` messages, and each again until it is accepted. `on_full` is called once, at the first refusal.
template <class OnFull>
void send_all(NodeRuntime& node, const char* name, int thread, std::uint64_t count, OnFull on_full) {
  Target target = node.target(name);
  bool was_full = false;
  for (std::uint64_t number = 0; number < count;) {
    const SendVerdict verdict = node.send(target, numbered(thread, number));
    if (verdict == SendVerdict::queued) {
      ++number;
      continue;
    }
    // The bound on what waits for a name is another, with a verdict of its own.
    ASSERT_TRUE(verdict == SendVerdict::queue_full || verdict == SendVerdict::unresolved) << to_string(verdict);
    if (verdict == SendVerdict::queue_full && !std::exchange(was_full, true)) on_full();
    std::this_thread::yield();
  }
  if (!was_full) on_full();
}

bool eventually(const std::function<bool()>& condition) {
  return turn_until([] { std::this_thread::yield(); }, condition);
}

struct Mode {
  int threads;
  Threading threading;
  std::uint32_t memory_connections;
};

std::string name_of(const ::testing::TestParamInfo<Mode>& info) {
  return std::to_string(info.param.threads) + (info.param.threads == 1 ? "_thread_" : "_threads_") +
         (info.param.threading == Threading::dispatcher ? "dispatcher_" : "inlined_") +
         (info.param.memory_connections > 0 ? "in_memory" : "over_tcp");
}

class BackPressure : public ::testing::TestWithParam<Mode> {};

TEST_P(BackPressure, all_that_was_said_to_be_queued_for_a_peer_that_stood_still_is_delivered) {
  constexpr std::uint64_t kCount = 4000;
  const Mode mode = GetParam();
  Gate gate;
  Tally tally;
  ClusterThread others({.alias = "peer", .memory_connections_max = mode.memory_connections},
                       [&](const Message& message) {
                         gate.pass();
                         tally.take(message.payload);
                       });
  auto node = NodeRuntime::start(small_queues({.alias = "self",
                                               .pmd_port = others.pmd_port(),
                                               .threading = mode.threading,
                                               .memory_connections_max = mode.memory_connections}));
  ASSERT_TRUE(node) << node.error().message();
  // The peer stands still until every thread has been told that there is no room.
  std::atomic<int> full = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < mode.threads; ++thread) {
    threads.emplace_back([&, thread] {
      send_all(*node, "peer", thread, kCount, [&] {
        if (++full == mode.threads) gate.open();
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::uint64_t accepted = kCount * static_cast<std::uint64_t>(mode.threads);
  EXPECT_TRUE(eventually([&] {
    const SendStats sent = node->stats().sent;
    return sent.accepted == accepted && sent.written + sent.dropped() == accepted;
  }));
  EXPECT_EQ(node->stats().sent.dropped(), 0U);
  EXPECT_TRUE(eventually([&] { return tally.count() == accepted || node->stats().sent.dropped() > 0; }));
  EXPECT_EQ(tally.count(), accepted);
  EXPECT_TRUE(node->shutdown());
}

INSTANTIATE_TEST_SUITE_P(Modes, BackPressure,
                         ::testing::Values(Mode{1, Threading::inlined, 0}, Mode{2, Threading::inlined, 0},
                                           Mode{4, Threading::inlined, 0}, Mode{1, Threading::inlined, 16},
                                           Mode{2, Threading::inlined, 16}, Mode{4, Threading::inlined, 16},
                                           Mode{4, Threading::dispatcher, 0}, Mode{4, Threading::dispatcher, 16}),
                         name_of);

/// A node whose loop turns when the test polls, and a peer of another thread.
class PolledBackPressure : public ::testing::Test {
 protected:
  void start(NodeOptions options = {}) {
    options.alias = "self";
    options.pmd_port = others_.pmd_port();
    options.threading = Threading::caller;
    auto started = NodeRuntime::start(small_queues(std::move(options)));
    ASSERT_TRUE(started) << started.error().message();
    node_.emplace(*std::move(started));
  }
  bool poll_until(const std::function<bool()>& condition) {
    return turn_until([&] { static_cast<void>(node_->poll(20ms)); }, condition);
  }
  /// Makes the name known, so that other threads encode for it by themselves.
  void resolve_peer() {
    EXPECT_EQ(node_->send("peer", "0"), SendVerdict::queued);
    EXPECT_TRUE(poll_until([&] { return handled_ == 1; }));
  }
  /// How many messages are accepted until there is no room.
  std::uint64_t send_until_full() {
    std::uint64_t accepted = 0;
    SendVerdict verdict = SendVerdict::queued;
    for (; verdict == SendVerdict::queued; accepted += verdict == SendVerdict::queued ? 1 : 0) {
      verdict = node_->send("peer", "1");
    }
    EXPECT_EQ(verdict, SendVerdict::queue_full);
    return accepted;
  }
  template <class Work>
  static void on_another_thread(Work work) {
    std::thread(work).join();
  }

  std::atomic<std::uint64_t> handled_ = 0;
  ClusterThread others_{{.alias = "peer"}, [this](const Message&) { ++handled_; }};
  std::optional<NodeRuntime> node_;
};

TEST_F(PolledBackPressure, a_peers_room_is_one_for_all_threads_and_comes_back_when_the_messages_have_left) {
  start();
  resolve_peer();
  std::uint64_t accepted = 1;
  for (int round = 0; round < 3; ++round) {
    // Now the loop's thread has all of the room, now another one.
    const bool is_loop_first = round % 2 == 0;
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    if (is_loop_first) first = send_until_full();
    on_another_thread([&] { second = send_until_full(); });
    if (!is_loop_first) first = send_until_full();
    EXPECT_EQ(is_loop_first ? first : second, 700U);
    EXPECT_EQ(is_loop_first ? second : first, 0U);
    accepted += 700;
    ASSERT_TRUE(poll_until([&] { return handled_ == accepted; }));
  }
  EXPECT_EQ(node_->stats().sent.dropped(), 0U);
}

TEST_F(PolledBackPressure, a_peers_room_is_one_for_all_of_its_names) {
  start();
  resolve_peer();
  const std::string node_id = node_->resolve("peer")->node_id;
  EXPECT_EQ(node_->send(node_id, "0"), SendVerdict::queued);
  ASSERT_TRUE(poll_until([&] { return handled_ == 2; }));
  on_another_thread([&] {
    EXPECT_EQ(send_until_full(), 700U);
    EXPECT_EQ(node_->send(node_id, "1"), SendVerdict::queue_full);
  });
  EXPECT_EQ(node_->send(node_id, "1"), SendVerdict::queue_full);
  EXPECT_TRUE(poll_until([&] { return handled_ == 702; }));
}

TEST_F(PolledBackPressure, more_than_may_wait_for_a_name_is_refused_on_the_thread_that_sends_it) {
  start({.parked_messages_max = 10});
  for (std::uint64_t round = 1; round <= 3; ++round) {
    int queued = 0;
    int unresolved = 0;
    const std::string name = "nobody" + std::to_string(round);
    on_another_thread([&] {
      for (int i = 0; i < 100; ++i) {
        const SendVerdict verdict = node_->send(name, "1");
        queued += verdict == SendVerdict::queued ? 1 : 0;
        unresolved += verdict == SendVerdict::unresolved ? 1 : 0;
      }
    });
    EXPECT_EQ(queued, 10);
    EXPECT_EQ(unresolved, 90);
    EXPECT_TRUE(poll_until([&] { return node_->stats().sent.dropped_unresolved == round * 10; }));
  }
}

TEST_F(PolledBackPressure, a_name_that_nobody_has_is_refused_on_other_threads_too_once_the_pmd_has_said_so) {
  start();
  std::uint64_t queued = 0;
  // The PMD is asked again when a while has passed, as between these calls.
  EXPECT_TRUE(turn_until([] {},
                         [&] {
                           SendVerdict verdict = SendVerdict::queued;
                           on_another_thread([&] { verdict = node_->send("nobody", "1"); });
                           if (verdict == SendVerdict::unresolved) return true;
                           EXPECT_EQ(verdict, SendVerdict::queued);
                           ++queued;
                           EXPECT_TRUE(poll_until([&] { return node_->stats().sent.dropped_unresolved == queued; }));
                           return false;
                         }));
  EXPECT_GT(queued, 0U) << "nobody had asked the PMD before";
  EXPECT_EQ(node_->stats().refused_unresolved, 1U);
}

TEST_F(PolledBackPressure, more_than_may_wait_for_a_name_may_be_sent_at_once_to_a_node_that_is_there) {
  start({.parked_messages_max = 10});
  on_another_thread([&] {
    for (int i = 0; i < 2000; ++i) EXPECT_EQ(node_->send("peer", "1"), SendVerdict::queued);
  });
  EXPECT_TRUE(poll_until([&] { return handled_ == 2000; }));
  on_another_thread([&] { EXPECT_EQ(send_until_full(), 700U); });
  EXPECT_TRUE(poll_until([&] { return handled_ == 2700; }));
  EXPECT_EQ(node_->stats().sent.dropped(), 0U);
}

TEST_F(PolledBackPressure, what_waited_for_its_name_is_not_dropped_for_a_queue_that_is_full) {
  start({.parked_messages_max = 100});
  // Parked on its way: the name is known when the loop takes it over, and the queue to the peer is full by then.
  on_another_thread([&] {
    for (int i = 0; i < 100; ++i) EXPECT_EQ(node_->send("peer", "1"), SendVerdict::queued);
  });
  EXPECT_EQ(send_until_full(), 700U);
  EXPECT_TRUE(poll_until([&] { return handled_ == 800; }));
  EXPECT_EQ(node_->stats().sent.dropped(), 0U);
}

TEST_F(PolledBackPressure, a_node_that_is_there_no_more_leaves_its_room_to_who_comes_after_it) {
  start();
  resolve_peer();
  for (int round = 0; round < 3; ++round) {
    on_another_thread([&] { EXPECT_EQ(send_until_full(), 700U); });
    ASSERT_TRUE(node_->shutdown(0ms));
    start();
    handled_ = 0;
    resolve_peer();
  }
  on_another_thread([&] { EXPECT_EQ(send_until_full(), 700U); });
}

constexpr int kThreadsEachWay = 2;
constexpr std::uint64_t kCountEachWay = 20'000;

/// One of two processes that send to each other.
bool exchange(std::uint16_t pmd_port, const char* alias, const char* other) {
  Tally tally;
  // The other may send before the handler is set: what comes by then has room in the mailbox.
  auto node =
      NodeRuntime::start(small_queues({.alias = alias, .pmd_port = pmd_port, .mailbox = {.max_size = 100'000}}));
  EXPECT_TRUE(node) << node.error().message();
  if (!node) return false;
  node->on_message([&](const Message& message) { tally.take(message.payload); });
  EXPECT_TRUE(eventually([&] { return node->resolve(other).has_value(); }));
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreadsEachWay; ++thread) {
    threads.emplace_back([&, thread] { send_all(*node, other, thread, kCountEachWay, [] {}); });
  }
  for (std::thread& thread : threads) thread.join();
  constexpr std::uint64_t kAll = kThreadsEachWay * kCountEachWay;
  EXPECT_TRUE(eventually([&] {
    const SendStats sent = node->stats().sent;
    return sent.written + sent.dropped() == kAll;
  }));
  EXPECT_EQ(node->stats().sent.dropped(), 0U);
  EXPECT_TRUE(eventually([&] { return tally.count() == kAll; }));
  EXPECT_EQ(tally.count(), kAll);
  EXPECT_TRUE(node->shutdown());
  return !::testing::Test::HasFailure();
}

TEST(BackPressureBothWays, all_that_two_processes_send_to_each_other_from_threads_is_delivered) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::uint16_t pmd_port = 0;
    const bool has_port = ::read(ends[0], &pmd_port, sizeof pmd_port) == sizeof pmd_port;
    ::_exit(has_port && exchange(pmd_port, "right", "left") ? 0 : 1);
  }
  int status = 0;
  {
    const PmdThread pmd;
    const std::uint16_t port = pmd.port();
    EXPECT_EQ(::write(ends[1], &port, sizeof port), static_cast<ssize_t>(sizeof port));
    EXPECT_TRUE(exchange(port, "left", "right"));
    EXPECT_EQ(::waitpid(child, &status, 0), child);
  }
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the other process says why";
  EXPECT_FALSE(remove_lock_file(child)) << "a lock file was left";
}

}  // namespace
}  // namespace distflow::test
