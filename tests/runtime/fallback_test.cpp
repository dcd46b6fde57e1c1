// A node where io_uring is denied: it does all that it does elsewhere, on another backend, and says so once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include <distflow/node_runtime.hpp>

#include "tests/support/child.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/pmd_thread.hpp"
#include "tests/support/refused_system_call.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Starts a node, has it send to itself by way of its PMD and its sockets, and ends it; its numbers before the end.
NodeStats send_and_receive(const std::string& backend) {
  const PmdThread pmd;
  Result<NodeRuntime> node = NodeRuntime::start({.alias = "self",
                                                 .pmd_port = pmd.port(),
                                                 .start_pmd = false,
                                                 .threading = Threading::caller,
                                                 .backend = backend});
  if (!node) {
    ADD_FAILURE() << node.error().message();
    return {};
  }
  std::vector<std::string> received;
  node->on_message([&](const Message& message) { received.emplace_back(message.payload); });
  for (const char* payload : {"1", "2", "3"}) EXPECT_TRUE(is_under_way(node->send("self", payload)));
  EXPECT_TRUE(turn_until([&] { EXPECT_TRUE(node->poll(20ms)); }, [&] { return received.size() == 3; }));
  EXPECT_EQ(received, (std::vector<std::string>{"1", "2", "3"}));
  NodeStats stats = node->stats();
  EXPECT_TRUE(node->shutdown());
  return stats;
}

/// Runs `body` in a child that io_uring is denied to; what it writes to the standard error goes to `check`.
template <class Body, class Check>
bool passes_without_uring(Body body, Check check) {
  return passes_in_child([&] {
    ::unsetenv("DISTFLOW_IO");  // the PMD beside the node must not ask for what is denied
    ASSERT_TRUE(refuse_system_call({.number = __NR_io_uring_setup, .error = EPERM}));
    ::testing::internal::CaptureStderr();
    body();
    check(::testing::internal::GetCapturedStderr());
  });
}

/// The one line of a process that asked for io_uring.
void expect_one_reason(const std::string& log) {
  EXPECT_EQ(std::ranges::count(log, '\n'), 1) << log;
  EXPECT_THAT(log, StartsWith("distflow: warn: the I/O backend uring cannot be used (setting up io_uring"));
  EXPECT_THAT(log, HasSubstr("seccomp"));
  EXPECT_THAT(log, HasSubstr("using epoll"));
}

TEST(NodeFallback, a_node_that_is_denied_io_uring_works_on_epoll_and_says_why_in_one_line) {
  const auto body = [] {
    const NodeStats stats = send_and_receive("uring");
    EXPECT_EQ(stats.backend, "epoll");
    EXPECT_THAT(stats.backend_fallback_reason, HasSubstr("uring cannot be used (setting up io_uring"));
  };
  EXPECT_TRUE(passes_without_uring(body, expect_one_reason));
}

TEST(NodeFallback, so_does_one_that_is_asked_for_io_uring_by_its_environment) {
  const auto body = [] {
    PmdThread pmd;
    ::setenv("DISTFLOW_IO", "uring", 1);
    Result<NodeRuntime> node = NodeRuntime::start({.pmd_port = pmd.port(), .start_pmd = false});
    ASSERT_TRUE(node) << node.error().message();
    EXPECT_EQ(node->stats().backend, "epoll");
    EXPECT_NE(node->stats().backend_fallback_reason, "");
  };
  EXPECT_TRUE(passes_without_uring(body, expect_one_reason));
}

TEST(NodeFallback, the_automatic_choice_works_where_io_uring_is_denied_and_writes_nothing) {
  const auto body = [] {
    const NodeStats stats = send_and_receive("auto");
    EXPECT_EQ(stats.backend, "epoll");
    EXPECT_EQ(stats.backend_fallback_reason, "");
  };
  EXPECT_TRUE(passes_without_uring(body, [](const std::string& log) { EXPECT_EQ(log, ""); }));
}

}  // namespace
}  // namespace distflow::test
