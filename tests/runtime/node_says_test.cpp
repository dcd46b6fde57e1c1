// What the process's one node writes to the standard error.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>

#include <distflow/node_runtime.hpp>

#include "tests/support/backends.hpp"
#include "tests/support/pmd_thread.hpp"

namespace distflow::test {
namespace {

class NodeSays : public ::testing::Test {
 protected:
  NodeSays() { ::testing::internal::CaptureStderr(); }
  ~NodeSays() override {
    if (!is_said_) static_cast<void>(said());
  }

  NodeOptions options(std::string alias) {
    NodeOptions options{.alias = std::move(alias), .pmd_port = pmd_.port(), .start_pmd = false};
    options.backend = std::string(chosen_socket_backend().name);
    return options;
  }
  /// All of it, after which nothing more is heard.
  std::string said() {
    is_said_ = true;
    return ::testing::internal::GetCapturedStderr();
  }

  PmdThread pmd_;
  bool is_said_ = false;
};

TEST_F(NodeSays, how_many_messages_a_shutdown_has_discarded) {
  Result<NodeRuntime> node = NodeRuntime::start(options("self"));
  ASSERT_TRUE(node);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(is_under_way(node->send("self", "1")));
  while (node->stats().mailbox_size < 3) std::this_thread::yield();
  ASSERT_TRUE(node->shutdown());
  EXPECT_EQ(said(), "distflow: warn: shut down with 0 messages not sent and 3 not handled\n");
}

TEST_F(NodeSays, which_options_a_second_start_has_that_the_running_node_does_not) {
  Result<NodeRuntime> node = NodeRuntime::start(options("self"));
  ASSERT_TRUE(node);
  NodeOptions other = options("other");
  other.mailbox.max_size = 5;
  ASSERT_TRUE(NodeRuntime::start(other));
  EXPECT_EQ(said(),
            "distflow: warn: start() was called again with another alias, mailbox.max_size: the running node "
            "\"self\" keeps its own\n");
}

TEST_F(NodeSays, nothing_of_a_second_start_that_asks_for_nothing_else) {
  Result<NodeRuntime> node = NodeRuntime::start(options("self"));
  ASSERT_TRUE(node);
  ASSERT_TRUE(NodeRuntime::start());
  ASSERT_TRUE(NodeRuntime::start(options("self")));
  EXPECT_EQ(said(), "");
}

TEST_F(NodeSays, a_few_lines_of_any_number_of_starts) {
  Result<NodeRuntime> node = NodeRuntime::start(options("self"));
  ASSERT_TRUE(node);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(NodeRuntime::start(options("other")));
  const std::string lines = said();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 5) << lines;
}

TEST_F(NodeSays, nothing_when_all_is_well) {
  Result<NodeRuntime> node = NodeRuntime::start(options("self"));
  ASSERT_TRUE(node);
  ASSERT_TRUE(node->shutdown());
  EXPECT_EQ(said(), "");
}

}  // namespace
}  // namespace distflow::test
