// The contract of io::Backend, line 5: the bound on received bytes. docs/reactor.md names these tests.
#include <deque>
#include <thread>
#include <vector>

#include "tests/io/contract.hpp"

namespace distflow::test {
namespace {

using BackendContractChunks = BackendContract;
INSTANTIATE_TEST_SUITE_P(backends, BackendContractChunks, ::testing::ValuesIn(kBackends), backend_name);

// 5. Out of chunks: receiving pauses, a counter moves, and receiving resumes by itself when leases return.

TEST_P(BackendContractChunks, line_5_out_of_chunks_receiving_pauses_and_resumes_when_leases_return) {
  open({.chunk_size = 4096, .chunk_count_max = 2});
  const Pair one = make_pair();
  const Pair two = make_pair();
  const std::string sent = pattern(100'000);
  std::vector<base::ChunkRef> leases;
  Receiving from_one;
  Receiving from_two;
  const auto keep = [&](const io::Received& received) { leases.push_back(base::ChunkRef::share(received.chunk)); };
  from_one.on_bytes = from_two.on_bytes = keep;
  Sending to_one;
  Sending to_two;
  to_one.start(*backend_, one.near, {sent});
  to_two.start(*backend_, two.near, {sent});
  backend_->recv(one.far, from_one.op);
  backend_->recv(two.far, from_two.op);

  ASSERT_TRUE(until([&] { return backend_->counters().chunks_missing > 0; }));
  poll_some();
  const std::size_t received = from_one.bytes.size() + from_two.bytes.size();
  EXPECT_LE(received, 2 * 4096U);
  poll_some();
  EXPECT_EQ(from_one.bytes.size() + from_two.bytes.size(), received) << "paused";

  ASSERT_TRUE(until([&] {
    leases.clear();
    return from_one.bytes.size() == sent.size() && from_two.bytes.size() == sent.size();
  }));
  EXPECT_TRUE(from_one.bytes == sent);
  EXPECT_TRUE(from_two.bytes == sent);
  leases.clear();
  finish(one.far);
  finish(two.far);
}

TEST_P(BackendContractChunks, line_5_a_lease_that_another_thread_gives_back_ends_the_wait) {
  open({.chunk_size = 4096, .chunk_count_max = 1});
  const Pair pair = make_pair();
  std::vector<base::ChunkRef> leases;
  Receiving receiving;
  receiving.on_bytes = [&](const io::Received& received) { leases.push_back(base::ChunkRef::share(received.chunk)); };
  Sending sending;
  sending.start(*backend_, pair.near, {pattern(4096) + "rest"});
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return backend_->counters().chunks_missing > 0; }));
  ASSERT_EQ(receiving.bytes.size(), 4096U);
  std::thread releaser([held = std::move(leases)]() mutable { held.clear(); });
  releaser.join();
  leases.clear();
  EXPECT_TRUE(until([&] { return receiving.bytes.size() == 4100; }));
  leases.clear();
  finish(pair.far);
}

TEST_P(BackendContractChunks, line_5_what_takes_little_is_given_little_at_once_and_all_in_the_end) {
  open({.chunk_size = 64 * 1024, .chunk_count_max = 4});
  const Pair pair = make_pair();
  const std::string sent = pattern(300'000);
  Receiving receiving;
  receiving.op.takes_little = true;
  std::size_t most = 0;
  receiving.on_bytes = [&](const io::Received& received) { most = std::max(most, received.bytes.size()); };
  Sending sending;
  sending.start(*backend_, pair.near, {sent});
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return receiving.bytes.size() == sent.size(); }));
  EXPECT_TRUE(receiving.bytes == sent);
  EXPECT_LE(most, io::RecvOp::kLittle);
  finish(pair.far);
}

