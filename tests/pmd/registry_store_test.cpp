// The contract between the server and the store that decides its registrations (pmd/server/registry_store.hpp): what
// may happen between a proposal and its decision, what the store may decide, and nodes that others registered. That all
// else holds over such a store as well, the other tests of the server say (tests/support/over_stores.hpp).
#include "pmd/server/registry_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>
#include <map>
#include <optional>

#include "tests/base/seed.hpp"
#include "tests/support/memory_pmd.hpp"
#include "tests/support/over_stores.hpp"
#include "tests/support/pmd_requests.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using Status = Decision::Status;

/// A server whose store decides when the test says so.
class HeldStore : public ::testing::Test {
 protected:
  void SetUp() override { start(); }
  void start(ServerOptions options = {}) {
    pmd.emplace(std::move(options), StoreChoice{StoreChoice::Kind::late, 1});
    ASSERT_TRUE(pmd->start());
    pmd->store().hold();
  }

  /// Has a node registered, from proposal to answer.
  MemoryPmd::PeerId with_node(const std::string& registration) {
    const auto peer = pmd->connect();
    pmd->send(peer, registration);
    decide();
    EXPECT_THAT(pmd->receive(peer), ElementsAre(kSuccess));
    return peer;
  }
  /// Decides the one that is undecided.
  void decide() {
    ASSERT_THAT(store().undecided(), SizeIs(1));
    store().decide(store().undecided().front());
    pmd->turn();
  }
  void decide_as(Status status, const protocol::NodeInfo* holder = nullptr) {
    ASSERT_THAT(store().undecided(), SizeIs(1));
    store().decide_as(store().undecided().front(), status, holder);
    pmd->turn();
  }
  MemoryPmd::PeerId watching() {
    const auto peer = pmd->connect();
    pmd->ask(peer, request_text("watch"));
    return peer;
  }
  /// The connection of a watcher is seen to have ended though no request of it is read: an event cannot be sent.
  void cut(MemoryPmd::PeerId watcher) {
    pmd->network().reset(watcher);
    EXPECT_TRUE(announce(elsewhere("news", "news")));
    ASSERT_TRUE(pmd->network().is_closed(watcher));
  }
  bool announce(const protocol::NodeInfo& node) {
    const bool is_taken = store().announce(node);
    pmd->turn();
    return is_taken;
  }
  LateStore& store() { return pmd->store(); }
  [[nodiscard]] const Registry& registry() { return pmd->server().registry(); }
  [[nodiscard]] const ServerCounters& counters() { return pmd->server().counters(); }

  static protocol::NodeInfo elsewhere(const std::string& node_id, const std::string& alias) {
    return {.node_id = node_id, .alias = alias, .host = "192.0.2.7", .port = 45401, .last_heartbeat_ms = 1};
  }

  std::optional<MemoryPmd> pmd;
};

std::string with_secret(const std::string& node_id, const std::string& secret) {
  return request_text(
      "register", R"({"nodeId":")" + node_id + R"(","host":"localhost","port":45401,"secret":")" + secret + R"("})");
}

// What the store decides.

TEST_F(HeldStore, a_registration_is_answered_seen_and_announced_when_it_is_decided_and_not_before) {
  const auto node = pmd->connect();
  const auto watcher = pmd->connect();
  pmd->ask(watcher, request_text("watch"));
  pmd->send(node, register_text("id1", "pong"));
  EXPECT_THAT(pmd->receive(node), IsEmpty());
  EXPECT_EQ(pmd->ask(watcher, resolve_text("pong")), kNotFound);
  EXPECT_EQ(pmd->ask(watcher, request_text("list")), kNoNodes);
  decide();
  EXPECT_THAT(pmd->receive(node), ElementsAre(kSuccess));
  EXPECT_THAT(pmd->receive(watcher), ElementsAre(HasSubstr("peer:join")));
  EXPECT_THAT(pmd->ask(watcher, resolve_text("pong")), HasSubstr("id1"));
}

