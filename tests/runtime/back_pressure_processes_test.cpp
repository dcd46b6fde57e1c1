// What `queued` promises while the peer's process is slow, stands still, or is killed: threads that send as fast as
// they are let lose nothing while it lives, and with it no more than is counted.
#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/pmd_thread.hpp"
#include "tests/support/receiver_process.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPayloadSize = 2000;
/// More than it takes for a connection to move to memory.
constexpr std::uint64_t kSome = 200;

struct Mode {
  std::size_t threads;
  std::uint32_t memory_connections;
  bool waits;  ///< send_wait() in place of send()
};

std::string name_of(const ::testing::TestParamInfo<Mode>& info) {
  return std::to_string(info.param.threads) + (info.param.threads == 1 ? "_thread_" : "_threads_") +
         (info.param.waits ? "waiting_" : "") + (info.param.memory_connections > 0 ? "in_memory" : "over_tcp");
}

bool eventually(const std::function<bool()>& condition) {
  return turn_until([] { std::this_thread::yield(); }, condition);
}

/// What one thread has been told. A message is sent again until it is accepted.
struct Sender {
  std::atomic<std::uint64_t> accepted = 0;
  std::atomic<std::uint64_t> full_in_a_row = 0;
  std::atomic<std::uint64_t> unresolved = 0;
};

/// A node whose threads send to "peer" without an end, and the processes that are this peer one after the other.
class ProcessUnderPressure : public ::testing::TestWithParam<Mode> {
 protected:
  void TearDown() override {
    stop_sending();
    if (node_) {
      EXPECT_TRUE(node_->shutdown(0ms));
    }
    node_.reset();
  }

