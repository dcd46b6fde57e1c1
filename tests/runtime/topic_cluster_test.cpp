// Topics of nodes over one loop: what becomes of each copy, where subscribers are slow, deaf, gone, or not told yet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>
#include <string>
#include <thread>
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
  EXPECT_EQ(cluster_.count_lines("node deaf", "its queue is full"), 1U) << cluster_.log_text();
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

TEST_F(TopicsInACluster, what_comes_for_a_topic_that_a_node_does_not_subscribe_to_is_counted_for_who_published_it) {
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
  ASSERT_TRUE(cluster_.turn_until([&] { return node.stats().received.received == 1; }));
  EXPECT_THAT(node.messages, IsEmpty());
  EXPECT_EQ(node.stats().received.dropped_unsubscribed, 1U);
  EXPECT_EQ(node.stats().misrouted, 0U);
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

TEST_F(TopicsInACluster, a_copy_is_dropped_for_lack_of_room_alone_and_not_because_a_thread_waits_for_room) {
  ASSERT_TRUE(until_known());
  add_deaf_subscriber();
  runtime::SendCredit& credit = *publisher_->router().link_to(publisher_.target("deaf"))->credit();
  credit.begin_waiting();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(publish(publisher_, "prices", "1"), SendVerdict::queued);
  credit.end_waiting();
  EXPECT_EQ(sent_to(publisher_.stats(), "deaf").accepted, 3U);
  EXPECT_EQ(publisher_.stats().sent.dropped(), 0U);
  check_copies(publisher_.stats());
}

struct TopicsOfFewNames : TopicsInACluster {
  TopicsOfFewNames() : TopicsInACluster({.targets_max = 2}) {}
  /// As one that subscribes, is sent a message, and leaves.
  void have_a_subscriber_come_and_go(const std::string& topic) {
    const std::string id = "of-" + topic;
    {
      PmdTestClient client(cluster_.pmd_port());
      client.send(register_text(id, "", R"(,"caps":["topics"],"groups":["topic:)" + topic + "\"]"));
      ASSERT_TRUE(cluster_.turn_until([&] { return publisher_->directory().find_id(id) != nullptr; }));
      EXPECT_EQ(publish(publisher_, topic, "1"), SendVerdict::queued);
      EXPECT_EQ(sent_to(publisher_.stats(), id).accepted, 1U);
    }
    ASSERT_TRUE(cluster_.turn_until([&] { return publisher_->directory().find_id(id) == nullptr; }));
  }
};

TEST_F(TopicsOfFewNames, topics_that_nobody_uses_give_their_places_to_others_and_to_groups) {
  for (int i = 0; i < 12; ++i) {
    const runtime::TargetPtr topic = publisher_->topic("t" + std::to_string(i));
    ASSERT_NE(topic, nullptr) << i;
    EXPECT_EQ(publisher_->publish(*topic, runtime::OutgoingMessage("1")), SendVerdict::queued);
  }
  const runtime::GroupStatePtr workers = publisher_->group("workers");
  EXPECT_NE(workers, nullptr);
  const runtime::TargetPtr held = publisher_->topic("held");
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(publisher_->topic("one more"), nullptr) << "all places are in use";
  EXPECT_EQ(publisher_->topic("held"), held);
}

TEST_F(TopicsOfFewNames, a_topic_that_retains_keeps_its_place) {
  ASSERT_TRUE(publisher_->retain("prices", {}));
  const runtime::TargetState* const prices = publisher_->topic("prices").get();
  for (int i = 0; i < 12; ++i) EXPECT_NE(publisher_->topic("t" + std::to_string(i)), nullptr) << i;
  EXPECT_EQ(publisher_->topic("prices").get(), prices);
  ASSERT_TRUE(publisher_->retain("prices", {.count = 0}));
  EXPECT_NE(publisher_->topic("one"), nullptr);
  EXPECT_NE(publisher_->topic("two"), nullptr);
}