TEST_F(HeldStore, what_is_accepted_is_answered_and_announced_before_what_the_store_reports_next) {
  const auto node = pmd->connect();
  const auto watcher = watching();
  pmd->send(node, with_secret("id1", "s"));
  store().decide(store().undecided().front());
  EXPECT_TRUE(store().announce_end("id1"));
  pmd->turn();
  EXPECT_THAT(pmd->receive(node), ElementsAre(kSuccess, HasSubstr("registration:lost")));
  EXPECT_THAT(pmd->receive(watcher), ElementsAre(HasSubstr("peer:join"), HasSubstr("peer:leave")));
}

TEST_F(HeldStore, decisions_take_effect_in_the_order_in_which_they_come) {
  const auto watcher = pmd->connect();
  pmd->ask(watcher, request_text("watch"));
  for (const char* id : {"id1", "id2", "id3"}) pmd->send(pmd->connect(), register_text(id, std::string("of-") + id));
  const std::vector<Ticket> tickets = store().undecided();
  ASSERT_THAT(tickets, SizeIs(3));
  for (const Ticket ticket : {tickets[2], tickets[0], tickets[1]}) store().decide(ticket);
  pmd->turn();
  EXPECT_THAT(pmd->receive(watcher), ElementsAre(HasSubstr("id3"), HasSubstr("id1"), HasSubstr("id2")));
  EXPECT_EQ(registry().revision(), 3u);
}

TEST_F(HeldStore, a_store_that_cannot_say_leaves_all_as_it_was) {
  const auto node = with_node(register_text("id1", "one"));
  pmd->send(node, register_text("id1", "two"));
  decide_as(Status::unavailable);
  EXPECT_THAT(pmd->receive(node), ElementsAre(HasSubstr(R"("error":"Registry is unavailable")")));
  EXPECT_EQ(counters().registrations_unavailable, 1u);
  EXPECT_THAT(pmd->ask(node, resolve_text("one")), HasSubstr("id1"));
  EXPECT_EQ(pmd->ask(node, heartbeat_text("id1")), kSuccess);
}

TEST_F(HeldStore, a_store_without_memory_for_a_proposal_costs_that_connection_and_no_other) {
  store().run_out_of_memory();
  pmd->send(pmd->connect(), register_text("id1", "pong"));
  pmd->turn();
  EXPECT_EQ(pmd->server().connection_count(), 0u);
  EXPECT_EQ(counters().out_of_memory, 1u);
  const auto node = with_node(register_text("id1", "pong"));
  EXPECT_THAT(pmd->ask(node, resolve_text("pong")), HasSubstr("id1"));
}

TEST_F(HeldStore, a_holder_that_only_the_store_knows_is_waited_for_asked_about_once_more_and_named) {
  const auto node = pmd->connect();
  const protocol::NodeInfo holder = elsewhere("far", "pong");
  pmd->send(node, register_text("id1", "pong"));
  decide_as(Status::alias_in_use, &holder);
  EXPECT_THAT(pmd->receive(node), IsEmpty());
  pmd->advance(base::milliseconds(240), base::milliseconds(10));
  EXPECT_THAT(store().undecided(), IsEmpty()) << "nothing has changed that would let it be asked again";
  pmd->advance(base::milliseconds(20), base::milliseconds(10));
  EXPECT_THAT(pmd->receive(node), IsEmpty());
  decide_as(Status::alias_in_use, &holder);
  EXPECT_THAT(pmd->receive(node),
              ElementsAre(HasSubstr(R"("error":"Alias 'pong' already in use","holder":{"nodeId":"far")")));
  EXPECT_EQ(counters().claims_refused, 1u);
}

TEST_F(HeldStore, a_holder_that_nobody_knows_is_not_named) {
  const auto node = pmd->connect();
  pmd->send(node, register_text("id1", "pong"));
  pmd->advance(base::milliseconds(300), base::milliseconds(10));
  decide_as(Status::node_id_in_use);
  EXPECT_THAT(pmd->receive(node),
              ElementsAre(R"({"type":"response","requestId":"r","payload":{"error":"Node 'id1' already in use"}})"));
}

