// Groups of the process's one node, in each threading mode, with other nodes and a PMD around it.
#include <distflow/ask.hpp>
#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fake_pmd.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/node_among_others.hpp"
#include "tests/support/pmd_requests.hpp"
#include "tests/support/pmd_test_client.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class GroupsOfANode : public NodeAmongOthers {
 protected:
  /// Another node, which counts what it gets.
  TestNode& add_worker(const std::string& alias, const std::vector<std::string>& groups = {"workers"}) {
    TestNode* added = nullptr;
    others_.run([&](Cluster& cluster) {
      added = &cluster.add_node({.alias = alias});
      (*added)->delivery().set_message_handler([this, alias](const Message& message) { note(alias, message); });
      set_groups(*added, groups);
    });
    return *added;
  }
  void regroup(TestNode& node, const std::string& join, const std::string& leave) {
    others_.run([&](Cluster&) {
      if (!join.empty()) node->own_groups().join(join);
      if (!leave.empty()) node->own_groups().leave(leave);
      node->update_groups();
    });
  }
  static bool until_members(NodeRuntime& node, Group& group, std::size_t count) {
    return until(node, [&] { return group.members().size() == count; });
  }
  static std::vector<std::string> aliases(Group& group) {
    std::vector<std::string> names;
    for (const PeerInfo& info : group.members()) names.push_back(info.alias);
    return names;
  }

  static void set_groups(TestNode& node, const std::vector<std::string>& groups) {
    for (const std::string& group : groups) node->own_groups().join(group);
    node->update_groups();
  }
};

TEST_P(GroupsOfANode, messages_go_to_one_member_each_and_round_robin_to_all_in_turn) {
  NodeRuntime node = start();
  for (const char* alias : {"w1", "w2", "w3"}) add_worker(alias);
  add_worker("idle", {"others"});
  Group workers = node.group("workers");
  ASSERT_TRUE(until_members(node, workers, 3));
  EXPECT_THAT(aliases(workers), UnorderedElementsAre("w1", "w2", "w3"));
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(is_under_way(workers.send(std::to_string(i), Pick::round_robin())));
  ASSERT_TRUE(until(node, [&] { return received_count() == 30; }));
  for (const char* alias : {"w1", "w2", "w3"}) EXPECT_EQ(received(alias).size(), 10U);
  EXPECT_THAT(received("idle"), IsEmpty());
}

TEST_P(GroupsOfANode, whatever_the_pick_each_message_reaches_one_member_once) {
  NodeRuntime node = start();
  for (const char* alias : {"w1", "w2"}) add_worker(alias);
  Group workers = node.group("workers");
  ASSERT_TRUE(until_members(node, workers, 2));
  int sent = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string key = "k" + std::to_string(i);
    for (const Pick pick : {Pick::least(), Pick::round_robin(), Pick::sticky(key), Pick::local(), Pick::first()}) {
      EXPECT_TRUE(is_under_way(workers.send(std::to_string(sent++), pick)));
    }
  }
  ASSERT_TRUE(until(node, [&] { return received_count() == 100; }));
  std::vector<std::string> all = received("w1");
  for (const std::string& payload : received("w2")) all.push_back(payload);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST_P(GroupsOfANode, the_same_key_goes_to_the_same_member_and_the_first_is_the_smallest_node_id) {
  NodeRuntime node = start();
  for (const char* alias : {"w1", "w2", "w3"}) add_worker(alias);
  Group workers = node.group("workers");
  ASSERT_TRUE(until_members(node, workers, 3));
  std::string first = "~";
  std::string alias_of_first;
  for (const PeerInfo& info : workers.members()) {
    if (info.node_id >= first) continue;
    first = info.node_id;
    alias_of_first = info.alias;
  }
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(is_under_way(workers.send("1", Pick::first())));
  ASSERT_TRUE(until(node, [&] { return received_count() == 5; }));
  EXPECT_EQ(received(alias_of_first).size(), 5U);
  Group again = node.group("workers");
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(is_under_way(workers.send("2", Pick::sticky("user-42"))));
    EXPECT_TRUE(is_under_way(again.send("2", Pick::sticky("user-42"))));
  }
  ASSERT_TRUE(until(node, [&] { return received_count() == 15; }));
  std::size_t who_got_any = 0;
  for (const char* alias : {"w1", "w2", "w3"}) {
    const std::vector<std::string> got = received(alias);
    who_got_any += std::count(got.begin(), got.end(), "2") > 0 ? 1U : 0U;
  }
  EXPECT_EQ(who_got_any, 1U);
}

