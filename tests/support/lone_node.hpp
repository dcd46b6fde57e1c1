// The process's one node in each threading mode, with a PMD of its own; or with one that the test has.
//
// LoneNode has the PMD. NodeInEachMode is given the port of one: node_among_others.hpp has other nodes around it.
// Use: class Asking : public LoneNode {}; TEST_P(Asking, ...) { NodeRuntime node = start(); ... until(node, done) ... }
#pragma once

#include <distflow/ask.hpp>
#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/pmd_thread.hpp"

namespace distflow::test {

class NodeInEachMode : public ::testing::TestWithParam<Threading> {
 public:
  static constexpr std::array kModes = {Threading::inlined, Threading::dispatcher, Threading::caller};
  static std::string name_of(const ::testing::TestParamInfo<Threading>& mode) {
    return mode.param == Threading::inlined ? "inlined" : mode.param == Threading::dispatcher ? "dispatcher" : "caller";
  }

 protected:
  /// As "self".
  static NodeRuntime start_at(std::uint16_t pmd_port, NodeOptions options) {
    options.alias = "self";
    options.pmd_port = pmd_port;
    options.start_pmd = false;
    options.threading = GetParam();
    options.backend = std::string(chosen_socket_backend().name);
    Result<NodeRuntime> node = NodeRuntime::start(options);
    EXPECT_TRUE(node) << node.error().message();
    return *std::move(node);
  }
  /// Lets the node work until then, on whichever thread that is.
  template <class Condition>
  static bool until(NodeRuntime& node, Condition condition) {
    return turn_until(
        [&] {
          if (GetParam() != Threading::caller || !node.poll(std::chrono::milliseconds(1))) std::this_thread::yield();
        },
        condition);
  }
  /// What was asked and received is accounted for.
  static void check_law(const NodeRuntime& node) {
    const AskStats asks = node.stats().asks;
    EXPECT_EQ(asks.asked, asks.replied + asks.failed() + asks.pending);
    EXPECT_EQ(asks.received, asks.answered + asks.said() + asks.waiting + asks.in_handlers);
  }
  static void echo(const Request& request, Responder responder) { responder.reply(request.payload); }
};

class LoneNode : public NodeInEachMode {
 protected:
  NodeRuntime start(NodeOptions options = {}) { return start_at(pmd_.port(), std::move(options)); }

 private:
  PmdThread pmd_;
};

}  // namespace distflow::test