TEST_F(HeldStore, what_is_accepted_and_there_is_no_room_for_is_given_back) {
  ServerOptions options;
  options.registry.entries_max = 1;
  start(options);
  const auto first = pmd->connect();
  const auto second = pmd->connect();
  pmd->send(first, register_text("id1", "one"));
  pmd->send(second, register_text("id2", "two"));
  for (const Ticket ticket : store().undecided()) store().decide(ticket);
  pmd->turn();
  EXPECT_THAT(pmd->receive(first), ElementsAre(kSuccess));
  EXPECT_THAT(pmd->receive(second), ElementsAre(HasSubstr(R"("error":"Registry is full")")));
  EXPECT_THAT(store().owners(), SizeIs(1));
  EXPECT_EQ(counters().registrations_full, 1u);
}

TEST_F(HeldStore, a_node_whose_new_registration_is_given_back_loses_the_one_before_as_well) {
  ServerOptions options;
  options.registry.bytes_max = 2000;
  start(options);
  const auto watcher = pmd->connect();
  const auto node = with_node(register_text("id1", "one"));
  pmd->ask(watcher, request_text("watch"));
  pmd->send(node, register_text("id1", "one",
                                R"(,"meta":{"a":")" + std::string(250, 'x') + R"(","b":")" + std::string(250, 'x') +
                                    R"(","c":")" + std::string(250, 'x') + R"("})"));
  decide();
  EXPECT_THAT(pmd->receive(node), ElementsAre(HasSubstr(R"("error":"Registry is full")")));
  EXPECT_THAT(pmd->receive(watcher), ElementsAre(HasSubstr("peer:leave")));
  EXPECT_THAT(store().owners(), IsEmpty());
}

TEST_F(HeldStore, a_node_that_is_taken_over_and_given_back_leaves_and_its_connection_is_told_so) {
  ServerOptions options;
  options.registry.bytes_max = 2000;
  start(options);
  const auto before = with_node(with_secret("id1", "s"));
  const auto watcher = watching();
  const auto after = pmd->connect();
  const std::string long_text(250, 'x');
  pmd->send(after, register_text("id1", "one",
                                 R"(,"secret":"s","meta":{"a":")" + long_text + R"(","b":")" + long_text +
                                     R"(","c":")" + long_text + R"("})"));
  decide();
  EXPECT_THAT(pmd->receive(after), ElementsAre(HasSubstr(R"("error":"Registry is full")")));
  EXPECT_THAT(pmd->receive(watcher), ElementsAre(HasSubstr("peer:leave")));
  EXPECT_THAT(pmd->receive(before), ElementsAre(HasSubstr(R"("event":"registration:lost","nodeId":"id1")")));
  EXPECT_EQ(pmd->ask(before, heartbeat_text("id1")), kNotFound);
  EXPECT_THAT(store().owners(), IsEmpty());
}

// Between a proposal and its decision.

TEST_F(HeldStore, requests_behind_an_undecided_registration_are_read_after_it) {
  const auto node = pmd->connect();
  pmd->network().write(node, framed(register_text("id1", "pong")) + framed(heartbeat_text("id1")) +
                                 framed(unregister_text("id1")) + framed(resolve_text("pong")));
  pmd->turn();
  EXPECT_THAT(pmd->receive(node), IsEmpty());
  decide();
  EXPECT_THAT(pmd->receive(node), ElementsAre(kSuccess, kSuccess, kSuccess, kNotFound));
  EXPECT_THAT(store().owners(), IsEmpty());
}

TEST_F(HeldStore, a_connection_that_ends_takes_its_undecided_registration_with_it) {
  const auto node = watching();
  pmd->send(node, register_text("id1", "pong"));
  cut(node);
  EXPECT_THAT(store().undecided(), IsEmpty());
  EXPECT_EQ(pmd->server().connection_count(), 0u);
  EXPECT_EQ(registry().local_size(), 0u);
}

