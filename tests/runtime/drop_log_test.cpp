// What a node says of messages that are dropped: each reason, of each peer or name once.
#include "runtime/counters/drop_log.hpp"

#include <gtest/gtest.h>

#include "io/sim/backend.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/node_frames.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using base::LogLevel;
using runtime::DropLog;

struct LoggedCluster : Cluster {
  explicit LoggedCluster(LogLevel level = LogLevel::warn) : Cluster({}, &make_backend, level) {}
};

/// As a registry's entry that leads to nobody.
runtime::KnownNode stranger(const std::string& alias, std::uint16_t port) {
  return {.info = {.node_id = "id-of-" + alias, .alias = alias, .host = "127.0.0.1", .port = port}};
}

TEST(DropLog, the_first_message_for_a_name_that_nobody_has_is_told_with_the_names_that_there_are) {
  LoggedCluster cluster;
  cluster.add_node({.alias = "pong"});
  cluster.add_node({.alias = "b\u202el\x1b[31m"});
  TestNode& node = cluster.add_node({.alias = "ping"});
  EXPECT_EQ(node.send("pnog", "1"), SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return node.stats().sent.dropped_unresolved == 1; }));
  ASSERT_EQ(cluster.count_lines("\"pnog\""), 1U) << cluster.log_text();
  EXPECT_EQ(cluster.count_lines("warn: 1 message to \"pnog\" dropped: no node has that name",
                                R"(There are: "pong", "b\u{202e}l\u{1b}[31m")"),
            1U)
      << cluster.log_text();
}

TEST(DropLog, a_name_that_is_told_is_not_told_again_and_another_is) {
  LoggedCluster cluster;
  TestNode& node = cluster.add_node({.alias = "ping"});
  for (std::uint64_t round = 1; round <= 3; ++round) {
    for (const char* name : {"one", "two"}) node.send(name, "1");
    ASSERT_TRUE(cluster.turn_until([&] { return node.stats().parked_messages == 0; }));
    EXPECT_EQ(node.send("one", "1"), SendVerdict::unresolved) << "it is known to be unknown for a while";
  }
  EXPECT_EQ(cluster.count_lines("message to \"one\""), 1U) << cluster.log_text();
  EXPECT_EQ(cluster.count_lines("message to \"two\""), 1U) << cluster.log_text();
  EXPECT_EQ(cluster.count_lines("There are: nobody else"), 2U) << cluster.log_text();
}

TEST(DropLog, at_level_debug_further_messages_are_told_too) {
  LoggedCluster cluster(LogLevel::debug);
  TestNode& node = cluster.add_node({.alias = "ping"});
  node.send("nobody", "1");
  ASSERT_TRUE(cluster.turn_until([&] { return node.stats().sent.dropped_unresolved == 1; }));
  EXPECT_EQ(node.send("nobody", "1"), SendVerdict::unresolved);
  EXPECT_EQ(cluster.count_lines("warn: 1 message to \"nobody\""), 1U) << cluster.log_text();
  EXPECT_EQ(cluster.count_lines("debug: 1 message to \"nobody\""), 1U) << cluster.log_text();
}

TEST(DropLog, a_name_is_told_of_when_no_pmd_says_who_it_is_and_when_too_many_wait_for_it) {
  LoggedCluster cluster;
  TestNode& node =
      cluster.add_node({.alias = "ping", .connect_deadline = std::chrono::milliseconds(50), .parked_messages_max = 2});
  cluster.stop_pmd();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(node.send("later", "1"), SendVerdict::queued);
  EXPECT_EQ(node.send("later", "1"), SendVerdict::unresolved);
  EXPECT_EQ(cluster.count_lines("1 message to \"later\" dropped: too many wait"), 1U) << cluster.log_text();
  ASSERT_TRUE(cluster.turn_until([&] { return node.stats().sent.dropped_unresolved == 2; }));
  EXPECT_EQ(cluster.count_lines("2 messages to \"later\" dropped: no PMD has said in time"), 1U) << cluster.log_text();
}

std::unique_ptr<io::Backend> make_simulated_backend(base::ChunkPool& chunks) {
  return *io::sim::make_lone_backend(chunks);
}