  /// The processes are made first, as only a process with one thread should fork.
  void start(std::size_t receivers, ReceiverProcess::Options options = {}) {
    options.memory_connections_max = GetParam().memory_connections;
    for (std::size_t i = 0; i < receivers; ++i) receivers_.push_back(std::make_unique<ReceiverProcess>(options));
    pmd_.emplace();
    auto started = NodeRuntime::start({.alias = "self",
                                       .pmd_port = pmd_->port(),
                                       .start_pmd = false,
                                       .frame_size_max = 64 * 1024,
                                       .send_bytes_max = 256 * 1024,
                                       .send_messages_max = 700,
                                       .memory_connections_max = GetParam().memory_connections,
                                       .backend = std::string(chosen_socket_backend().name),
                                       .log = LogVerbosity::error});
    ASSERT_TRUE(started) << started.error().message();
    node_.emplace(*std::move(started));
  }
  void start_receiver(std::size_t i) {
    ASSERT_TRUE(receivers_[i]->start(pmd_->port()));
    ASSERT_TRUE(eventually([&] {
      const auto peer = node_->resolve("peer");
      return peer && peer->node_id == receivers_[i]->node_id();
    }));
  }
  void start_sending() {
    for (std::size_t i = 0; i < GetParam().threads; ++i) threads_.emplace_back([this, i] { send_numbered(i); });
  }
  void stop_sending() {
    is_over_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  template <class Condition>
  [[nodiscard]] bool eventually_of_each(Condition condition) {
    return eventually([&] {
      for (std::size_t i = 0; i < GetParam().threads; ++i) {
        if (!condition(i)) return false;
      }
      return true;
    });
  }
  /// That many more messages, of whatever thread, on the way that this test is about: send() shares out no room.
  void wait_for_more(const ReceiverProcess& receiver, std::uint64_t count) {
    const std::uint64_t before = receiver.record().handled;
    ASSERT_TRUE(eventually([&] { return receiver.record().handled >= before + count; }));
    const std::size_t in_memory = GetParam().memory_connections > 0 ? 1 : 0;
    ASSERT_TRUE(eventually([&] { return node_->stats().connections_in_memory == in_memory; }));
  }
  /// Until each thread is told, again and again, that there is no room.
  void wait_until_full() {
    for (Sender& sender : senders_) sender.full_in_a_row = 0;
    ASSERT_TRUE(
        eventually_of_each([&](std::size_t i) { return senders_[i].full_in_a_row >= (GetParam().waits ? 5 : 500); }));
  }
  /// The law of the counters, once nothing is queued.
  void expect_law() {
    std::uint64_t accepted = 0;
    for (const Sender& sender : senders_) accepted += sender.accepted;
    EXPECT_TRUE(eventually([&] {
      const NodeStats stats = node_->stats();
      return stats.sent.accepted == accepted && stats.sent.written + stats.sent.dropped() == accepted &&
             stats.send_queue_messages == 0 && stats.parked_messages == 0;
    }));
    const NodeStats stats = node_->stats();
    EXPECT_EQ(stats.sent.accepted, accepted);
    EXPECT_EQ(stats.sent.written + stats.sent.dropped(), accepted);
    EXPECT_EQ(stats.sent.dropped_queue_full, 0U);
    EXPECT_EQ(stats.sent.dropped_shutdown, 0U);
    SendStats together;
    for (const PeerStats& peer : stats.peers) {
      EXPECT_EQ(peer.sent.accepted, peer.sent.written + peer.sent.dropped()) << peer.node_id;
      together.accepted += peer.sent.accepted;
      together.written += peer.sent.written;
    }
    EXPECT_EQ(together.accepted, stats.sent.accepted);
    EXPECT_EQ(together.written, stats.sent.written);
  }
  /// In order, and no more than was written. How much can be under way at its end is the system's.
  void expect_handled_of_written(const ReceiverProcess& receiver) {
    EXPECT_EQ(receiver.record().out_of_order, 0U);
    const SendStats sent = sent_to(receiver);
    EXPECT_LE(receiver.record().handled, sent.written);
  }
  /// Of one that lives: all is delivered, in order, to the last message of each thread.
  void expect_all_delivered(ReceiverProcess& receiver) {
    const SendStats sent = sent_to(receiver);
    EXPECT_EQ(sent.dropped(), 0U);
    EXPECT_EQ(sent.written, sent.accepted);
    EXPECT_TRUE(eventually([&] { return receiver.record().handled == sent.accepted; }));
    EXPECT_EQ(receiver.record().handled, sent.accepted);
    EXPECT_EQ(receiver.record().out_of_order, 0U);
    for (std::size_t i = 0; i < GetParam().threads; ++i) {
      const HandledOfThread& handled = receiver.record().threads[i];
      if (handled.count == 0) continue;  // it had no room since this receiver is there
      EXPECT_EQ(handled.end(), senders_[i].accepted) << "of thread " << i;
    }
    EXPECT_TRUE(receiver.end());
    EXPECT_EQ(receiver.record().dropped, 0U);
  }
  static void expect_none_twice(const ReceiverProcess& earlier, const ReceiverProcess& later) {
    for (std::size_t thread = 0; thread < 4; ++thread) {
      const HandledOfThread& handled = later.record().threads[thread];
      if (handled.count == 0) continue;
      EXPECT_LE(earlier.record().threads[thread].end(), handled.first) << "of thread " << thread;
    }
  }
  [[nodiscard]] SendStats sent_to(const ReceiverProcess& receiver) const {
    for (const PeerStats& peer : node_->stats().peers) {
      if (peer.node_id == receiver.node_id()) return peer.sent;
    }
    ADD_FAILURE() << "nothing is counted for " << receiver.node_id();
    return {};
  }

  std::vector<std::unique_ptr<ReceiverProcess>> receivers_;
  std::optional<PmdThread> pmd_;
  std::optional<NodeRuntime> node_;
  std::array<Sender, 4> senders_;

  /// For one receiver, which goes on: nothing is lost, and the law holds.
  void expect_all_in_the_end() {
    ASSERT_NO_FATAL_FAILURE(wait_for_more(*receivers_[0], kSome));
    stop_sending();
    expect_law();
    expect_all_delivered(*receivers_[0]);
  }

 private:
  void send_numbered(std::size_t thread) {
    const std::string end = ",\"" + std::string(kPayloadSize, 'x') + "\"]";
    Sender& told = senders_[thread];
    Target target = node_->target("peer");
    while (!is_over_) {
      const std::string text = "[" + std::to_string(thread) + "," + std::to_string(told.accepted) + end;
      const SendVerdict verdict = GetParam().waits ? node_->send_wait(target, text, 1ms) : node_->send(target, text);
      if (verdict == SendVerdict::queued) {
        ++told.accepted;
        told.full_in_a_row = 0;
        continue;
      }
      if (verdict == SendVerdict::queue_full) ++told.full_in_a_row;
      if (verdict == SendVerdict::unresolved) ++told.unresolved;
      ASSERT_TRUE(verdict == SendVerdict::queue_full || verdict == SendVerdict::unresolved) << to_string(verdict);
      std::this_thread::yield();
    }
  }

  std::atomic<bool> is_over_ = false;
  std::vector<std::thread> threads_;
};

TEST_P(ProcessUnderPressure, that_is_slow_and_reads_no_more_when_its_mailbox_is_full_gets_all_in_order) {
  ReceiverProcess::Options options{.threading = Threading::dispatcher, .readings = 5};
  options.mailbox = {.max_size = 16, .overflow = Overflow::block};
  ASSERT_NO_FATAL_FAILURE(start(1, options));
  ASSERT_NO_FATAL_FAILURE(start_receiver(0));
  start_sending();
  ASSERT_NO_FATAL_FAILURE(wait_for_more(*receivers_[0], kSome));
  ASSERT_TRUE(eventually_of_each([&](std::size_t i) { return senders_[i].full_in_a_row > 0; }));
  expect_all_in_the_end();
}

TEST_P(ProcessUnderPressure, that_stands_still_for_a_while_gets_all_in_order) {
  ASSERT_NO_FATAL_FAILURE(start(1));
  ASSERT_NO_FATAL_FAILURE(start_receiver(0));
  start_sending();
  for (int round = 0; round < 3; ++round) {
    ASSERT_NO_FATAL_FAILURE(wait_for_more(*receivers_[0], kSome));
    receivers_[0]->stop();
    ASSERT_NO_FATAL_FAILURE(wait_until_full());
    receivers_[0]->go_on();
  }
  expect_all_in_the_end();
}

TEST_P(ProcessUnderPressure, that_stands_still_before_the_first_message_gets_all_in_order) {
  ASSERT_NO_FATAL_FAILURE(start(1));
  ASSERT_NO_FATAL_FAILURE(start_receiver(0));
  receivers_[0]->stop();
  start_sending();
  ASSERT_NO_FATAL_FAILURE(wait_until_full());
  receivers_[0]->go_on();
  expect_all_in_the_end();
}

TEST_P(ProcessUnderPressure, that_is_killed_with_full_queues_has_all_it_had_not_handled_counted) {
  ASSERT_NO_FATAL_FAILURE(start(1));
  ASSERT_NO_FATAL_FAILURE(start_receiver(0));
  start_sending();
  ASSERT_NO_FATAL_FAILURE(wait_for_more(*receivers_[0], kSome));
  receivers_[0]->stop();
  ASSERT_NO_FATAL_FAILURE(wait_until_full());
  receivers_[0]->kill();
  // Who sends learns of it.
  ASSERT_TRUE(eventually_of_each([&](std::size_t i) { return senders_[i].unresolved > 0; }));
  stop_sending();
  expect_law();
  expect_handled_of_written(*receivers_[0]);
  const SendStats sent = sent_to(*receivers_[0]);
  EXPECT_EQ(sent.dropped(), sent.dropped_connection_lost + sent.dropped_peer_left + sent.dropped_unreachable);
}

TEST_P(ProcessUnderPressure, that_is_killed_and_comes_back_gets_all_that_is_sent_from_then_on_in_order) {
  ASSERT_NO_FATAL_FAILURE(start(3));
  start_sending();  // to a name that nobody has yet
  for (std::size_t i = 0; i < receivers_.size(); ++i) {
    ASSERT_NO_FATAL_FAILURE(start_receiver(i));
    ASSERT_NO_FATAL_FAILURE(wait_for_more(*receivers_[i], kSome));
    if (i == 1) {
      receivers_[i]->stop();
      ASSERT_NO_FATAL_FAILURE(wait_until_full());
    }
    if (i + 1 < receivers_.size()) receivers_[i]->kill();
  }
  stop_sending();
  expect_law();
  for (std::size_t i = 0; i + 1 < receivers_.size(); ++i) {
    expect_handled_of_written(*receivers_[i]);
    for (std::size_t later = i + 1; later < receivers_.size(); ++later)
      expect_none_twice(*receivers_[i], *receivers_[later]);
  }
  expect_all_delivered(*receivers_.back());
}

INSTANTIATE_TEST_SUITE_P(Modes, ProcessUnderPressure,
                         ::testing::Values(Mode{1, 0, false}, Mode{4, 0, false}, Mode{4, 0, true}, Mode{1, 16, false},
                                           Mode{4, 16, false}, Mode{4, 16, true}),
                         name_of);

}  // namespace
}  // namespace distflow::test
