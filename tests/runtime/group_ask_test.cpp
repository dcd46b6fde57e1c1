// Requests to a group that go to another member than the first one: as backups, and after a failure.
#include <distflow/ask.hpp>
#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/node_among_others.hpp"
#include "tests/support/pmd_requests.hpp"
#include "tests/support/pmd_test_client.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

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
  [[nodiscard]] PmdTestClient add_dead_worker() const { return add_worker_at(RawSocket::listening().port()); }
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
  std::vector<TestNode*> workers_;  // of the others' thread, as what follows
  std::vector<Held> held_;
  std::function<void()> on_request_;
  std::atomic<std::size_t> held_count_{0};
  std::vector<KeptReply> replies_;
};

TEST_P(RequestsToAGroup, one_without_an_end_goes_to_another_member_too_and_the_first_answer_ends_it) {
  add_holding_workers(3);
  NodeRuntime node = start();
  Group workers = group_of(node, 3);
  ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 60s, .idempotent = true, .backup_after = 20ms})));
  ASSERT_TRUE(until(node, [&] { return held_count_ == 2; }));
  EXPECT_NE(id_of_holder(0), id_of_holder(1));
  answer(1, R"("second")");
  ASSERT_TRUE(until_replies(node, 1));
  EXPECT_EQ(reply(0).error, AskError::none) << to_string(reply(0).error);
  EXPECT_EQ(reply(0).payload, R"("second")");
  EXPECT_EQ(reply(0).target, id_of_holder(1));
  EXPECT_GE(reply(0).took, 20ms);
  ASSERT_TRUE(until(node, [&] { return stats_of(0).cancels + stats_of(1).cancels + stats_of(2).cancels == 1; }));
  answer(0, R"("first")");
  ASSERT_TRUE(until(node, [&] { return node.stats().asks.late == 1; }));
  EXPECT_EQ(reply_count(), 1U);
  EXPECT_EQ(node.stats().asks.retried, 1U);
  check_law(node);

  // The first one wins as well.
  ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 60s, .idempotent = true, .backup_after = 1ms})));
  ASSERT_TRUE(until(node, [&] { return held_count_ == 4; }));
  answer(2, R"("first")");
  ASSERT_TRUE(until_replies(node, 2));
  EXPECT_EQ(reply(1).payload, R"("first")");
  EXPECT_EQ(reply(1).target, id_of_holder(2));
  answer(3, R"("second")");
  ASSERT_TRUE(until(node, [&] { return node.stats().asks.late == 2; }));
  check_law(node);
  EXPECT_EQ(node.stats().asks.pending, 0U);
}

TEST_P(RequestsToAGroup, none_has_a_backup_that_may_not_run_twice_or_is_for_one_member_alone) {
  add_holding_workers(2);
  NodeRuntime node = start();
  Group workers = group_of(node, 2);
  ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 400ms, .backup_after = 1ms})));
  ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 400ms, .idempotent = true, .backup_after = 1ms}, Pick::first())));
  const Pick by_key = Pick::sticky("user-42");
  ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 400ms, .idempotent = true, .backup_after = 1ms}, by_key)));
  const std::string name = workers.members().front().node_id;
  ASSERT_TRUE(
      is_under_way(node.ask(name, "1", {.deadline = 400ms, .idempotent = true, .backup_after = 1ms}, noting())));
  ASSERT_TRUE(until_replies(node, 4));
  expect_all(4, AskError::deadline);
  EXPECT_EQ(held_count_, 4U);
  EXPECT_EQ(node.stats().asks.retried, 0U);
}

TEST_P(RequestsToAGroup, one_whose_group_has_no_other_member_waits_for_the_one_there_is) {
  add_holding_workers(1);
  NodeRuntime node = start();
  Group workers = group_of(node, 1);
  ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 400ms, .idempotent = true, .backup_after = 1ms})));
  ASSERT_TRUE(until_replies(node, 1));
  EXPECT_EQ(reply(0).error, AskError::deadline);
  EXPECT_EQ(held_count_, 1U);
  EXPECT_EQ(node.stats().asks.retries_refused, 0U);
}

TEST_P(RequestsToAGroup, one_with_a_backup_ends_by_its_deadline_with_both_and_may_have_run) {
  add_holding_workers(2);
  NodeRuntime node = start();
  Group workers = group_of(node, 2);
  ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 400ms, .idempotent = true, .backup_after = 1ms})));
  ASSERT_TRUE(until_replies(node, 1));
  EXPECT_EQ(reply(0).error, AskError::deadline) << to_string(reply(0).error);
  EXPECT_TRUE(reply(0).may_have_run);
  EXPECT_EQ(held_count_, 2U);
  check_law(node);
}

