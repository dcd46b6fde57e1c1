// Each public call, with each of its allocations failing once: a verdict or an error, never an exception, and the node
// goes on. Only the calling thread's allocations fail; with Threading::caller that is the loop's, too.
#include <distflow/ask.hpp>
#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <optional>

#include "tests/runtime/failing_calls.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

using OutOfMemory = FailingCalls;

TEST_P(OutOfMemory, sending_gives_a_verdict) {
  const std::string payload = '"' + std::string(1000, 'x') + '"';
  std::string name = fresh_name();
  sweep("send to an unknown name", [&] { return is_sent(node_->send(name, payload)); });
  name = fresh_name();
  sweep("send what is known to be JSON", [&] { return is_sent(node_->send(name, raw_json(payload))); });
  name = fresh_name();
  sweep("send what is written in place",
        [&] { return is_sent(node_->send_with(name, [&](PayloadWriter& out) { out.append(payload); })); });
  name = fresh_name();
  Target target = node_->target(name);
  sweep("send to a target", [&] { return is_sent(node_->send(target, payload)); });
  ASSERT_TRUE(node_->resolve("self"));
  sweep("send to itself", [&] { return is_sent(node_->send("self", payload)); });
  Target self = node_->target("self");
  sweep("send to a target that is known", [&] { return is_sent(node_->send(self, payload)); });
  EXPECT_GT(node_->stats().calls_out_of_memory, 0U);
}

TEST_P(OutOfMemory, asking_gives_an_error_or_nothing) {
  const std::string name = fresh_name();
  sweep("target", [&] { return node_->target(name).name() == name; });
  sweep("discover", [&] { return has_worked(node_->discover()); });
  sweep("stats", [&] { return node_->stats().pmd_connections == 1; });
  sweep("resolve itself", [&] { return has_worked(node_->resolve("self")); });
}

TEST_P(OutOfMemory, a_request_has_a_verdict_and_if_it_is_under_way_an_end) {
  const std::string payload = '"' + std::string(1000, 'x') + '"';
  std::atomic<std::uint64_t> ended{0};
  std::uint64_t asked = 0;
  const auto ask = [&](std::string_view name) {
    const SendVerdict verdict = node_->ask(name, payload, {.deadline = 10s}, [&](const Reply&) { ++ended; });
    asked += is_under_way(verdict) ? 1U : 0U;
    return has_worked(verdict);
  };
  ASSERT_TRUE(node_->resolve("self"));
  sweep("ask itself", [&] { return ask("self"); });
  std::string name = fresh_name();
  sweep("ask an unknown node", [&] { return ask(name); });
  const auto turn = [&] {
    if (GetParam() == Threading::caller) static_cast<void>(node_->poll(5ms));
  };
  EXPECT_TRUE(turn_until(turn, [&] { return ended == asked; }));
  EXPECT_EQ(node_->stats().asks.asked, asked);
  EXPECT_EQ(node_->stats().asks.pending, 0U);
  count_requests();
}

TEST_P(OutOfMemory, a_handler_is_set_or_it_is_counted) {
  std::atomic<int> count{0};
  sweep("on_message", [&] {
    const std::uint64_t before = node_->stats().calls_out_of_memory;
    node_->on_message([&count](const Message&) { ++count; });
    return node_->stats().calls_out_of_memory == before;
  });
  sweep("on_peer_join", [&] { return node_->on_peer_join([](const PeerInfo&) {}), true; });
  sweep("on_peer_leave", [&] { return node_->on_peer_leave([](const PeerInfo&) {}), true; });
  ASSERT_TRUE(is_sent(node_->send("self", "1")));
  const auto turn = [&] { static_cast<void>(node_->poll(5ms)); };
  EXPECT_TRUE(turn_until(turn, [&] { return count == 1; })) << "the last one is set";
}

TEST_P(OutOfMemory, what_writes_a_message_may_throw_it_by_itself) {
  EXPECT_THROW(node_->send_with("self", [](PayloadWriter&) { throw std::bad_alloc(); }), std::bad_alloc);
}

// On this thread; the loop's own is another one's.
TEST_P(OutOfMemory, starting_gives_an_error) {
  if (GetParam() == Threading::caller) GTEST_SKIP() << "its loop runs here, and what fails in it is the loop's";
  EXPECT_TRUE(node_->shutdown()->is_complete);
  const NodeOptions options = this->options();
  std::optional<NodeRuntime> started;
  sweep("start", [&] {
    const Result<NodeRuntime> node = NodeRuntime::start(options);
    if (node) started = *node;
    EXPECT_TRUE(node || node.error() == Errc::out_of_memory) << node.error().message();
    return static_cast<bool>(node);
  });
  node_ = started;
}

constexpr Threading kModes[] = {Threading::inlined, Threading::dispatcher, Threading::caller};
INSTANTIATE_TEST_SUITE_P(modes, OutOfMemory, ::testing::ValuesIn(kModes), name_of_mode);

}  // namespace
}  // namespace distflow::test