TEST_F(HeldStore, a_connection_that_ends_unseen_is_registered_and_leaves) {
  const auto node = pmd->connect();
  pmd->send(node, register_text("id1", "pong"));
  pmd->hang_up(node);
  EXPECT_EQ(pmd->server().connection_count(), 1u) << "its end is read behind its request";
  decide();
  EXPECT_THAT(pmd->receive(node), ElementsAre(kSuccess));
  EXPECT_EQ(pmd->server().connection_count(), 0u);
  EXPECT_THAT(store().owners(), IsEmpty());
}

TEST_F(HeldStore, a_decision_for_a_connection_that_has_ended_is_ignored) {
  store().decide_for_the_gone();
  const auto node = watching();
  pmd->send(node, register_text("id1", "pong"));
  cut(node);
  decide();
  EXPECT_EQ(registry().local_size(), 0u);
  EXPECT_EQ(counters().joins, 1u) << "of the news";
}

TEST_F(HeldStore, a_second_claim_to_a_name_is_proposed_after_the_decision_on_the_first) {
  const auto first = pmd->connect();
  const auto second = pmd->connect();
  pmd->send(first, register_text("id1", "pong"));
  pmd->send(second, register_text("id2", "pong"));
  EXPECT_THAT(store().undecided(), SizeIs(1));
  decide_as(Status::unavailable);
  EXPECT_THAT(pmd->receive(first), SizeIs(1));
  decide();
  EXPECT_THAT(pmd->receive(second), ElementsAre(kSuccess));
}

TEST_F(HeldStore, a_second_registration_of_a_node_id_waits_for_the_first_and_is_granted_when_its_connection_ends) {
  const auto before = watching();
  const auto after = pmd->connect();
  pmd->send(before, register_text("id1", "pong"));
  pmd->send(after, register_text("id1", "pong"));
  EXPECT_THAT(store().undecided(), SizeIs(1));
  cut(before);
  decide();
  EXPECT_THAT(pmd->receive(after), ElementsAre(kSuccess));
}

TEST_F(HeldStore, a_second_claim_is_refused_at_the_end_of_its_own_time_though_the_first_is_undecided) {
  const auto first = pmd->connect();
  const auto second = pmd->connect();
  pmd->send(first, register_text("id1", "pong"));
  pmd->send(second, register_text("id2", "pong"));
  pmd->advance(base::milliseconds(300), base::milliseconds(10));
  EXPECT_THAT(pmd->receive(second),
              ElementsAre(HasSubstr(R"("error":"Alias 'pong' already in use","holder":{"nodeId":"id1")")));
  decide();
  EXPECT_THAT(pmd->receive(first), ElementsAre(kSuccess));
}

TEST_F(HeldStore, a_node_does_not_expire_while_its_new_registration_is_undecided) {
  const auto node = with_node(register_text("id1", "one", R"(,"ttl":1000)"));
  pmd->advance(base::milliseconds(900));
  pmd->send(node, register_text("id1", "two", R"(,"ttl":1000)"));
  pmd->advance(base::seconds(5));
  EXPECT_EQ(registry().size(), 1u);
  decide();
  EXPECT_THAT(pmd->receive(node), ElementsAre(kSuccess));
  EXPECT_EQ(counters().leaves, 0u);
}

TEST_F(HeldStore, a_node_whose_new_registration_is_refused_has_its_whole_ttl_again) {
  const auto node = with_node(register_text("id1", "one", R"(,"ttl":1000)"));
  pmd->advance(base::milliseconds(900));
  pmd->send(node, register_text("id1", "two", R"(,"ttl":1000)"));
  decide_as(Status::unavailable);
  pmd->advance(base::milliseconds(900));
  EXPECT_EQ(registry().size(), 1u);
  pmd->advance(base::milliseconds(200));
  EXPECT_EQ(registry().size(), 0u);
  EXPECT_THAT(store().owners(), IsEmpty());
}

TEST_F(HeldStore, a_node_that_unregisters_leaves_though_another_connections_claim_to_it_is_undecided) {
  const auto before = with_node(with_secret("id1", "s"));
  const auto after = pmd->connect();
  pmd->send(after, with_secret("id1", "s"));
  EXPECT_EQ(pmd->ask(before, unregister_text("id1")), kSuccess);
  EXPECT_EQ(registry().size(), 0u);
  decide();
  EXPECT_THAT(pmd->receive(after), ElementsAre(kSuccess));
  EXPECT_THAT(pmd->receive(before), IsEmpty()) << "it had given the node up, and has lost nothing";
  pmd->hang_up(before);
  EXPECT_EQ(registry().size(), 1u);
  EXPECT_THAT(store().owners(), SizeIs(1));
}

