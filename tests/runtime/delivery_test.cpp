// When the second thread learns of messages, and what it is to do next; and how requests come to it.
#include "runtime/receive/delivery.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/process/handler_thread.hpp"
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
    EXPECT_TRUE(handlers_.start(delivery_));
    delivery_.set_message_handler([this](const Message& message) {
      is_looked_at_.wait(false);
      if (message.payload == last_) handled_.set_value();
    });
  }
  ~DispatcherTest() override {
    let_handlers_go_on();
    handlers_.stop();
    delivery_.discard();
  }

  /// Messages 0 to `count` - 1, once the second thread sleeps.
  void deliver(std::size_t count) {
    while (!handlers_.is_asleep()) std::this_thread::yield();
    last_ = std::to_string(count - 1);
    EXPECT_EQ(delivery_.deliver(maker_.run(0, count)), count);
  }
  /// The second thread has been woken, or found the messages before it slept: no handler ends before this has looked,
  /// so that it cannot sleep again. One that sleeps on has missed them, and is not waited for.
  bool are_handled() {
    if (handlers_.is_asleep()) return false;
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
  HandlerThread handlers_{NodeOptions::kSpinMeasured};
  Delivery delivery_{reactor_, "receiver", dispatcher_options(), log_, {}, handlers_.waker()};
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
    HandlerThread handlers(options.spin);
    Delivery delivery(reactor, "receiver", options, log, base::Delegate<void()>::of(note_room), handlers.waker());
    ASSERT_TRUE(handlers.start(delivery));
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
    while (!handlers.is_asleep() && !is_told && delivery.tasks_lost() == 0) reactor.turn(reactor.now());
    reactor.turn(reactor.now());
    EXPECT_TRUE(is_told);
    handlers.stop();
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
    EXPECT_TRUE(
        reactor.post([&] { delivery.set_join_handler([&joined](const PeerInfo& peer) { joined = peer.node_id; }); }));
    delivery.tell_join({.node_id = "peer", .alias = "", .host = "127.0.0.1", .port = 1});
  };
  base::Timer event(base::Delegate<void()>::of(on_event));  // timers come before tasks, as what the kernel reports does
  reactor.arm_after(event, base::Duration(0));
  reactor.turn(reactor.now());
  EXPECT_EQ(joined, "peer");
}

// No thread here: the test is the second one.
class SecondThreadTest : public ::testing::Test {
 protected:
  using Next = Delivery::Next;

  NodeOptions options() {
    NodeOptions options = dispatcher_options();
    options.mailbox.overflow = Overflow::block;
    return options;
  }
  void note_wake() { ++wakes_; }
  void note_room() { ++rooms_; }
  void handle_messages() {
    delivery_.set_message_handler([this](const Message&) { ++handled_; });
    EXPECT_EQ(delivery_.handle_some(), Next::go_on);
    EXPECT_EQ(delivery_.handle_some(), Next::rest);
    wakes_ = 0;
  }

  base::ChunkPool chunks_{{.chunk_size = 4096, .chunk_count_max = 2}};
  io::Reactor reactor_{std::make_unique<test::MemoryBackend>(chunks_), {.task_count_max = 1}};
  const base::Log log_{base::LogLevel::error};
  PeerCounters sender_;
  test::MailMaker maker_{sender_};
  int wakes_ = 0;
  int rooms_ = 0;
  int handled_ = 0;
  Delivery delivery_{reactor_,
                     "receiver",
                     options(),
                     log_,
                     base::Delegate<void()>::to<&SecondThreadTest::note_room>(*this),
                     base::Delegate<void()>::to<&SecondThreadTest::note_wake>(*this)};
};

TEST_F(SecondThreadTest, is_woken_once_a_turn_and_rests_when_nothing_waits) {
  handle_messages();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(delivery_.deliver(maker_.run(static_cast<std::uint32_t>(i), 1)), 1U);
  EXPECT_EQ(wakes_, 0);
  reactor_.turn(reactor_.now());
  EXPECT_EQ(wakes_, 1);
  EXPECT_TRUE(delivery_.has_work());
  EXPECT_EQ(delivery_.handle_some(), Next::go_on);
  EXPECT_EQ(handled_, 2);
  EXPECT_FALSE(delivery_.has_work());
  EXPECT_EQ(delivery_.handle_some(), Next::rest);
}

TEST_F(SecondThreadTest, hears_of_a_peer_that_joins_in_the_turn_in_which_the_handler_is_set) {
  std::string joined;
  auto on_event = [&] {
    EXPECT_TRUE(
        reactor_.post([&] { delivery_.set_join_handler([&joined](const PeerInfo& peer) { joined = peer.node_id; }); }));
    delivery_.tell_join({.node_id = "peer", .alias = "", .host = "127.0.0.1", .port = 1});
  };
  base::Timer event(base::Delegate<void()>::of(on_event));
  reactor_.arm_after(event, base::Duration(0));
  reactor_.turn(reactor_.now());
  while (delivery_.handle_some() == Next::go_on) {
  }
  EXPECT_EQ(joined, "peer");
}