TEST_P(GroupsOfANode, a_group_without_members_is_unresolved_and_sends_nothing) {
  NodeRuntime node = start();
  add_worker("workers", {});  // an alias is no group
  Group workers = node.group("workers");
  EXPECT_EQ(workers.name(), "workers");
  EXPECT_EQ(workers.send("1"), SendVerdict::unresolved);
  EXPECT_EQ(workers.send("not json"), SendVerdict::invalid_json);
  EXPECT_EQ(workers.send_all("1").under_way, 0U);
  EXPECT_EQ(node.group("").send("1"), SendVerdict::invalid_target);
  EXPECT_GE(node.stats().refused_unresolved, 1U);
  EXPECT_EQ(node.stats().sent.accepted, 0U);
}

TEST_P(GroupsOfANode, a_node_may_be_a_member_of_the_group_that_it_sends_to) {
  NodeRuntime node = start();
  node.on_message([this](const Message& message) { note("self", message); });
  ASSERT_TRUE(node.join("workers"));
  ASSERT_TRUE(node.join("workers"));
  Group workers = node.group("workers");
  ASSERT_TRUE(until_members(node, workers, 1));
  EXPECT_TRUE(is_under_way(workers.send("1")));
  ASSERT_TRUE(until(node, [&] { return received_count() == 1; }));
  ASSERT_TRUE(node.leave("workers"));
  ASSERT_TRUE(until_members(node, workers, 0));
  EXPECT_EQ(workers.send("2"), SendVerdict::unresolved);
}

TEST_P(GroupsOfANode, who_leaves_the_group_or_the_registry_gets_nothing_more) {
  NodeRuntime node = start();
  TestNode& w1 = add_worker("w1");
  TestNode& w2 = add_worker("w2");
  add_worker("w3");
  Group workers = node.group("workers");
  ASSERT_TRUE(until_members(node, workers, 3));
  regroup(w1, "", "workers");
  others_.run([&](Cluster& cluster) { cluster.shut_down(w2); });
  ASSERT_TRUE(until_members(node, workers, 1));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(is_under_way(workers.send(std::to_string(i))));
  ASSERT_TRUE(until(node, [&] { return received("w3").size() == 20; }));
  EXPECT_EQ(received_count(), 20U);
  regroup(w1, "workers", "");
  ASSERT_TRUE(until_members(node, workers, 2));
}

TEST_P(GroupsOfANode, a_message_to_all_reaches_each_member_once) {
  NodeRuntime node = start();
  node.on_message([this](const Message& message) { note("self", message); });
  ASSERT_TRUE(node.join("workers"));
  for (const char* alias : {"w1", "w2"}) add_worker(alias);
  Group workers = node.group("workers");
  ASSERT_TRUE(until_members(node, workers, 3));
  const SentToAll sent = workers.send_all(R"({"stop":true})");
  EXPECT_EQ(sent.under_way, 3U);
  EXPECT_EQ(sent.refused, 0U);
  ASSERT_TRUE(until(node, [&] { return received_count() == 3; }));
  for (const char* who : {"self", "w1", "w2"}) EXPECT_THAT(received(who), ElementsAre(R"({"stop":true})"));
}

