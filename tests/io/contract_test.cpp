// The contract of io::Backend (src/io/backend.hpp), lines 1 to 4 and 6, on every backend. docs/reactor.md names these
// tests.
#include "tests/io/contract.hpp"

#include <thread>

namespace distflow::test {
namespace {

INSTANTIATE_TEST_SUITE_P(backends, BackendContract, ::testing::ValuesIn(kBackends), backend_name);

using BackendContractDeathTest = BackendContract;
INSTANTIATE_TEST_SUITE_P(backends, BackendContractDeathTest, ::testing::ValuesIn(kBackends), backend_name);

// 1. Starting an operation only enqueues it. Callbacks run inside poll(), on the loop's thread, and nowhere else.

TEST_P(BackendContract, line_1_starting_an_operation_only_enqueues_it) {
  const Pair pair = make_pair();
  const io::Handle listener = listen();
  Log log;
  Accepting accepting(&log);
  Connecting connecting(&log);
  Receiving receiving(&log);
  Sending sending(&log);
  backend_->accept(listener, accepting.op);
  connect(listener, connecting);
  sending.start(*backend_, pair.near, {"x"});
  backend_->recv(pair.far, receiving.op);
  backend_->cancel_recv(pair.far);
  Closing closing(&log);
  close(pair.near, closing);
  EXPECT_TRUE(log.empty());
  EXPECT_TRUE(until([&] { return closing.has_ended() && connecting.has_ended() && receiving.has_ended(); }));
  for (const io::Handle stream : accepting.streams) adopt(stream);
  finish(listener);
}

TEST_P(BackendContract, line_1_an_operation_started_in_a_callback_calls_nothing_back_inside_it) {
  const Pair pair = make_pair();
  Receiving receiving;
  Sending sending;
  bool is_inside = false;
  sending.on_end = [&] { EXPECT_FALSE(is_inside); };
  receiving.on_bytes = [&](const io::Received&) {
    is_inside = true;
    sending.start(*backend_, pair.far, {"answer"});
    is_inside = false;
  };
  backend_->recv(pair.far, receiving.op);
  Sending question;
  question.start(*backend_, pair.near, {"question"});
  EXPECT_TRUE(until([&] { return sending.has_ended(); }));
  finish(pair.far);
}

TEST_P(BackendContract, line_1_a_push_sends_at_once_and_calls_nothing_back_until_poll) {
  const Pair pair = make_pair();
  Sending sending;
  sending.start(*backend_, pair.near, {"now"});
  const bool is_sent = backend_->push(pair.near);
  EXPECT_EQ(sending.end_count, 0);
  EXPECT_EQ(sending.op.bytes_sent, is_sent ? 3U : 0U);
  Receiving receiving;
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return receiving.bytes == "now" && sending.has_ended(); }));
  EXPECT_TRUE(sending.outcome);
  EXPECT_EQ(sending.end_count, 1);
  finish(pair.far);
}

TEST_P(BackendContract, line_1_a_push_of_more_than_the_system_takes_leaves_the_rest_to_poll) {
  const Pair pair = make_pair();
  const std::string sent = pattern(24 << 20);
  Sending sending;
  sending.start(*backend_, pair.near, {sent});
  EXPECT_FALSE(backend_->push(pair.near));
  Receiving receiving;
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return receiving.bytes.size() == sent.size() && sending.has_ended(); }));
  EXPECT_TRUE(receiving.bytes == sent);
  finish(pair.far);
}

