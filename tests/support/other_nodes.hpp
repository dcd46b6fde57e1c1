// A PMD and other nodes on a thread of their own, told what to do one thing at a time: what a test of the process's one
// node needs of the rest of the world.
//
// Any thread. An Around lives as long as that thread does, on it.
// Use: OtherNodes others; others.run([](Cluster& cluster) { cluster.add_node({.alias = "peer"}); });
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <semaphore>
#include <thread>
#include <utility>

#include "tests/support/cluster.hpp"

namespace distflow::test {

struct NothingAround {};

template <class Around = NothingAround>
class OtherNodes {
 public:
  OtherNodes() {
    std::promise<void> ready;
    thread_ = std::thread([this, &ready] {
      [[maybe_unused]] const Around around;
      SocketCluster cluster;
      cluster_ = &cluster;
      ready.set_value();
      while (!is_over_) {
        cluster.reactor().turn(base::kNever);
        while (const std::function<void(Cluster&)> task = next()) task(cluster);
      }
      may_end_.acquire();  // the thread that ran the last task may still be about to wake this reactor
    });
    ready.get_future().wait();
    pmd_port_ = cluster_->pmd_port();
  }
  ~OtherNodes() {
    run([this](Cluster&) { is_over_ = true; });
    may_end_.release();
    thread_.join();
  }
  OtherNodes(const OtherNodes&) = delete;
  OtherNodes& operator=(const OtherNodes&) = delete;

  /// Runs `task` between two turns of that thread, and waits until it has.
  void run(const std::function<void(Cluster&)>& task) {
    std::promise<void> done;
    {
      const std::scoped_lock lock(mutex_);
      task_ = [&](Cluster& cluster) {
        task(cluster);
        done.set_value();
      };
    }
    EXPECT_TRUE(cluster_->reactor().post([] {}));
    done.get_future().wait();
  }

  [[nodiscard]] std::uint16_t pmd_port() const { return pmd_port_; }

 private:
  std::function<void(Cluster&)> next() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(task_, nullptr);
  }

  Cluster* cluster_ = nullptr;  // on that thread
  std::uint16_t pmd_port_ = 0;
  bool is_over_ = false;  // that thread's
  std::mutex mutex_;
  std::function<void(Cluster&)> task_;
  std::binary_semaphore may_end_{0};
  std::thread thread_;
};

}  // namespace distflow::test
