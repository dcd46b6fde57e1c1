// When the second thread, asleep, learns of messages.
#include "runtime/receive/delivery.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "tests/runtime/mail_maker.hpp"
#include "tests/support/memory_backend.hpp"

namespace distflow::runtime {
namespace {

constexpr std::uint32_t kMailboxSize = 8;
constexpr std::chrono::seconds kPatience{20};

NodeOptions dispatcher_options() {
  NodeOptions options;
  options.threading = Threading::dispatcher;
  options.mailbox.max_size = kMailboxSize;
  return options;
}

class DispatcherTest : public ::testing::Test {
 protected:
  DispatcherTest() {
    EXPECT_TRUE(delivery_.start());
    delivery_.set_message_handler([this](const Message& message) {
      is_looked_at_.wait(false);
      if (message.payload == last_) handled_.set_value();
    });
  }
  ~DispatcherTest() override {
    let_handlers_go_on();
    delivery_.request_stop();
    delivery_.join();
    delivery_.discard();
  }

  /// Messages 0 to `count` - 1, once the second thread sleeps.
  void deliver(std::size_t count) {
    while (!delivery_.is_dispatcher_asleep()) std::this_thread::yield();
    last_ = std::to_string(count - 1);
    EXPECT_EQ(delivery_.deliver(maker_.run(0, count)), count);
  }
  /// The second thread has been woken, or found the messages before it slept: no handler ends before this has looked,
  /// so that it cannot sleep again. One that sleeps on has missed them, and is not waited for.
  bool are_handled() {
    if (delivery_.is_dispatcher_asleep()) return false;
    let_handlers_go_on();
    return handled_.get_future().wait_for(kPatience) == std::future_status::ready;
  }
  void let_handlers_go_on() {
    is_looked_at_ = true;
    is_looked_at_.notify_one();
  }

  base::ChunkPool chunks_{{.chunk_size = 4096, .chunk_count_max = 2}};
  io::Reactor reactor_{std::make_unique<test::MemoryBackend>(chunks_), {}};
  const base::Log log_{base::LogLevel::error};
  PeerCounters sender_;
  test::MailMaker maker_{sender_};
  std::string last_;
  std::atomic<bool> is_looked_at_{false};
  std::promise<void> handled_;
  Delivery delivery_{reactor_, "receiver", dispatcher_options(), log_, {}};
};

TEST_F(DispatcherTest, messages_that_leave_the_mailbox_half_empty_are_handled_from_the_turns_end_on) {
  deliver(1);
  reactor_.turn(reactor_.now());
  EXPECT_TRUE(are_handled());
}

TEST_F(DispatcherTest, from_half_full_on_messages_are_handled_without_waiting_for_the_turns_end) {
  deliver(kMailboxSize / 2);
  EXPECT_TRUE(are_handled());
}

TEST(Delivery, room_in_the_mailbox_is_told_although_the_loop_has_no_room_for_a_task) {
  NodeOptions options = dispatcher_options();
  options.mailbox.overflow = Overflow::block;
  base::ChunkPool chunks({.chunk_size = 4096, .chunk_count_max = 2});
  io::Reactor reactor(std::make_unique<test::MemoryBackend>(chunks), {.task_count_max = 1});
  const base::Log log(base::LogLevel::error);
  PeerCounters sender;
  test::MailMaker maker(sender);
  bool is_told = false;
  auto note_room = [&is_told] { is_told = true; };
  std::atomic<bool> may_go_on{false};
  {
    Delivery delivery(reactor, "receiver", options, log, base::Delegate<void()>::of(note_room));
    ASSERT_TRUE(delivery.start());
    delivery.set_message_handler([&may_go_on](const Message&) { may_go_on.wait(false); });
    // The second thread may take a whole mailbox out before it handles the first message.
    const std::vector<Mail> mails = maker.run(0, kMailboxSize * 3);
    std::size_t delivered = 0;
    while (delivered < mails.size()) {
      const std::size_t taken = delivery.deliver(std::span(mails).subspan(delivered));
      delivered += taken;
      if (taken == 0) break;
    }
    EXPECT_LT(delivered, mails.size()) << "the mailbox refused none";
    EXPECT_TRUE(reactor.post([] {}));
    EXPECT_FALSE(reactor.post([] {})) << "the loop has room for another task";
    may_go_on = true;
    may_go_on.notify_all();
    // All are handled before the loop has room again.
    while (read(sender.handled) < delivered) std::this_thread::yield();
    while (!delivery.is_dispatcher_asleep() && !is_told && delivery.tasks_lost() == 0) reactor.turn(reactor.now());
    reactor.turn(reactor.now());
    EXPECT_TRUE(is_told);
    delivery.request_stop();
  }
}

// The mailbox tells of room as it is emptied, to a part of the delivery that must be there still.
TEST(Delivery, that_is_destroyed_while_a_producer_is_held_up_leaves_nothing_put_off) {
  NodeOptions options;
  options.mailbox.max_size = 4;
  options.mailbox.overflow = Overflow::block;
  base::ChunkPool chunks({.chunk_size = 4096, .chunk_count_max = 2});
  io::Reactor reactor(std::make_unique<test::MemoryBackend>(chunks), {});
  const base::Log log(base::LogLevel::error);
  PeerCounters sender;
  test::MailMaker maker(sender);
  bool is_told = false;
  auto note_room = [&is_told] { is_told = true; };
  {
    Delivery delivery(reactor, "receiver", options, log, base::Delegate<void()>::of(note_room));
    EXPECT_EQ(delivery.deliver(maker.run(0, 5)), 4U);
  }
  reactor.turn(reactor.now());
  EXPECT_FALSE(is_told);
}

// The loop sleeps. Another thread sets a handler, then a peer joins, and the loop wakes to find both.
TEST(Delivery, tells_of_a_peer_that_joins_in_the_turn_in_which_the_handler_is_set) {
  base::ChunkPool chunks({.chunk_size = 4096, .chunk_count_max = 2});
  io::Reactor reactor(std::make_unique<test::MemoryBackend>(chunks), {});
  const base::Log log(base::LogLevel::error);
  Delivery delivery(reactor, "receiver", NodeOptions{}, log, {});
  std::string joined;
  auto on_event = [&] {
    reactor.post(delivery.setting_join([&joined](const PeerInfo& peer) { joined = peer.node_id; }));
    delivery.tell_join({.node_id = "peer", .alias = "", .host = "127.0.0.1", .port = 1});
  };
  base::Timer event(base::Delegate<void()>::of(on_event));  // timers come before tasks, as what the kernel reports does
  reactor.arm_after(event, base::Duration(0));
  reactor.turn(reactor.now());
  EXPECT_EQ(joined, "peer");
}

TEST_F(DispatcherTest, a_node_that_stops_before_the_turns_end_leaves_nothing_put_off) { deliver(1); }

}  // namespace
}  // namespace distflow::runtime