TEST_P(BackendContract, line_1_callbacks_run_on_the_thread_that_polls) {
  const Pair pair = make_pair();
  Sending sending;
  std::thread::id ran_on;
  sending.on_end = [&] { ran_on = std::this_thread::get_id(); };
  sending.start(*backend_, pair.near, {"x"});
  std::thread waker([&] { backend_->wake(); });
  waker.join();
  EXPECT_EQ(sending.end_count, 0);
  ASSERT_TRUE(until([&] { return sending.has_ended(); }));
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

// 2. Every started operation gets exactly one terminal event, and is idle before that callback runs.

TEST_P(BackendContract, line_2_every_operation_ends_exactly_once_and_is_idle_by_then) {
  const io::Handle listener = listen();
  Accepting accepting;
  Connecting connecting;
  accepting.on_end = [&] { EXPECT_TRUE(accepting.op.is_idle()); };
  connecting.on_end = [&] { EXPECT_TRUE(connecting.op.is_idle()); };
  backend_->accept(listener, accepting.op);
  const io::Handle near = connect(listener, connecting);
  ASSERT_TRUE(until([&] { return !accepting.streams.empty() && connecting.has_ended(); }));
  const io::Handle far = adopt(accepting.streams.front());

  Receiving receiving;
  Sending sending;
  Closing closing;
  receiving.on_end = [&] { EXPECT_TRUE(receiving.op.is_idle()); };
  sending.on_end = [&] { EXPECT_TRUE(sending.op.is_idle()); };
  closing.on_end = [&] { EXPECT_TRUE(closing.op.is_idle()); };
  backend_->recv(far, receiving.op);
  sending.start(*backend_, near, {"all there is"});
  ASSERT_TRUE(until([&] { return sending.has_ended(); }));
  close(near, closing);
  ASSERT_TRUE(until([&] { return closing.has_ended() && receiving.has_ended(); }));
  finish(listener);
  poll_some();
  for (const int count :
       {accepting.end_count, connecting.end_count, receiving.end_count, sending.end_count, closing.end_count}) {
    EXPECT_EQ(count, 1);
  }
}

TEST_P(BackendContract, line_2_an_operation_may_be_started_again_in_its_terminal_callback) {
  const Pair pair = make_pair();
  Receiving receiving;
  Sending sending;
  sending.on_end = [&] {
    if (sending.end_count < 5) sending.start(*backend_, pair.near, {std::to_string(sending.end_count)});
  };
  receiving.on_end = [&] {
    if (receiving.end_count == 1) backend_->recv(pair.far, receiving.op);
  };
  sending.start(*backend_, pair.near, {"0"});
  backend_->recv(pair.far, receiving.op);
  backend_->cancel_recv(pair.far);
  EXPECT_TRUE(until([&] { return receiving.bytes == "01234"; }));
  EXPECT_EQ(receiving.end_count, 1);
  finish(pair.near);
  finish(pair.far);
}

TEST_P(BackendContract, line_2_an_operation_may_be_destroyed_in_its_terminal_callback) {
  const Pair pair = make_pair();
  auto receiving = std::make_unique<Receiving>();
  auto closing = std::make_unique<Closing>();
  receiving->on_end = [&] { receiving.reset(); };
  closing->on_end = [&] { closing.reset(); };
  backend_->recv(pair.far, receiving->op);
  poll_some();
  close(pair.far, *closing);
  EXPECT_TRUE(until([&] { return closing == nullptr; }));
  EXPECT_EQ(receiving, nullptr);
}

TEST_P(BackendContract, line_2_a_connect_that_is_refused_ends_once) {
  const io::Handle listener = listen();
  const io::Address nobody = address_of(listener);
  finish(listener);
  Connecting connecting;
  const Result<io::Handle> handle = backend_->connect(nobody, {}, connecting.op);
  ASSERT_TRUE(handle);
  adopt(*handle);
  ASSERT_TRUE(until([&] { return connecting.has_ended(); }));
  poll_some();
  EXPECT_EQ(connecting.end_count, 1);
  EXPECT_FALSE(connecting.outcome);
}

// 3. The caller keeps the operation and the pieces alive until the terminal event.

TEST_P(BackendContractDeathTest, line_3_an_operation_destroyed_before_its_terminal_event_stops_the_process) {
  const Pair pair = make_pair();
  const auto destroy_started = [&] {
    Receiving receiving;
    backend_->recv(pair.far, receiving.op);
  };
  EXPECT_DEATH(destroy_started(), "invariant broken");
}

TEST_P(BackendContract, line_3_the_pieces_are_the_callers_again_in_the_terminal_callback) {
  const Pair pair = make_pair();
  const std::string original = pattern(4 << 20);
  Receiving receiving;
  Sending sending;
  sending.on_end = [&] { std::fill(sending.texts[0].begin(), sending.texts[0].end(), '!'); };
  sending.start(*backend_, pair.near, {original});
  backend_->recv(pair.far, receiving.op);
  EXPECT_TRUE(until([&] { return receiving.bytes.size() == original.size(); }));
  EXPECT_TRUE(sending.has_ended());
  EXPECT_TRUE(receiving.bytes == original);
  finish(pair.far);
}

// 4. recv gives chunks in byte order. The end of the stream is a terminal event, never an empty chunk.

TEST_P(BackendContract, line_4_bytes_come_in_order_and_the_end_comes_last) {
  const Pair pair = make_pair();
  const std::string sent = pattern(3'000'001);
  Log log;
  Receiving receiving(&log);
  Sending sending;
  sending.on_end = [&] { close(pair.near); };
  sending.start(*backend_, pair.near, {sent.substr(0, 1), "", sent.substr(1, 99'999), sent.substr(100'000)});
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
  EXPECT_TRUE(receiving.bytes == sent);
  EXPECT_EQ(receiving.error, Errc::end_of_stream);
  EXPECT_EQ(receiving.empty_count, 0);
  EXPECT_EQ(log.back(), "recv ended");
}

TEST_P(BackendContract, line_4_a_stream_without_a_byte_ends_without_a_chunk) {
  const Pair pair = make_pair();
  Receiving receiving;
  backend_->recv(pair.far, receiving.op);
  finish(pair.near);
  ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
  EXPECT_EQ(receiving.recv_count, 0);
  EXPECT_EQ(receiving.error, Errc::end_of_stream);
}

TEST_P(BackendContract, line_4_bytes_and_end_that_came_before_recv_was_started_are_given_all_the_same) {
  const Pair pair = make_pair();
  Sending sending;
  sending.start(*backend_, pair.near, {"early"});
  ASSERT_TRUE(until([&] { return sending.has_ended(); }));
  finish(pair.near);
  poll_some();
  Receiving receiving;
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
  EXPECT_EQ(receiving.bytes, "early");
  EXPECT_EQ(receiving.error, Errc::end_of_stream);
}

TEST_P(BackendContract, line_4_a_canceled_recv_loses_no_byte) {
  const Pair pair = make_pair();
  const std::string sent = pattern(1 << 20);
  Receiving receiving;
  Sending sending;
  receiving.on_bytes = [&](const io::Received&) { backend_->cancel_recv(pair.far); };
  receiving.on_end = [&] {
    if (receiving.bytes.size() < sent.size()) backend_->recv(pair.far, receiving.op);
  };
  sending.start(*backend_, pair.near, {sent});
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return receiving.bytes.size() == sent.size() && receiving.op.is_idle(); }));
  EXPECT_TRUE(receiving.bytes == sent);
  EXPECT_EQ(receiving.error, Errc::canceled);
  EXPECT_GE(receiving.end_count, 2);
}

