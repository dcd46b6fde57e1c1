// In the steady state nothing is allocated per message where messages cross threads, either.
#include <gtest/gtest.h>

#include <distflow/node_runtime.hpp>

#include "tests/support/backends.hpp"
#include "tests/support/bursting_thread.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/counted_allocations.hpp"
#include "tests/support/pmd_thread.hpp"

namespace distflow::test {
namespace {

constexpr std::size_t kBurst = 1000;
constexpr int kBursts = 20;

std::string payload() { return '"' + std::string(126, 'x') + '"'; }

/// Where threads race, a pool may grow late, when one of them is held up for the first time: not with each message.
constexpr std::size_t kLateGrowthMax = kBurst * kBursts / 1000;

/// Runs `burst` until nothing new is needed any more, and then as often again.
template <class Burst>
void expect_at_most_in_steady_state(std::size_t allocations, Burst burst) {
  for (int i = 0; i < kBursts; ++i) ASSERT_TRUE(burst());
  const std::size_t before = allocation_count();
  for (int i = 0; i < kBursts; ++i) ASSERT_TRUE(burst());
  EXPECT_LE(allocation_count() - before, allocations);
}

TEST(AllocationsAcrossThreads, are_none_per_message_handled_on_a_second_thread) {
  std::atomic<std::size_t> handled = 0;
  SocketCluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong", .threading = Threading::dispatcher});
  pong->delivery().set_message_handler([&](const Message&) { ++handled; });
  ASSERT_TRUE(cluster.turn_until([&] { return ping->directory().list().size() == 1; }));
  const std::string text = payload();
  expect_at_most_in_steady_state(kLateGrowthMax, [&] {
    const std::size_t end = handled + kBurst;
    for (std::size_t i = 0; i < kBurst; ++i) ping.send("pong", text);
    return cluster.turn_until([&] { return handled == end; });
  });
}

TEST(AllocationsAcrossThreads, are_none_per_message_of_which_the_newest_of_its_key_is_kept) {
  SocketCluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong", .conflate_by = "key", .threading = Threading::dispatcher});
  pong->delivery().set_message_handler([](const Message&) {});
  ASSERT_TRUE(cluster.turn_until([&] { return ping->directory().list().size() == 1; }));
  std::vector<std::string> texts;
  for (int key = 0; key < 7; ++key) texts.push_back(R"({"key":)" + std::to_string(key) + R"(,"n":)" + payload() + "}");
  const runtime::MailboxCounters& counters = pong->delivery().mailbox().counters();
  const auto done = [&] { return runtime::read(counters.handled) + runtime::read(counters.conflated); };
  expect_at_most_in_steady_state(kLateGrowthMax, [&] {
    const std::uint64_t end = done() + kBurst;
    for (std::size_t i = 0; i < kBurst; ++i) ping.send("pong", texts[i % texts.size()]);
    return cluster.turn_until([&] { return done() == end; });
  });
}

TEST(AllocationsAcrossThreads, are_none_per_message_that_another_thread_sends_and_the_caller_polls_for) {
  const PmdThread pmd;
  auto node = NodeRuntime::start({.alias = "self",
                                  .pmd_port = pmd.port(),
                                  .start_pmd = false,
                                  .threading = Threading::caller,
                                  .backend = std::string(chosen_socket_backend().name)});
  ASSERT_TRUE(node) << node.error().message();
  std::size_t handled = 0;
  node->on_message([&](const Message&) { ++handled; });
  const std::string text = payload();
  BurstingThread sender([&] {
    for (std::size_t i = 0; i < kBurst; ++i) EXPECT_EQ(node->send("self", text), SendVerdict::queued);
  });
  expect_at_most_in_steady_state(0, [&] {
    const std::size_t end = handled + kBurst;
    sender.burst();
    return turn_until([&] { static_cast<void>(node->poll(std::chrono::milliseconds(20))); },
                      [&] { return handled == end; });
  });
}

TEST(AllocationsAcrossThreads, are_none_per_message_between_two_threads_of_a_node) {
  const PmdThread pmd;
  auto node = NodeRuntime::start({.alias = "self",
                                  .pmd_port = pmd.port(),
                                  .start_pmd = false,
                                  .backend = std::string(chosen_socket_backend().name)});
  ASSERT_TRUE(node) << node.error().message();
  std::atomic<std::size_t> handled = 0;
  node->on_message([&](const Message&) { ++handled; });
  Target self = node->target("self");
  const std::string text = payload();
  expect_at_most_in_steady_state(kLateGrowthMax, [&] {
    const std::size_t end = handled + kBurst;
    for (std::size_t i = 0; i < kBurst; ++i) node->send(self, raw_json(text));
    return turn_until([] { std::this_thread::yield(); }, [&] { return handled == end; });
  });
}

}  // namespace
}  // namespace distflow::test
