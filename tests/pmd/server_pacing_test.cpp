// That no request, no end of a connection and no crowd of watchers keeps a turn busy, and what unread answers hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "protocol/pmd_reply.hpp"
#include "tests/support/memory_pmd.hpp"
#include "tests/support/over_stores.hpp"
#include "tests/support/pmd_requests.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string padded(int i) { return "node" + std::to_string(i) + std::string(200, 'x'); }

class PmdPacing : public OverStores {
 protected:
  void start(ServerOptions options = {}) {
    pmd.emplace(std::move(options), store());
    ASSERT_TRUE(pmd->start());
  }
  MemoryPmd::PeerId with_nodes(int count) {
    const auto peer = pmd->connect();
    std::string burst;
    for (int i = 0; i < count; ++i) burst += framed(register_text("id" + std::to_string(i), padded(i)));
    pmd->network().write(peer, burst);
    while (pmd->server().registry().size() < static_cast<std::size_t>(count)) pmd->turn();
    pmd->turn();
    EXPECT_THAT(pmd->receive(peer), SizeIs(count));
    return peer;
  }
  [[nodiscard]] const ServerCounters& counters() { return pmd->server().counters(); }
  /// How far one turn of so many takes the counter at most.
  std::uint64_t most_in_a_turn(const std::uint64_t& counter, int turns) {
    std::uint64_t most = 0;
    for (; turns > 0; --turns) {
      const std::uint64_t before = counter;
      pmd->reactor().turn(base::Instant::min());
      most = std::max(most, counter - before);
    }
    return most;
  }

  std::optional<MemoryPmd> pmd;
};
DF_OVER_STORES(PmdPacing);

TEST_P(PmdPacing, the_end_of_a_connection_with_many_nodes_cuts_no_watcher_that_reads) {
  ServerOptions options;
  options.watcher_backlog_max = 200'000;  // less than half of the events
  start(options);
  const auto many = with_nodes(1500);
  const auto watcher = pmd->connect();
  pmd->ask(watcher, request_text("watch"));
  pmd->network().end(many);
  std::size_t told = 0;
  for (int turns = 0; turns < 100 && told < 1500; ++turns) {
    pmd->turn();
    told += pmd->receive(watcher).size();
  }
  EXPECT_EQ(told, 1500u);
  EXPECT_FALSE(pmd->network().is_closed(watcher));
  EXPECT_EQ(counters().slow_watchers, 0u);
  EXPECT_EQ(counters().leaves, 1500u);
}

TEST_P(PmdPacing, leaves_are_spread_over_turns_and_a_look_up_comes_in_between) {
  start();
  const auto many = with_nodes(3000);
  const auto honest = pmd->connect();
  pmd->ask(honest, register_text("honest", "honest"));
  pmd->network().end(many);
  EXPECT_THAT(pmd->ask(honest, resolve_text("honest")), HasSubstr("honest"));
  EXPECT_GT(pmd->server().registry().size(), 1u) << "not all of them have left by then";
  for (int turns = 0; turns < 10; ++turns) pmd->turn();
  EXPECT_EQ(pmd->server().registry().size(), 1u);
}

TEST_P(PmdPacing, a_node_that_is_about_to_leave_with_its_connection_may_register_at_once) {
  start();
  const auto many = with_nodes(3000);
  const auto again = pmd->connect();
  pmd->network().end(many);
  EXPECT_EQ(pmd->ask(again, register_text("id2999", padded(2999))), kSuccess);
  for (int turns = 0; turns < 10; ++turns) pmd->turn();
  EXPECT_EQ(pmd->server().registry().size(), 1u);
  EXPECT_THAT(pmd->ask(again, resolve_text(padded(2999))), HasSubstr("id2999"));
}

TEST_P(PmdPacing, an_event_to_many_watchers_is_spread_over_turns_and_deaf_ones_cost_nothing) {
  start();
  std::vector<MemoryPmd::PeerId> deaf;
  for (int i = 0; i < 2000; ++i) {
    deaf.push_back(pmd->network().connect());
    pmd->network().write(deaf.back(), framed(request_text("watch")));
  }
  const auto watcher = pmd->connect();
  pmd->ask(watcher, request_text("watch"));
  while (counters().requests < 2001) pmd->turn();
  pmd->receive(watcher);
  for (const auto each : deaf) pmd->network().set_window(each, 0);
  const auto node = pmd->connect();
  pmd->ask(node, register_text("id1", "pong"));
  EXPECT_LT(counters().events_queued, 2001u) << "more than some turns have time for";
  EXPECT_LE(most_in_a_turn(counters().events_queued, 300), 32u);
  EXPECT_THAT(pmd->receive(watcher), SizeIs(1));
  EXPECT_EQ(counters().events_queued, 2001u);
  EXPECT_EQ(counters().slow_watchers, 0u);
}

