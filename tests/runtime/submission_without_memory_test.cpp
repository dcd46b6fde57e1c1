// What a thread hands to the loop's thread when memory runs out: refused, and taken again when there is some.
#include <gtest/gtest.h>

#include <thread>

#include "base/submission_queue.hpp"
#include "tests/support/failing_allocations.hpp"

namespace distflow::test {
namespace {

using Queue = base::SubmissionQueue<int>;

/// How many of ten pushes of a thread that has not pushed before are taken once the n-th allocation has failed.
template <class Push>
void expect_to_recover(Push push) {
  for (std::size_t n = 0;; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    Queue queue(1000);
    bool has_failed = false;
    int taken = 0;
    std::thread([&] {
      {
        const FailingAllocation nth(n);
        for (int i = 0; i < 100; ++i) push(queue, i);
        has_failed = nth.has_failed();
      }
      for (int i = 0; i < 10; ++i) taken += push(queue, i) ? 1 : 0;
    }).join();
    EXPECT_EQ(taken, 10);
    if (!has_failed || ::testing::Test::HasFailure()) return;
  }
}

TEST(SubmissionWithoutMemory, harms_no_later_push_of_the_thread) {
  expect_to_recover([](Queue& queue, int i) { return static_cast<bool>(queue.push(std::move(i))); });
}

TEST(SubmissionWithoutMemory, harms_no_later_push_of_a_producer_that_can_be_made_at_all) {
  expect_to_recover([](Queue& queue, int i) {
    try {
      Queue::Producer producer(queue);
      return static_cast<bool>(queue.push(producer, std::move(i)));
    } catch (const std::bad_alloc&) {
      return false;
    }
  });
}

TEST(SubmissionWithoutMemory, is_told_from_a_queue_that_is_full) {
  Queue small(1);
  EXPECT_TRUE(small.push(1));
  EXPECT_FALSE(small.push(2));
  EXPECT_FALSE(small.push(2).lacks_memory());

  Queue large(100'000);
  const FailingAllocation next(0);
  base::Pushed pushed = base::Pushed::Outcome::taken;
  for (int i = 0; i < 100'000 && pushed; ++i) pushed = large.push(std::move(i));
  EXPECT_TRUE(pushed.lacks_memory());
}

}  // namespace
}  // namespace distflow::test
