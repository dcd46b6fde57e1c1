// The process's one node in each threading mode, with a PMD and other nodes around it, and a note of what these get.
//
// note() and received(): any thread.
// Use: class Groups : public NodeAmongOthers {}; TEST_P(Groups, ...) { NodeRuntime node = start(); others_.run(...); }
#pragma once

#include <map>
#include <mutex>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/lone_node.hpp"
#include "tests/support/other_nodes.hpp"

namespace distflow::test {

class NodeAmongOthers : public NodeInEachMode {
 protected:
  NodeRuntime start(NodeOptions options = {}) { return start_at(others_.pmd_port(), std::move(options)); }

  void note(const std::string& who, const Message& message) {
    const std::scoped_lock lock(mutex_);
    received_[who].emplace_back(message.payload);
  }
  /// The payloads that were noted for it.
  std::vector<std::string> received(const std::string& who) {
    const std::scoped_lock lock(mutex_);
    return received_[who];
  }
  /// Of all together.
  std::size_t received_count() {
    const std::scoped_lock lock(mutex_);
    return std::accumulate(received_.begin(), received_.end(), std::size_t{0},
                           [](std::size_t sum, const auto& of_one) { return sum + of_one.second.size(); });
  }

  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> received_;
  OtherNodes<> others_;  // last: its nodes note until it has ended
};

}  // namespace distflow::test