TEST_F(TopicsOfFewNames, a_topic_that_nobody_publishes_to_holds_no_name_of_one_that_has_left) {
  have_a_subscriber_come_and_go("a");
  have_a_subscriber_come_and_go("b");
  const runtime::TargetPtr someone = publisher_.target("someone");
  EXPECT_NE(someone, nullptr);
  EXPECT_NE(publisher_.target("someone else"), nullptr);
}

TEST_F(TopicsOfFewNames, a_subscriber_for_whose_name_there_was_no_place_gets_messages_once_there_is_one) {
  ASSERT_TRUE(until_known());
  runtime::TargetPtr held = publisher_.target("held");
  runtime::TargetPtr other = publisher_.target("other");
  EXPECT_EQ(publish(publisher_, "prices", "1"), SendVerdict::queued);
  EXPECT_EQ(publisher_.stats().sent.dropped_unresolved, 2U);
  EXPECT_EQ(cluster_.count_lines("targets_max other names are in use"), 1U) << cluster_.log_text();
  held.reset();
  other.reset();
  ASSERT_TRUE(cluster_.turn_until([&] {
    EXPECT_EQ(publish(publisher_, "prices", "2"), SendVerdict::queued);
    return !got_[0].empty() && !got_[1].empty();
  }));
  check_copies(publisher_.stats());
}

TEST_F(TopicsInACluster, subscribing_and_ending_it_on_two_threads_leave_both_or_neither) {
  TestNode& node = cluster_.add_node({});
  constexpr int rounds = 20000;
  std::atomic<int> begun = 0;
  std::atomic<int> ended = 0;
  // Both look for the beginning of a round without sleeping, so that their calls are at the same time.
  const auto wait_for = [](const std::atomic<int>& number, int wanted) {
    for (int looks = 0; number.load() < wanted; ++looks) {
      if (looks % 1000 == 999) std::this_thread::yield();
    }
  };
  std::thread other([&] {
    for (int i = 1; i <= rounds; ++i) {
      wait_for(begun, i);
      static_cast<void>(node->unsubscribe("toggled"));
      ended = i;
    }
  });
  for (int i = 1; i <= rounds; ++i) {
    begun = i;
    runtime::SubscriptionPtr replaced;
    EXPECT_TRUE(node->subscribe(
        "toggled", [](const Message&) {}, {}, replaced));
    wait_for(ended, i);
    const bool is_in_group = !node->own_groups().list().empty();
    const bool is_subscribed = node->unsubscribe("toggled") != nullptr;
    EXPECT_EQ(is_in_group, is_subscribed) << "round " << i;
  }
  other.join();
}

TEST_F(TopicsInACluster, once_handlers_are_to_stop_no_other_topics_handler_is_begun) {
  TestNode& node = cluster_.add_node({.threading = Threading::dispatcher});
  std::binary_semaphore is_held(0);
  std::binary_semaphore gate(0);
  node->delivery().set_message_handler([&](const Message&) {
    is_held.release();
    gate.acquire();
  });
  std::atomic<int> calls = 0;
  constexpr int topics = 5;
  for (int i = 0; i < topics; ++i) {
    subscribe(node, "t" + std::to_string(i), [&](const Message&) {
      ++calls;
      node->delivery().request_stop();
    });
  }
  const auto knows = [&] {
    const runtime::Peer* const peer = publisher_->directory().find_id(node->node_id());
    return peer != nullptr && peer->info.has_group("topic:t4");
  };
  ASSERT_TRUE(cluster_.turn_until(knows));
  EXPECT_EQ(publisher_.send(node->node_id(), "1"), SendVerdict::queued);
  ASSERT_TRUE(cluster_.turn_until([&] { return is_held.try_acquire(); }));
  for (int i = 0; i < topics; ++i) {
    for (int k = 0; k < 2; ++k) EXPECT_EQ(publish(publisher_, "t" + std::to_string(i), "1"), SendVerdict::queued);
  }
  ASSERT_TRUE(cluster_.turn_until([&] { return node.stats().topics_waiting == 2 * topics; }));
  gate.release();
  EXPECT_TRUE(cluster_.turn_until([&] { return calls > 0; }));
  cluster_.shut_down(node);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace distflow::test
