// What a node is told of others (their meta, their alias), and where it looks for its PMD.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include <distflow/node_runtime.hpp>

#include "tests/support/backends.hpp"
#include "tests/support/pmd_test_client.hpp"
#include "tests/support/pmd_thread.hpp"

namespace distflow::test {
namespace {

/// A variable of this process while the object lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* const name_;
};

NodeOptions quiet(NodeOptions options) {
  options.start_pmd = false;
  options.backend = std::string(chosen_socket_backend().name);
  return options;
}

std::string place_of(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

class Whereabouts : public ::testing::Test {
 protected:
  /// A node as another program registers it, with meta.
  void register_peer(PmdTestClient& client, const std::string& meta) {
    client.send(R"({"type":"register","requestId":"r","payload":{"nodeId":"peer-id","alias":"peer","host":"127.0.0.1",)"
                R"("port":4000,"caps":[],"meta":)" +
                meta + "}}");
    std::string answer;
    while (!client.receive(answer) && !client.has_ended()) std::this_thread::yield();
    EXPECT_NE(answer.find(R"("success":true)"), std::string::npos) << answer;
  }

  PmdThread pmd_;
};

TEST_F(Whereabouts, what_a_peer_says_of_itself_is_in_its_info_everywhere) {
  PmdTestClient client(pmd_.port());
  register_peer(client, R"({"role":"worker","zone":"a \"b\""})");
  Result<NodeRuntime> node =
      NodeRuntime::start(quiet({.alias = "self", .pmd_port = pmd_.port(), .meta = {{"mine", "1"}}}));
  ASSERT_TRUE(node) << node.error().message();
  const std::map<std::string, std::string> expected{{"role", "worker"}, {"zone", R"(a "b")"}};
  EXPECT_EQ(node->resolve("peer")->meta, expected);
  ASSERT_EQ(node->discover()->size(), 1U);
  EXPECT_EQ(node->discover()->front().meta, expected);
  EXPECT_EQ(node->resolve("self")->meta, (std::map<std::string, std::string>{{"mine", "1"}}));
}

TEST_F(Whereabouts, a_handler_learns_what_the_peer_that_joins_says_of_itself) {
  Result<NodeRuntime> node = NodeRuntime::start(quiet({.alias = "self", .pmd_port = pmd_.port()}));
  ASSERT_TRUE(node) << node.error().message();
  std::mutex mutex;
  std::map<std::string, std::string> seen;
  node->on_peer_join([&](const PeerInfo& peer) {
    const std::scoped_lock lock(mutex);
    seen = peer.meta;
  });
  PmdTestClient client(pmd_.port());
  register_peer(client, R"({"role":"worker"})");
  const auto has_seen = [&] {
    const std::scoped_lock lock(mutex);
    return seen == std::map<std::string, std::string>{{"role", "worker"}};
  };
  while (!has_seen()) std::this_thread::yield();
  EXPECT_TRUE(node->shutdown());
}

TEST_F(Whereabouts, the_alias_of_a_node_id_is_looked_up_by_node_id_alone) {
  PmdTestClient client(pmd_.port());
  register_peer(client, "{}");
  Result<NodeRuntime> node = NodeRuntime::start(quiet({.alias = "peer-id", .pmd_port = pmd_.port()}));
  ASSERT_TRUE(node) << node.error().message();
  EXPECT_EQ(node->alias_of("peer-id"), "peer") << "this node has that name for its alias, and is not meant";
  EXPECT_EQ(node->alias_of(node->node_id()), "peer-id");
  EXPECT_EQ(node->alias_of("peer"), "");
  EXPECT_EQ(node->alias_of("nobody"), "");
  EXPECT_TRUE(node->shutdown());
  EXPECT_EQ(node->alias_of("peer-id"), "");
}

TEST_F(Whereabouts, a_handler_finds_the_alias_of_who_sent_a_message) {
  Result<NodeRuntime> node = NodeRuntime::start(quiet({.alias = "self", .pmd_port = pmd_.port()}));
  ASSERT_TRUE(node) << node.error().message();
  std::mutex mutex;
  std::string sender;
  node->on_message([&](const Message& message) {
    const std::scoped_lock lock(mutex);
    sender = node->alias_of(message.from);
  });
  ASSERT_TRUE(is_under_way(node->send("self", "1")));
  const auto has_come = [&] {
    const std::scoped_lock lock(mutex);
    return !sender.empty();
  };
  while (!has_come()) std::this_thread::yield();
  EXPECT_EQ(sender, "self");
  EXPECT_TRUE(node->shutdown());
}

TEST_F(Whereabouts, a_node_that_is_told_no_place_finds_its_pmd_where_the_variable_says) {
  const Variable variable("DISTFLOW_PMD_ADDR", place_of(pmd_.port()));
  const Result<NodeRuntime> node = NodeRuntime::start(quiet({.alias = "self"}));
  EXPECT_TRUE(node) << node.error().message();
}

TEST_F(Whereabouts, options_win_over_the_variable_each_by_itself) {
  const PmdThread other;
  const Variable variable("DISTFLOW_PMD_ADDR", place_of(other.port()));
  PmdTestClient client(pmd_.port());
  register_peer(client, "{}");
  Result<NodeRuntime> node = NodeRuntime::start(quiet({.alias = "self", .pmd_port = pmd_.port()}));
  ASSERT_TRUE(node) << node.error().message();
  EXPECT_EQ(node->alias_of("peer-id"), "peer");
}

TEST_F(Whereabouts, a_variable_that_cannot_be_read_is_an_error_that_names_it) {
  const Variable variable("DISTFLOW_PMD_ADDR", "::1:4369");
  const Result<NodeRuntime> node = NodeRuntime::start(quiet({.alias = "self"}));
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error(), Errc::invalid_address);
  EXPECT_NE(node.error().message().find("DISTFLOW_PMD_ADDR"), std::string::npos);
  // One that is not needed is not read.
  const Result<NodeRuntime> placed =
      NodeRuntime::start(quiet({.alias = "self", .pmd_host = "127.0.0.1", .pmd_port = pmd_.port()}));
  EXPECT_TRUE(placed) << placed.error().message();
}

}  // namespace
}  // namespace distflow::test
