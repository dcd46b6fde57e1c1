// The calls of groups, topics and waits, with each of their allocations failing once: as in out_of_memory_test.cpp.
#include <distflow/ask.hpp>
#include <distflow/coroutine.hpp>
#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>
#include <distflow/stop_token.hpp>
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
      if (reply && reply->error == AskError::not_sent) return has_worked(reply->verdict);
      return has_worked(reply);
    });
  });
  count_requests();
}

TEST_P(CallsWithoutMemory, a_reply_that_cannot_be_kept_is_a_call_without_memory) {
  if (GetParam() != Threading::caller) GTEST_SKIP() << "the loop is to run here";
  ASSERT_TRUE(node_->resolve("self"));
  const std::string answer = '"' + std::string(1000, 'x') + '"';
  node_->on_request([&](const Request&, Responder responder) { responder.reply(answer); });
  int lacking = 0;
  bool has_failed = true;
  constexpr std::size_t none = ~std::size_t{0};
  for (std::size_t n = none; n == 0 || has_failed; ++n) {  // the first one has what later ones need not make
    SCOPED_TRACE("allocation " + std::to_string(n));
    const std::uint64_t before = counted();
    std::atomic<bool> has_ended{false};
    Result<KeptReply> reply{KeptReply{}};
    std::thread asker([&] {
      reply = ask_and_wait(*node_, "self", "1", {.deadline = 200ms});
      has_ended = true;
    });
    {
      const FailingAllocation nth(n);
      while (!has_ended) EXPECT_TRUE(node_->poll(5ms));
      has_failed = nth.has_failed();
    }
    asker.join();
    ++points_;
    if (has_worked(reply)) continue;
    ++lacking;
    EXPECT_EQ(counted(), before + 1);
  }
  EXPECT_GT(lacking, 0);
  count_requests();
}

TEST_P(CallsWithoutMemory, what_a_handler_asks_and_answers_has_verdicts) {
  std::atomic<int> ended{0};
  const std::string payload = '"' + std::string(1000, 'x') + '"';
  const std::string name = fresh_name();
  node_->on_request([&](const Request& request, Responder responder) {
    sweep("Request::ask",
          [&] { return has_worked(request.ask(name, payload, {.deadline = 10ms}, [&](const Reply&) {})); });
    sweep("Responder::reply", [&] { return has_worked(responder.reply(payload)); });
    ++ended;
  });
  ASSERT_TRUE(node_->resolve("self"));
  // Not has_worked(): the handler's calls, on another thread, may be there already.
  ASSERT_TRUE(is_under_way(node_->ask("self", "1", {}, [&](const Reply& reply) {
    EXPECT_EQ(reply.payload, payload);
    ++ended;
  })));
  EXPECT_TRUE(turn_until_so([&] { return ended == 2; }));
  EXPECT_TRUE(node_->shutdown()->is_complete);
  EXPECT_GT(counted(), 0U);
  count_requests();
}

/// While nobody turns the loop, tasks for it pile up, and now and then the queue needs memory for the next.
struct PostsWithoutMemory : CallsWithoutMemory {
  /// Until a task has found no memory: nor does the next one, then. What it was to do has failed, and is counted.
  void fill_queue() {
    for (std::size_t n = 0;;) {
      const NodeStats before = node_->stats();
      bool has_failed = false;
      {
        const FailingAllocation nth(n);
        node_->on_writable([](const Writable&) {});
        has_failed = nth.has_failed();
      }
      ++points_;
      n = has_failed ? n + 1 : 0;
      if (node_->stats().tasks_lost == before.tasks_lost) continue;
      EXPECT_EQ(counted(), before.calls_out_of_memory + 1);
      return;
    }
  }
};

TEST_P(PostsWithoutMemory, have_their_waits_refused_and_counted) {
  std::atomic<int> ended{0};
  int begun = 0;
  const auto is_begun = [&](const Result<void>& wait) {
    begun += wait ? 1 : 0;
    return has_worked(wait);
  };
  const auto turn = [&] { EXPECT_TRUE(turn_until_so([&] { return ended == begun; })); };
  fill_queue();
  sweep("next_turn", [&] { return is_begun(node_->next_turn([&](const Result<void>&) { ++ended; })); });
  turn();
  fill_queue();
  sweep("wait_for", [&] { return is_begun(node_->wait_for("self", {}, [&](const Result<PeerInfo>&) { ++ended; })); });
  turn();
  fill_queue();
  sweep("next_message", [&] { return is_begun(node_->next_message([&](const Result<Message>&) { ++ended; })); });
  EXPECT_TRUE(node_->shutdown()->is_complete);
  EXPECT_EQ(ended, begun);
}

#ifdef __cpp_lib_jthread
TEST_P(PostsWithoutMemory, have_a_wait_that_is_stopped_ended_nevertheless) {
  std::stop_source stop;
  std::optional<Error> why;
  ASSERT_TRUE(node_->next_message([&](const Result<Message>& end) { why = end.error(); }, stop.get_token()));
  for (int i = 0; i < 3; ++i) static_cast<void>(node_->poll(0ms));
  fill_queue();
  {
    const FailingAllocation next(0);
    stop.request_stop();
    EXPECT_TRUE(next.has_failed());
  }
  EXPECT_TRUE(turn_until_so([&] { return why.has_value(); }));
  EXPECT_EQ(why.value(), Errc::canceled);
}
#endif

TEST_P(PostsWithoutMemory, have_a_name_not_resolved_for_that_reason) {
  const std::string name = fresh_name();
  std::atomic<bool> may_turn{false};
  std::atomic<bool> is_over{false};
  std::thread other([&] {
    fill_queue();
    const std::uint64_t lost = node_->stats().tasks_lost;
    sweep(
        "resolve",
        [&] {
          const Result<PeerInfo> peer = node_->resolve(name);
          return peer || peer.error() != Errc::node_not_found ? has_worked(peer) : true;
        },
        [&] { may_turn = node_->stats().tasks_lost > lost; });
    is_over = true;
  });
  while (!may_turn) std::this_thread::yield();
  EXPECT_TRUE(turn_until_so([&] { return is_over.load(); }));
  other.join();
}

INSTANTIATE_TEST_SUITE_P(modes, PostsWithoutMemory, ::testing::Values(Threading::caller), name_of_mode);

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
    asked += is_under_way(verdict) ? 1U : 0U;
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
    published += is_under_way(verdict) ? 1U : 0U;
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
  /// The coroutine goes on, with what it has awaited.
  template <class T>
  void end(const Result<T>& outcome) {
    if (!outcome && outcome.error() == Errc::out_of_memory) ++lacking;
    ++ended;
  }
  void end(const KeptReply& reply) {
    if (reply.verdict == SendVerdict::out_of_memory) ++lacking;
    ++ended;
  }
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  std::atomic<std::uint64_t> lacking{0};
};
Detached await_turn(NodeRuntime& node, Waits& waits) {
  ++waits.begun;
  waits.end(co_await next_turn(node));
}
Detached await_message(NodeRuntime& node, Waits& waits) {
  ++waits.begun;
  waits.end(co_await next_message(node));
}
Detached await_node(NodeRuntime& node, const std::string& name, Waits& waits) {
  ++waits.begun;
  waits.end(co_await wait_for(node, name));
}
Detached await_reply(NodeRuntime& node, const std::string& name, Waits& waits) {
  ++waits.begun;
  waits.end(co_await ask(node, name, "1"));
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
  EXPECT_GT(waits.lacking, 0U);
  EXPECT_EQ(counted(), waits.lacking);
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
