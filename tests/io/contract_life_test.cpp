// The contract of io::Backend, lines 7 to 10: ends, turns, wake-ups and errors. docs/reactor.md names these tests.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <limits>
#include <thread>

#include "tests/io/contract.hpp"

namespace distflow::test {
namespace {

using BackendContractLife = BackendContract;
INSTANTIATE_TEST_SUITE_P(backends, BackendContractLife, ::testing::ValuesIn(kBackends), backend_name);

// 7. close() ends the handle's other operations first, each with its own terminal event; its own callback comes last.
//    Then the generation changes, and late kernel events for the handle are dropped and counted.

TEST_P(BackendContractLife, line_7_close_ends_recv_and_send_first_and_its_own_callback_comes_last) {
  const Pair pair = make_pair();
  Log log;
  Receiving receiving(&log);
  Sending sending(&log);
  backend_->recv(pair.near, receiving.op);
  sending.start(*backend_, pair.near, {pattern(24 << 20)});
  poll_some(50);
  ASSERT_TRUE(log.empty()) << "the peer takes nothing, and sends nothing";
  Closing closing(&log);
  close(pair.near, closing);
  ASSERT_TRUE(until([&] { return closing.has_ended(); }));
  std::sort(log.begin(), log.end() - 1);
  EXPECT_EQ(log, (Log{"recv ended", "sent", "closed"}));
  EXPECT_EQ(receiving.error, Errc::canceled);
  EXPECT_EQ(sending.outcome.error(), Errc::canceled);
  EXPECT_LT(sending.op.bytes_sent, sending.texts[0].size());
}

TEST_P(BackendContractLife, line_7_close_ends_accept_first) {
  Log log;
  Accepting accepting(&log);
  Closing closing(&log);
  const io::Handle listener = listen();
  backend_->accept(listener, accepting.op);
  close(listener, closing);
  ASSERT_TRUE(until([&] { return closing.has_ended(); }));
  EXPECT_EQ(log, (Log{"accept ended", "closed"}));
  EXPECT_EQ(accepting.error, Errc::canceled);
}

TEST_P(BackendContractLife, line_7_close_ends_a_connect_under_way_first) {
  const io::Handle listener = listen();
  Log log;
  Connecting connecting(&log);
  Closing closing(&log);
  close(connect(listener, connecting), closing);
  ASSERT_TRUE(until([&] { return closing.has_ended(); }));
  EXPECT_EQ(log, (Log{"connected", "closed"}));
  EXPECT_EQ(connecting.outcome.error(), Errc::canceled);
}

TEST_P(BackendContractLife, line_7_nothing_is_received_once_close_has_been_started) {
  const Pair pair = make_pair();
  Receiving receiving;
  Closing closing;
  Sending sending;
  receiving.on_bytes = [&](const io::Received&) { close(pair.far, closing); };
  sending.start(*backend_, pair.near, {pattern(1 << 20)});
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return closing.has_ended() && sending.has_ended(); }));
  EXPECT_EQ(receiving.recv_count, 1);
  EXPECT_EQ(receiving.error, Errc::canceled);
}

