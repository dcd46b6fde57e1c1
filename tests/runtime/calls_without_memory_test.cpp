// The calls of groups, topics and waits, with each of their allocations failing once: as in out_of_memory_test.cpp.
#include <distflow/ask.hpp>
#include <distflow/coroutine.hpp>
#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>
#include <distflow/topic.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "runtime/group/group_table.hpp"
#include "tests/runtime/failing_calls.hpp"
#include "tests/support/coroutines.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

struct CallsWithoutMemory : FailingCalls {
  /// Calls it on a thread that is not the loop's.
  template <class Call>
  void elsewhere(Call call) {
    std::thread(call).join();
  }
  /// The node is at the bound of its groups and topics after so many more.
  int room_for_groups() {
    int count = 0;
    while (node_->join("another" + std::to_string(count))) ++count;
    return count;
  }
  bool turn_until_so(const std::function<bool()>& is_so) {
    const auto turn = [this] {
      GetParam() == Threading::caller ? static_cast<void>(node_->poll(5ms)) : std::this_thread::yield();
    };
    return turn_until(turn, is_so);
  }
};

constexpr int kGroupsMax = 64;

TEST_P(CallsWithoutMemory, a_send_that_may_wait_has_the_verdicts_of_send) {
  const std::string payload = '"' + std::string(1000, 'x') + '"';
  elsewhere([&] {
    std::string name = fresh_name();
    sweep("send_wait to an unknown name", [&] { return is_sent(node_->send_wait(name, payload, 20ms)); });
    name = fresh_name();
    sweep("send_wait what is JSON", [&] { return is_sent(node_->send_wait(name, raw_json(payload), 20ms)); });
    name = fresh_name();
    Target target = node_->target(name);
    sweep("send_wait to a target", [&] { return is_sent(node_->send_wait(target, payload, 20ms)); });
  });
  sweep("send_wait to itself", [&] {
    const SendVerdict verdict = node_->send_wait("self", payload, 20ms);
    return verdict == SendVerdict::would_block ? GetParam() == Threading::caller : is_sent(verdict);
  });
}

TEST_P(CallsWithoutMemory, a_wait_that_has_begun_ends) {
  std::atomic<int> ended{0};
  int begun = 0;
  const auto is_begun = [&](const Result<void>& wait) {
    begun += wait ? 1 : 0;
    return has_worked(wait);
  };
  const std::string name = fresh_name();
  sweep("wait_for a node",
        [&] { return is_begun(node_->wait_for("self", {}, [&ended](const Result<PeerInfo>&) { ++ended; })); });
  sweep("wait_for nobody", [&] {
    return is_begun(node_->wait_for(name, {.deadline = 1h}, [&ended](const Result<PeerInfo>&) { ++ended; }));
  });
  sweep("next_turn", [&] { return is_begun(node_->next_turn([&ended](const Result<void>&) { ++ended; })); });
  sweep("next_message", [&] { return is_begun(node_->next_message([&ended](const Result<Message>&) { ++ended; })); });
  EXPECT_TRUE(node_->shutdown()->is_complete);
  EXPECT_EQ(ended, begun);
}

TEST_P(CallsWithoutMemory, a_request_that_is_waited_for_has_an_end) {
  const std::string name = fresh_name();
  elsewhere([&] {
    sweep("ask_and_wait", [&] {
      const Result<KeptReply> reply = ask_and_wait(*node_, name, "1", {.deadline = 10ms});
      EXPECT_TRUE(reply || reply.error() == Errc::out_of_memory) << reply.error().message();
      if (reply && reply->error == AskError::not_sent) {
        EXPECT_EQ(reply->verdict, SendVerdict::out_of_memory);
        return false;
      }
      return static_cast<bool>(reply);
    });
  });
  count_requests();
}

TEST_P(CallsWithoutMemory, a_group_is_joined_and_left_or_not) {
  const std::string name = fresh_name();
  bool is_member = false;
  const auto join = [&] { return is_member = has_worked(node_->join(name)); };
  const auto leave_if_joined = [&] {
    if (is_member) static_cast<void>(node_->leave(name));
  };
  sweep("join", join, leave_if_joined);
  sweep(
      "leave", [&] { return has_worked(node_->leave(name)); }, [&] { EXPECT_TRUE(node_->join(name)); });
  sweep("join again", [&] { return has_worked(node_->join(name)); });
  EXPECT_EQ(room_for_groups(), kGroupsMax - 1) << "what has failed has joined nothing";
}

