// A coroutine that asks allocates nothing per request in the steady state.
#include <distflow/coroutine.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/coroutines.hpp"
#include "tests/support/counted_allocations.hpp"
#include "tests/support/lone_node.hpp"

namespace distflow::test {
namespace {

/// With Threading::caller, where the test decides what runs meanwhile.
class CoroutineAllocations : public LoneNode {
 protected:
  static constexpr int kAsks = 6400;

  void expect_none(std::size_t width, const ResumeOn& executor) {
    NodeRuntime node = start();
    node.on_request(&echo);
    const std::string json = '"' + std::string(126, 'x') + '"';
    std::size_t half_done = 0;
    std::size_t ended = 0;
    const auto run = [&]() -> Detached {
      KeptReply reply;
      for (int i = 0; i < kAsks; ++i) {
        reply = co_await ask(node, "self", json).reuse(std::move(reply)).via(executor);
        EXPECT_EQ(reply.payload, json) << to_string(reply.error);
        // All have begun, and each has had its memory.
        if (i == kAsks / 2 && ++half_done == width) before_ = allocation_count();
      }
      if (++ended == width) after_ = allocation_count();
    };
    for (std::size_t i = 0; i < width; ++i) run();
    ASSERT_TRUE(until(node, [&] { return ended == width; }));
    EXPECT_EQ(after_, before_);
  }

  std::size_t before_ = 0;
  std::size_t after_ = 1;
};

TEST_P(CoroutineAllocations, are_none_per_request_where_handlers_run) {
  expect_none(1, nullptr);
  expect_none(64, nullptr);
}

TEST_P(CoroutineAllocations, are_none_per_request_through_an_executor) {
  std::size_t resumed = 0;
  expect_none(64, [&resumed](std::coroutine_handle<> handle) {
    ++resumed;
    handle.resume();
  });
  EXPECT_EQ(resumed, std::size_t{64} * kAsks);
}

INSTANTIATE_TEST_SUITE_P(modes, CoroutineAllocations, ::testing::Values(Threading::caller), &LoneNode::name_of);

}  // namespace
}  // namespace distflow::test