TEST_P(GroupsOfANode, requests_go_to_one_member_each_and_pass_over_one_that_was_busy) {
  NodeRuntime node = start();
  std::counting_semaphore<> gate(0);
  std::atomic<int> quick_handled = 0;
  others_.run([&](Cluster& cluster) {
    // One whose handler is held up, and whose mailbox has room for one.
    NodeOptions options;
    options.alias = "slow";
    options.threading = Threading::dispatcher;
    options.mailbox.max_size = 1;
    TestNode& slow = cluster.add_node(options);
    slow->set_request_handler([&gate](const Request&, Responder responder) {
      gate.acquire();
      responder.reply("1");
    });
    set_groups(slow, {"workers"});
    TestNode& quick = cluster.add_node({.alias = "quick"});
    quick->set_request_handler([&quick_handled](const Request&, Responder responder) {
      ++quick_handled;
      responder.reply("1");
    });
    set_groups(quick, {"workers"});
  });
  Group workers = node.group("workers");
  ASSERT_TRUE(until_members(node, workers, 2));
  std::atomic<int> busy = 0;
  std::atomic<int> done = 0;
  const auto ask = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const auto on_end = [&](const Reply& reply) {
        EXPECT_TRUE(reply || reply.error == AskError::busy) << to_string(reply.error);
        ++(reply ? done : busy);
      };
      ASSERT_TRUE(is_under_way(workers.ask("1", {.deadline = 60s}, on_end, Pick::round_robin())));
    }
  };
  const auto before = std::chrono::steady_clock::now();
  ask(10);  // five for each: more than the slow one has room for
  ASSERT_TRUE(until(node, [&] { return done == 5 && busy > 0; }));
  ask(4);
  const bool was_in_time = std::chrono::steady_clock::now() < before + 100ms;  // it is passed over for longer than that
  gate.release(100);
  ASSERT_TRUE(until(node, [&] { return done + busy == 14; }));
  EXPECT_GE(quick_handled, 7);
  if (was_in_time) {
    EXPECT_EQ(quick_handled, 9);
  }
  const AskStats asks = node.stats().asks;
  EXPECT_EQ(asks.asked, asks.replied + asks.failed() + asks.pending);
}

TEST_P(GroupsOfANode, who_asks_for_one_thing_at_a_time_asks_every_member) {
  NodeRuntime node = start();
  std::array<std::atomic<int>, 2> handled{};
  others_.run([&](Cluster& cluster) {
    for (std::atomic<int>& count : handled) {
      TestNode& worker = cluster.add_node({});
      worker->set_request_handler([&count](const Request&, Responder responder) {
        ++count;
        responder.reply("1");
      });
      set_groups(worker, {"workers"});
    }
  });
  Group workers = node.group("workers");
  ASSERT_TRUE(until_members(node, workers, 2));
  std::atomic<int> ended = 0;
  for (int i = 1; i <= 60; ++i) {
    ASSERT_TRUE(is_under_way(workers.ask("1", {}, [&ended](const Reply&) { ++ended; })));
    ASSERT_TRUE(until(node, [&] { return ended == i; }));
  }
  EXPECT_GT(handled[0], 5);  // of 30 that are expected: less than one run in 10^10 fails
  EXPECT_GT(handled[1], 5);
}

TEST_P(GroupsOfANode, a_typescript_node_is_in_no_group_whatever_it_registers) {
  NodeRuntime node = start();
  PmdTestClient typescript(others_.pmd_port());
  typescript.send(register_text("ts", "workers", R"(,"groups":["workers"])"));
  std::string frame;
  ASSERT_TRUE(until(node, [&] { return typescript.receive(frame); }));
  ASSERT_TRUE(until(node, [&] { return node.alias_of("ts") == "workers"; }));
  Group workers = node.group("workers");
  EXPECT_THAT(workers.members(), IsEmpty());
  EXPECT_EQ(workers.send("1"), SendVerdict::unresolved);
}

TEST_P(GroupsOfANode, a_node_whose_node_id_another_has_for_its_alias_is_no_member) {
  NodeRuntime node = start();
  TestNode& w1 = add_worker("w1");
  Group workers = node.group("workers");
  ASSERT_TRUE(until_members(node, workers, 1));
  PmdTestClient namesake(others_.pmd_port());
  namesake.send(register_text("ts", w1->node_id()));
  ASSERT_TRUE(until_members(node, workers, 0));
  EXPECT_THAT(node.group("workers").members(), IsEmpty());
  namesake = PmdTestClient();
  ASSERT_TRUE(until_members(node, workers, 1));
}

