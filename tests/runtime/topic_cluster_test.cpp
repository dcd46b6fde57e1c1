// Topics of nodes over one loop: what becomes of each copy, where subscribers are slow, deaf, gone, or not told yet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include <distflow/ask.hpp>

#include "tests/runtime/topics.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;

struct TopicsWithShortQueues : TopicsInACluster {
  TopicsWithShortQueues() : TopicsInACluster({.send_messages_max = 10}) {}
};

TEST_F(TopicsWithShortQueues, a_subscriber_that_reads_nothing_loses_its_own_messages_and_no_others) {
  ASSERT_TRUE(until_known());
  add_deaf_subscriber();
  for (std::size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(publish(publisher_, "prices", std::to_string(i)), SendVerdict::queued);
    ASSERT_TRUE(cluster_.turn_until([&] { return got_[0].size() == i + 1 && got_[1].size() == i + 1; }));
  }
  const NodeStats stats = publisher_.stats();
  EXPECT_EQ(sent_to(stats, "deaf").accepted, 40U);
  EXPECT_EQ(sent_to(stats, "deaf").dropped_queue_full, 30U);
  EXPECT_EQ(stats.sent.dropped(), 30U);
  EXPECT_EQ(stats.published, 40U);
  EXPECT_EQ(stats.published_copies, 120U);
  check_copies(stats);
}

struct TopicsWithShortPatience : TopicsInACluster {
  TopicsWithShortPatience() : TopicsInACluster({.connect_deadline = 50ms, .send_messages_max = 10}) {}
};

TEST_F(TopicsWithShortPatience, a_request_behind_which_copies_found_no_room_is_told_that_it_was_not_sent) {
  ASSERT_TRUE(until_known());
  add_deaf_subscriber(R"(["topics","ask"])");
  std::vector<KeptReply> replies;
  const runtime::AskWay::OnLoop on_loop(publisher_->ask_way());
  const SendVerdict asked = publisher_->ask_way().ask(
      "deaf", "1", {.deadline = 1h}, [&](const Reply& reply) { replies.push_back(reply.keep()); },
      runtime::AskWay::Callback::of_application);
  EXPECT_EQ(asked, SendVerdict::queued);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(publish(publisher_, "prices", "1"), SendVerdict::queued);
  EXPECT_EQ(sent_to(publisher_.stats(), "deaf").dropped_queue_full, 31U);
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies[0].error, AskError::not_sent) << to_string(replies[0].error);
  EXPECT_FALSE(replies[0].may_have_run);
}

TEST_F(TopicsInACluster, the_queues_of_all_subscribers_share_one_encoding) {
  ASSERT_TRUE(until_known());
  add_deaf_subscriber();
  const std::uint64_t before = cluster_.large_chunks_made();
  // Too large for a chunk of the pool: it has memory of its own, which all of them hold.
  EXPECT_EQ(publish(publisher_, "prices", '"' + std::string(1 << 20, 'x') + '"'), SendVerdict::queued);
  EXPECT_EQ(publisher_.stats().published_copies, 3U);
  EXPECT_EQ(cluster_.large_chunks_made(), before + 1);
  ASSERT_TRUE(cluster_.turn_until([&] { return !got_[0].empty() && !got_[1].empty(); }));
  EXPECT_EQ(got_[0], got_[1]);
  check_copies(publisher_.stats());
}

TEST_F(TopicsInACluster, what_comes_for_a_topic_that_a_node_does_not_subscribe_to_is_misrouted) {
  ASSERT_TRUE(until_known());
  TestNode& node = cluster_.add_node({.alias = "node"});
  node.record_messages();
  // As one that has just unsubscribed: the publisher does not know yet.
  subscribe(node, "weather", [](const Message&) { FAIL() << "unsubscribed"; });
  const auto knows = [&] {
    const runtime::Peer* const peer = publisher_->directory().find_id(node->node_id());
    return peer != nullptr && peer->info.has_group("topic:weather");
  };
  ASSERT_TRUE(cluster_.turn_until(knows));
  const runtime::SubscriptionPtr ended = node->unsubscribe("weather");
  runtime::Subscriptions::end(*ended);
  EXPECT_EQ(publish(publisher_, "weather", "1"), SendVerdict::queued);
  ASSERT_TRUE(cluster_.turn_until([&] { return node.stats().misrouted == 1; }));
  EXPECT_THAT(node.messages, IsEmpty());
  EXPECT_EQ(node.stats().received.received, 0U);
}

TEST_F(TopicsInACluster, copies_for_one_that_leaves_are_counted_as_dropped_with_it) {
  ASSERT_TRUE(until_known());
  add_deaf_subscriber();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(publish(publisher_, "prices", "1"), SendVerdict::queued);
  deaf_ = PmdTestClient();
  ASSERT_TRUE(cluster_.turn_until([this] { return publisher_->directory().find_id("deaf") == nullptr; }));
  EXPECT_EQ(publish(publisher_, "prices", "2"), SendVerdict::queued);
  ASSERT_TRUE(cluster_.turn_until([&] { return got_[0].size() == 6 && got_[1].size() == 6; }));
  const NodeStats stats = publisher_.stats();
  EXPECT_EQ(sent_to(stats, "deaf").dropped(), 5U);
  EXPECT_EQ(stats.published_copies, 17U);
  check_copies(stats);
}

}  // namespace
}  // namespace distflow::test
