// The points of docs/wire-protocol.md in which this PMD does other than the TypeScript one, as far as they are the
// PMD's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/support/loopback_pmd.hpp"
#include "tests/support/memory_pmd.hpp"
#include "tests/support/over_stores.hpp"
#include "tests/support/pmd_requests.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::HasSubstr;
using ::testing::Not;

class PmdPoints : public OverStores {
 protected:
  void SetUp() override { ASSERT_TRUE(pmd.start()); }
  MemoryPmd pmd{{}, store()};
};
DF_OVER_STORES(PmdPoints);

TEST_P(PmdPoints, point_1_it_listens_on_loopback_by_default_and_warns_when_asked_for_more) {
  LoopbackPmd loopback;
  PmdTestClient ipv4(loopback.port());
  EXPECT_EQ(loopback.ask(ipv4, request_text("list")), kNoNodes);
  const int probe = ::socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 any_port{};
  any_port.sin6_family = AF_INET6;
  any_port.sin6_addr = in6addr_loopback;
  const bool has_ipv6 = probe >= 0 && ::bind(probe, reinterpret_cast<const sockaddr*>(&any_port), sizeof any_port) == 0;
  ::close(probe);
  if (has_ipv6) {
    PmdTestClient ipv6(loopback.port(), AF_INET6);
    EXPECT_EQ(loopback.ask(ipv6, request_text("list")), kNoNodes);
  }
  EXPECT_THAT(loopback.log(), Not(HasSubstr("other machines")));

  ServerOptions open_options;
  open_options.host = "0.0.0.0";
  LoopbackPmd open(open_options);
  EXPECT_THAT(open.log(), HasSubstr("other machines can reach"));
}

TEST_P(PmdPoints, point_2_a_node_that_never_sends_a_heartbeat_lives_as_long_as_its_connection) {
  const auto node = pmd.connect();
  const auto other = pmd.connect();
  EXPECT_EQ(pmd.ask(node, register_text("id1", "pong")), kSuccess);
  pmd.advance(std::chrono::hours(2), std::chrono::minutes(1));
  EXPECT_THAT(pmd.ask(other, resolve_text("pong")), HasSubstr("id1"));
  pmd.hang_up(node);
  EXPECT_EQ(pmd.ask(other, resolve_text("pong")), kNotFound);
}

TEST_P(PmdPoints, point_2_a_node_that_has_sent_a_heartbeat_expires_without_more_of_them) {
  const auto node = pmd.connect();
  const auto other = pmd.connect();
  pmd.ask(node, register_text("id1", "pong"));
  pmd.advance(std::chrono::minutes(10), base::seconds(10));
  EXPECT_EQ(pmd.ask(node, heartbeat_text("id1")), kSuccess);
  pmd.advance(base::seconds(59));
  EXPECT_THAT(pmd.ask(other, resolve_text("pong")), HasSubstr("id1"));
  pmd.advance(base::seconds(2));
  EXPECT_EQ(pmd.ask(other, resolve_text("pong")), kNotFound);
  EXPECT_EQ(pmd.ask(node, heartbeat_text("id1")), kNotFound);
  EXPECT_EQ(pmd.server().counters().expiries, 1u);
}

TEST_P(PmdPoints, point_2_a_node_that_declared_a_ttl_expires_without_heartbeats) {
  const auto node = pmd.connect();
  const auto watcher = pmd.connect();
  pmd.ask(watcher, request_text("watch"));
  pmd.ask(node, register_text("id1", "pong", R"(,"ttl":1000)"));
  pmd.advance(base::milliseconds(900));
  pmd.ask(node, heartbeat_text("id1"));
  pmd.receive(watcher);
  pmd.advance(base::milliseconds(900));
  EXPECT_TRUE(pmd.receive(watcher).empty());
  pmd.advance(base::milliseconds(200));
  const auto events = pmd.receive(watcher);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_THAT(events[0], HasSubstr("peer:leave"));
}

