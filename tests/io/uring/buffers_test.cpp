// The end of what the kernel may receive into (ENOBUFS), with memory left in the pool and without.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace distflow::test
