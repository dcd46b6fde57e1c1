// A PMD with each of the allocations of its thread failing once, while nodes come and go: it closes a connection at
// most, and what it tells of who is there stays true. The nodes are on a thread that is spared.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/failing_allocations.hpp"
#include "tests/support/memory_pmd.hpp"
#include "tests/support/others.hpp"
#include "tests/support/pmd_requests.hpp"
#include "tests/support/pmd_thread.hpp"

namespace distflow::test {
namespace {

class PmdWithoutMemory : public ::testing::Test {
 protected:
  TestNode& add_node(Cluster& cluster, const std::string& alias) {
    NodeOptions options;
    options.alias = alias + ", with a name that is too long to be kept in a string itself";
    options.pmd_port = pmd_.port();
    options.start_pmd = false;
    options.meta = {{"what", std::string(200, 'x')}};

    options.rejoin_grace = base::milliseconds(100);
    options.log = LogVerbosity::error;
    return cluster.add_node(options);
  }
  static bool sees(Cluster& cluster, TestNode& node, std::size_t count) {
    return cluster.turn_until([&] { return node->directory().list().size() == count; });
  }

  /// Nodes come, see each other, and go.
  void live(Cluster& cluster) {
    TestNode& stays = add_node(cluster, "stays");
    TestNode& guest = add_node(cluster, "guest");
    EXPECT_TRUE(sees(cluster, stays, 1) && sees(cluster, guest, 1));
    cluster.shut_down(guest);
    EXPECT_TRUE(sees(cluster, stays, 0));
    TestNode& again = add_node(cluster, "guest");
    EXPECT_TRUE(sees(cluster, stays, 1) && sees(cluster, again, 1));
    cluster.shut_down(stays);
    EXPECT_TRUE(sees(cluster, again, 0));
    cluster.shut_down(again);
  }