// As the handler of a group, which is no handler of the delivery's own.
TEST_F(SecondThreadTest, does_what_an_event_leads_to_behind_what_was_set_before_it) {
  bool is_set = false;
  bool was_set = false;
  auto on_event = [&] {
    EXPECT_TRUE(reactor_.post([&] { delivery_.run_where_handlers_run([&is_set] { is_set = true; }); }));
    delivery_.run_later_where_handlers_run([&] { was_set = is_set; });
  };
  base::Timer event(base::Delegate<void()>::of(on_event));
  reactor_.arm_after(event, base::Duration(0));
  reactor_.turn(reactor_.now());
  while (delivery_.handle_some() == Next::go_on) {
  }
  EXPECT_TRUE(was_set);
}

TEST_F(SecondThreadTest, ends_when_the_delivery_stops_and_handles_nothing_more) {
  handle_messages();
  delivery_.deliver(maker_.run(0, 1));
  delivery_.request_stop();
  EXPECT_EQ(wakes_, 1);
  EXPECT_TRUE(delivery_.has_work());
  EXPECT_EQ(delivery_.handle_some(), Next::end);
  EXPECT_EQ(handled_, 0);
}

TEST_F(SecondThreadTest, yields_until_the_loop_has_room_for_the_task_that_tells_of_room) {
  handle_messages();
  EXPECT_EQ(delivery_.deliver(maker_.run(0, kMailboxSize + 1)), kMailboxSize);
  EXPECT_TRUE(reactor_.post([] {}));
  EXPECT_EQ(delivery_.handle_some(), Next::go_on);
  EXPECT_EQ(delivery_.handle_some(), Next::yield);
  reactor_.turn(reactor_.now());
  EXPECT_EQ(rooms_, 0);
  EXPECT_EQ(delivery_.handle_some(), Next::rest);
  reactor_.turn(reactor_.now());
  EXPECT_EQ(rooms_, 1);
}

/// Delivery with a second thread, and hooks for requests that a test looks into.
class RequestDelivery : public ::testing::Test {
 protected:
  explicit RequestDelivery(MailboxLimits limits = {.max_size = 100}) : options_(dispatcher_options()) {
    options_.mailbox = limits;
    delivery_.emplace(reactor_, "receiver", options_, log_, base::Delegate<void()>(), handlers_.waker());
    delivery_->set_asks(hooks_);
  }
  ~RequestDelivery() override {
    delivery_->request_stop();
    handlers_.stop();
    delivery_->discard();
  }
  void note() {}
  void drop(std::size_t) {}
  bool none() { return false; }

  base::ChunkPool chunks_{{.chunk_size = 4096, .chunk_count_max = 2}};
  io::Reactor reactor_{std::make_unique<test::MemoryBackend>(chunks_), {}};
  const base::Log log_{base::LogLevel::error};
  PeerCounters sender_;
  test::MailMaker maker_{sender_};
  NodeOptions options_;
  AskHooks hooks_{.on_request = base::Delegate<void()>::to<&RequestDelivery::note>(*this),
                  .on_request_blocked = base::Delegate<void()>::to<&RequestDelivery::note>(*this),
                  .drop = base::Delegate<void(std::size_t)>::to<&RequestDelivery::drop>(*this),
                  .call_back = base::Delegate<bool()>::to<&RequestDelivery::none>(*this),
                  .has_ended = base::Delegate<bool()>::to<&RequestDelivery::none>(*this)};
  HandlerThread handlers_{NodeOptions::kSpinMeasured};
  std::optional<Delivery> delivery_;
};

TEST_F(RequestDelivery, requests_do_not_overtake_their_like_when_the_handler_of_messages_is_set_meanwhile) {
  constexpr std::size_t count = 40;  // more than are taken out of the mailbox at once
  std::atomic<bool> is_all_there{false};
  std::vector<std::string> handled;
  std::atomic<std::size_t> handled_count{0};
  auto wait_for_all = [&] {
    is_all_there.wait(false);
    return false;
  };
  auto handle = [&](const Mail& mail, const protocol::AskMembers&) {
    handled.emplace_back(mail.payload_text());
    ++handled_count;
  };
  hooks_.call_back = base::Delegate<bool()>::of(wait_for_all);
  hooks_.handle = base::Delegate<void(const Mail&, const protocol::AskMembers&)>::of(handle);
  ASSERT_TRUE(handlers_.start(*delivery_));
  std::vector<std::string> sent;
  for (const Mail& mail : maker_.run(0, count)) {
    sent.emplace_back(mail.payload_text());
    EXPECT_TRUE(delivery_->deliver_request(mail, {}));
  }
  EXPECT_EQ(delivery_->deliver(maker_.run(0, 1)), 1U);
  delivery_->set_message_handler([](const Message&) {});
  is_all_there = true;
  is_all_there.notify_all();
  while (handled_count < count) std::this_thread::yield();
  EXPECT_EQ(handled, sent);
}