TEST_P(PmdPoints, point_3_the_entry_belongs_to_the_connection_that_registered_it_last) {
  const auto old_connection = pmd.connect();
  const auto new_connection = pmd.connect();
  const std::string registration = register_text("id1", "pong", R"(,"secret":"s")");
  pmd.ask(old_connection, registration);
  EXPECT_EQ(pmd.ask(new_connection, registration), kSuccess);
  pmd.hang_up(old_connection);
  EXPECT_THAT(pmd.ask(new_connection, resolve_text("pong")), HasSubstr("id1"));
  EXPECT_EQ(pmd.server().counters().leaves, 0u);
}

TEST_P(PmdPoints, point_4_a_registration_replaces_the_entry_as_a_whole) {
  const auto node = pmd.connect();
  pmd.ask(node, register_text("id1", "old", R"(,"caps":["x"],"meta":{"a":"b"})"));
  EXPECT_EQ(pmd.ask(node, register_text("id1", "new")), kSuccess);
  EXPECT_EQ(pmd.ask(node, resolve_text("old")), kNotFound);
  EXPECT_THAT(pmd.ask(node, resolve_text("new")), Not(HasSubstr("caps")));
}

TEST_P(PmdPoints, point_5_the_watch_reply_carries_revision_and_nodes_and_each_event_a_revision) {
  const auto node = pmd.connect();
  const auto watcher = pmd.connect();
  pmd.ask(node, register_text("id1", "pong"));
  EXPECT_EQ(pmd.ask(watcher, request_text("watch")),
            R"({"type":"response","requestId":"r","payload":{"success":true,"rev":1,"nodes":[{"nodeId":"id1",)"
            R"("alias":"pong","host":"localhost","port":45401,"lastHeartbeat":1795374131949}]}})");
  pmd.hang_up(node);
  const auto events = pmd.receive(watcher);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0], R"({"type":"event","payload":{"event":"peer:leave","peer":{"nodeId":"id1","alias":"pong",)"
                       R"("host":"localhost","port":45401,"lastHeartbeat":1795374131949},"rev":2}})");
}

TEST_P(PmdPoints, point_6_caps_and_meta_are_kept_and_given_out) {
  const auto node = pmd.connect();
  pmd.ask(node, register_text("id1", "pong", R"(,"meta":{"zone":"a"},"caps":["one","two"],"unknown":7)"));
  EXPECT_EQ(pmd.ask(node, resolve_text("pong")),
            R"({"type":"response","requestId":"r","payload":{"node":{"nodeId":"id1","alias":"pong","host":"localhost",)"
            R"("port":45401,"lastHeartbeat":1795374131949,"caps":["one","two"],"meta":{"zone":"a"}}}})");
}

TEST_P(PmdPoints, point_7_what_typescript_does_not_know_goes_only_to_those_whose_caps_ask_for_it) {
  const auto ours = pmd.connect();
  const auto other_caps = pmd.connect();
  const auto typescript = pmd.connect();
  pmd.ask(ours, register_text("id1", "a", R"(,"caps":["pmd-shutdown"])"));
  pmd.ask(other_caps, register_text("id2", "b", R"(,"caps":["other"])"));
  pmd.ask(typescript, register_text("id3", "c"));
  pmd.server().begin_shutdown();
  pmd.turn();
  EXPECT_THAT(pmd.receive(ours), ::testing::ElementsAre(R"({"type":"event","payload":{"event":"pmd:shutdown"}})"));
  EXPECT_TRUE(pmd.receive(other_caps).empty());
  EXPECT_TRUE(pmd.receive(typescript).empty());
}

TEST_P(PmdPoints, point_8_an_address_that_another_node_has_taken_over_resolves_by_the_new_node_id_alone) {
  const auto first = pmd.connect();
  const auto second = pmd.connect();
  pmd.ask(first, register_text("id1", "pong"));
  pmd.hang_up(first);
  pmd.ask(second, register_text("id2", "pong"));
  EXPECT_THAT(pmd.ask(second, resolve_text("pong")), HasSubstr("id2"));
  EXPECT_EQ(pmd.ask(second, resolve_text("id1")), kNotFound);
}

