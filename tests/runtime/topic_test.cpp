// Topics of the process's one node, in each threading mode, with other nodes and a PMD around it.
#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>
#include <distflow/topic.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "tests/runtime/topics.hpp"
#include "tests/support/node_among_others.hpp"
#include "tests/support/pmd_requests.hpp"
#include "tests/support/pmd_test_client.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TopicsOfANode : public NodeAmongOthers {
 protected:
  /// Another node, which notes what it gets.
  TestNode& add_subscriber(const std::string& alias, const std::string& topic = "prices") {
    TestNode* added = nullptr;
    others_.run([&](Cluster& cluster) {
      added = &cluster.add_node({.alias = alias});
      (*added)->delivery().set_message_handler([this](const Message& message) { note("no topic", message); });
      subscribe(*added, topic, [this, alias](const Message& message) { note(alias, message); });
    });
    return *added;
  }
  static bool until_subscribers(NodeRuntime& node, const std::string& topic, std::size_t count) {
    Group group = node.group("topic:" + topic);
    return until(node, [&] { return group.members().size() == count; });
  }
};

TEST_P(TopicsOfANode, each_subscriber_gets_what_is_published_once_and_nobody_else) {
  NodeRuntime node = start();
  for (const char* alias : {"s1", "s2", "s3"}) add_subscriber(alias);
  add_subscriber("other", "weather");
  ASSERT_TRUE(until_subscribers(node, "prices", 3));
  EXPECT_EQ(node.publish("prices", "1"), SendVerdict::queued);
  EXPECT_EQ(node.publish("prices", raw_json(R"({"a":2})")), SendVerdict::queued);
  for (const char* alias : {"s1", "s2", "s3"}) {
    ASSERT_TRUE(until(node, [&] { return received(alias).size() == 2; }));
    EXPECT_THAT(received(alias), ElementsAre("1", R"({"a":2})"));
  }
  EXPECT_THAT(received("other"), IsEmpty());
  EXPECT_THAT(received("no topic"), IsEmpty());
  ASSERT_TRUE(until(node, [&] { return node.stats().sent.written == 6; }));
  const NodeStats stats = node.stats();
  EXPECT_EQ(stats.published, 2U);
  EXPECT_EQ(stats.published_copies, 6U);
  check_copies(stats);
}

TEST_P(TopicsOfANode, nobody_need_subscribe_and_the_verdict_is_the_same) {
  NodeRuntime node = start();
  EXPECT_EQ(node.publish("prices", "1"), SendVerdict::queued);
  ASSERT_TRUE(until(node, [&] { return node.stats().published == 1; }));
  EXPECT_EQ(node.stats().published_copies, 0U);
  EXPECT_EQ(node.stats().sent.accepted, 0U);
}

TEST_P(TopicsOfANode, a_node_hears_what_it_publishes_on_a_topic_that_it_subscribes_to) {
  NodeRuntime node = start();
  node.on_message([this](const Message& message) { note("no topic", message); });
  std::string address;
  ASSERT_TRUE(node.subscribe("prices", [&](const Message& message) {
    address = message.to;
    note(std::string(message.from), message);
  }));
  ASSERT_TRUE(until_subscribers(node, "prices", 1));
  EXPECT_EQ(node.publish("prices", "1"), SendVerdict::queued);
  ASSERT_TRUE(until(node, [&] { return node.stats().received.handled == 1; }));
  EXPECT_THAT(received(node.node_id()), ElementsAre("1"));
  EXPECT_THAT(received("no topic"), IsEmpty());
  EXPECT_EQ(address, "topic:prices");
  EXPECT_EQ(node.stats().received.received, 1U);
  EXPECT_EQ(node.stats().latency.handler.count(), 1U);
  EXPECT_EQ(node.stats().latency.queue_wait.count(), 1U);
}

TEST_P(TopicsOfANode, who_unsubscribes_or_leaves_gets_nothing_more_and_who_comes_gets_what_follows) {
  NodeRuntime node = start();
  TestNode& s1 = add_subscriber("s1");
  TestNode& s2 = add_subscriber("s2");
  ASSERT_TRUE(until_subscribers(node, "prices", 2));
  EXPECT_EQ(node.publish("prices", "1"), SendVerdict::queued);
  ASSERT_TRUE(until(node, [&] { return received("s1").size() == 1 && received("s2").size() == 1; }));
  others_.run([&](Cluster& cluster) {
    const runtime::SubscriptionPtr ended = s1->unsubscribe("prices");
    ASSERT_NE(ended, nullptr);
    runtime::Subscriptions::end(*ended);
    s1->update_groups();
    cluster.shut_down(s2);
  });
  add_subscriber("s3");
  const auto only_s3 = [&] {
    Group group = node.group("topic:prices");
    const std::vector<PeerInfo> members = group.members();
    return members.size() == 1 && members[0].alias == "s3";
  };
  ASSERT_TRUE(until(node, only_s3));
  EXPECT_EQ(node.publish("prices", "2"), SendVerdict::queued);
  ASSERT_TRUE(until(node, [&] { return received("s3").size() == 1; }));
  EXPECT_THAT(received("s3"), ElementsAre("2"));
  EXPECT_THAT(received("s1"), ElementsAre("1"));
  EXPECT_THAT(received("s2"), ElementsAre("1"));
}

