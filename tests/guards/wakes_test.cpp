// How often the thread that sends wakes the one that sleeps: once for all it has, not once a message.
#include <gtest/gtest.h>

#include <distflow/node_runtime.hpp>

#include "tests/support/backends.hpp"
#include "tests/support/bursting_thread.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/pmd_thread.hpp"

namespace distflow::test {
namespace {

constexpr std::size_t kBurst = 1000;

// The application's thread polls this node, and asks for its descriptor, so that the loop counts as asleep in between;
// another thread sends meanwhile. Their turns never meet, and the count depends on nothing but the code.
TEST(Wakes, are_at_most_two_for_a_thousand_messages_from_another_thread) {
  const PmdThread pmd;
  auto node = NodeRuntime::start({.alias = "self",
                                  .pmd_port = pmd.port(),
                                  .start_pmd = false,
                                  .threading = Threading::caller,
                                  .backend = std::string(chosen_socket_backend().name)});
  ASSERT_TRUE(node) << node.error().message();
  ASSERT_GE(node->fd(), 0);
  std::size_t handled = 0;
  node->on_message([&](const Message&) { ++handled; });
  const auto handle_until = [&](std::size_t count) {
    return turn_until([&] { static_cast<void>(node->poll(std::chrono::milliseconds(20))); },
                      [&] { return handled == count; });
  };
  node->send("self", "0");
  ASSERT_TRUE(handle_until(1));

  const std::string payload = '"' + std::string(126, 'x') + '"';
  BurstingThread sender([&] {
    for (std::size_t i = 0; i < kBurst; ++i) EXPECT_EQ(node->send("self", payload), SendVerdict::queued);
  });
  for (std::size_t burst = 1; burst <= 10; ++burst) {
    const std::uint64_t before = node->stats().wakes;
    sender.burst();
    const std::uint64_t wakes = node->stats().wakes - before;
    EXPECT_GE(wakes, 1U) << "the loop slept";
    EXPECT_LE(wakes, 2U);
    ASSERT_TRUE(handle_until(1 + burst * kBurst));
  }
}

}  // namespace
}  // namespace distflow::test
