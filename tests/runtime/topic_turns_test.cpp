// How much of what is published one turn hands out, with the turns of the process's node in the test's hands.
#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>
#include <distflow/topic.hpp>

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "tests/support/node_among_others.hpp"
#include "tests/support/pmd_requests.hpp"
#include "tests/support/pmd_test_client.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

class TopicsInTurns : public NodeAmongOthers {};

TEST_P(TopicsInTurns, what_other_threads_publish_to_many_is_handed_out_over_several) {
  NodeRuntime node = start();
  constexpr std::uint64_t subscribers = 256;
  PmdTestClient registrar(others_.pmd_port());
  for (std::uint64_t i = 0; i < subscribers; ++i) {
    registrar.send(request_text("register", R"({"nodeId":"s)" + std::to_string(i) +
                                                R"(","host":"127.0.0.1","port":1,"caps":["topics"],)"
                                                R"("groups":["topic:a","topic:b"]})"));
  }
  Group group = node.group("topic:a");
  ASSERT_TRUE(until(node, [&] { return group.members().size() == subscribers; }));
  for (const char* topic : {"a", "b"}) EXPECT_EQ(node.publish(topic, "0"), SendVerdict::queued);
  const std::uint64_t before = node.stats().published;
  constexpr std::uint64_t messages = 200;
  std::thread([&node] {  // each is a run of its own
    for (std::uint64_t i = 0; i < messages; ++i)
      EXPECT_EQ(node.publish(i % 2 == 0 ? "a" : "b", "1"), SendVerdict::queued);
  })
      .join();
  ASSERT_TRUE(node.poll(0ms));
  EXPECT_GT(node.stats().published, before);
  EXPECT_LT(node.stats().published, before + messages / 2) << "4096 copies are 16 messages, and a turn looks twice";
  EXPECT_TRUE(until(node, [&] { return node.stats().published == before + messages; }));
}

INSTANTIATE_TEST_SUITE_P(Modes, TopicsInTurns, ::testing::Values(Threading::caller), &NodeInEachMode::name_of);

}  // namespace
}  // namespace distflow::test
