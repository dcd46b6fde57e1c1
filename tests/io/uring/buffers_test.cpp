// The end of what the kernel may receive into (ENOBUFS), with memory left in the pool and without.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/io/contract.hpp"

namespace distflow::test {
namespace {

/// A contract's fixture on both ways of using the ring.
using UringBuffers = BackendContract;
INSTANTIATE_TEST_SUITE_P(backends, UringBuffers,
                         ::testing::Values(BackendMaker{"uring", &io::make_uring, true},
                                           BackendMaker{"uring_cooperative", &make_cooperative_uring, true}),
                         backend_name);

constexpr base::ChunkPoolOptions kOneChunk{.chunk_size = 4096, .chunk_count_max = 1};

TEST_P(UringBuffers, a_kernel_that_ran_out_of_buffers_is_given_them_again_in_the_same_turn) {
  open(kOneChunk);
  const Pair pair = make_pair();
  const std::string sent = pattern(100'000);
  Receiving receiving;
  Sending sending;
  sending.start(*backend_, pair.near, {sent});
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return receiving.bytes.size() == sent.size(); }));
  EXPECT_TRUE(receiving.bytes == sent);
  EXPECT_GT(backend_->counters().buffers_missing, 0U);
  EXPECT_EQ(backend_->counters().chunks_missing, 0U) << "nobody kept a chunk: receiving did not pause";
  finish(pair.far);
}

TEST_P(UringBuffers, receiving_pauses_when_the_buffers_are_kept_and_goes_on_each_time_that_they_return) {
  open(kOneChunk);
  const Pair pair = make_pair();
  const std::string sent = pattern(5 * 4096 + 1);
  std::vector<base::ChunkRef> leases;
  Receiving receiving;
  receiving.on_bytes = [&](const io::Received& received) { leases.push_back(base::ChunkRef::share(received.chunk)); };
  Sending sending;
  sending.start(*backend_, pair.near, {sent});
  backend_->recv(pair.far, receiving.op);
  std::uint64_t pauses = 0;
  while (until([&] { return receiving.bytes.size() == sent.size() || backend_->counters().chunks_missing > pauses; }) &&
         receiving.bytes.size() < sent.size()) {
    ++pauses;
    const std::size_t received = receiving.bytes.size();
    poll_some();
    EXPECT_EQ(receiving.bytes.size(), received) << "paused";
    EXPECT_EQ(backend_->counters().chunks_missing, pauses) << "a pause counts once";
    EXPECT_EQ(backend_->counters().buffers_missing, pauses);
    leases.clear();
  }
  EXPECT_GE(pauses, 5U);
  EXPECT_TRUE(receiving.bytes == sent);
  leases.clear();
  finish(pair.far);
}

TEST_P(UringBuffers, of_many_that_found_none_only_as_many_try_again_as_there_are_buffers) {
  open(kOneChunk);
  constexpr std::size_t count = 100;
  std::vector<Pair> pairs;
  std::vector<std::unique_ptr<Sending>> sendings;
  std::vector<std::unique_ptr<Receiving>> receivings;
  for (std::size_t i = 0; i < count; ++i) {
    pairs.push_back(make_pair());
    sendings.push_back(std::make_unique<Sending>());
    sendings.back()->start(*backend_, pairs.back().near, {pattern(1000)});
  }
  poll_some();
  const std::uint64_t before = backend_->counters().buffers_missing;
  for (const Pair& pair : pairs) {
    receivings.push_back(std::make_unique<Receiving>());
    receivings.back()->op.takes_little = true;
    backend_->recv(pair.far, receivings.back()->op);
  }
  ASSERT_TRUE(until([&] {
    return std::all_of(receivings.begin(), receivings.end(), [](const auto& one) { return one->bytes.size() == 1000; });
  }));
  EXPECT_LE(backend_->counters().buffers_missing - before, 3 * count) << "once each, and those that go on receiving";
  for (const Pair& pair : pairs) finish(pair.far);
}

TEST_P(UringBuffers, a_watched_loop_is_not_woken_for_what_it_has_received) {
  const Pair pair = make_pair();
  ASSERT_GE(backend_->pollable_fd(), 0);
  Receiving receiving;
  backend_->recv(pair.far, receiving.op);
  poll_some();
  const std::uint64_t before = backend_->counters().wakes;
  Sending sending;
  sending.start(*backend_, pair.near, {"ping"});
  ASSERT_TRUE(until([&] { return receiving.bytes.size() == 4; }));
  poll_some();
  EXPECT_EQ(backend_->counters().wakes - before, 1U) << "for the send, which was begun between two polls";
  finish(pair.far);
}

/// A stream that has so many bytes, and the receive that it waits for them with.
struct Stream {
  io::Handle far;
  Sending sending;
  Receiving receiving;
};

/// Streams that find no buffer again and again, as each receives a little at a time and has much.
class UringCrowd : public UringBuffers {
 protected:
  static constexpr std::size_t kSize = 200'000;

  void SetUp() override {
    open(kOneChunk);
    if (IsSkipped()) return;
    for (int i = 0; i < 20; ++i) add(crowd_.emplace_back());
    add(another_);
    poll_some();
    for (Stream& one : crowd_) {
      one.receiving.op.takes_little = true;
      backend_->recv(one.far, one.receiving.op);
    }
  }

  /// How much the crowd has received when the other stream has all of its bytes.
  std::size_t received_before_another() {
    backend_->recv(another_.far, another_.receiving.op);
    EXPECT_TRUE(until([&] { return another_.receiving.bytes.size() == kSize; }));
    std::size_t size = 0;
    for (Stream& one : crowd_) {
      size += one.receiving.bytes.size();
      finish(one.far);
    }
    finish(another_.far);
    return size;
  }

  std::deque<Stream> crowd_;
  Stream another_;

 private:
  void add(Stream& stream) {
    const Pair pair = make_pair();
    stream.far = pair.far;
    stream.sending.start(*backend_, pair.near, {pattern(kSize)});
  }
};
INSTANTIATE_TEST_SUITE_P(backends, UringCrowd,
                         ::testing::Values(BackendMaker{"uring", &io::make_uring, true},
                                           BackendMaker{"uring_cooperative", &make_cooperative_uring, true}),
                         backend_name);

TEST_P(UringCrowd, does_not_keep_a_receive_that_has_memory_of_its_own_waiting) {
  another_.receiving.op.keeps_nothing = true;
  EXPECT_LT(received_before_another(), crowd_.size() * kSize / 2) << "its own memory was full several times meanwhile";
}

TEST_P(UringCrowd, has_no_more_than_its_share_beside_one_that_receives_more_at_a_time) {
  EXPECT_LT(received_before_another(), crowd_.size() * kSize) << "it came last";
}

}  // namespace
}  // namespace distflow::test
