// What the process's one node writes to the standard error.
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <distflow/node_runtime.hpp>

#include "runtime/process/application_log.hpp"
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

/// Lines of any thread.
struct Lines {
  void take(LogVerbosity level, std::string_view line) {
    const std::scoped_lock lock(mutex);
    lines.emplace_back(level, line);
  }
  LogSink sink() {
    return [this](LogVerbosity level, std::string_view line) { take(level, line); };
  }

  std::mutex mutex;
  std::vector<std::pair<LogVerbosity, std::string>> lines;
};

TEST_F(NodeSays, each_line_to_the_sink_of_the_application_instead) {
  Lines lines;
  NodeOptions logged = options("self");
  logged.log_sink = lines.sink();
  Result<NodeRuntime> node = NodeRuntime::start(logged);
  ASSERT_TRUE(node);
  ASSERT_TRUE(NodeRuntime::start(options("other")));
  ASSERT_TRUE(node->shutdown());
  EXPECT_EQ(said(), "");
  ASSERT_EQ(lines.lines.size(), 1U);
  EXPECT_EQ(lines.lines[0].first, LogVerbosity::warn);
  EXPECT_EQ(lines.lines[0].second,
            "start() was called again with another alias: the running node \"self\" keeps its own");
}

TEST_F(NodeSays, more_or_less_as_its_level_changes) {
  Lines lines;
  NodeOptions logged = options("self");
  logged.log_sink = lines.sink();
  Result<NodeRuntime> node = NodeRuntime::start(logged);
  ASSERT_TRUE(node);
  node->set_log_level(LogVerbosity::error);
  ASSERT_TRUE(NodeRuntime::start(options("other")));
  {
    const std::scoped_lock lock(lines.mutex);
    EXPECT_TRUE(lines.lines.empty());
  }
  node->set_log_level(LogVerbosity::debug);
  ASSERT_TRUE(node->shutdown());
  const std::scoped_lock lock(lines.mutex);
  EXPECT_TRUE(std::any_of(lines.lines.begin(), lines.lines.end(), [](const auto& line) {
    return line.first == LogVerbosity::debug && line.second.ends_with("shuts down");
  }));
}

TEST_F(NodeSays, itself_what_its_sink_throws_at) {
  NodeOptions logged = options("self");
  logged.log_sink = [](LogVerbosity, std::string_view) { throw std::runtime_error("full"); };
  Result<NodeRuntime> node = NodeRuntime::start(logged);
  ASSERT_TRUE(node);
  ASSERT_TRUE(NodeRuntime::start(options("other")));
  EXPECT_EQ(said(),
            "distflow: warn: start() was called again with another alias: the running node \"self\" keeps its own\n");
}

TEST(ApplicationLog, a_line_that_the_sink_causes_is_on_the_standard_error) {
  ::testing::internal::CaptureStderr();
  const runtime::ApplicationLog* log = nullptr;
  int calls = 0;
  const runtime::ApplicationLog log_of_sink({.log_sink = [&](LogVerbosity, std::string_view) {
    ++calls;
    log->log().write(base::LogLevel::error, "from inside");
  }});
  log = &log_of_sink;
  log->log().write(base::LogLevel::warn, "one");
  log->log().write(base::LogLevel::warn, "two");
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "distflow: error: from inside\ndistflow: error: from inside\n");
}

TEST_F(NodeSays, nothing_when_all_is_well) {
  Result<NodeRuntime> node = NodeRuntime::start(options("self"));
  ASSERT_TRUE(node);
  ASSERT_TRUE(node->shutdown());
  EXPECT_EQ(said(), "");
}

}  // namespace
}  // namespace distflow::test
