// What the log of a node says at level debug: its life, step by step.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/cluster.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using base::LogLevel;

/// Whether lines with these texts came in this order, maybe with others between them.
bool came_in_order(const Cluster& cluster, const std::vector<std::string>& texts) {
  auto next = texts.begin();
  for (const std::string& line : cluster.log_lines()) {
    if (next != texts.end() && line.starts_with("debug: ") && line.find(*next) != std::string::npos) ++next;
  }
  if (next == texts.end()) return true;
  ADD_FAILURE() << "missing: " << *next << "\n" << cluster.log_text();
  return false;
}

TEST(DebugLines, a_nodes_start_its_connections_and_its_end_are_told) {
  Cluster cluster({}, &make_backend, LogLevel::debug);
  TestNode& pong = cluster.add_node({.alias = "pong"});
  TestNode& ping = cluster.add_node({.alias = "ping"});
  const std::string pmd = "127.0.0.1:" + std::to_string(cluster.pmd_port());
  EXPECT_TRUE(came_in_order(cluster, {"node " + ping->node_id() + " listens at 127.0.0.1:" +
                                          std::to_string(ping->port()) + " and looks for a PMD at " + pmd,
                                      "node " + ping->node_id() + " is registered with the PMD at " + pmd,
                                      "node " + ping->node_id() + " has started"}));
  EXPECT_EQ(ping.send("pong", "1"), SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().received.received == 1; }));
  cluster.shut_down(ping);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().connections_in == 0; }));
  EXPECT_TRUE(came_in_order(
      cluster,
      {"connected to node " + pong->node_id() + " at 127.0.0.1:" + std::to_string(pong->port()),
       "node " + ping->node_id() + " shuts down", "the connection to node " + pong->node_id() + " is closed: "}));
  EXPECT_TRUE(came_in_order(cluster,
                            {"a connection from 127.0.0.1:", "a connection from " + ping->node_id() + " is closed: "}));
  EXPECT_TRUE(came_in_order(cluster, {"node " + ping->node_id() + " has closed"}));
}

TEST(DebugLines, memory_that_is_offered_and_shared_is_told_on_both_sides) {
  SocketCluster cluster(LogLevel::debug);
  TestNode& pong = cluster.add_node({.alias = "pong"});
  TestNode& ping = cluster.add_node({.alias = "ping"});
  ASSERT_TRUE(cluster.turn_until([&] { return ping->directory().find_info("pong").has_value(); }));
  for (int i = 0; i < 200; ++i) ping.send("pong", "1");
  if (!cluster.turn_until(
          [&] { return pong.stats().connections_in_memory > 0 || cluster.count_lines("no memory") > 0; })) {
    FAIL() << cluster.log_text();
  }
  if (cluster.count_lines("no memory") > 0) GTEST_SKIP() << "this system has no memory to share";
  EXPECT_TRUE(came_in_order(
      cluster, {"memory is offered to node " + pong->node_id(), "memory of node " + ping->node_id() + " is mapped"}));
  EXPECT_TRUE(cluster.turn_until([&] {
    return cluster.count_lines("debug: memory is shared with node " + pong->node_id()) == 1;
  })) << cluster.log_text();
}

TEST(DebugLines, memory_that_a_peer_does_not_take_is_told) {
  SocketCluster cluster(LogLevel::debug);
  // Says in the registry that it takes memory, and not a ring of that size.
  TestNode& pong = cluster.add_node({.alias = "pong", .memory_ring_size = 4096});
  TestNode& ping = cluster.add_node({.alias = "ping"});
  for (int i = 0; i < 200; ++i) ping.send("pong", "1");
  if (!cluster.turn_until([&] {
        return cluster.count_lines("node " + pong->node_id() + " does not take the memory") > 0 ||
               cluster.count_lines("no memory") > 0;
      })) {
    FAIL() << cluster.log_text();
  }
  if (cluster.count_lines("no memory") > 0) GTEST_SKIP() << "this system has no memory to share";
  EXPECT_GE(cluster.count_lines("memory that is offered cannot be used"), 1U) << cluster.log_text();
}

TEST(DebugLines, a_pmd_that_cannot_be_reached_is_told_attempt_by_attempt) {
  Cluster cluster({}, &make_backend, LogLevel::debug);
  cluster.stop_pmd();
  TestNode& node = cluster.add_node({.alias = "lonely", .start_deadline = std::chrono::seconds(1)});
  EXPECT_FALSE(*node.started);
  EXPECT_TRUE(came_in_order(cluster, {"attempt 1 to reach a PMD failed: looking for a PMD: ",
                                      "node " + node->node_id() + " does not start: "}));
  cluster.start_pmd();
}

TEST(DebugLines, a_peer_that_is_sent_to_on_its_own_connection_is_told) {
  Cluster cluster({}, &make_backend, LogLevel::debug);
  TestNode& one = cluster.add_node({.alias = "one"});
  TestNode& two = cluster.add_node({.alias = "two"});
  one.record_messages();
  two.record_messages();
  std::size_t sent = 0;
  ASSERT_TRUE(cluster.turn_until([&] {
    if (one.messages.size() + two.messages.size() == 2 * sent) {
      ++sent;
      one.send("two", "1");
      two.send("one", "1");
    }
    return cluster.count_lines("is sent to on the connection that it has opened") > 0;
  })) << cluster.log_text();
}

}  // namespace
}  // namespace distflow::test