TEST_P(GroupsOfANode, a_change_of_members_is_told_where_handlers_run) {
  NodeRuntime node = start();
  std::mutex mutex;
  std::vector<std::string> changes;
  const auto count = [&] {
    const std::scoped_lock lock(mutex);
    return changes.size();
  };
  Group workers = node.group("workers");
  workers.on_change([](const GroupChange&) { FAIL() << "replaced before there was any"; });
  workers.on_change({});
  workers.on_change([&](const GroupChange& change) {
    const std::scoped_lock lock(mutex);
    changes.push_back((change.has_joined ? "+" : "-") + change.node.alias);
    if (change.has_joined) throw std::runtime_error("as any handler");
  });
  // A message that comes after the call is handled behind it.
  node.on_message([this](const Message& message) { note("self", message); });
  ASSERT_TRUE(is_under_way(node.send("self", "1")));
  ASSERT_TRUE(until(node, [&] { return received_count() == 1; }));
  const std::uint64_t threw = node.stats().handler_exceptions;
  TestNode& w1 = add_worker("w1");
  ASSERT_TRUE(until(node, [&] { return count() == 1; }));
  regroup(w1, "", "workers");
  ASSERT_TRUE(until(node, [&] { return count() == 2; }));
  EXPECT_THAT(changes, ElementsAre("+w1", "-w1"));
  EXPECT_EQ(node.stats().handler_exceptions, threw + 1);
}

TEST_P(GroupsOfANode, after_the_pmd_was_started_anew_all_are_in_their_groups_again) {
  NodeRuntime node = start();
  add_worker("w1");
  ASSERT_TRUE(node.join("workers"));
  Group workers = node.group("workers");
  ASSERT_TRUE(until_members(node, workers, 2));
  others_.run([](Cluster& cluster) {
    cluster.stop_pmd();
    cluster.start_pmd();
  });
  add_worker("w2");  // is told only by the new one
  ASSERT_TRUE(until_members(node, workers, 3));
  ASSERT_TRUE(until(node, [&] { return node.stats().is_registered; }));
  Group others = node.group("others");
  ASSERT_TRUE(node.join("others"));
  ASSERT_TRUE(until_members(node, others, 1));
}

TEST_P(GroupsOfANode, what_cannot_be_joined_is_refused_with_the_reason) {
  NodeRuntime node = start();
  EXPECT_EQ(node.join("").error(), Errc::invalid_option);
  EXPECT_EQ(node.join(std::string(257, 'x')).error(), Errc::invalid_option);
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(node.join("g" + std::to_string(i)));
  EXPECT_EQ(node.join("one-more").error(), Errc::invalid_option);
  Group workers = node.group("g0");
  ASSERT_TRUE(node.shutdown());
  EXPECT_EQ(node.join("g1").error(), Errc::shut_down);
  EXPECT_EQ(node.leave("g1").error(), Errc::shut_down);
  EXPECT_EQ(workers.send("1"), SendVerdict::shut_down);
  EXPECT_THAT(workers.members(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Modes, GroupsOfANode, ::testing::ValuesIn(NodeInEachMode::kModes), &NodeInEachMode::name_of);

TEST(Groups, a_pmd_that_knows_none_is_told_of_once_and_keeps_nobody_from_joining) {
  SocketCluster cluster(base::LogLevel::warn);
  base::ChunkPool chunks{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  transport::OutBuffer out{chunks};
  FakePmd typescript(cluster.reactor(), chunks, out);
  typescript.script = [&](const protocol::Request& request) { typescript.answer_like_typescript(request); };
  typescript.listen();
  TestNode& node = cluster.add_node({.pmd_port = typescript.port()});
  ASSERT_TRUE(cluster.turn_until([&] { return !node->own_groups().are_kept(); }));
  for (const char* group : {"workers", "others"}) {
    EXPECT_EQ(node->own_groups().join(group), runtime::OwnGroups::Outcome::done);
    node->update_groups();
  }
  EXPECT_EQ(cluster.count_lines("the PMD does not know groups"), 1U) << cluster.log_text();
  EXPECT_EQ(typescript.count(protocol::RequestType::regroup), 0U);
  cluster.shut_down(node);
  typescript.close();
}

}  // namespace
}  // namespace distflow::test
