// Topics of nodes that a test turns by hand: subscribing, publishing, and the law of what is published.
//
// One thread: that of the cluster.
// Use: class Topics : public TopicsInACluster {}; ... publish(publisher_, "prices", "1"); cluster_.turn_until(...);
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <distflow/topic.hpp>

#include "tests/support/cluster.hpp"
#include "tests/support/pmd_requests.hpp"
#include "tests/support/pmd_test_client.hpp"

namespace distflow::test {

inline void subscribe(TestNode& node, const std::string& topic, runtime::MessageHandler handler,
                      const SubscribeOptions& options = {}) {
  runtime::SubscriptionPtr replaced;
  EXPECT_TRUE(node->subscribe(topic, std::move(handler), options, replaced));
  EXPECT_EQ(replaced, nullptr);
  node->update_groups();
}
inline SendVerdict publish(TestNode& node, const std::string& topic, const std::string& json) {
  return node->publish(*node->topic(topic), runtime::OutgoingMessage(json));
}
/// Of a node that sends only what it publishes.
inline void check_copies(const NodeStats& stats) {
  EXPECT_EQ(stats.published_copies, stats.sent.accepted);
  EXPECT_EQ(stats.sent.accepted, stats.sent.written + stats.send_queue_messages + stats.sent.dropped());
  for (const PeerStats& peer : stats.peers) {
    EXPECT_GE(peer.sent.accepted, peer.sent.written + peer.sent.dropped()) << peer.node_id;
  }
}

/// A publisher, two subscribers that listen, and one whose node is registered and cannot be connected to.
class TopicsInACluster : public ::testing::Test {
 protected:
  explicit TopicsInACluster(NodeOptions options = {}) : publisher_(cluster_.add_node(options)) {
    for (std::size_t i = 0; i < 2; ++i) {
      TestNode& node = cluster_.add_node({});
      subscribe(node, "prices", [this, i](const Message& message) { got_.at(i).emplace_back(message.payload); });
    }
  }
  void add_deaf_subscriber(const std::string& caps = R"(["topics"])") {
    deaf_.send(register_text("deaf", "", R"(,"groups":["topic:prices"],"caps":)" + caps));
    ASSERT_TRUE(cluster_.turn_until([this] { return publisher_->directory().find_id("deaf") != nullptr; }));
  }
  bool until_known() {
    return cluster_.turn_until([this] {
      std::size_t count = 0;
      publisher_->directory().for_each_node(
          [&count](const base::PackedInfo& node) { count += node.has_group("topic:prices") ? 1U : 0U; });
      return count >= 2;
    });
  }
  static SendStats sent_to(const NodeStats& stats, std::string_view id) {
    for (const PeerStats& peer : stats.peers) {
      if (peer.node_id == id) return peer.sent;
    }
    return {};
  }

  SocketCluster cluster_{base::LogLevel::warn};
  std::array<std::vector<std::string>, 2> got_;
  TestNode& publisher_;
  PmdTestClient deaf_{cluster_.pmd_port()};
};

}  // namespace distflow::test