TEST_P(BackendContractChunks, line_5_what_takes_little_and_is_canceled_gives_no_more_until_it_is_started_again) {
  open({.chunk_size = 64 * 1024, .chunk_count_max = 4});
  const Pair pair = make_pair();
  const std::string sent = pattern(100'000);
  Sending sending;
  sending.start(*backend_, pair.near, {sent});
  std::string bytes;
  while (bytes.size() < sent.size()) {
    Receiving receiving;
    receiving.op.takes_little = true;
    receiving.on_bytes = [&](const io::Received&) { backend_->cancel_recv(pair.far); };
    backend_->recv(pair.far, receiving.op);
    ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
    EXPECT_EQ(receiving.error, Errc::canceled);
    EXPECT_LE(receiving.bytes.size(), io::RecvOp::kLittle) << "once";
    bytes += receiving.bytes;
  }
  EXPECT_TRUE(bytes == sent);
  finish(pair.far);
}

TEST_P(BackendContractChunks, line_5_a_close_does_not_wait_for_chunks) {
  open({.chunk_size = 4096, .chunk_count_max = 1});
  const Pair pair = make_pair();
  base::ChunkRef lease;
  Receiving receiving;
  receiving.on_bytes = [&](const io::Received& received) { lease = base::ChunkRef::share(received.chunk); };
  Sending sending;
  sending.start(*backend_, pair.near, {pattern(10'000)});
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return backend_->counters().chunks_missing > 0; }));
  finish(pair.far);
  EXPECT_EQ(receiving.error, Errc::canceled);
  lease.reset();
  poll_some();
}

TEST_P(BackendContractChunks, line_5_a_receive_that_keeps_nothing_goes_on_when_all_chunks_are_kept) {
  open({.chunk_size = 4096, .chunk_count_max = 1});
  const Pair data = make_pair();
  const Pair control = make_pair();
  base::ChunkRef lease;
  Receiving kept;
  kept.on_bytes = [&](const io::Received& received) { lease = base::ChunkRef::share(received.chunk); };
  Sending flood;
  flood.start(*backend_, data.near, {pattern(10'000)});
  backend_->recv(data.far, kept.op);
  ASSERT_TRUE(until([&] { return backend_->counters().chunks_missing > 0; }));

  const std::string sent = pattern(300'000);
  Receiving receiving;
  receiving.op.keeps_nothing = true;
  Sending sending;
  sending.start(*backend_, control.near, {sent});
  backend_->recv(control.far, receiving.op);
  ASSERT_TRUE(until([&] { return receiving.bytes.size() == sent.size(); }));
  EXPECT_TRUE(receiving.bytes == sent);
  finish(control.near);
  EXPECT_TRUE(until([&] { return receiving.has_ended(); })) << "the end is heard, too";
  EXPECT_EQ(receiving.error, Errc::end_of_stream);
  finish(data.far);
  lease.reset();
  poll_some();
}

TEST_P(BackendContractChunks, line_5_a_receive_that_waits_for_a_chunk_may_be_begun_again_as_one_that_keeps_nothing) {
  open({.chunk_size = 4096, .chunk_count_max = 1});
  const Pair pair = make_pair();
  const std::string sent = pattern(10'000);
  base::ChunkRef lease;
  Receiving receiving;
  receiving.on_bytes = [&](const io::Received& received) {
    if (!receiving.op.keeps_nothing && !lease) lease = base::ChunkRef::share(received.chunk);
  };
  receiving.on_end = [&] {
    if (receiving.error != Errc::canceled || receiving.op.keeps_nothing) return;
    receiving.op.keeps_nothing = true;
    backend_->recv(pair.far, receiving.op);
  };
  Sending sending;
  sending.start(*backend_, pair.near, {sent});
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return backend_->counters().chunks_missing > 0; }));
  backend_->cancel_recv(pair.far);
  EXPECT_TRUE(until([&] { return receiving.bytes.size() == sent.size(); }));
  EXPECT_TRUE(receiving.bytes == sent);
  finish(pair.far);
  lease.reset();
  poll_some();
}

TEST_P(BackendContractChunks, line_5_bytes_and_end_that_come_while_no_receive_is_under_way_are_told_by_the_next) {
  const Pair pair = make_pair();
  Receiving receiving;
  backend_->recv(pair.far, receiving.op);
  poll_some();
  backend_->cancel_recv(pair.far);
  ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
  Sending sending;
  sending.start(*backend_, pair.near, {"bell"});
  ASSERT_TRUE(until([&] { return sending.has_ended(); }));
  finish(pair.near);
  poll_some();
  EXPECT_EQ(receiving.bytes, "");
  EXPECT_EQ(receiving.end_count, 1);
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return receiving.end_count == 2; }));
  EXPECT_EQ(receiving.bytes, "bell");
  EXPECT_EQ(receiving.error, Errc::end_of_stream);
}

TEST_P(BackendContractChunks, line_5_an_idle_stream_owns_no_chunk) {
  std::deque<Receiving> receivings;
  std::vector<io::Handle> handles;
  for (int i = 0; i < 16; ++i) {
    const Pair pair = make_pair();
    backend_->recv(pair.far, receivings.emplace_back().op);
    handles.push_back(pair.far);
  }
  poll_some();
  EXPECT_LE(pool_->leased(), 1U);
  for (const io::Handle handle : handles) finish(handle);
}

}  // namespace
}  // namespace distflow::test
