// Nodes whose registry is no PMD: what a node does is its own, and what a PMD does is behind RegistryClient.
#include "runtime/node/registry_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/cluster.hpp"
#include "tests/support/fake_registry.hpp"

namespace distflow::runtime {
namespace {

using namespace test;
using ::testing::ElementsAre;

class RegistryClientTest : public ::testing::Test {
 protected:
  RegistryClientTest() { cluster.stop_pmd(); }
  void TearDown() override {
    // The registry is gone before the cluster, which has the reactor.
    for (TestNode* node : nodes) {
      if (!node->closed) cluster.shut_down(*node);
    }
  }

  TestNode& add(const std::string& alias) {
    NodeOptions options;
    options.alias = alias;
    nodes.push_back(&cluster.add_node_of(options, registry.make_client()));
    return *nodes.back();
  }
  TestNode& add_started(const std::string& alias) {
    TestNode& node = add(alias);
    EXPECT_TRUE(cluster.turn_until([&] { return node.started.has_value(); }));
    return node;
  }

  Cluster cluster;
  FakeRegistry registry{cluster.reactor()};
  std::vector<TestNode*> nodes;
};

TEST_F(RegistryClientTest, nodes_find_each_other_and_talk_where_there_is_no_pmd) {
  TestNode& pong = add_started("pong");
  TestNode& ping = add_started("ping");
  pong.record_messages();
  EXPECT_TRUE(is_under_way(ping.send("pong", "1")));
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; }));
  EXPECT_TRUE(pong.stats().is_registered);
  EXPECT_EQ(pong.stats().pmd_starts, 0u);
}

TEST_F(RegistryClientTest, a_node_that_its_registry_has_lost_talks_on_and_is_registered_again) {
  TestNode& pong = add_started("pong");
  TestNode& ping = add_started("ping");
  pong.record_messages();
  EXPECT_TRUE(is_under_way(ping.send("pong", "1")));
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; }));
  registry.go_away();
  ASSERT_TRUE(cluster.turn_until([&] { return !pong.stats().is_registered; }));
  EXPECT_TRUE(is_under_way(ping.send("pong", "2")));
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 2; }));
  registry.come_back();
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().is_registered; }));
  EXPECT_EQ(pong.stats().registrations_lost, 1u);
}

TEST_F(RegistryClientTest, what_the_registry_says_is_final_ends_the_start) {
  registry.fail_next_start(Error{Errc::not_a_pmd, "asking a registry"});
  TestNode& node = add("pong");
  ASSERT_TRUE(cluster.turn_until([&] { return node.closed.has_value(); }));
  ASSERT_TRUE(node.started.has_value());
  ASSERT_FALSE(*node.started);
  EXPECT_EQ(node.started->error().code, make_error_code(Errc::not_a_pmd));
  EXPECT_FALSE(node.closed->is_unregistered);
}

TEST_F(RegistryClientTest, a_node_that_ends_inside_what_it_is_told_changes_no_groups_and_closes_once) {
  TestNode& ping = add_started("ping");
  int ended = 0;
  ping->delivery().set_join_handler([&](const PeerInfo&) {
    if (ended++ > 0) return;
    EXPECT_EQ(ping->own_groups().join("late"), runtime::OwnGroups::Outcome::done);
    ping->begin_shutdown(base::seconds(1));
    ping->begin_shutdown(base::seconds(1));
    ping->update_groups();
    registry.ask({.node_id = {}, .id = 1});
  });
  add_started("pong");
  ASSERT_TRUE(cluster.turn_until([&] { return ping.closed.has_value(); }));
  EXPECT_TRUE(ping.closed->is_unregistered);
  ping->update_groups();
  EXPECT_EQ(registry.size(), 1u);
}

TEST_F(RegistryClientTest, a_node_whose_start_fails_closes_its_registry_once) {
  registry.fail_next_start(Error{Errc::not_a_pmd, "asking a registry"});
  TestNode& node = add("pong");
  node->begin_shutdown(base::seconds(1));
  ASSERT_TRUE(cluster.turn_until([&] { return node.closed.has_value(); }));
  node->begin_shutdown(base::seconds(1));
  node->update_groups();
}

TEST_F(RegistryClientTest, a_node_that_shuts_down_takes_itself_off) {
  TestNode& pong = add_started("pong");
  TestNode& ping = add_started("ping");
  ping.record_peers();
  EXPECT_TRUE(cluster.shut_down(pong).is_unregistered);
  EXPECT_EQ(registry.size(), 1u);
  ASSERT_TRUE(cluster.turn_until([&] { return !ping.left.empty(); }));
  EXPECT_THAT(ping.left, ElementsAre("pong"));
}

}  // namespace
}  // namespace distflow::runtime