TEST_F(HeldStore, the_server_ends_though_a_registration_is_undecided) {
  const auto node = pmd->connect();
  pmd->send(node, register_text("id1", "pong"));
  pmd->server().begin_shutdown();
  pmd->turn();
  EXPECT_TRUE(pmd->server().is_finished());
  EXPECT_TRUE(store().is_stopped());
  EXPECT_THAT(pmd->receive(node), IsEmpty());
}

TEST_F(HeldStore, the_server_has_not_ended_before_its_store_has) {
  store().hold_end();
  pmd->server().begin_shutdown();
  pmd->turn();
  EXPECT_TRUE(store().is_stopped());
  EXPECT_EQ(store().time_to_end(), ServerOptions().shutdown_max);
  EXPECT_FALSE(pmd->server().is_finished());
  EXPECT_FALSE(announce(elsewhere("far", "pong"))) << "nothing is taken up any more";
  store().end();
  pmd->turn();
  EXPECT_TRUE(pmd->server().is_finished());
}

TEST_F(HeldStore, a_store_that_does_not_end_in_its_time_is_waited_for_and_logged) {
  store().hold_end();
  pmd->server().begin_shutdown();
  pmd->advance(ServerOptions().shutdown_max + base::milliseconds(100));
  EXPECT_FALSE(pmd->server().is_finished());
  EXPECT_THAT(pmd->log(), HasSubstr("the store of registrations takes too long to end"));
  store().end();
  pmd->turn();
  EXPECT_TRUE(pmd->server().is_finished());
}

TEST(UnstartedServer, does_not_start_its_store) {
  MemoryPmd pmd({}, {StoreChoice::Kind::late, 1});
  EXPECT_FALSE(pmd.store().is_started());
  ASSERT_TRUE(pmd.start());
  EXPECT_TRUE(pmd.store().is_started());
}

TEST_F(HeldStore, more_undecided_registrations_than_the_bound_are_refused_and_counted) {
  ServerOptions options;
  options.proposal_count_max = 2;
  start(options);
  pmd->send(pmd->connect(), register_text("id1", "one"));
  pmd->send(pmd->connect(), register_text("id2", "two"));
  const auto third = pmd->connect();
  EXPECT_THAT(pmd->ask(third, register_text("id3", "three")), HasSubstr(R"("error":"Registry is busy")"));
  EXPECT_EQ(counters().registrations_busy, 1u);
  store().decide(store().undecided().front());
  pmd->send(third, register_text("id3", "three"));
  EXPECT_THAT(store().undecided(), SizeIs(2));
}

// Nodes that others registered.

TEST_F(HeldStore, a_node_of_another_host_is_there_as_any_other) {
  const auto watcher = pmd->connect();
  pmd->ask(watcher, request_text("watch"));
  EXPECT_TRUE(announce(elsewhere("far", "pong")));
  EXPECT_THAT(pmd->receive(watcher), ElementsAre(HasSubstr(R"("event":"peer:join","peer":{"nodeId":"far")")));
  EXPECT_THAT(pmd->ask(watcher, resolve_text("pong")), HasSubstr("far"));
  EXPECT_THAT(pmd->ask(watcher, request_text("list")), HasSubstr("far"));
  EXPECT_EQ(pmd->ask(watcher, unregister_text("far")), kNotFound);
  EXPECT_EQ(pmd->ask(watcher, heartbeat_text("far")), kNotFound);
  pmd->advance(std::chrono::hours(1), base::seconds(10));
  EXPECT_THAT(pmd->ask(watcher, resolve_text("pong")), HasSubstr("far"));
  EXPECT_TRUE(store().announce_end("far"));
  pmd->turn();
  EXPECT_THAT(pmd->receive(watcher), ElementsAre(HasSubstr(R"("event":"peer:leave","peer":{"nodeId":"far")")));
  EXPECT_TRUE(store().announce_end("far")) << "and is told of twice";
  EXPECT_EQ(registry().revision(), 2u);
}

