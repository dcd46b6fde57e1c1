// Shared memory that a node offers to another, with each of the allocations failing once: both have it, or neither, and
// no question is left without an answer.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/cluster.hpp"
#include "tests/support/failing_allocations.hpp"

namespace distflow::test {
namespace {

constexpr int kEnough = 100;  // messages: more than make memory worth its while
constexpr int kTurns = 100;   // more than it takes to come to share it

TEST(OfferWithoutMemory, is_held_by_both_sides_or_by_none) {
  bool has_failed = true;
  for (std::size_t n = 0; has_failed && !::testing::Test::HasFailure(); ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    Cluster cluster;
    TestNode& sender = cluster.add_node({.alias = "sender"});
    TestNode& receiver = cluster.add_node({.alias = "receiver"});
    ASSERT_TRUE(cluster.turn_until([&] { return sender->directory().find("receiver") != nullptr; }));
    for (int i = 0; i < kEnough; ++i) ASSERT_EQ(sender.send("receiver", "1"), SendVerdict::queued);
    {
      const FailingAllocation nth(n);
      turn_some(cluster.reactor(), kTurns);
      has_failed = nth.has_failed();
    }
    EXPECT_TRUE(cluster.turn_until(
        [&] { return sender.stats().connections_in_memory == receiver.stats().connections_in_memory; }));
    if (!has_failed) {
      EXPECT_EQ(sender.stats().connections_in_memory, 1U);
    }
    // Who waited for an answer would wait for it now: until the connection counts as stalled, 30 s.
    const base::Instant begun = cluster.reactor().now();
    sender->begin_shutdown(base::seconds(3600));
    EXPECT_TRUE(cluster.turn_until([&] { return sender.closed.has_value(); }));
    EXPECT_LT(cluster.reactor().now() - begun, base::seconds(15));
  }
}

}  // namespace
}  // namespace distflow::test