TEST_P(BackendContract, line_4_received_bytes_lie_in_their_chunk_and_stay_as_long_as_it_is_leased) {
  const Pair pair = make_pair();
  const std::string sent = pattern(200'000);
  std::vector<base::ChunkRef> leases;
  std::vector<std::string_view> slices;
  Receiving receiving;
  Sending sending;
  receiving.on_bytes = [&](const io::Received& received) {
    EXPECT_GE(received.bytes.data(), received.chunk.data());
    EXPECT_LE(received.bytes.data() + received.bytes.size(), received.chunk.data() + received.chunk.capacity());
    leases.push_back(base::ChunkRef::share(received.chunk));
    slices.push_back(received.bytes);
  };
  sending.start(*backend_, pair.near, {sent});
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return receiving.bytes.size() == sent.size(); }));
  std::string kept;
  for (const std::string_view slice : slices) kept += slice;
  EXPECT_TRUE(kept == sent);
  finish(pair.far);
}

// 6. At most one recv and one send in flight per handle. Short writes are the backend's business.

TEST_P(BackendContractDeathTest, line_6_a_second_recv_or_send_of_a_handle_stops_the_process) {
  const Pair pair = make_pair();
  const auto recv_twice = [&] {
    Receiving one;
    Receiving two;
    backend_->recv(pair.far, one.op);
    backend_->recv(pair.far, two.op);
  };
  const auto send_twice = [&] {
    Sending one;
    Sending two;
    one.start(*backend_, pair.near, {"1"});
    two.start(*backend_, pair.near, {"2"});
  };
  EXPECT_DEATH(recv_twice(), "invariant broken");
  EXPECT_DEATH(send_twice(), "invariant broken");
}

TEST_P(BackendContract, line_6_a_send_larger_than_any_buffer_is_sent_whole) {
  const Pair pair = make_pair();
  const std::string sent = pattern(24 << 20);
  Receiving receiving;
  Sending sending;
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < sent.size(); at += 100'003) parts.push_back(sent.substr(at, 100'003));
  sending.start(*backend_, pair.near, std::move(parts));
  poll_some(50);
  EXPECT_FALSE(sending.has_ended()) << "nobody receives yet";
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return receiving.bytes.size() == sent.size(); }));
  EXPECT_TRUE(receiving.bytes == sent);
  EXPECT_EQ(sending.end_count, 1);
  EXPECT_TRUE(sending.outcome);
  EXPECT_EQ(sending.op.bytes_sent, sent.size());
  finish(pair.far);
}

TEST_P(BackendContract, line_6_both_directions_of_a_stream_go_on_at_once) {
  const Pair pair = make_pair();
  const std::string there = pattern(8 << 20);
  const std::string back(there.rbegin(), there.rend());
  Receiving at_far;
  Receiving at_near;
  Sending from_near;
  Sending from_far;
  from_near.start(*backend_, pair.near, {there});
  from_far.start(*backend_, pair.far, {back});
  backend_->recv(pair.near, at_near.op);
  backend_->recv(pair.far, at_far.op);
  ASSERT_TRUE(until([&] { return at_far.bytes.size() == there.size() && at_near.bytes.size() == back.size(); }));
  EXPECT_TRUE(at_far.bytes == there);
  EXPECT_TRUE(at_near.bytes == back);
  finish(pair.near);
  finish(pair.far);
}

TEST_P(BackendContract, line_6_a_send_of_nothing_ends_like_any_other) {
  const Pair pair = make_pair();
  Sending sending;
  sending.start(*backend_, pair.near, {"", ""});
  ASSERT_TRUE(until([&] { return sending.has_ended(); }));
  EXPECT_TRUE(sending.outcome);
}

}  // namespace
}  // namespace distflow::test