TEST_F(HeldStore, a_user_of_another_host_is_nobody_here) {
  protocol::NodeInfo node = elsewhere("far", "pong");
  node.caps = {"both"};
  node.uid = 1001;
  EXPECT_TRUE(announce(node));
  const auto asker = pmd->connect();
  EXPECT_THAT(pmd->ask(asker, resolve_text("pong")), AllOf(HasSubstr("far"), Not(HasSubstr("uid"))));
  EXPECT_THAT(pmd->ask(asker, request_text("list")), Not(HasSubstr("uid")));
}

TEST_F(HeldStore, a_node_of_another_host_that_moves_leaves_and_joins) {
  const auto watcher = pmd->connect();
  pmd->ask(watcher, request_text("watch"));
  protocol::NodeInfo node = elsewhere("far", "pong");
  EXPECT_TRUE(announce(node));
  node.host = "192.0.2.8";
  EXPECT_TRUE(announce(node));
  EXPECT_THAT(pmd->receive(watcher),
              ElementsAre(HasSubstr("peer:join"), HasSubstr("peer:leave"), HasSubstr("192.0.2.8")));
}

TEST_F(HeldStore, a_claim_to_a_name_of_another_hosts_node_waits_and_is_granted_when_that_has_gone) {
  EXPECT_TRUE(announce(elsewhere("far", "pong")));
  const auto node = pmd->connect();
  pmd->send(node, register_text("id1", "pong"));
  decide();
  EXPECT_THAT(pmd->receive(node), IsEmpty());
  EXPECT_TRUE(store().announce_end("far"));
  pmd->turn();
  decide();
  EXPECT_THAT(pmd->receive(node), ElementsAre(kSuccess));
}

TEST_F(HeldStore, a_node_here_whose_alias_the_store_has_given_away_leaves_and_is_told_who_has_it) {
  const auto node = with_node(
      request_text("register", R"({"nodeId":"id1","alias":"pong","host":"localhost","port":45401,"secret":"s"})"));
  const auto watcher = pmd->connect();
  pmd->ask(watcher, request_text("watch"));
  EXPECT_TRUE(announce(elsewhere("far", "pong")));
  EXPECT_THAT(pmd->receive(watcher), ElementsAre(HasSubstr("peer:leave"), HasSubstr("far")));
  EXPECT_THAT(pmd->receive(node),
              ElementsAre(HasSubstr(
                  R"("event":"registration:lost","nodeId":"id1","reason":"replaced","holder":{"nodeId":"far")")));
}

TEST_F(HeldStore, a_node_here_that_was_taken_over_elsewhere_is_told_so) {
  const auto node = with_node(with_secret("id1", "s"));
  EXPECT_TRUE(announce(elsewhere("id1", "pong")));
  EXPECT_THAT(pmd->receive(node), ElementsAre(HasSubstr(R"("nodeId":"id1","reason":"replaced","holder":{)")));
  EXPECT_EQ(pmd->ask(node, heartbeat_text("id1")), kNotFound);
  pmd->hang_up(node);
  EXPECT_EQ(registry().size(), 1u) << "it is the other host's";
}

TEST_F(HeldStore, a_node_here_that_the_store_has_lost_leaves_and_is_told_so) {
  const auto node = with_node(with_secret("id1", "s"));
  EXPECT_TRUE(store().announce_end("id1"));
  pmd->turn();
  EXPECT_THAT(pmd->receive(node),
              ElementsAre(HasSubstr(R"("event":"registration:lost","nodeId":"id1","reason":"expired")")));
  pmd->send(node, with_secret("id1", "s"));
  decide();
  EXPECT_THAT(pmd->receive(node), ElementsAre(kSuccess));
}