TEST(DropLog, of_many_names_a_few_are_told_and_later_how_many_were_not) {
  Cluster cluster({}, &make_simulated_backend, LogLevel::warn);
  TestNode& node = cluster.add_node({.alias = "ping"});
  constexpr std::uint64_t kNames = 500;
  for (std::uint64_t i = 0; i < kNames; ++i) node.send("nobody" + std::to_string(i), "1");
  ASSERT_TRUE(cluster.turn_until([&] { return node.stats().sent.dropped_unresolved == kNames; }));
  EXPECT_EQ(cluster.count_lines("no node has that name"), DropLog::kWarningsMax) << cluster.log_text();
  const base::Instant next = cluster.reactor().now() + DropLog::kInterval;
  while (cluster.reactor().now() < next) cluster.reactor().turn(next);
  node.send("another", "1");
  ASSERT_TRUE(cluster.turn_until([&] { return node.stats().sent.dropped_unresolved == kNames + 1; }));
  EXPECT_EQ(cluster.count_lines("message to \"another\""), 1U) << cluster.log_text();
  EXPECT_EQ(cluster.count_lines("warn: 480 lines about dropped messages were left out before"), 1U)
      << cluster.log_text();
}

TEST(DropLog, of_many_nodes_some_are_named_and_a_long_name_is_cut) {
  LoggedCluster cluster;
  TestNode& node = cluster.add_node({.alias = "ping"});
  node->directory().upsert(stranger(std::string(200, 'x'), 1));
  for (int i = 0; i < 30; ++i) node->directory().upsert(stranger("peer" + std::to_string(i), 1));
  node.send("nobody", "1");
  ASSERT_TRUE(cluster.turn_until([&] { return node.stats().sent.dropped_unresolved == 1; }));
  EXPECT_EQ(cluster.count_lines("There are: \"" + std::string(48, 'x') + "...\", \"peer0\"", "\"peer8\" and 21 more"),
            1U)
      << cluster.log_text();
}

TEST(DropLog, a_peer_that_cannot_be_reached_is_told_with_its_place_and_the_reason) {
  LoggedCluster cluster;
  TestNode& node = cluster.add_node({.alias = "ping", .connect_deadline = std::chrono::milliseconds(1)});
  const SilentPort silent;
  node->directory().upsert(stranger("gone", silent.port()));
  for (std::uint64_t i = 1; i <= 2; ++i) {
    EXPECT_EQ(node.send("gone", "1"), SendVerdict::queued);
    ASSERT_TRUE(cluster.turn_until([&] { return node.stats().sent.dropped_unreachable == i; }));
  }
  EXPECT_EQ(cluster.count_lines("1 message to \"gone\", node id-of-gone dropped: it cannot be reached at 127.0.0.1:" +
                                    std::to_string(silent.port()) + " (connecting: Connection refused)",
                                "stats() counts more as dropped_unreachable"),
            1U)
      << cluster.log_text();
}

TEST(DropLog, a_peer_that_leaves_before_it_was_reached_is_told) {
  LoggedCluster cluster;
  TestNode& node = cluster.add_node({.alias = "ping"});
  const SilentPort silent;
  node->directory().upsert(stranger("gone", silent.port()));
  EXPECT_EQ(node.send("gone", "1"), SendVerdict::queued);
  node->directory().remove("id-of-gone");
  EXPECT_EQ(node.stats().sent.dropped_peer_left, 1U);
  EXPECT_EQ(cluster.count_lines("1 message to \"gone\", node id-of-gone dropped: it has left the registry"), 1U)
      << cluster.log_text();
}

TEST(DropLog, what_another_thread_wrote_for_a_node_that_has_left_since_is_told) {
  LoggedCluster cluster;
  TestNode& node = cluster.add_node({.alias = "ping"});
  runtime::TargetTable names(1);
  transport::EncodedRun run{.chunk = nullptr, .bytes = {}, .count = 3};
  const auto credit = std::make_shared<runtime::SendCredit>(1024, 3);
  ASSERT_TRUE(credit->take({0, 3}));
  node->router().send_encoded(names.of("gone"), 1, credit, run);
  EXPECT_EQ(credit->used().messages, 0U);
  EXPECT_EQ(cluster.count_lines("3 messages to \"gone\" dropped: the node of that name has left"), 1U)
      << cluster.log_text();
}