TEST_P(BackendContractLife, line_7_what_was_sent_before_a_close_arrives_though_received_bytes_lie_unread) {
  const Pair pair = make_pair();
  Sending question;
  question.start(*backend_, pair.near, {pattern(100'000)});
  ASSERT_TRUE(until([&] { return question.has_ended(); }));
  Sending answer;
  answer.start(*backend_, pair.far, {"that is too much for me"});
  ASSERT_TRUE(until([&] { return answer.has_ended(); }));
  finish(pair.far);
  Receiving receiving;
  backend_->recv(pair.near, receiving.op);
  ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
  EXPECT_EQ(receiving.bytes, "that is too much for me");
  EXPECT_EQ(receiving.error, Errc::end_of_stream);
}

TEST_P(BackendContractLife, line_7_the_successor_of_a_closed_handle_has_another_name_and_hears_nothing_of_it) {
  const Pair old = make_pair();
  Sending sending;
  sending.start(*backend_, old.near, {pattern(10'000)});
  ASSERT_TRUE(until([&] { return sending.has_ended(); }));
  finish(old.far);  // with bytes for it on their way
  std::deque<Receiving> receivings;
  std::vector<io::Handle> successors;
  for (int i = 0; i < 4; ++i) {
    const Pair pair = make_pair();
    for (const io::Handle handle : {pair.near, pair.far}) {
      EXPECT_FALSE(handle == old.far);
      backend_->recv(handle, receivings.emplace_back().op);
      successors.push_back(handle);
    }
  }
  poll_some();
  for (const Receiving& receiving : receivings) EXPECT_EQ(receiving.bytes, "");
  for (const io::Handle handle : successors) finish(handle);
}

TEST_P(BackendContractLife, line_7_callbacks_that_close_each_others_handles_harm_nobody) {
  constexpr int kPairCount = 20;
  std::vector<Pair> pairs;
  std::deque<Receiving> receivings;
  std::deque<Sending> sendings;
  std::deque<Closing> closings;
  for (int i = 0; i < kPairCount; ++i) pairs.push_back(make_pair());
  bool has_closed = false;
  for (const Pair& pair : pairs) {
    Receiving& receiving = receivings.emplace_back();
    receiving.on_bytes = [&](const io::Received&) {
      if (std::exchange(has_closed, true)) return;
      for (const Pair& other : pairs) close(other.far, closings.emplace_back());
      for (int i = 0; i < kPairCount; ++i) listen();  // takes slots as soon as they are free
    };
    backend_->recv(pair.far, receiving.op);
    sendings.emplace_back().start(*backend_, pair.near, {"now"});
  }
  ASSERT_TRUE(until([&] {
    return closings.size() == kPairCount &&
           std::all_of(closings.begin(), closings.end(), [](const Closing& closing) { return closing.has_ended(); });
  }));
  for (const Receiving& receiving : receivings) EXPECT_EQ(receiving.end_count, 1);
}

// 8. poll() handles a bounded number of events per handle, flushes what callbacks enqueued before it waits, and
//    returns by its deadline.

TEST_P(BackendContractLife, line_8_poll_returns_at_its_deadline_when_nothing_happens) {
  const auto polls_until = [this](base::Instant deadline) {
    int polls = 0;
    for (; backend_->now() < deadline; ++polls) backend_->poll(deadline);
    return polls;
  };
  // The kernel interrupts a wait now and then, as when a ring of an earlier test goes, but not each of many.
  int fewest = std::numeric_limits<int>::max();
  for (int i = 0; i < 50 && fewest > 3; ++i) {
    fewest = std::min(fewest, polls_until(backend_->now() + base::milliseconds(3)));
  }
  EXPECT_LE(fewest, 3);
}

TEST_P(BackendContractLife, line_8_poll_does_not_wait_for_a_deadline_that_has_passed) {
  backend_->poll(base::Instant::min());
  backend_->poll(base::Instant{});
  backend_->poll(backend_->now());
}

TEST_P(BackendContractLife, line_8_deadlines_at_the_ends_of_time_are_deadlines_like_any_other) {
  for (const base::Instant deadline : {base::kNever, base::kNever - base::Duration(1), base::Instant::min()}) {
    backend_->wake();
    backend_->poll(deadline);
  }
}

TEST_P(BackendContractLife, line_8_a_stream_that_never_runs_dry_keeps_no_other_waiting) {
  const Pair busy = make_pair();
  const Pair quiet = make_pair();
  Receiving flood;
  Receiving word;
  Sending flooding;
  Sending saying;
  flooding.on_end = [&] { flooding.start(*backend_, busy.near, {std::move(flooding.texts[0])}); };
  flooding.start(*backend_, busy.near, {pattern(4 << 20)});
  poll_some(50);  // fills every buffer there is on the way
  saying.start(*backend_, quiet.near, {"a word"});
  poll_some(2);
  backend_->recv(busy.far, flood.op);
  backend_->recv(quiet.far, word.op);
  for (int polls = 0; polls < 20; ++polls) {
    const int before = flood.recv_count;
    backend_->poll(base::Instant::min());
    EXPECT_LE(flood.recv_count - before, 16) << "receives of one handle in one poll";
  }
  EXPECT_GT(flood.recv_count, 16);
  EXPECT_EQ(word.bytes, "a word");
  flooding.on_end = {};
  finish(busy.near);
  finish(busy.far);
  finish(quiet.far);
}

TEST_P(BackendContractLife, line_8_operations_started_every_turn_keep_neither_receiving_nor_the_clock_waiting) {
  const Pair busy = make_pair();
  const Pair quiet = make_pair();
  Sending saying;
  saying.start(*backend_, quiet.near, {"a word"});
  ASSERT_TRUE(until([&] { return saying.has_ended(); }));
  Receiving word;
  backend_->recv(quiet.far, word.op);
  poll_some(1);
  Receiving later;
  backend_->recv(quiet.near, later.op);
  saying.start(*backend_, quiet.far, {"another"});
  const base::Instant began = backend_->now();
  Sending sending;
  for (int i = 0; i < 50; ++i) {
    if (sending.op.is_idle()) sending.start(*backend_, busy.near, {"x"});
    backend_->poll(base::Instant::min());
  }
  EXPECT_EQ(word.bytes, "a word");
  EXPECT_EQ(later.bytes, "another");
  EXPECT_GT(backend_->now(), began);
  finish(quiet.near);
  finish(quiet.far);
}

TEST_P(BackendContractLife, line_8_what_callbacks_enqueued_is_flushed_before_poll_waits) {
  const Pair pair = make_pair();
  Receiving receiving;
  Sending echo;
  Receiving echoed;
  receiving.on_bytes = [&](const io::Received& received) {
    echo.start(*backend_, pair.far, {std::string(received.bytes)});
  };
  backend_->recv(pair.far, receiving.op);
  backend_->recv(pair.near, echoed.op);
  Sending sending;
  sending.start(*backend_, pair.near, {"echo"});
  // Each of these polls has something to do, or the last one would wait for ever.
  while (echoed.bytes.empty()) backend_->poll(base::kNever);
  EXPECT_EQ(echoed.bytes, "echo");
  finish(pair.near);
  finish(pair.far);
}

// 9. What any thread did before wake() is seen by the next poll(). wake() may be called by any thread or signal
//    handler.

TEST_P(BackendContractLife, line_9_a_wake_from_another_thread_ends_a_wait_without_a_deadline) {
  for (int i = 0; i < 200; ++i) {
    std::atomic<int> seen{0};
    std::thread waker([&] {
      seen.store(1, std::memory_order_relaxed);
      backend_->wake();
    });
    const std::uint64_t before = backend_->counters().wakes;
    while (backend_->counters().wakes == before) backend_->poll(base::kNever);  // an interruption, too, ends a wait
    EXPECT_EQ(seen.load(std::memory_order_relaxed), 1);
    waker.join();
  }
}

TEST_P(BackendContractLife, line_9_a_wake_before_poll_is_not_lost) {
  const std::uint64_t before = backend_->counters().wakes;
  backend_->wake();
  backend_->wake();
  backend_->poll(base::kNever);
  EXPECT_GT(backend_->counters().wakes, before);
}

TEST_P(BackendContractLife, line_9_a_wake_while_operations_are_enqueued_is_not_lost) {
  const Pair pair = make_pair();
  Sending sending;
  sending.start(*backend_, pair.near, {"x"});
  backend_->wake();
  backend_->poll(base::kNever);
  EXPECT_TRUE(sending.has_ended());
  const std::uint64_t wakes = backend_->counters().wakes;
  if (wakes == 0) backend_->poll(base::kNever);
}

std::atomic<io::Backend*> g_signaled{nullptr};

TEST_P(BackendContractLife, line_9_a_signal_handler_may_wake) {
  g_signaled = backend_.get();
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) { g_signaled.load()->wake(); };
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  ::raise(SIGUSR1);
  backend_->poll(base::kNever);
  ::sigaction(SIGUSR1, &before, nullptr);
  EXPECT_GT(backend_->counters().wakes, 0U);
}

TEST_P(BackendContractLife, line_9_the_pollable_descriptor_tells_of_a_wake_and_of_what_is_enqueued) {
  if (backend_->pollable_fd() < 0) GTEST_SKIP() << "this backend has none";
  const Pair pair = make_pair();
  poll_some();
  EXPECT_FALSE(is_readable(backend_->pollable_fd()));
  backend_->wake();
  EXPECT_TRUE(is_readable(backend_->pollable_fd()));
  poll_some();
  EXPECT_FALSE(is_readable(backend_->pollable_fd()));
  Sending sending;
  sending.start(*backend_, pair.near, {"x"});
  EXPECT_TRUE(is_readable(backend_->pollable_fd()));
  EXPECT_TRUE(until([&] { return sending.has_ended(); }));
}

// 10. An error is a code and a static string that says what was being done.

TEST_P(BackendContractLife, line_10_a_refused_connect_says_so_in_the_systems_code) {
  const io::Handle listener = listen();
  const io::Address nobody = address_of(listener);
  finish(listener);
  Connecting connecting;
  const Result<io::Handle> handle = backend_->connect(nobody, {}, connecting.op);
  ASSERT_TRUE(handle);
  adopt(*handle);
  ASSERT_TRUE(until([&] { return connecting.has_ended(); }));
  EXPECT_EQ(connecting.outcome.error().code, std::errc::connection_refused);
  EXPECT_STREQ(connecting.outcome.error().doing, "connecting");
}

TEST_P(BackendContractLife, line_10_a_port_that_is_taken_says_so_in_the_systems_code) {
  const io::Address taken = address_of(listen());
  const Result<io::Handle> second = backend_->listen(taken, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, std::errc::address_in_use);
  EXPECT_STRNE(second.error().doing, "");
}

TEST_P(BackendContractLife, line_10_ends_that_are_no_failure_have_codes_of_distflows_own) {
  const Pair pair = make_pair();
  Receiving receiving;
  backend_->recv(pair.far, receiving.op);
  backend_->cancel_recv(pair.far);
  ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
  EXPECT_EQ(receiving.error, Errc::canceled);
  EXPECT_STREQ(receiving.error.doing, "receiving");
  backend_->recv(pair.far, receiving.op);
  finish(pair.near);
  ASSERT_TRUE(until([&] { return receiving.end_count == 2; }));
  EXPECT_EQ(receiving.error, Errc::end_of_stream);
  EXPECT_STREQ(receiving.error.doing, "receiving");
}

TEST_P(BackendContractLife, line_10_sending_to_a_peer_that_is_gone_ends_in_an_error) {
  const Pair pair = make_pair();
  finish(pair.far);
  Sending sending;
  sending.on_end = [&] {
    if (sending.outcome) sending.start(*backend_, pair.near, {pattern(1000)});
  };
  sending.start(*backend_, pair.near, {"x"});
  ASSERT_TRUE(until([&] { return sending.op.is_idle(); }));
  EXPECT_FALSE(sending.outcome);
  EXPECT_STREQ(sending.outcome.error().doing, "sending");
}

// 11. Memory is asked for where a handle is opened. No other operation needs any.

TEST_P(BackendContractLife, line_11_a_handle_that_is_discarded_ends_as_one_that_is_closed_with_nobody_told) {
  const Pair pair = make_pair();
  const std::size_t count = backend_->handle_count();
  Receiving near;
  Receiving far;
  backend_->recv(pair.near, near.op);
  backend_->recv(pair.far, far.op);
  discard(pair.near);
  EXPECT_FALSE(near.has_ended()) << "nothing is called back before poll()";
  ASSERT_TRUE(until([&] { return near.has_ended() && far.has_ended(); }));
  EXPECT_EQ(near.error, Errc::canceled);
  EXPECT_EQ(far.error, Errc::end_of_stream);
  EXPECT_TRUE(until([&] { return backend_->handle_count() == count - 1; }));
}

}  // namespace
}  // namespace distflow::test
