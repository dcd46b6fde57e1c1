// The process's node in each threading mode, which asks a group: members that hold their requests, answer at once, or
// are not there.
//
// replies_ under mutex_; members and what they hold on the others' thread.
// Use: TEST_P(RequestsToAGroup, ...) { NodeRuntime node = start(); ask_both(node, {}); answer(0, "1"); ... }
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <distflow/ask.hpp>
#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>

#include "tests/support/node_among_others.hpp"
#include "tests/support/pmd_requests.hpp"
#include "tests/support/pmd_test_client.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {

using namespace std::chrono_literals;

class RequestsToAGroup : public NodeAmongOthers {
 protected:
  ~RequestsToAGroup() override {
    others_.run([this](Cluster&) {
      for (TestNode* const worker : workers_) (*worker)->set_request_handler({});
      held_.clear();
    });
  }
  /// Members whose requests wait until the test answers them.
  void add_holding_workers(std::size_t count) {
    others_.run([&](Cluster& cluster) {
      for (std::size_t i = 0; i < count; ++i) {
        TestNode& worker = cluster.add_node({});
        worker->set_request_handler([this, &worker](const Request&, Responder responder) {
          held_.push_back({&worker, std::move(responder)});
          ++held_count_;
          if (on_request_) on_request_();
        });
        join(worker);
        workers_.push_back(&worker);
      }
    });
  }
  static void join(TestNode& node) {
    node->own_groups().join("workers");
    node->update_groups();
  }
  /// A member that answers its requests at once.
  void add_quick_worker() {
    others_.run([](Cluster& cluster) {
      TestNode& quick = cluster.add_node({});
      quick->set_request_handler([](const Request&, Responder responder) { responder.reply(R"("quick")"); });
      join(quick);
    });
  }
  /// A member that is only in the registry. Its nodeId is the smallest.
  [[nodiscard]] PmdTestClient add_worker_at(std::uint16_t port) const {
    PmdTestClient worker(others_.pmd_port());
    worker.send(request_text(
        "register", R"({"nodeId":"0","alias":"raw","host":"127.0.0.1","caps":["ask"],"groups":["workers"],"port":)" +
                        std::to_string(port) + "}"));
    return worker;
  }
  /// One at whose port nobody listens.
  [[nodiscard]] PmdTestClient add_dead_worker() const { return add_worker_at(silent_.port()); }
  /// Gives up a peer that it cannot connect to soon.
  NodeRuntime start_hasty() {
    NodeOptions options;
    options.connect_deadline = 50ms;
    return start(options);
  }
  static Group group_of(NodeRuntime& node, std::size_t count) {
    Group workers = node.group("workers");
    EXPECT_TRUE(until(node, [&] { return workers.members().size() == count; }));
    return workers;
  }
  void answer(std::size_t which, const std::string& json) {
    others_.run([&](Cluster&) { static_cast<void>(held_.at(which).responder.reply(json)); });
  }
  /// Notes what a request ends with.
  auto noting() {
    return [this](const Reply& reply) {
      const std::scoped_lock lock(mutex_);
      replies_.push_back(reply.keep());
    };
  }
  SendVerdict ask(Group& workers, const AskOptions& options, Pick pick = Pick::least()) {
    return workers.ask("1", options, noting(), pick);
  }
  /// A request that both of two members hold.
  void ask_both(NodeRuntime& node, AskOptions options) {
    add_holding_workers(2);
    Group workers = group_of(node, 2);
    options.backup_after = 1ms;
    ASSERT_TRUE(is_under_way(ask(workers, options)));
    ASSERT_TRUE(until(node, [&] { return held_count_ == 2; }));
  }
  /// Two requests that one member holds alone: nobody can connect to the other one, with which one request is first and
  /// the other one second.
  void ask_two_that_go_on_alone(NodeRuntime& node, AskOptions options) {
    add_holding_workers(1);
    const PmdTestClient dead = add_dead_worker();
    Group workers = group_of(node, 2);
    options.backup_after = 1ms;
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(is_under_way(ask(workers, options, Pick::round_robin())));
    ASSERT_TRUE(until(node, [&] { return held_count_ == 2 && node.stats().sent.dropped() == 2; }));
  }
  bool until_replies(NodeRuntime& node, std::size_t count) {
    return until(node, [&] { return reply_count() == count; });
  }
  void expect_all(std::size_t count, AskError error) {
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(reply(i).error, error) << to_string(reply(i).error);
  }
  std::size_t reply_count() {
    const std::scoped_lock lock(mutex_);
    return replies_.size();
  }
  KeptReply reply(std::size_t which) {
    const std::scoped_lock lock(mutex_);
    return replies_.at(which);
  }
  /// What a member was asked, and told to be cancelled.
  AskStats stats_of(std::size_t worker) {
    AskStats stats;
    others_.run([&](Cluster&) { stats = workers_.at(worker)->stats().asks; });
    return stats;
  }
  std::string id_of_holder(std::size_t which) {
    std::string id;
    others_.run([&](Cluster&) { id = (*held_.at(which).worker)->node_id(); });
    return id;
  }

  struct Held {
    TestNode* worker;
    Responder responder;
  };
  const SilentPort silent_;
  std::vector<TestNode*> workers_;  // of the others' thread, as what follows
  std::vector<Held> held_;
  std::function<void()> on_request_;
  std::atomic<std::size_t> held_count_{0};
  std::vector<KeptReply> replies_;
};

}  // namespace distflow::test