TEST_P(CallsWithoutMemory, sending_to_a_group_gives_verdicts) {
  const std::string name = fresh_name();
  ASSERT_TRUE(node_->join(name));
  Group group = node_->group(name);
  ASSERT_TRUE(turn_until_so([&] { return group.members().size() == 1; }));
  const std::string payload = '"' + std::string(1000, 'x') + '"';
  sweep("group", [&] { return node_->group(name).name() == name; });
  std::string other = fresh_name();
  sweep(
      "group of another name", [&] { return node_->group(other).name() == other; }, [&] { other = fresh_name(); });
  sweep("members", [&] { return group.members().size() == 1; });
  sweep("first members", [&] { return node_->group(name).members().size() == 1; });
  sweep("send", [&] { return is_sent(group.send(payload)); });
  sweep("first send", [&] { return is_sent(node_->group(name).send(raw_json(payload), Pick::sticky("key"))); });
  sweep("send_all", [&] {
    const SentToAll sent = group.send_all(payload);
    accepted_ += sent.under_way;
    return sent.under_way == 1;
  });
  sweep("on_change", [&] {
    const std::uint64_t before = node_->stats().calls_out_of_memory;
    group.on_change([](const GroupChange&) {});
    return node_->stats().calls_out_of_memory == before;
  });
  std::atomic<std::uint64_t> ended{0};
  std::uint64_t asked = 0;
  sweep("ask", [&] {
    const SendVerdict verdict = group.ask(payload, {.idempotent = true, .attempts = 2}, [&](const Reply&) { ++ended; });
    asked += is_under_way(verdict) ? 1 : 0;
    return has_worked(verdict);
  });
  EXPECT_TRUE(turn_until_so([&] { return ended == asked; }));
  count_requests();
}

TEST_P(CallsWithoutMemory, what_is_published_is_handed_out_or_has_a_verdict) {
  const std::string topic = fresh_name();
  ASSERT_TRUE(node_->subscribe(topic, [](const Message&) {}));
  const std::string payload = '"' + std::string(1000, 'x') + '"';
  std::uint64_t published = 0;
  const auto publish = [&](const std::string& name) {
    const SendVerdict verdict = node_->publish(name, payload);
    published += is_under_way(verdict) ? 1 : 0;
    return has_worked(verdict);
  };
  sweep("publish", [&] { return publish(topic); });
  std::string other = fresh_name();
  const auto another = [&] { other = fresh_name(); };
  sweep(
      "publish to nobody", [&] { return publish(other); }, another);
  sweep("retain", [&] { return has_worked(node_->retain(topic)); });
  sweep(
      "retain of another topic", [&] { return has_worked(node_->retain(other, {.count = 3})); }, another);
  sweep("publish what is retained", [&] { return publish(topic); });
  EXPECT_TRUE(turn_until_so([&] { return node_->stats().published == published; }));
  EXPECT_TRUE(node_->shutdown()->is_complete);
  accepted_ = node_->stats().published_copies;
}

TEST_P(CallsWithoutMemory, a_topic_is_subscribed_to_or_not) {
  const std::string topic = fresh_name();
  const SubscribeOptions newest{.conflate_by = [](const Message&) { return std::string(); }};
  bool is_subscriber = false;
  const auto subscribe = [&](const SubscribeOptions& options) {
    return is_subscriber = has_worked(node_->subscribe(
               topic, [](const Message&) {}, options));
  };
  const auto subscribe_again = [&] { EXPECT_TRUE(subscribe({})); };
  const auto unsubscribe_if_subscribed = [&] {
    if (is_subscriber) static_cast<void>(node_->unsubscribe(topic));
  };
  const SubscribeOptions all;
  sweep(
      "subscribe", [&] { return subscribe(all); }, unsubscribe_if_subscribed);
  sweep(
      "subscribe to the newest", [&] { return subscribe(newest); }, unsubscribe_if_subscribed);
  sweep(
      "unsubscribe", [&] { return has_worked(node_->unsubscribe(topic)); }, subscribe_again);
  sweep("subscribe again", [&] { return subscribe(all); });
  EXPECT_EQ(room_for_groups(), kGroupsMax - 1) << "what has failed subscribes to nothing";
}

TEST_P(CallsWithoutMemory, the_other_handlers_are_set_or_it_is_counted) {
  const auto set = [&](auto call) {
    return [this, call] {
      const std::uint64_t before = node_->stats().calls_out_of_memory;
      call();
      return node_->stats().calls_out_of_memory == before;
    };
  };
  sweep("on_request", set([&] { node_->on_request([](const Request&, Responder) {}); }));
  sweep("on_registration", set([&] { node_->on_registration([](const RegistrationChange&) {}); }));
  sweep("on_writable", set([&] { node_->on_writable([](const Writable&) {}); }));
  sweep("alias_of", [&] { return node_->alias_of("nobody").empty(); });
  sweep("set_log_level", [&] { return node_->set_log_level(LogVerbosity::error), true; });
}

