// A PMD and a peer on a thread of their own, for tests of the process's one node.
//
// Any thread.
// Use: ClusterThread others({.alias = "peer"}); NodeRuntime::start({.pmd_port = others.pmd_port(), ...});
//      others.send("self", "1", 3);
#pragma once

#include <functional>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>

#include "tests/support/cluster.hpp"

namespace distflow::test {

class ClusterThread {
 public:
  /// `handler`, if there is one, gets the peer's messages, on that thread.
  explicit ClusterThread(NodeOptions peer, std::function<void(const Message&)> handler = {})
      : thread_([this, peer = std::move(peer), handler = std::move(handler)]() mutable {
          run(std::move(peer), std::move(handler));
        }) {
    is_ready_.acquire();
  }
  ~ClusterThread() {
    post([this] { is_over_ = true; });
    may_end_.release();
    thread_.join();
  }
  ClusterThread(const ClusterThread&) = delete;
  ClusterThread& operator=(const ClusterThread&) = delete;

  [[nodiscard]] std::uint16_t pmd_port() const { return cluster_->pmd_port(); }

  /// The peer sends `count` messages, which leave together.
  void send(const std::string& to, const std::string& json, int count) {
    post([this, to, json, count] {
      for (int i = 0; i < count; ++i) EXPECT_EQ(peer_->send(to, json), SendVerdict::queued);
    });
  }
  /// Calls that with the peer, on its thread, later.
  void at_peer(std::function<void(TestNode& peer)> call) {
    post([this, call = std::move(call)] { call(*peer_); });
  }
  /// The peer leaves.
  void end_peer() {
    post([this] { (*peer_)->begin_shutdown(base::Duration::zero()); });
  }

 private:
  void post(std::function<void()> task) { EXPECT_TRUE(cluster_->reactor().post(std::move(task))); }

  /// All of the cluster's life is on this thread: some backends belong to the one that first turns them.
  void run(NodeOptions peer, std::function<void(const Message&)> handler) {
    SocketCluster cluster;
    TestNode& node = cluster.add_node(std::move(peer));
    if (handler) node->delivery().set_message_handler(std::move(handler));
    cluster_ = &cluster;
    peer_ = &node;
    is_ready_.release();
    while (!is_over_) cluster.reactor().turn(base::kNever);
    may_end_.acquire();  // the thread that posted the end may still be about to wake this reactor
  }

  SocketCluster* cluster_ = nullptr;
  TestNode* peer_ = nullptr;
  bool is_over_ = false;  // the thread's own
  std::binary_semaphore is_ready_{0};
  std::binary_semaphore may_end_{0};
  std::thread thread_;
};

}  // namespace distflow::test
