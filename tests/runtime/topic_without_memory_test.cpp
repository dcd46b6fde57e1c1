// Topics while memory runs out: a subscription is there as a whole or not at all, and each copy is counted for its
// peer.
#include <gtest/gtest.h>

#include <new>
#include <string>
#include <string_view>

#include "tests/runtime/topics.hpp"
#include "tests/support/failing_allocations.hpp"

namespace distflow::test {
namespace {

struct FramesOfATest {
  base::ChunkPool chunks{{.chunk_size = 4096, .chunk_count_max = 16}};
};

/// The frames outlive the nodes that send them.
struct TopicsWithoutMemory : FramesOfATest, TopicsInACluster {
  /// Whether it had enough memory, the n-th allocation having failed or not.
  template <class Call>
  static bool has_memory(std::size_t n, bool& has_failed, Call call) {
    const FailingAllocation nth(n);
    bool has_memory = true;
    try {
      call();
    } catch (const std::bad_alloc&) {
      has_memory = false;
    }
    has_failed = nth.has_failed();
    return has_memory;
  }
};

TEST_F(TopicsWithoutMemory, a_subscription_that_there_is_no_memory_for_is_told_to_nobody) {
  TestNode& node = cluster_.add_node({});
  bool has_failed = true;
  for (std::size_t n = 0; has_failed; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    runtime::SubscriptionPtr replaced;
    const bool has_subscribed = has_memory(n, has_failed, [&] {
      EXPECT_TRUE(node->subscribe(
          "a topic whose name is long", [](const Message&) {}, {}, replaced));
    });
    EXPECT_EQ(has_subscribed, !has_failed);
    EXPECT_EQ(node->own_groups().has_changed(), has_subscribed) << "the registry may have been told of it meanwhile";
    EXPECT_EQ(node->unsubscribe("a topic whose name is long") != nullptr, has_subscribed);
  }
}

TEST_F(TopicsWithoutMemory, each_copy_is_counted_for_its_peer_and_what_there_is_memory_for_is_sent) {
  transport::OutBuffer out(chunks);
  constexpr std::uint32_t count = 3;
  constexpr std::string_view body = R"({"from":"f","to":"topic:t","timestamp":1})";
  transport::EncodedRun run = out.encode(body).value();
  const base::ChunkRef lease = base::ChunkRef::share(*run.chunk);
  for (std::uint32_t i = 1; i < count; ++i) {
    const transport::EncodedFrame more = out.encode(body).value();
    ASSERT_EQ(more.bytes.data(), run.bytes.data() + run.bytes.size());
    run = {run.chunk, {run.bytes.data(), run.bytes.size() + more.bytes.size()}, run.count + 1};
  }
  bool has_failed = true;
  for (std::size_t n = 0; has_failed; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    const std::string id = "deaf" + std::to_string(n);
    PmdTestClient deaf(cluster_.pmd_port());
    deaf.send(register_text(id, "", R"(,"caps":["topics"],"groups":["topic:)" + id + "\"]"));
    ASSERT_TRUE(cluster_.turn_until([&] { return publisher_->directory().find_id(id) != nullptr; }));
    const runtime::TargetPtr topic = publisher_->topic(id);
    const std::uint64_t copies = publisher_.stats().published_copies;
    EXPECT_TRUE(has_memory(n, has_failed, [&] { topic->hand_out(run); }));
    const NodeStats stats = publisher_.stats();
    EXPECT_EQ(sent_to(stats, id).accepted, stats.published_copies - copies);
    EXPECT_LE(sent_to(stats, id).dropped(), 1U);
    check_copies(stats);
  }
}

TEST_F(TopicsWithoutMemory, a_newcomer_that_there_is_no_memory_to_welcome_is_welcomed_later_without_another_message) {
  ASSERT_TRUE(until_known());
  ASSERT_TRUE(publisher_->retain("prices", {}));
  EXPECT_EQ(publish(publisher_, "prices", "1"), SendVerdict::queued);
  turn_some(cluster_.reactor());
  bool has_failed = true;
  for (std::size_t n = 0; has_failed; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    const std::string id = "deaf" + std::to_string(n);
    const std::uint64_t before = publisher_.stats().retained_copies;
    publisher_->directory().upsert(
        {.info = {.node_id = id, .alias = "", .host = "127.0.0.1", .port = 1, .groups = {"topic:prices"}}});
    EXPECT_TRUE(has_memory(n, has_failed, [&] { turn_some(cluster_.reactor(), 1); }));
    ASSERT_TRUE(cluster_.turn_until([&] { return publisher_.stats().retained_copies == before + 1; }));
    check_copies(publisher_.stats());
  }
}

}  // namespace
}  // namespace distflow::test
