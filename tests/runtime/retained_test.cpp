// What a publisher retains of a topic, and who gets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/runtime/topics.hpp"

namespace distflow::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RetainedTopics : public TopicsInACluster {
 protected:
  explicit RetainedTopics(NodeOptions options = {}) : TopicsInACluster(std::move(options)) {}

  void retain(const RetainOptions& options = {}) { EXPECT_TRUE(publisher_->retain("prices", options)); }
  void publish_all(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) EXPECT_EQ(publish(publisher_, "prices", text), SendVerdict::queued);
  }
  /// Another subscriber; what it gets goes to `got`.
  TestNode& add_late(std::vector<std::string>& got) {
    TestNode& node = cluster_.add_node({});
    subscribe(node, "prices", [&got](const Message& message) { got.emplace_back(message.payload); });
    return node;
  }
  bool until_member(TestNode& node) {
    return cluster_.turn_until([&] {
      const runtime::Peer* const peer = publisher_->directory().find_id(node->node_id());
      return peer != nullptr && peer->info.has_group("topic:prices");
    });
  }
};

TEST_F(RetainedTopics, who_subscribes_later_gets_the_last_message_and_who_was_there_gets_nothing_twice) {
  ASSERT_TRUE(until_known());
  retain();
  publish_all({"1", "2"});
  std::vector<std::string> late;
  add_late(late);
  ASSERT_TRUE(cluster_.turn_until([&] { return !late.empty(); }));
  publish_all({"3"});
  ASSERT_TRUE(cluster_.turn_until([&] { return late.size() == 2 && got_[0].size() == 3 && got_[1].size() == 3; }));
  EXPECT_THAT(late, ElementsAre("2", "3"));
  EXPECT_THAT(got_[0], ElementsAre("1", "2", "3"));
  const NodeStats stats = publisher_.stats();
  EXPECT_EQ(stats.published, 3U);
  EXPECT_EQ(stats.published_copies, 8U);
  EXPECT_EQ(stats.retained_copies, 1U);
  check_copies(stats);
}

TEST_F(RetainedTopics, as_many_as_are_to_be_retained_come_in_their_order_and_before_what_is_newer) {
  ASSERT_TRUE(until_known());
  retain({.count = 3});
  publish_all({"1", "2", "3", "4", "5"});
  std::vector<std::string> late;
  TestNode& node = add_late(late);
  ASSERT_TRUE(until_member(node));
  publish_all({"6"});
  ASSERT_TRUE(cluster_.turn_until([&] { return late.size() == 4; }));
  EXPECT_THAT(late, ElementsAre("3", "4", "5", "6"));
}

TEST_F(RetainedTopics, each_of_several_that_come_later_gets_them_once) {
  ASSERT_TRUE(until_known());
  retain({.count = 2});
  publish_all({"1", "2"});
  std::vector<std::string> first;
  std::vector<std::string> second;
  add_late(first);
  ASSERT_TRUE(cluster_.turn_until([&] { return first.size() == 2; }));
  add_late(second);
  ASSERT_TRUE(cluster_.turn_until([&] { return second.size() == 2; }));
  publish_all({"3"});
  ASSERT_TRUE(cluster_.turn_until([&] { return first.size() == 3 && second.size() == 3; }));
  EXPECT_THAT(first, ElementsAre("1", "2", "3"));
  EXPECT_THAT(second, ElementsAre("1", "2", "3"));
}

TEST_F(RetainedTopics, the_oldest_make_room_for_bytes_too_and_one_that_is_too_large_leaves_none) {
  ASSERT_TRUE(until_known());
  const std::string long_text = '"' + std::string(300, 'x') + '"';
  retain({.count = 10, .bytes_max = 1000});
  publish_all({"1", long_text, long_text});  // about 410 bytes each, with their frames
  std::vector<std::string> late;
  add_late(late);
  ASSERT_TRUE(cluster_.turn_until([&] { return late.size() == 3; }));
  publish_all({long_text});
  std::vector<std::string> later;
  add_late(later);
  ASSERT_TRUE(cluster_.turn_until([&] { return later.size() == 2; }));
  EXPECT_THAT(later, ElementsAre(long_text, long_text));

  publish_all({'"' + std::string(2000, 'y') + '"'});
  EXPECT_EQ(publisher_.stats().not_retained, 1U);
  std::vector<std::string> last;
  TestNode& node = add_late(last);
  ASSERT_TRUE(until_member(node));
  publish_all({"2"});
  ASSERT_TRUE(cluster_.turn_until([&] { return !last.empty(); }));
  EXPECT_THAT(last, ElementsAre("2"));
}

struct RetainedForShortQueues : RetainedTopics {
  RetainedForShortQueues() : RetainedTopics({.send_messages_max = 2}) {}
};

TEST_F(RetainedForShortQueues, where_there_is_no_room_for_all_the_newest_are_sent) {
  ASSERT_TRUE(until_known());
  retain({.count = 5});
  for (const char* text : {"1", "2", "3", "4", "5"}) {
    publish_all({text});
    ASSERT_TRUE(cluster_.turn_until([&] {
      return std::all_of(got_.begin(), got_.end(), [&](const auto& got) { return !got.empty() && got.back() == text; });
    }));
  }
  std::vector<std::string> late;
  add_late(late);
  ASSERT_TRUE(cluster_.turn_until([&] { return late.size() == 2; }));
  EXPECT_THAT(late, ElementsAre("4", "5"));
  const NodeStats stats = publisher_.stats();
  EXPECT_EQ(stats.retained_copies, 5U);
  EXPECT_EQ(stats.sent.dropped_queue_full, 3U);
  check_copies(stats);
}