TEST_F(HeldStore, a_node_of_another_host_that_there_is_no_room_for_is_told_again_later) {
  ServerOptions options;
  options.registry.entries_max = 1;
  start(options);
  const auto node = with_node(register_text("id1", "one"));
  EXPECT_FALSE(announce(elsewhere("far", "pong")));
  EXPECT_EQ(counters().entries_refused, 1u);
  pmd->hang_up(node);
  EXPECT_TRUE(announce(elsewhere("far", "pong")));
}

TEST_F(HeldStore, nodes_of_other_hosts_do_not_keep_the_pmd_from_being_told_to_end) {
  EXPECT_TRUE(announce(elsewhere("far", "pong")));
  EXPECT_EQ(pmd->ask(pmd->connect(), request_text("shutdown")), kSuccess);
  EXPECT_TRUE(pmd->server().is_finished());
}

// All of it by chance.

/// Connections register, unregister and end, and others come and go, while the store decides in an order of its own.
/// When nothing is under way the registry has what the store has, and everybody was answered.
class RegistryStoreWalk : public ::testing::TestWithParam<StoreChoice::Kind> {};

TEST_P(RegistryStoreWalk, whatever_happens_the_registry_becomes_what_the_store_has) {
  const Seed seed;
  SCOPED_TRACE(seed.replay());
  base::Random random(seed.value());
  ServerOptions options;
  options.claim_grace = base::milliseconds(30);
  MemoryPmd pmd(options, {GetParam(), random.next()});
  ASSERT_TRUE(pmd.start());
  const auto any = [&random](std::uint64_t count) { return std::to_string(random.next() % count); };
  std::map<MemoryPmd::PeerId, std::size_t> owed;
  const auto ask = [&](MemoryPmd::PeerId peer, const std::string& request) {
    pmd.network().write(peer, framed(request));
    ++owed[peer];
  };
  for (int step = 0; step < 2000; ++step) {
    if (owed.size() < 6) owed.emplace(pmd.connect(), 0);
    const MemoryPmd::PeerId peer =
        std::next(owed.begin(), static_cast<std::ptrdiff_t>(random.next() % owed.size()))->first;
    const std::string secret = random.next() % 2 == 0 ? R"(,"secret":"s")" : "";
    const std::string ttl = random.next() % 4 == 0 ? R"(,"ttl":50)" : "";
    switch (random.next() % 10) {
      case 0: ask(peer, unregister_text("id" + any(8))); break;
      case 1: ask(peer, heartbeat_text("id" + any(8))); break;
      case 2: pmd.network().reset(peer), owed.erase(peer); break;
      case 3:
        ASSERT_TRUE(
            pmd.store().announce({.node_id = "id" + any(8), .alias = "alias" + any(5), .host = "far", .port = 1}));
        break;
      case 4: ASSERT_TRUE(pmd.store().announce_end("id" + any(8))); break;
      case 5: random.next() % 2 == 0 ? pmd.store().hold() : pmd.store().let_go(); break;
      case 6: pmd.advance(base::milliseconds(20), base::milliseconds(5)); break;
      default: ask(peer, register_text("id" + any(8), "alias" + any(5), secret + ttl)); break;
    }
    if (random.next() % 2 == 0) pmd.turn();
    ASSERT_TRUE(pmd.server().registry().invariants());
    if (step % 100 != 99) continue;
    pmd.store().let_go();
    pmd.advance(base::milliseconds(400), base::milliseconds(10));
    std::map<std::string, OwnerId> owners;
    for (const Registry::Entry& entry : pmd.server().registry().entries()) owners[entry.node.node_id] = entry.owner;
    ASSERT_EQ(owners, pmd.store().owners()) << "step " << step;
    for (auto& [each, count] : owed) {
      std::size_t answers = 0;
      for (const std::string& frame : pmd.receive(each))
        answers += frame.starts_with(R"({"type":"response")") ? 1U : 0U;
      ASSERT_EQ(answers, std::exchange(count, 0)) << "step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(LateStores, RegistryStoreWalk,
                         ::testing::Values(StoreChoice::Kind::late, StoreChoice::Kind::late_by_view),
                         [](const auto& kind) { return OverStores::name_of(kind.param); });

}  // namespace
}  // namespace distflow::pmd