TEST_P(PmdPoints, point_10_only_the_owning_connection_unregisters) {
  const auto node = pmd.connect();
  const auto stranger = pmd.connect();
  const std::string unregister = unregister_text("id1");
  pmd.ask(node, register_text("id1", "pong"));
  EXPECT_EQ(pmd.ask(stranger, unregister), kNotFound);
  EXPECT_THAT(pmd.ask(stranger, resolve_text("pong")), HasSubstr("id1"));
  EXPECT_EQ(pmd.ask(node, unregister), kSuccess);
  EXPECT_EQ(pmd.ask(node, unregister), kNotFound);
}

TEST_P(PmdPoints, point_10_only_loopback_peers_shut_down) {
  const auto remote = pmd.connect(*io::Address::parse("192.0.2.1", 50'000));
  EXPECT_THAT(pmd.ask(remote, request_text("shutdown")), HasSubstr("error"));
  pmd.advance(base::seconds(2));
  EXPECT_FALSE(pmd.server().is_finished());
  EXPECT_EQ(pmd.server().counters().shutdowns_refused, 1u);
  const auto local = pmd.connect();
  EXPECT_EQ(pmd.ask(local, request_text("shutdown")), kSuccess);
  EXPECT_TRUE(pmd.server().is_finished());
}

TEST_P(PmdPoints, point_10_nobody_ends_a_pmd_that_nodes_are_registered_with_unless_by_force) {
  const auto node = pmd.connect();
  const auto asking = pmd.connect();
  pmd.ask(node, register_text("id1", "pong"));
  EXPECT_THAT(pmd.ask(asking, request_text("shutdown")),
              HasSubstr(R"("error":"Shutdown refused: 1 node is registered")"));
  pmd.ask(node, register_text("id2", "ping"));
  for (const char* not_forced : {"{}", R"({"force":false})", R"({"force":"true"})", R"({"force":1})", "7"}) {
    EXPECT_THAT(pmd.ask(asking, request_text("shutdown", not_forced)),
                HasSubstr(R"("error":"Shutdown refused: 2 nodes are registered")"));
  }
  EXPECT_EQ(pmd.server().counters().shutdowns_refused, 6u);
  EXPECT_THAT(pmd.ask(asking, resolve_text("pong")), HasSubstr("id1"));
  pmd.hang_up(node);
  EXPECT_EQ(pmd.ask(asking, request_text("shutdown")), kSuccess);
  EXPECT_TRUE(pmd.server().is_finished());
}

TEST_P(PmdPoints, point_11_shutdown_closes_its_connections_and_ends) {
  const auto node = pmd.connect();
  const auto watcher = pmd.connect();
  const auto asking = pmd.connect();
  pmd.ask(node, register_text("id1", "pong"));
  pmd.ask(watcher, request_text("watch"));
  EXPECT_EQ(pmd.ask(asking, request_text("shutdown", R"({"force":true})")), kSuccess);
  EXPECT_TRUE(pmd.network().is_closed(node));
  EXPECT_TRUE(pmd.network().is_closed(watcher));
  EXPECT_TRUE(pmd.network().is_closed(asking));
  EXPECT_TRUE(pmd.server().is_finished());
  EXPECT_TRUE(pmd.receive(watcher).empty()) << "nobody leaves because the PMD ends";
}

TEST_P(PmdPoints, point_12_an_announcement_beyond_the_limit_closes_the_connection_and_is_counted_and_logged) {
  const auto good = pmd.connect();
  const std::string body(64 * 1024 - 2, 'x');
  EXPECT_THAT(pmd.ask(good, '"' + body + '"'), HasSubstr("Invalid JSON")) << "a frame at the limit is read";
  const auto bad = pmd.connect();
  pmd.send(bad, request_text("list"));
  pmd.network().write(bad, std::string("\0\1\0\1", 4));
  pmd.turn();
  EXPECT_TRUE(pmd.network().is_closed(bad));
  EXPECT_FALSE(pmd.network().is_closed(good));
  EXPECT_EQ(pmd.server().counters().frames_too_long, 1u);
  EXPECT_THAT(pmd.log(), HasSubstr("more bytes than this connection's limit"));
}

TEST_P(PmdPoints, point_13_bad_json_gets_an_error_and_the_sixteenth_on_a_connection_closes_it) {
  const auto peer = pmd.connect();
  for (int i = 0; i < 15; ++i) {
    EXPECT_EQ(pmd.ask(peer, "{nonsense"), R"({"type":"response","payload":{"error":"Invalid JSON"}})");
  }
  EXPECT_EQ(pmd.ask(peer, request_text("list")), kNoNodes);
  EXPECT_EQ(pmd.ask(peer, ""), R"({"type":"response","payload":{"error":"Invalid JSON"}})");
  EXPECT_TRUE(pmd.network().is_closed(peer));
  EXPECT_EQ(pmd.server().counters().malformed, 16u);
  EXPECT_EQ(pmd.server().counters().malformed_closed, 1u);
}

TEST_P(PmdPoints, point_14_a_registration_without_usable_node_id_host_or_port_is_refused_and_nothing_is_stored) {
  const auto peer = pmd.connect();
  for (const char* payload : {R"({})", R"({"nodeId":"","host":"h","port":1})", R"({"nodeId":"id1","port":1})",
                              R"({"nodeId":"id1","host":"","port":1})", R"({"nodeId":"id1","host":"h"})",
                              R"({"nodeId":"id1","host":"h","port":0})", R"({"nodeId":"id1","host":"h","port":65536})",
                              R"({"nodeId":"id1","host":"h","port":"1"})", R"({"nodeId":7,"host":"h","port":1})"}) {
    EXPECT_THAT(pmd.ask(peer, request_text("register", payload)), HasSubstr(R"("error":"Invalid registration: )"))
        << payload;
  }
  EXPECT_EQ(pmd.server().registry().size(), 0u);
  EXPECT_EQ(pmd.server().counters().registrations_invalid, 9u);
}

TEST_P(PmdPoints, point_15_a_request_of_erlangs_epmd_is_closed_and_the_log_says_why) {
  const auto names = pmd.connect();
  pmd.network().write(names, std::string("\0\1n", 3));
  const auto alive = pmd.connect();
  pmd.network().write(alive, std::string("\0\x11x\x9c\x41\x4d\0\0\5\0\5\0\3abc", 16));
  pmd.turn();
  EXPECT_TRUE(pmd.network().is_closed(names));
  EXPECT_TRUE(pmd.network().is_closed(alive));
  EXPECT_EQ(pmd.server().counters().foreign_protocols, 2u);
  EXPECT_THAT(pmd.log(), HasSubstr("Erlang's epmd"));
}

TEST_P(PmdPoints, point_17_a_pmd_that_a_node_started_ends_without_nodes_and_one_started_by_hand_stays) {
  ServerOptions options;
  options.idle_exit = base::seconds(30);
  MemoryPmd started_by_node(options, store());
  ASSERT_TRUE(started_by_node.start());
  started_by_node.advance(base::seconds(29));
  const auto node = started_by_node.connect();
  started_by_node.ask(node, register_text("id1", "pong"));
  started_by_node.advance(base::seconds(100));
  EXPECT_FALSE(started_by_node.server().is_finished());
  started_by_node.hang_up(node);
  started_by_node.advance(base::seconds(29));
  EXPECT_FALSE(started_by_node.server().is_finished());
  started_by_node.advance(base::seconds(2));
  EXPECT_TRUE(started_by_node.server().is_finished());

  MemoryPmd started_by_hand({}, store());
  ASSERT_TRUE(started_by_hand.start());
  started_by_hand.advance(std::chrono::hours(1), base::seconds(10));
  EXPECT_FALSE(started_by_hand.server().is_finished());
}

}  // namespace
}  // namespace distflow::pmd