  const Sparing spared_;
  Others others_;
  PmdThread pmd_;
};

TEST_F(PmdWithoutMemory, each_allocation_may_fail_and_costs_a_connection_at_most) {
  const char* const text = std::getenv("DISTFLOW_SWEEP");
  const std::size_t stride = text == nullptr ? 3 : std::max<std::size_t>(1, std::strtoul(text, nullptr, 10));
  std::size_t points = 0;
  const char* const from = std::getenv("DISTFLOW_SWEEP_FROM");
  for (std::size_t n = from == nullptr ? 0 : std::strtoul(from, nullptr, 10);; n += stride) {
    const FailingAnywhere nth(n);
    others_.run([this](Cluster& cluster) { live(cluster); });
    if (HasFailure()) std::printf("at allocation %zu\n", n);
    if (HasFailure() || !nth.has_failed()) break;
    ++points;
  }
  std::printf("%zu points\n", points);
  RecordProperty("points", static_cast<int>(points));
}

// What was entered for it stayed, and was never given up where no other question followed.
TEST(StatsRelayWithoutMemory, a_question_that_fails_leaves_nothing_behind) {
  MemoryPmd pmd;
  ASSERT_TRUE(pmd.start());
  const auto connect = [&] {
    const auto peer = pmd.connect();
    pmd.network().set_owner(peer, io::PeerOwner::user(1001));
    return peer;
  };
  const auto node = connect();
  pmd.ask(node,
          register_text("a nodeId that is too long to be kept in a string itself", "node", R"(,"caps":["stats"])"));
  const pmd::Registry::Entry* const entry = pmd.server().registry().resolve("node");
  ASSERT_NE(entry, nullptr);

  int answers = 0;
  auto on_answer = [&](const pmd::InsideAnswer&) { ++answers; };
  pmd.server().stats_relay().set_on_inside_answer(base::Delegate<void(const pmd::InsideAnswer&)>::of(on_answer));
  int asked = 0;
  for (std::size_t n = 0;; ++n) {
    bool is_asked = false;
    const FailedCall call =
        call_with_failing_allocation(n, [&] { is_asked = pmd.server().stats_relay().ask_inside(*entry, 0); });
    asked += is_asked ? 1 : 0;
    EXPECT_EQ(pmd.server().broken_invariant(), nullptr) << "allocation " << n;
    if (!call.has_failed) break;
  }
  EXPECT_GT(asked, 0);
  pmd.advance(base::seconds(3));
  EXPECT_EQ(answers, asked) << "as many as were asked, and in time";

  for (std::size_t n = 0;; ++n) {
    const auto client = connect();
    const FailedCall call = call_with_failing_allocation(
        n, [&] { pmd.send(client, R"({"type":"stats","payload":{"node":"node"},"requestId":"r"})"); });
    ASSERT_EQ(pmd.server().broken_invariant(), nullptr) << "allocation " << n;
    if (!call.has_failed) break;
    pmd.hang_up(client);
  }
  pmd.server().stats_relay().set_on_inside_answer({});
}

// The node that is asked has asked for the list of all, and does not read it.
TEST(StatsRelayWithoutMemory, a_question_behind_an_answer_that_waits_is_sent_or_not_asked) {
  MemoryPmd pmd;
  ASSERT_TRUE(pmd.start());
  const auto node = pmd.connect();
  const std::string large = R"(,"meta":{"what":")" + std::string(250, 'x') + R"("})";
  pmd.ask(node, register_text("id", "node", R"(,"caps":["stats"])"));
  for (int i = 0; i < 400; ++i) {
    const std::string name = "other" + std::to_string(i);
    ASSERT_EQ(pmd.ask(node, register_text(name, name, large)), kSuccess);
  }
  pmd.network().set_window(node, 0);
  pmd.send(node, request_text("list"));
  const pmd::Registry::Entry* const entry = pmd.server().registry().resolve("node");
  ASSERT_NE(entry, nullptr);

  ASSERT_TRUE(pmd.server().stats_relay().ask_inside(*entry, 0)) << "which makes what later ones need not make";
  std::size_t asked = 1;
  std::size_t refused = 0;
  for (std::size_t n = 0;; ++n) {
    bool is_asked = false;
    const FailedCall call =
        call_with_failing_allocation(n, [&] { is_asked = pmd.server().stats_relay().ask_inside(*entry, 0); });
    is_asked ? ++asked : ++refused;
    ASSERT_EQ(pmd.server().broken_invariant(), nullptr) << "allocation " << n;
    if (!call.has_failed) break;
  }
  EXPECT_GT(refused, 0U);
  EXPECT_EQ(pmd.server().counters().stats_asked, asked);
  pmd.network().set_window(node, SIZE_MAX);
  pmd.turn();
  const std::vector<std::string> received = pmd.receive(node);
  ASSERT_EQ(received.size(), 1 + asked);
  EXPECT_GT(received.front().size(), std::size_t{128} * 1024) << "more than is queued at once";
  pmd.advance(base::seconds(3));
  EXPECT_EQ(pmd.server().counters().stats_unanswered, asked) << "in time";
}

/// A client that has ended its sending and does not read the answer that it is owed.
MemoryPmd::PeerId add_draining(MemoryPmd& pmd, MemoryPmd::PeerId client) {
  pmd.network().set_window(client, 0);
  pmd.send(client, resolve_text("nobody"));
  pmd.hang_up(client);
  return client;
}

/// What it receives as soon as it reads.
std::vector<std::string> received_by(MemoryPmd& pmd, MemoryPmd::PeerId draining) {
  pmd.network().set_window(draining, SIZE_MAX);
  pmd.turn();
  return pmd.receive(draining);
}

TEST(WatchersWithoutMemory, one_that_drains_gets_the_answer_that_it_is_owed) {
  MemoryPmd pmd;
  ASSERT_TRUE(pmd.start());
  std::size_t points = 0;
  for (;; ++points) {
    const auto watcher = pmd.connect();
    pmd.ask(watcher, request_text("watch"));
    add_draining(pmd, watcher);
    const auto node = pmd.connect();
    const std::string text = register_text("a nodeId that is too long to be kept in a string itself", "node");
    const FailedCall call = call_with_failing_allocation(points, [&] { pmd.send(node, text); });
    ASSERT_EQ(received_by(pmd, watcher).size(), 1U) << "allocation " << points;
    if (!call.has_failed) break;
    pmd.hang_up(node);
  }
  EXPECT_GT(points, 3U);
}

TEST(StatsRelayWithoutMemory, a_client_that_drains_gets_the_answer_that_it_is_owed) {
  MemoryPmd pmd;
  ASSERT_TRUE(pmd.start());
  const auto connect = [&] {
    const auto peer = pmd.connect();
    pmd.network().set_owner(peer, io::PeerOwner::user(1001));
    return peer;
  };
  std::size_t points = 0;
  for (;; ++points) {
    const auto node = connect();
    ASSERT_EQ(pmd.ask(node, register_text("id", "node", R"(,"caps":["stats"])")), kSuccess);
    const auto client = connect();
    pmd.send(client, R"({"type":"stats","payload":{"node":"node"},"requestId":"r"})");
    add_draining(pmd, client);
    const FailedCall call = call_with_failing_allocation(points, [&] { pmd.hang_up(node); });
    ASSERT_EQ(received_by(pmd, client).size(), 1U) << "allocation " << points;
    if (!call.has_failed) break;
    pmd.turn();
  }
  EXPECT_GT(points, 0U);
}

}  // namespace
}  // namespace distflow::test
