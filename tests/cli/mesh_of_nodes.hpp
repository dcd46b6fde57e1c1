// Nodes and their PMD in this process, for the programs that look at meshes.
//
// One thread. Use: MeshOfNodes mesh; mesh.add_nodes(20); mesh.look({"top", "--json"});
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <distflow/json.hpp>

#include "tests/support/other_nodes.hpp"
#include "tests/support/process.hpp"

namespace distflow::test {

/// Nodes on a thread of their own, beside the programs that look at them.
class MeshOfNodes {
 public:
  /// Aliases n0, n1, ...; they send heartbeats once an hour.
  void add_nodes(int count) {
    others_.run([&](Cluster& cluster) {
      for (int i = 0; i < count; ++i) {
        NodeOptions options;
        options.alias = "n" + std::to_string(i);
        options.mailbox.max_size = 10;
        options.heartbeat_interval = std::chrono::hours(1);
        options.ttl = std::chrono::hours(2);
        nodes_.push_back(&cluster.add_node(options));
      }
    });
  }
  void run(const std::function<void(Cluster&)>& task) { others_.run(task); }
  std::string look(std::vector<std::string> words) {
    words.insert(words.end(), {"--port", std::to_string(others_.pmd_port())});
    const ProcessResult result = run_process(DISTFLOW_CLI, words);
    EXPECT_EQ(result.err, "");
    return result.out;
  }
  static rapidjson::Document parsed(const std::string& text) {
    auto document = parse_json(text);
    EXPECT_TRUE(document) << text;
    return document ? *std::move(document) : rapidjson::Document();
  }

  std::vector<TestNode*> nodes_;  // of the other thread
  OtherNodes<> others_;
};

}  // namespace distflow::test