TEST(DropLog, what_another_thread_wrote_for_a_node_that_has_left_is_not_counted_for_who_has_its_name_now) {
  LoggedCluster cluster;
  TestNode& node = cluster.add_node({.alias = "ping"});
  cluster.add_node({.alias = "pong"});
  node.send("pong", "1");
  ASSERT_TRUE(cluster.turn_until([&] { return node.stats().sent.written == 1; }));
  const runtime::TargetPtr pong = node.target("pong");
  const auto credit = std::make_shared<runtime::SendCredit>(1024, 3);
  ASSERT_TRUE(credit->take({0, 3}));
  node->router().send_encoded(pong, pong->version - 1, credit, {.chunk = nullptr, .bytes = {}, .count = 3});
  const NodeStats stats = node.stats();
  EXPECT_EQ(stats.sent.dropped_peer_left, 3U);
  for (const PeerStats& peer : stats.peers) {
    EXPECT_EQ(peer.sent.dropped_peer_left, peer.node_id == "(unresolved)" ? 3U : 0U) << peer.node_id;
  }
}

TEST(DropLog, a_connection_that_breaks_with_messages_in_it_is_told) {
  SocketCluster cluster(LogLevel::warn);
  TestNode& node = cluster.add_node({.alias = "ping", .frame_size_max = 1 << 20, .send_bytes_max = 4 << 20});
  RawSocket deaf = RawSocket::listening();
  node->directory().upsert(stranger("deaf", deaf.port()));
  const std::string text = '"' + std::string(256 * 1024, 'x') + '"';
  for (SendVerdict verdict = SendVerdict::queued; verdict == SendVerdict::queued;) {
    verdict = node.send("deaf", text);
    turn_some(cluster.reactor(), 1);
  }
  deaf = RawSocket::listening();  // the one before closes, with the connection in its backlog
  ASSERT_TRUE(cluster.turn_until([&] { return node.stats().sent.dropped_connection_lost > 0; }));
  EXPECT_EQ(cluster.count_lines("to \"deaf\", node id-of-deaf dropped: the connection broke"), 1U)
      << cluster.log_text();
}

TEST(DropLog, a_full_mailbox_is_told_of_each_sender_whichever_messages_it_drops) {
  LoggedCluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& fresh = cluster.add_node({.alias = "fresh", .mailbox = {.max_size = 2}});
  TestNode& old = cluster.add_node({.alias = "old", .mailbox = {.max_size = 2, .overflow = Overflow::drop_oldest}});
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ping.send("fresh", "1"), SendVerdict::queued);
    EXPECT_EQ(ping.send("old", "1"), SendVerdict::queued);
    turn_some(cluster.reactor(), 2);
  }
  ASSERT_TRUE(cluster.turn_until([&] {
    return fresh.stats().received.dropped_mailbox_newest == 18 && old.stats().received.dropped_mailbox_oldest == 18;
  }));
  const std::string of_ping = "of \"ping\", node " + ping->node_id() + " dropped: the mailbox is full, and ";
  EXPECT_EQ(cluster.count_lines(of_ping + "what comes is dropped", "dropped_mailbox_newest"), 1U) << cluster.log_text();
  EXPECT_EQ(cluster.count_lines(of_ping + "the oldest make room", "dropped_mailbox_oldest"), 1U) << cluster.log_text();
}

TEST(DropLog, a_message_for_another_node_is_told_once_a_connection) {
  LoggedCluster cluster;
  TestNode& pong = cluster.add_node({.alias = "pong"});
  TestNode& ping = cluster.add_node({.alias = "ping"});
  ping->directory().upsert(stranger("gone", pong->port()));
  for (std::uint64_t i = 1; i <= 2; ++i) {
    EXPECT_EQ(ping.send("gone", "1"), SendVerdict::queued);
    ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().misrouted == i; }));
  }
  EXPECT_EQ(cluster.count_lines("of node " + ping->node_id() + " is dropped, for it is for node id-of-gone"), 1U)
      << cluster.log_text();
}

TEST(DropLog, says_nothing_where_the_level_excludes_it) {
  LoggedCluster cluster(LogLevel::error);
  TestNode& node = cluster.add_node({.alias = "ping"});
  node.send("nobody", "1");
  ASSERT_TRUE(cluster.turn_until([&] { return node.stats().sent.dropped_unresolved == 1; }));
  EXPECT_TRUE(cluster.log_lines().empty()) << cluster.log_text();
}

}  // namespace
}  // namespace distflow::test