/// Messages that never end: each one's handler queues the next, until `count` were handled. Calls `at_tenth` with the
/// tenth, and returns behind which one `is_over` was true first.
template <class AtTenth, class IsOver>
int handle_stream(Delivery& delivery, test::MailMaker& maker, int count, AtTenth at_tenth, IsOver is_over) {
  int handled = 0;
  int over_at = 0;
  delivery.set_message_handler([&](const Message&) {
    ++handled;
    if (handled == 10) at_tenth();
    if (over_at == 0 && is_over()) over_at = handled;
    if (handled < count) delivery.deliver(maker.run(0, 1));
  });
  delivery.deliver(maker.run(0, 1));
  while (handled < count) delivery.handle_some();
  return over_at;
}

TEST_F(RequestDelivery, requests_that_come_in_a_stream_of_messages_are_handled_within_it) {
  constexpr int request_count = 40;  // more than are taken out of the mailbox at once
  int requests = 0;
  auto handle = [&](const Mail&, const protocol::AskMembers&) { ++requests; };
  hooks_.handle = base::Delegate<void(const Mail&, const protocol::AskMembers&)>::of(handle);
  const auto ask = [&] {
    for (const Mail& mail : maker_.run(0, request_count)) EXPECT_TRUE(delivery_->deliver_request(mail, {}));
  };
  const int over_at = handle_stream(*delivery_, maker_, 1000, ask, [&] { return requests == request_count; });
  EXPECT_GE(over_at, 10);
  EXPECT_LE(over_at, 20);
}

TEST_F(RequestDelivery, callbacks_that_are_due_in_a_stream_of_messages_are_called_within_it) {
  for (const bool is_at_once : {false, true}) {
    bool is_due = false;
    bool is_called = false;
    auto call_back = [&] { return std::exchange(is_due, false) ? (is_called = true) : false; };
    hooks_.call_back = base::Delegate<bool()>::of(call_back);
    const auto make_due = [&] {
      is_due = true;
      is_at_once ? delivery_->wake_now() : delivery_->wake_for_callbacks();
    };
    const int over_at = handle_stream(*delivery_, maker_, 1000, make_due, [&] { return is_called; });
    EXPECT_GE(over_at, 10);
    EXPECT_LE(over_at, 12);
  }
}

// The second thread may have handled it before the call that gives it away returns.
TEST_F(RequestDelivery, a_request_is_counted_before_another_thread_can_have_it) {
  int requests = 0;
  auto look = [&] {
    EXPECT_EQ(read(sender_.received), 0U) << "the mailbox has it already";
    ++requests;
  };
  hooks_.on_request = base::Delegate<void()>::of(look);
  EXPECT_TRUE(delivery_->deliver_request(maker_.one("1"), {}));
  EXPECT_EQ(requests, 1);
  EXPECT_EQ(read(sender_.received), 1U);
}

TEST_F(RequestDelivery, a_request_waits_for_the_handler_that_the_loop_is_about_to_bring) {
  bool is_awaited = true;
  int handled = 0;
  auto look = [&] { return is_awaited; };
  auto handle = [&](const Mail&, const protocol::AskMembers&) { ++handled; };
  hooks_.awaits_handler = base::Delegate<bool()>::of(look);
  hooks_.handle = base::Delegate<void(const Mail&, const protocol::AskMembers&)>::of(handle);
  EXPECT_TRUE(delivery_->deliver_request(maker_.one("1"), {}));
  EXPECT_EQ(delivery_->handle_some(), Delivery::Next::yield);
  EXPECT_EQ(handled, 0);
  is_awaited = false;
  EXPECT_EQ(delivery_->handle_some(), Delivery::Next::go_on);
  EXPECT_EQ(handled, 1);
}

class BlockedRequestDelivery : public RequestDelivery {
 protected:
  BlockedRequestDelivery() : RequestDelivery({.max_size = 1, .overflow = Overflow::block}) {}
};

TEST_F(BlockedRequestDelivery, a_request_that_a_full_mailbox_leaves_with_its_connection_has_not_come_yet) {
  int waiting = 0;
  auto come = [&] { ++waiting; };
  auto leave = [&] { --waiting; };
  hooks_.on_request = base::Delegate<void()>::of(come);
  hooks_.on_request_blocked = base::Delegate<void()>::of(leave);
  EXPECT_TRUE(delivery_->deliver_request(maker_.one("1"), {}));
  EXPECT_FALSE(delivery_->deliver_request(maker_.one("2"), {}));
  EXPECT_EQ(waiting, 1);
}

TEST_F(DispatcherTest, a_node_that_stops_before_the_turns_end_leaves_nothing_put_off) { deliver(1); }

}  // namespace
}  // namespace distflow::runtime
