// A node in the test's own process, beside the programs: it answers requests with what they ask.
//
// One at a time. Use: AnsweringNode node(daemon.port());
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include <distflow/ask.hpp>
#include <distflow/node_runtime.hpp>

namespace distflow::test {

class AnsweringNode {
 public:
  explicit AnsweringNode(std::uint16_t pmd_port) : node_(NodeRuntime::start(options_for(pmd_port))) {
    EXPECT_TRUE(node_) << node_.error().message();
    node_->on_request([](const Request& request, Responder responder) { responder.reply(request.payload); });
  }
  ~AnsweringNode() { static_cast<void>(node_->shutdown()); }
  AnsweringNode(const AnsweringNode&) = delete;
  AnsweringNode& operator=(const AnsweringNode&) = delete;

  NodeRuntime* operator->() { return &*node_; }

 private:
  static NodeOptions options_for(std::uint16_t pmd_port) {
    NodeOptions options;
    options.alias = "answering";
    options.pmd_host = "127.0.0.1";
    options.pmd_port = pmd_port;
    options.start_pmd = false;
    return options;
  }

  Result<NodeRuntime, StartError> node_;
};

/// Sends a message to a name that nobody has, and waits until it is dropped.
inline void lose_a_message(AnsweringNode& node, std::string_view name = "nobody", std::string_view json = "1") {
  const std::uint64_t before = node->stats().sent.dropped_unresolved;
  while (!is_under_way(node->send(name, json))) std::this_thread::yield();  // while it is known that nobody has it
  while (node->stats().sent.dropped_unresolved == before) std::this_thread::yield();
}

}  // namespace distflow::test