struct Waits {
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
};
Detached await_turn(NodeRuntime& node, Waits& waits) {
  ++waits.begun;
  static_cast<void>(co_await next_turn(node));
  ++waits.ended;
}
Detached await_message(NodeRuntime& node, Waits& waits) {
  ++waits.begun;
  static_cast<void>(co_await next_message(node));
  ++waits.ended;
}
Detached await_node(NodeRuntime& node, const std::string& name, Waits& waits) {
  ++waits.begun;
  static_cast<void>(co_await wait_for(node, name));
  ++waits.ended;
}
Detached await_reply(NodeRuntime& node, const std::string& name, Waits& waits) {
  ++waits.begun;
  static_cast<void>(co_await ask(node, name, "1"));
  ++waits.ended;
}

TEST_P(CallsWithoutMemory, a_coroutine_goes_on) {
  Waits waits;
  // The coroutine's own memory is the application's.
  const auto has_begun = [](auto begin) {
    try {
      begin();
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  };
  const std::string name = fresh_name();
  sweep("next_turn", [&] { return has_begun([&] { await_turn(*node_, waits); }); });
  sweep("next_message", [&] { return has_begun([&] { await_message(*node_, waits); }); });
  sweep("wait_for", [&] { return has_begun([&] { await_node(*node_, name, waits); }); });
  sweep("ask", [&] { return has_begun([&] { await_reply(*node_, name, waits); }); });
  EXPECT_TRUE(node_->shutdown()->is_complete);
  EXPECT_EQ(waits.ended, waits.begun);
  count_requests();
}

// A node's end must not need memory.
TEST(GroupHandlersWithoutMemory, are_let_go_of) {
  runtime::GroupTable table(4, "host", {});
  const runtime::GroupStatePtr groups[] = {table.of("one", [](auto&&) {}), table.of("two", [](auto&&) {})};
  for (const runtime::GroupStatePtr& group : groups) group->handler = [](const GroupChange&) {};
  {
    const FailingAllocation first(0);
    EXPECT_NO_THROW(table.forget_handlers());
    EXPECT_FALSE(first.has_failed());
  }
  for (const runtime::GroupStatePtr& group : groups) EXPECT_FALSE(group->handler);
}

/// The last handle, held by a handler. No weak pointer: that would keep its memory.
struct LastHandle {
  explicit LastHandle(bool& is_gone) : is_gone_(is_gone) { is_gone_ = false; }
  LastHandle(const LastHandle&) = delete;
  LastHandle& operator=(const LastHandle&) = delete;
  ~LastHandle() { is_gone_ = true; }
  std::optional<NodeRuntime> node;

 private:
  bool& is_gone_;
};

// A handler that had its place in a call that then fails is destroyed there, with what it holds.
TEST_P(CallsWithoutMemory, a_handler_that_is_not_taken_may_hold_the_last_handle) {
  using Call = void (*)(NodeRuntime & node, std::shared_ptr<LastHandle> last);
  constexpr Call calls[] = {
      [](NodeRuntime& node, auto last) { node.on_message([last = std::move(last)](const Message&) {}); },
      [](NodeRuntime& node, auto last) { node.on_request([last = std::move(last)](const Request&, Responder) {}); },
      [](NodeRuntime& node, auto last) {
        static_cast<void>(node.subscribe(kLongName, [last = std::move(last)](const Message&) {}));
      },
  };
  EXPECT_TRUE(node_->shutdown()->is_complete);
  for (const Call call : calls) {
    bool has_failed = true;
    for (std::size_t n = 0; has_failed; ++n) {
      bool is_gone = true;
      auto last = std::make_shared<LastHandle>(is_gone);
      last->node = start();
      NodeRuntime& node = *last->node;
      {
        const FailingAllocation nth(n);
        try {
          call(node, std::exchange(last, nullptr));
        } catch (const std::bad_alloc&) {  // of the handler itself, which is the test's
        }
        has_failed = nth.has_failed();
      }
      ++points_;
      if (!is_gone) static_cast<void>(node.shutdown());
      EXPECT_TRUE(is_gone);
    }
  }
  node_ = start();
}

constexpr Threading kModes[] = {Threading::inlined, Threading::dispatcher, Threading::caller};
INSTANTIATE_TEST_SUITE_P(modes, CallsWithoutMemory, ::testing::ValuesIn(kModes), name_of_mode);

}  // namespace
}  // namespace distflow::test
