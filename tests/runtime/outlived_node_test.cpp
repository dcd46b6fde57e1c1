// Calls from other threads than the node's that have not returned yet when the node ends: requests whose callback lets
// go of the last handle, with which the node ends, and look-ups.
#include <distflow/ask.hpp>
#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/pmd_thread.hpp"
#include "tests/support/stalled_unlock.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

using Callback = std::function<void(const Reply&)>;

/// All that the application has of its node.
struct Handles {
  std::optional<NodeRuntime> node;
  std::optional<Group> group;
};

class OutlivedNode : public ::testing::Test {
 protected:
  NodeRuntime start_node() {
    Result<NodeRuntime> node = NodeRuntime::start({.alias = "self",
                                                   .pmd_port = pmd_.port(),
                                                   .start_pmd = false,
                                                   .backend = std::string(chosen_socket_backend().name)});
    EXPECT_TRUE(node) << node.error().message();
    return *std::move(node);
  }
  std::unique_ptr<Handles> start() {
    auto handles = std::make_unique<Handles>();
    handles->node = start_node();
    target_ = handles->node->target("self");
    EXPECT_TRUE(handles->node->join("workers"));
    handles->group = handles->node->group("workers");
    EXPECT_TRUE(turn_until(&std::this_thread::yield, [&] { return handles->group->members().size() == 1; }));
    return handles;
  }

  /// The call is stopped behind its last unlock, when the loop has the request, until the callback has let go of the
  /// last handle. Who starts a node then gets the one that is there.
  template <class Ask>
  void expect_to_be_held_by(Ask ask) {
    std::unique_ptr<Handles> handles = start();
    std::size_t unlocks = 0;
    for (int i = 0; i < 2; ++i) {  // the first one has what later ones need not make
      std::atomic<bool> has_ended{false};
      {
        const CountedUnlocks counted;
        EXPECT_TRUE(is_under_way(ask(*handles, [&](const Reply&) { has_ended = true; })));
        unlocks = counted.count();
      }
      ASSERT_TRUE(turn_until(&std::this_thread::yield, [&] { return has_ended.load(); }));
    }

    std::atomic<bool> has_let_go{false};
    const std::string node_id = handles->node->node_id();
    std::string found;
    auto meanwhile = [&] {
      EXPECT_TRUE(turn_until(&std::this_thread::yield, [&] { return has_let_go.load(); }));
      found = start_node().node_id();
    };
    Handles& last = *handles;
    Callback callback = [&has_let_go, held = std::shared_ptr<Handles>(std::move(handles))](const Reply&) mutable {
      held.reset();
      has_let_go = true;
    };
    {
      const StalledUnlock stalled(unlocks, base::Delegate<void()>::of(meanwhile));
      EXPECT_TRUE(is_under_way(ask(last, std::move(callback))));
    }
    EXPECT_EQ(found, node_id) << "the node that the call uses has ended, and another has taken its place";
    EXPECT_NE(start_node().node_id(), node_id) << "it has ended with the call";
  }

  PmdThread pmd_;
  Target target_;
};

TEST_F(OutlivedNode, is_held_by_a_request_to_a_name) {
  expect_to_be_held_by(
      [](Handles& handles, Callback callback) { return handles.node->ask("self", "1", {}, std::move(callback)); });
}

TEST_F(OutlivedNode, is_held_by_a_request_to_a_target) {
  expect_to_be_held_by(
      [this](Handles& handles, Callback callback) { return handles.node->ask(target_, "1", {}, std::move(callback)); });
}

TEST_F(OutlivedNode, is_held_by_a_request_to_a_group) {
  expect_to_be_held_by(
      [](Handles& handles, Callback callback) { return handles.group->ask("1", {}, std::move(callback)); });
}

class ResolvingAsTheNodeEnds : public OutlivedNode {
 protected:
  /// Shuts the node down where the look-up has unlocked a mutex for the n-th time.
  static Error error_when_shut_down_at(NodeRuntime& node, std::size_t nth) {
    auto meanwhile = [&node] { EXPECT_TRUE(node.shutdown(1s)); };
    const StalledUnlock stalled(nth, base::Delegate<void()>::of(meanwhile));
    const Result<PeerInfo> found = node.resolve("nobody");
    return found ? Error{} : found.error();
  }
};

TEST_F(ResolvingAsTheNodeEnds, is_over_at_once_where_the_question_came_too_late_for_the_loop) {
  NodeRuntime node = start_node();
  EXPECT_EQ(error_when_shut_down_at(node, 1), Errc::shut_down)
      << "it has looked into the replica, and asks the loop next";
}

TEST_F(ResolvingAsTheNodeEnds, is_over_at_once_where_the_registry_has_been_asked) {
  NodeRuntime node = start_node();
  std::size_t unlocks = 0;
  {
    const CountedUnlocks counted;
    EXPECT_EQ(node.resolve("nobody").error(), Errc::node_not_found);
    unlocks = counted.count();
  }
  pmd_.stop();  // the question waits for one
  ASSERT_TRUE(turn_until(&std::this_thread::yield, [&] { return !node.stats().is_registered; }));
  EXPECT_EQ(error_when_shut_down_at(node, unlocks), Errc::shut_down) << "the loop has the question";
}

}  // namespace
}  // namespace distflow::test