TEST_P(TopicsOfANode, the_messages_of_each_thread_come_in_its_order) {
  NodeRuntime node = start();
  for (const char* alias : {"s1", "s2"}) add_subscriber(alias);
  ASSERT_TRUE(until_subscribers(node, "prices", 2));
  constexpr int count = 500;
  constexpr int threads = 3;
  std::vector<std::thread> publishers;
  publishers.reserve(threads);
  for (int thread = 0; thread < threads; ++thread) {
    publishers.emplace_back([&node, thread] {
      for (int i = 0; i < count; ++i) {
        EXPECT_EQ(node.publish("prices", std::to_string(1000 * thread + i)), SendVerdict::queued);
      }
    });
  }
  for (std::thread& publisher : publishers) publisher.join();
  for (const char* alias : {"s1", "s2"}) {
    ASSERT_TRUE(until(node, [&] { return received(alias).size() == threads * count; }));
    std::array<int, threads> next{};
    for (const std::string& payload : received(alias)) {
      const int number = std::stoi(payload);
      EXPECT_EQ(number % 1000, next.at(static_cast<std::size_t>(number / 1000))++);
    }
  }
  ASSERT_TRUE(until(node, [&] { return node.stats().sent.written == 2 * threads * count; }));
  EXPECT_EQ(node.stats().published, static_cast<std::uint64_t>(threads * count));
  check_copies(node.stats());
}