TEST_P(RequestsToAGroup, a_member_that_fails_leaves_the_request_to_the_other_one) {
  add_holding_workers(2);
  NodeRuntime node = start();
  Group workers = group_of(node, 2);
  // Who is asked first holds it, and the other one answers no requests by then.
  others_.run([&](Cluster&) {
    on_request_ = [this] {
      for (TestNode* const worker : workers_) {
        if (worker != held_.back().worker) (*worker)->set_request_handler({});
      }
    };
  });
  ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 60s, .idempotent = true, .backup_after = 10ms})));
  ASSERT_TRUE(until(node, [&] { return stats_of(0).said_no_handler + stats_of(1).said_no_handler == 1; }));
  answer(0, R"("first")");
  ASSERT_TRUE(until_replies(node, 1));
  EXPECT_EQ(reply(0).error, AskError::none) << to_string(reply(0).error);
  EXPECT_EQ(reply(0).payload, R"("first")");
  check_law(node);
}

TEST_P(RequestsToAGroup, a_member_that_cannot_be_connected_to_leaves_the_request_to_the_other_one) {
  NodeRuntime node = start_hasty();
  ASSERT_NO_FATAL_FAILURE(ask_two_that_go_on_alone(node, {.deadline = 60s, .idempotent = true}));
  EXPECT_EQ(reply_count(), 0U);
  for (std::size_t i = 0; i < 2; ++i) answer(i, "1");
  ASSERT_TRUE(until_replies(node, 2));
  expect_all(2, AskError::none);
  EXPECT_EQ(node.stats().asks.retried, 2U);
  check_law(node);
}

TEST_P(RequestsToAGroup, backups_are_paid_from_the_budget_of_what_is_sent_again) {
  add_holding_workers(2);
  NodeRuntime node = start();
  Group workers = group_of(node, 2);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 60s, .idempotent = true, .backup_after = 1ms})));
  }
  // Ten, and one for each ten requests.
  ASSERT_TRUE(until(node, [&] { return node.stats().asks.retried + node.stats().asks.retries_refused == 20; }));
  EXPECT_LE(node.stats().asks.retried, 12U);
  EXPECT_GE(node.stats().asks.retried, 10U);
  ASSERT_TRUE(until(node, [&] { return held_count_ == 20 + node.stats().asks.retried; }));
  for (std::size_t i = 0; i < held_count_; ++i) answer(i, "1");
  ASSERT_TRUE(until_replies(node, 20));
  expect_all(20, AskError::none);
  check_law(node);
  EXPECT_EQ(node.stats().asks.pending, 0U);
}

TEST_P(RequestsToAGroup, at_the_nodes_end_one_with_a_backup_ends_once) {
  NodeRuntime node = start();
  ASSERT_NO_FATAL_FAILURE(ask_both(node, {.deadline = 60s, .idempotent = true}));
  EXPECT_TRUE(node.shutdown());
  ASSERT_EQ(reply_count(), 1U);
  EXPECT_EQ(reply(0).error, AskError::shut_down) << to_string(reply(0).error);
  EXPECT_TRUE(reply(0).may_have_run);
  check_law(node);
}

#ifdef __cpp_lib_jthread
TEST_P(RequestsToAGroup, a_stop_token_cancels_both) {
  NodeRuntime node = start();
  std::stop_source stop;
  ASSERT_NO_FATAL_FAILURE(ask_both(node, {.deadline = 60s, .idempotent = true, .stop = stop.get_token()}));
  stop.request_stop();
  ASSERT_TRUE(until_replies(node, 1));
  EXPECT_EQ(reply(0).error, AskError::cancelled) << to_string(reply(0).error);
  EXPECT_TRUE(reply(0).may_have_run);
  ASSERT_TRUE(until(node, [&] { return stats_of(0).cancels == 1 && stats_of(1).cancels == 1; }));
  check_law(node);
}

TEST_P(RequestsToAGroup, a_stop_token_cancels_the_one_that_goes_on_alone) {
  NodeRuntime node = start_hasty();
  std::stop_source stop;
  const AskOptions options{.deadline = 60s, .idempotent = true, .stop = stop.get_token()};
  ASSERT_NO_FATAL_FAILURE(ask_two_that_go_on_alone(node, options));
  stop.request_stop();
  ASSERT_TRUE(until_replies(node, 2));
  expect_all(2, AskError::cancelled);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE(reply(i).may_have_run);
  ASSERT_TRUE(until(node, [&] { return stats_of(0).cancels == 2; }));
  check_law(node);
}
#endif

TEST_P(RequestsToAGroup, one_that_a_member_is_too_busy_for_goes_to_another_where_it_may) {
  std::counting_semaphore<> gate(0);
  others_.run([&](Cluster& cluster) {
    // One whose handler is held up, and whose mailbox has room for one.
    NodeOptions options;
    options.threading = Threading::dispatcher;
    options.mailbox.max_size = 1;
    TestNode& slow = cluster.add_node(options);
    slow->set_request_handler([&gate](const Request&, Responder responder) {
      gate.acquire();
      responder.reply(R"("slow")");
    });
    join(slow);
  });
  add_quick_worker();
  NodeRuntime node = start();
  Group workers = group_of(node, 2);
  // Five for each: more than the slow one has room for.
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 60s, .idempotent = true, .attempts = 3}, Pick::round_robin())));
  }
  ASSERT_TRUE(until(node, [&] { return reply_count() >= 5 && node.stats().asks.retried >= 1; }));
  gate.release(100);
  ASSERT_TRUE(until_replies(node, 10));
  expect_all(10, AskError::none);
  check_law(node);
}