TEST_F(RetainedTopics, what_is_not_to_be_retained_any_more_is_sent_to_nobody) {
  ASSERT_TRUE(until_known());
  retain({.count = 5});
  publish_all({"1", "2"});
  retain({.count = 0});
  std::vector<std::string> late;
  TestNode& node = add_late(late);
  ASSERT_TRUE(until_member(node));
  publish_all({"3"});
  ASSERT_TRUE(cluster_.turn_until([&] { return !late.empty(); }));
  EXPECT_THAT(late, ElementsAre("3"));
}

TEST_F(RetainedTopics, fewer_or_more_are_retained_from_the_next_message_on) {
  ASSERT_TRUE(until_known());
  retain({.count = 4});
  publish_all({"1", "2", "3", "4"});
  retain({.count = 2});
  publish_all({"5"});
  retain({.count = 3});
  publish_all({"6"});
  std::vector<std::string> late;
  add_late(late);
  ASSERT_TRUE(cluster_.turn_until([&] { return late.size() == 3; }));
  EXPECT_THAT(late, ElementsAre("4", "5", "6"));
}

TEST_F(RetainedTopics, who_unsubscribes_and_subscribes_again_within_one_turn_gets_them_again) {
  ASSERT_TRUE(until_known());
  retain();
  publish_all({"1"});
  std::vector<std::string> late;
  TestNode& node = add_late(late);
  ASSERT_TRUE(cluster_.turn_until([&] { return late.size() == 1; }));
  const runtime::SubscriptionPtr ended = node->unsubscribe("prices");
  ASSERT_NE(ended, nullptr);
  runtime::Subscriptions::end(*ended);
  std::vector<std::string> again;
  subscribe(node, "prices", [&again](const Message& message) { again.emplace_back(message.payload); });
  ASSERT_TRUE(cluster_.turn_until([&] { return !again.empty(); }));
  EXPECT_THAT(again, ElementsAre("1"));
}

struct RetainedForFewNames : RetainedTopics {
  RetainedForFewNames() : RetainedTopics({.targets_max = 3}) {}
};

TEST_F(RetainedForFewNames, who_finds_no_place_for_its_name_gets_them_once_there_is_one_without_another_message) {
  ASSERT_TRUE(until_known());
  retain();
  runtime::TargetPtr held = publisher_.target("held");
  publish_all({"1"});
  std::vector<std::string> late;
  ASSERT_TRUE(until_member(add_late(late)));
  turn_some(cluster_.reactor(), 20);
  EXPECT_THAT(late, IsEmpty());
  publish_all({"2"});
  EXPECT_EQ(publisher_.stats().sent.dropped_unresolved, 1U);
  held.reset();
  ASSERT_TRUE(cluster_.turn_until([&] { return !late.empty(); }));
  EXPECT_THAT(late, ElementsAre("2"));
  check_copies(publisher_.stats());
}

TEST_F(RetainedTopics, many_that_come_in_one_turn_get_them_over_several_and_nothing_newer_before) {
  constexpr std::size_t count = 1000;
  ASSERT_TRUE(until_known());
  TestNode& node = cluster_.add_node({});
  std::vector<std::string> late;
  runtime::SubscriptionPtr replaced;
  const auto keep = [&late](const Message& message) { late.emplace_back(message.payload); };
  ASSERT_TRUE(node->subscribe("prices", keep, {}, replaced));  // nobody is told
  ASSERT_TRUE(cluster_.turn_until([&] { return publisher_->directory().find_id(node->node_id()) != nullptr; }));
  retain({.count = count});
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) texts.push_back(std::to_string(i));
  publish_all(texts);
  turn_some(cluster_.reactor());
  runtime::KnownNode known{.info = publisher_->directory().find_id(node->node_id())->info.unpack()};
  for (const char* id : {"a", "b", "c", "d", ""}) {
    if (*id != '\0') known.info = {.node_id = id, .alias = "", .host = "127.0.0.1", .port = 1};
    if (*id == '\0') known.info = publisher_->directory().find_id(node->node_id())->info.unpack();
    known.info.groups = {"topic:prices"};
    publisher_->directory().upsert(known);
  }
  publish_all({"new"});
  EXPECT_EQ(publisher_.stats().retained_copies, 2 * count);
  std::uint64_t most = 0;
  ASSERT_TRUE(cluster_.turn_until([&] {
    const std::uint64_t before = publisher_.stats().retained_copies;
    turn_some(cluster_.reactor(), 1);
    most = std::max(most, publisher_.stats().retained_copies - before);
    return late.size() == count;
  }));
  EXPECT_LE(most, 2 * count);
  EXPECT_EQ(publisher_.stats().retained_copies, 5 * count);
  EXPECT_EQ(late.front(), "1") << "the newest make room for what came meanwhile";
  EXPECT_EQ(late.back(), "new");
  EXPECT_TRUE(std::is_sorted(late.begin(), late.end() - 1,
                             [](const auto& a, const auto& b) { return std::stoul(a) < std::stoul(b); }));
  check_copies(publisher_.stats());
}

TEST_F(RetainedTopics, a_count_over_the_bound_and_a_name_of_no_topic_are_errors) {
  EXPECT_FALSE(publisher_->retain("prices", {.count = 1001}));
  EXPECT_FALSE(publisher_->retain("a\nb", {}));
  EXPECT_FALSE(publisher_->retain("", {}));
  EXPECT_TRUE(publisher_->retain("prices", {.count = 1000}));
}

}  // namespace
}  // namespace distflow::test
