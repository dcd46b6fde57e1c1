// Requests to a group that go to another member as well: backups.
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/runtime/group_asking.hpp"

namespace distflow::test {
namespace {

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