TEST_P(RequestsToAGroup, one_whose_member_leaves_before_it_has_left_goes_to_another_where_it_may) {
  NodeRuntime node = start();
  add_holding_workers(1);
  PmdTestClient dead = add_dead_worker();
  Group workers = group_of(node, 2);
  ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 60s, .idempotent = true, .attempts = 2}, Pick::first())));
  ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 60s}, Pick::first())));
  ASSERT_TRUE(until(node, [&] { return node.stats().sent.accepted == 2; }));
  dead = PmdTestClient();
  ASSERT_TRUE(until_replies(node, 1));
  EXPECT_EQ(reply(0).error, AskError::peer_left) << to_string(reply(0).error);
  EXPECT_FALSE(reply(0).may_have_run);
  ASSERT_TRUE(until(node, [&] { return held_count_ == 1; }));
  answer(0, R"("other")");
  ASSERT_TRUE(until_replies(node, 2));
  EXPECT_EQ(reply(1).payload, R"("other")") << to_string(reply(1).error);
  check_law(node);
}

TEST_P(RequestsToAGroup, one_whose_member_cannot_be_connected_to_goes_to_another_where_it_may) {
  NodeRuntime node = start_hasty();
  add_quick_worker();
  const PmdTestClient dead = add_dead_worker();
  Group workers = group_of(node, 2);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(is_under_way(ask(workers, {.deadline = 60s, .idempotent = true, .attempts = 2}, Pick::round_robin())));
  }
  ASSERT_TRUE(until_replies(node, 4));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(reply(i).payload, R"("quick")") << to_string(reply(i).error);
  EXPECT_EQ(node.stats().asks.retried, 2U);
  check_law(node);
}

TEST_P(RequestsToAGroup, one_whose_member_leaves_has_its_backup_at_once) {
  add_holding_workers(1);
  NodeRuntime node = start();
  RawSocket listener = RawSocket::listening();
  PmdTestClient silent = add_worker_at(listener.port());
  Group workers = group_of(node, 2);
  const AskOptions options{.deadline = 60s, .idempotent = true, .backup_after = 30s};
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(is_under_way(ask(workers, options, Pick::round_robin())));
  ASSERT_TRUE(until(node, [&] { return is_readable(listener.fd()); }));
  const RawSocket peer = listener.accept();
  ASSERT_TRUE(until(node, [&] { return is_readable(peer.fd()) && held_count_ == 1; }));
  silent = PmdTestClient();
  ASSERT_TRUE(until(node, [&] { return held_count_ == 2; }));
  answer(0, R"("own")");
  answer(1, R"("other")");
  ASSERT_TRUE(until_replies(node, 2));
  expect_all(2, AskError::none);
  check_law(node);
}

// A slot that such a call had before is the backup's.
TEST_P(RequestsToAGroup, a_backup_calls_back_where_handlers_run_though_others_were_waited_for) {
  add_holding_workers(2);
  NodeRuntime node = start();
  Group workers = group_of(node, 2);
  for (int i = 0; i < 200 && GetParam() != Threading::caller; ++i) {
    EXPECT_EQ(ask_and_wait(node, "nobody", "1")->error, AskError::unresolved);
  }
  std::vector<std::thread::id> ran_on;
  const auto note_thread = [&](const Reply&) {
    const std::scoped_lock lock(mutex_);
    ran_on.push_back(std::this_thread::get_id());
  };
  const auto until_called = [&](std::size_t count) {
    return until(node, [&] {
      const std::scoped_lock lock(mutex_);
      return ran_on.size() == count;
    });
  };
  ASSERT_TRUE(is_under_way(node.ask("nobody", "1", {}, note_thread)));
  ASSERT_TRUE(until_called(1));
  ASSERT_TRUE(is_under_way(workers.ask("1", {.deadline = 60s, .idempotent = true, .backup_after = 1ms}, note_thread)));
  ASSERT_TRUE(until(node, [&] { return held_count_ == 2; }));
  answer(1, "2");
  ASSERT_TRUE(until_called(2));
  EXPECT_EQ(ran_on[0], ran_on[1]);
}

INSTANTIATE_TEST_SUITE_P(Modes, RequestsToAGroup, ::testing::ValuesIn(NodeInEachMode::kModes),
                         &NodeInEachMode::name_of);

}  // namespace
}  // namespace distflow::test