TEST_P(TopicsOfANode, with_conflation_the_newest_of_each_key_is_handled_last_and_none_is_unaccounted_for) {
  NodeRuntime node = start();
  std::counting_semaphore<> gate(0);
  std::map<std::string, std::string> last;  // by the payload's first digits
  std::atomic<int> handled = 0;
  const bool is_held_up = GetParam() == Threading::dispatcher;
  const auto handler = [&](const Message& message) {
    if (is_held_up && handled == 0) gate.acquire();
    const std::string text(message.payload);
    last[text.substr(0, text.find(','))] = text;
    ++handled;
  };
  ASSERT_TRUE(node.subscribe("prices", handler, {.conflate_by = "symbol"}));
  TestNode* publisher = nullptr;
  others_.run([&](Cluster& cluster) { publisher = &cluster.add_node({}); });
  const auto knows = [&] {
    bool found = false;
    others_.run([&](Cluster&) {
      const runtime::Peer* const peer = (*publisher)->directory().find_id(node.node_id());
      found = peer != nullptr && peer->info.has_group("topic:prices");
    });
    return found;
  };
  ASSERT_TRUE(until(node, knows));
  const auto text = [](const char* symbol, int price) {
    return std::string(R"({"symbol":")") + symbol + R"(","price":)" + std::to_string(price) + "}";
  };
  others_.run([&](Cluster&) { EXPECT_EQ(publish(*publisher, "prices", text("A", 0)), SendVerdict::queued); });
  ASSERT_TRUE(until(node, [&] { return node.stats().received.received == 1; }));
  if (is_held_up) {
    ASSERT_TRUE(until(node, [&] { return node.stats().topics_waiting == 0; }));  // its handler has it
  }
  others_.run([&](Cluster&) {
    for (int price = 1; price <= 50; ++price) {
      for (const char* symbol : {"A", "B", "C"}) {
        EXPECT_EQ(publish(*publisher, "prices", text(symbol, price)), SendVerdict::queued);
      }
    }
  });
  ASSERT_TRUE(until(node, [&] { return node.stats().received.received == 151; }));
  gate.release();
  const auto all_accounted_for = [&] {
    const ReceiveStats stats = node.stats().received;
    return stats.received == stats.handled + stats.conflated;
  };
  ASSERT_TRUE(until(node, all_accounted_for));
  const ReceiveStats stats = node.stats().received;
  EXPECT_EQ(stats.handled, static_cast<std::uint64_t>(handled));
  if (is_held_up) {
    EXPECT_EQ(handled, 4);
    EXPECT_EQ(stats.conflated, 147U);
  }
  for (const char* symbol : {"A", "B", "C"}) {
    EXPECT_EQ(last[std::string(R"({"symbol":")") + symbol + "\""], text(symbol, 50));
  }
}

TEST_P(TopicsOfANode, a_later_subscription_replaces_the_handler_and_lets_go_of_the_old_one) {
  NodeRuntime node = start();
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> old = held;
  ASSERT_TRUE(node.subscribe("prices", [held = std::move(held)](const Message&) { FAIL() << "replaced"; }));
  ASSERT_TRUE(node.subscribe("prices", [this](const Message& message) { note("new", message); }));
  ASSERT_TRUE(until(node, [&] { return old.expired(); }));
  ASSERT_TRUE(until_subscribers(node, "prices", 1));
  EXPECT_EQ(node.publish("prices", "1"), SendVerdict::queued);
  ASSERT_TRUE(until(node, [&] { return received("new").size() == 1; }));
}

TEST_P(TopicsOfANode, a_handler_may_publish_unsubscribe_and_throw) {
  NodeRuntime node = start();
  std::atomic<int> handled = 0;
  const auto handler = [&](const Message& message) {
    ++handled;
    if (message.payload == "1") {
      EXPECT_EQ(node.publish("prices", "2"), SendVerdict::queued);
    } else {
      EXPECT_TRUE(node.unsubscribe("prices"));
    }
    throw std::runtime_error("as any handler");
  };
  ASSERT_TRUE(node.subscribe("prices", handler));
  ASSERT_TRUE(until_subscribers(node, "prices", 1));
  EXPECT_EQ(node.publish("prices", "1"), SendVerdict::queued);
  ASSERT_TRUE(until(node, [&] { return node.stats().received.handled == 2; }));
  ASSERT_TRUE(until_subscribers(node, "prices", 0));
  EXPECT_EQ(handled, 2);
  EXPECT_EQ(node.stats().handler_exceptions, 2U);
}

TEST_P(TopicsOfANode, a_node_that_does_not_know_topics_is_sent_nothing_whatever_group_it_is_in) {
  NodeRuntime node = start();
  PmdTestClient typescript(others_.pmd_port());
  typescript.send(register_text("ts", "typescript", R"(,"groups":["topic:prices"])"));
  PmdTestClient earlier(others_.pmd_port());
  earlier.send(register_text("ea", "earlier", R"(,"caps":["ask","groups"],"groups":["topic:prices"])"));
  add_subscriber("s1");
  ASSERT_TRUE(until_subscribers(node, "prices", 1));
  ASSERT_TRUE(until(node, [&] { return node.alias_of("ts") == "typescript" && node.alias_of("ea") == "earlier"; }));
  EXPECT_EQ(node.publish("prices", "1"), SendVerdict::queued);
  ASSERT_TRUE(until(node, [&] { return received("s1").size() == 1; }));
  EXPECT_EQ(node.stats().published_copies, 1U);
  EXPECT_EQ(node.stats().sent.accepted, 1U);
}

TEST_P(TopicsOfANode, what_cannot_be_subscribed_or_published_to_is_refused_with_the_reason) {
  NodeRuntime node = start();
  const auto handler = [](const Message&) {};
  EXPECT_EQ(node.subscribe("", handler).error(), Errc::invalid_option);
  EXPECT_EQ(node.subscribe(std::string(251, 'x'), handler).error(), Errc::invalid_option);
  EXPECT_EQ(node.subscribe("a\nb", handler).error(), Errc::invalid_option);
  EXPECT_EQ(node.subscribe("prices", nullptr).error(), Errc::invalid_option);
  EXPECT_EQ(node.join("topic:prices").error(), Errc::invalid_option);
  for (const SubscribeOptions& options :
       {SubscribeOptions{.mailbox = {.max_size = 0}}, SubscribeOptions{.mailbox = {.max_size = 1U << 31U}},
        SubscribeOptions{.mailbox = {.bytes_max = 0}}, SubscribeOptions{.conflate_by = std::string(257, 'x')},
        SubscribeOptions{.conflate_by = "\xff"}}) {
    EXPECT_EQ(node.subscribe("prices", handler, options).error(), Errc::invalid_option);
  }
  EXPECT_EQ(node.publish("", "1"), SendVerdict::invalid_target);
  EXPECT_EQ(node.publish(std::string(251, 'x'), "1"), SendVerdict::invalid_target);
  EXPECT_EQ(node.publish("a\nb", "1"), SendVerdict::invalid_target);
  EXPECT_EQ(node.publish("\xff", "1"), SendVerdict::invalid_target);
  EXPECT_EQ(node.publish("prices", "no json"), SendVerdict::invalid_json);
  EXPECT_EQ(node.publish("prices", '"' + std::string(17 << 20, 'x') + '"'), SendVerdict::too_large);
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(node.subscribe("t" + std::to_string(i), handler));
  EXPECT_EQ(node.subscribe("one-more", handler).error(), Errc::invalid_option);
  ASSERT_TRUE(node.unsubscribe("t0"));
  ASSERT_TRUE(node.unsubscribe("t0"));
  EXPECT_TRUE(node.subscribe("one-more", handler));
  ASSERT_TRUE(node.shutdown());
  EXPECT_EQ(node.subscribe("t1", handler).error(), Errc::shut_down);
  EXPECT_EQ(node.unsubscribe("t1").error(), Errc::shut_down);
  EXPECT_EQ(node.publish("prices", "1"), SendVerdict::shut_down);
}

INSTANTIATE_TEST_SUITE_P(Modes, TopicsOfANode, ::testing::ValuesIn(NodeInEachMode::kModes), &NodeInEachMode::name_of);

/// With a second thread, which the handler of messages keeps until a test lets it go.
class TopicsThatWait : public TopicsOfANode {
 protected:
  NodeRuntime start_and_hold() {
    NodeRuntime node = start();
    node.on_message([this](const Message&) {
      is_held_.release();
      gate_.acquire();
    });
    EXPECT_TRUE(is_under_way(node.send("self", "0")));
    EXPECT_TRUE(until(node, [&] { return is_held_.try_acquire(); }));
    return node;
  }

  std::binary_semaphore is_held_{0};
  std::binary_semaphore gate_{0};
};

TEST_P(TopicsThatWait, a_handler_that_unsubscribes_is_not_called_with_what_waited) {
  NodeRuntime node = start_and_hold();
  std::atomic<int> calls = 0;
  const auto handler = [&](const Message&) {
    ++calls;
    EXPECT_TRUE(node.unsubscribe("prices"));
  };
  ASSERT_TRUE(node.subscribe("prices", handler));
  ASSERT_TRUE(until_subscribers(node, "prices", 1));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(node.publish("prices", "1"), SendVerdict::queued);
  ASSERT_TRUE(until(node, [&] { return node.stats().topics_waiting == 10; }));
  gate_.release();
  ASSERT_TRUE(until(node, [&] {
    const ReceiveStats stats = node.stats().received;
    return stats.received == stats.handled + stats.dropped();
  }));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(node.stats().received.handled, 2U);  // with the one that held the thread
  EXPECT_EQ(node.stats().received.dropped_unsubscribed, 9U);
}

TEST_P(TopicsThatWait, with_conflation_a_slow_handler_has_at_most_one_value_that_is_not_the_latest) {
  NodeRuntime node = start_and_hold();
  std::vector<std::string> values;  // by the handlers' thread
  std::binary_semaphore is_handling(0);
  std::binary_semaphore may_go_on(0);
  const auto handler = [&](const Message& message) {
    if (values.empty()) {
      is_handling.release();
      may_go_on.acquire();
    }
    values.emplace_back(message.payload.ends_with("1}") ? "old" : "new");
  };
  ASSERT_TRUE(node.subscribe("prices", handler, {.conflate_by = "symbol"}));
  ASSERT_TRUE(until_subscribers(node, "prices", 1));
  constexpr int symbols = 16;
  const auto publish_all = [&](int price) {
    for (int i = 0; i < symbols; ++i) {
      const std::string json = R"({"symbol":)" + std::to_string(i) + R"(,"price":)" + std::to_string(price) + "}";
      EXPECT_EQ(node.publish("prices", json), SendVerdict::queued);
    }
  };
  publish_all(1);
  ASSERT_TRUE(until(node, [&] { return node.stats().topics_waiting == symbols; }));
  gate_.release();
  ASSERT_TRUE(until(node, [&] { return is_handling.try_acquire(); }));
  publish_all(2);
  ASSERT_TRUE(until(node, [&] { return node.stats().received.received == 1 + 2 * symbols; }));
  may_go_on.release();
  ASSERT_TRUE(until(node, [&] { return node.stats().received.handled == 2 + symbols; }));
  ASSERT_TRUE(node.shutdown());  // counters order nothing: what the other thread wrote is seen once it has ended
  ASSERT_EQ(values.size(), 1U + symbols);
  EXPECT_EQ(values[0], "old");
  EXPECT_EQ(std::count(values.begin(), values.end(), "new"), symbols);
}

INSTANTIATE_TEST_SUITE_P(Modes, TopicsThatWait, ::testing::Values(Threading::dispatcher), &NodeInEachMode::name_of);

}  // namespace
}  // namespace distflow::test