TEST_P(PmdPacing, a_watcher_that_comes_while_an_event_is_on_its_way_to_many_takes_nobodys_turn) {
  start();
  std::vector<MemoryPmd::PeerId> watchers;
  const auto add_watchers = [&] {
    for (int i = 0; i < 50; ++i) {
      watchers.push_back(pmd->connect());
      pmd->ask(watchers.back(), request_text("watch"));
    }
  };
  const auto turn = [&] {
    for (int turns = 0; turns < 10; ++turns) pmd->turn();
  };
  const auto node = pmd->connect();
  add_watchers();
  pmd->ask(node, register_text("id1", "ping"));
  turn();
  for (const auto watcher : watchers) ASSERT_THAT(pmd->receive(watcher), SizeIs(1));
  add_watchers();  // the next event begins in their midst
  pmd->network().write(node, framed(register_text("id2", "pong")) + framed(request_text("watch")));
  turn();
  for (const auto watcher : watchers) EXPECT_THAT(pmd->receive(watcher), SizeIs(1)) << watcher;
}

TEST_P(PmdPacing, a_list_is_as_of_its_request_whatever_changes_while_it_is_sent) {
  start();
  const auto many = with_nodes(1000);
  const auto peer = pmd->connect();
  const std::string whole = pmd->ask(peer, request_text("list"));
  EXPECT_THAT(whole, HasSubstr(padded(999)));
  pmd->network().set_window(peer, 10'000);
  pmd->send(peer, request_text("list"));
  pmd->send(peer, resolve_text(padded(1)));
  for (int i = 0; i < 1000; i += 2) pmd->send(many, unregister_text("id" + std::to_string(i)));
  EXPECT_EQ(pmd->server().registry().size(), 500u);
  EXPECT_GT(pmd->server().registry().outdated_bytes(), 0u);
  pmd->network().set_window(peer, 10'000'000);
  for (int turns = 0; turns < 10; ++turns) pmd->turn();
  EXPECT_THAT(pmd->receive(peer), ElementsAre(whole, HasSubstr("id1")));
  EXPECT_EQ(pmd->server().registry().outdated_bytes(), 0u);
}

TEST_P(PmdPacing, many_lists_that_nobody_reads_share_their_nodes) {
  start();
  with_nodes(2000);
  std::vector<MemoryPmd::PeerId> deaf;
  for (int i = 0; i < 100; ++i) {
    deaf.push_back(pmd->connect());
    pmd->network().set_window(deaf.back(), 0);
    pmd->send(deaf.back(), request_text("list"));
  }
  EXPECT_EQ(pmd->server().registry().outdated_bytes(), 0u);
  const auto honest = pmd->connect();
  EXPECT_THAT(pmd->ask(honest, resolve_text(padded(7))), HasSubstr("id7"));
  EXPECT_EQ(counters().slow_readers, 0u);
}

TEST_P(PmdPacing, lists_of_many_revisions_that_nobody_reads_are_cut_at_the_total_the_oldest_first) {
  ServerOptions options;
  options.reply_backlog_total = 1'000'000;
  start(options);
  const auto many = with_nodes(1000);  // about 300 KB of text
  std::vector<MemoryPmd::PeerId> deaf;
  for (int i = 0; i < 20; ++i) {
    deaf.push_back(pmd->connect());
    pmd->network().set_window(deaf.back(), 0);
    pmd->send(deaf.back(), request_text("list"));
    for (int k = 0; k < 1000; k += 20) pmd->send(many, register_text("id" + std::to_string(k), padded(k)));
    EXPECT_LE(pmd->server().registry().outdated_bytes(), 2'000'000u);
  }
  EXPECT_GT(counters().slow_readers, 0u);
  EXPECT_TRUE(pmd->network().is_closed(deaf.front()));
  EXPECT_FALSE(pmd->network().is_closed(deaf.back()));
  const auto reader = pmd->connect();
  EXPECT_THAT(pmd->ask(reader, request_text("list")), HasSubstr(padded(999)));
}

TEST_P(PmdPacing, who_has_asked_and_ended_its_stream_gets_the_whole_list) {
  start();
  with_nodes(1000);
  const auto peer = pmd->connect();
  pmd->network().set_window(peer, 1000);
  pmd->send(peer, request_text("list"));
  pmd->network().end(peer);
  pmd->turn();
  pmd->network().set_window(peer, 10'000'000);
  for (int turns = 0; turns < 10; ++turns) pmd->turn();
  EXPECT_THAT(pmd->receive(peer), ElementsAre(HasSubstr(padded(999))));
  EXPECT_TRUE(pmd->network().is_closed(peer));
}

TEST_P(PmdPacing, a_watcher_gets_what_changes_while_its_nodes_are_sent_behind_them) {
  start();
  with_nodes(1000);
  const auto watcher = pmd->connect();
  pmd->network().set_window(watcher, 1000);
  pmd->send(watcher, request_text("watch"));
  const auto node = pmd->connect();
  pmd->ask(node, register_text("late", "late"));
  pmd->network().set_window(watcher, 10'000'000);
  for (int turns = 0; turns < 10; ++turns) pmd->turn();
  EXPECT_THAT(pmd->receive(watcher), ElementsAre(HasSubstr(R"("rev":1000)"), HasSubstr(R"("rev":1001)")));
}

TEST_P(PmdPacing, one_connection_cannot_fill_the_registry) {
  ServerOptions options;
  options.registry.owner_entries_max = 2;
  start(options);
  const auto peer = with_nodes(2);
  EXPECT_THAT(pmd->ask(peer, register_text("id3", "c")), HasSubstr(R"("error":"Too many nodes on one connection")"));
  EXPECT_EQ(counters().registrations_over_share, 1u);
  EXPECT_EQ(pmd->ask(pmd->connect(), register_text("id3", "c")), kSuccess);
}

TEST_P(PmdPacing, one_user_cannot_fill_the_registry_from_many_connections) {
  ServerOptions options;
  options.registry.user_entries_max = 2;
  start(options);
  const auto connect_as = [&](std::uint32_t uid) {
    const auto peer = pmd->connect();
    pmd->network().set_owner(peer, io::PeerOwner::user(uid));
    return peer;
  };
  EXPECT_EQ(pmd->ask(connect_as(1001), register_text("id1", "a")), kSuccess);
  EXPECT_EQ(pmd->ask(connect_as(1001), register_text("id2", "b")), kSuccess);
  EXPECT_THAT(pmd->ask(connect_as(1001), register_text("id3", "c")),
              HasSubstr(R"("error":"Too many nodes of one user")"));
  EXPECT_EQ(counters().registrations_over_share, 1u);
  EXPECT_EQ(pmd->ask(connect_as(1002), register_text("id3", "c")), kSuccess);
}

TEST_P(PmdPacing, of_a_flood_of_requests_a_turn_handles_some_and_all_are_answered) {
  start();
  const auto flood = pmd->connect();
  std::string burst;
  for (int i = 0; i < 5000; ++i) burst += framed(heartbeat_text("nobody"));
  pmd->network().write(flood, burst);
  const auto honest = pmd->connect();
  EXPECT_NE(pmd->ask(honest, request_text("hello")), "");
  EXPECT_LT(counters().requests, 5000u);
  for (int turns = 0; turns < 20; ++turns) pmd->turn();
  EXPECT_THAT(pmd->receive(flood), SizeIs(5000));
}

TEST_P(PmdPacing, a_turn_handles_few_registrations_however_many_connections_flood) {
  start();
  std::vector<MemoryPmd::PeerId> floods;
  for (int i = 0; i < 16; ++i) floods.push_back(pmd->connect());
  for (std::size_t i = 0; i < floods.size(); ++i) {
    std::string burst;
    for (int k = 0; k < 100; ++k)
      burst += framed(register_text("id" + std::to_string(i) + '-' + std::to_string(k), ""));
    pmd->network().write(floods[i], burst);
  }
  EXPECT_LE(most_in_a_turn(counters().requests, 400), 320u) << "of 1600";
  for (int turns = 0; turns < 10; ++turns) pmd->turn();
  for (const auto each : floods) EXPECT_THAT(pmd->receive(each), SizeIs(100));
}

// Whose nodeId it is.

std::string with_secret(const std::string& node_id, const std::string& secret, int port = 45401) {
  return request_text("register", R"({"nodeId":")" + node_id + R"(","host":"localhost","port":)" +
                                      std::to_string(port) + R"(,"secret":")" + secret + R"("})");
}

TEST_P(PmdPacing, a_node_id_of_a_living_connection_is_given_to_nobody_else) {
  start();
  const auto node = pmd->connect();
  const auto thief = pmd->connect();
  EXPECT_EQ(pmd->ask(node, with_secret("id1", "s3cret")), kSuccess);
  for (const std::string& attempt : {register_text("id1", "mine"), with_secret("id1", "guess")}) {
    pmd->send(thief, attempt);
    EXPECT_THAT(pmd->receive(thief), IsEmpty()) << "it waits for the holder to go";
    pmd->advance(base::milliseconds(300));
    EXPECT_THAT(pmd->receive(thief), ElementsAre(HasSubstr(R"("error":"Node 'id1' already in use","holder":{)")));
  }
  EXPECT_EQ(counters().claims_refused, 2u);
  EXPECT_THAT(pmd->ask(thief, resolve_text("id1")), Not(HasSubstr("s3cret")));
  EXPECT_THAT(pmd->ask(thief, request_text("list")), Not(HasSubstr("s3cret")));
  EXPECT_THAT(pmd->ask(thief, request_text("watch")), Not(HasSubstr("s3cret")));
  EXPECT_THAT(pmd->log(), Not(HasSubstr("s3cret")));
  EXPECT_THAT(pmd->receive(node), IsEmpty());
}

TEST_P(PmdPacing, a_node_id_without_a_secret_waits_for_the_end_of_its_connection) {
  start();
  const auto before = pmd->connect();
  const auto after = pmd->connect();
  EXPECT_EQ(pmd->ask(before, register_text("id1", "pong")), kSuccess);
  pmd->send(after, register_text("id1", "pong"));
  EXPECT_THAT(pmd->receive(after), IsEmpty());
  pmd->hang_up(before);
  EXPECT_THAT(pmd->receive(after), ElementsAre(kSuccess));
  EXPECT_THAT(pmd->ask(after, resolve_text("pong")), HasSubstr("id1"));
}

TEST_P(PmdPacing, changes_of_the_groups_of_a_large_node_have_a_bound_a_second) {
  start();
  const auto node = pmd->connect();
  std::string groups = R"(,"groups":["x")";
  for (int i = 0; i < 60; ++i) groups += ",\"" + std::string(240, 'x') + std::to_string(i) + '"';
  EXPECT_EQ(pmd->ask(node, register_text("id1", "a", groups + "]")), kSuccess);
  constexpr std::uint64_t changes = 400;
  std::string burst;
  for (std::uint64_t i = 0; i < changes; ++i) {
    const std::string how = i % 2 == 0 ? R"("leave":["x"],"join":[])" : R"("join":["x"],"leave":[])";
    burst += framed(request_text("regroup", R"({"nodeId":"id1",)" + how + "}"));
  }
  pmd->network().write(node, burst);
  for (int turns = 0; turns < 200; ++turns) pmd->turn();
  EXPECT_GT(counters().regroups, 10u);
  EXPECT_LT(counters().regroups, 300u);
  EXPECT_GT(counters().reads_paused, 0u);
  const auto other = pmd->connect();
  EXPECT_THAT(pmd->ask(other, resolve_text("a")), HasSubstr("id1"));
  pmd->advance(base::seconds(5), base::milliseconds(10));
  EXPECT_EQ(counters().regroups, changes);
}

TEST_P(PmdPacing, a_node_id_that_moves_leaves_and_joins_and_who_had_it_is_told) {
  start();
  const auto watcher = pmd->connect();
  const auto first = pmd->connect();
  const auto second = pmd->connect();
  pmd->ask(first, with_secret("id1", "s"));
  pmd->ask(watcher, request_text("watch"));
  EXPECT_EQ(pmd->ask(second, with_secret("id1", "s", 1)), kSuccess);
  EXPECT_THAT(pmd->receive(watcher), ElementsAre(HasSubstr("peer:leave"), HasSubstr("peer:join")));
  EXPECT_THAT(pmd->receive(first),
              ElementsAre(HasSubstr(R"({"event":"registration:lost","nodeId":"id1","reason":"replaced","holder":{)")));
  EXPECT_EQ(counters().registrations_lost, 1u);
}

TEST_P(PmdPacing, who_loses_its_registration_behind_its_end_of_sending_gets_the_answers_that_it_is_owed) {
  start();
  const auto first = pmd->connect();
  pmd->ask(first, with_secret("id1", "s"));
  pmd->network().set_window(first, 0);
  pmd->send(first, resolve_text("id1"));
  pmd->hang_up(first);
  EXPECT_EQ(pmd->ask(pmd->connect(), with_secret("id1", "s", 1)), kSuccess);
  EXPECT_EQ(counters().registrations_lost, 1u);
  pmd->network().set_window(first, SIZE_MAX);
  pmd->turn();
  EXPECT_THAT(pmd->receive(first), ElementsAre(HasSubstr("id1")));
}

TEST_P(PmdPacing, who_is_forgotten_for_lack_of_heartbeats_is_told_if_it_knows_the_event) {
  start();
  const auto ours = pmd->connect();
  const auto typescript = pmd->connect();
  pmd->ask(ours, request_text("register", R"({"nodeId":"id1","host":"localhost","port":1,"ttl":1000,"secret":"s"})"));
  pmd->ask(typescript, request_text("register", R"({"nodeId":"id2","host":"localhost","port":1,"ttl":1000})"));
  pmd->advance(base::seconds(2));
  EXPECT_THAT(pmd->receive(ours),
              ElementsAre(HasSubstr(R"({"event":"registration:lost","nodeId":"id1","reason":"expired"})")));
  EXPECT_THAT(pmd->receive(typescript), IsEmpty());
}

}  // namespace
}  // namespace distflow::pmd
