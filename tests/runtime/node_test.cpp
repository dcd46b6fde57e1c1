// Nodes and a PMD as one system, turned by hand: what the protocol page promises of nodes.
#include "runtime/node/node.hpp"

#include <gtest/gtest.h>

#include "runtime/node/pmd_starter.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

TEST(Node, sends_to_an_alias_and_the_message_arrives_whole) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();

  EXPECT_EQ(ping.send("pong", R"({"type":"PING","n":1})"), SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; }));
  const KeptMessage& message = pong.messages.front();
  EXPECT_EQ(message.from, ping->node_id());
  EXPECT_EQ(message.to, pong->node_id());
  EXPECT_EQ(message.payload, R"({"type":"PING","n":1})");
  EXPECT_TRUE(message.has_payload);
  EXPECT_GT(message.timestamp, 1'700'000'000'000);
}

TEST(Node, sends_to_a_node_id_and_to_itself) {
  Cluster cluster;
  TestNode& node = cluster.add_node({});
  node.record_messages();
  EXPECT_EQ(node.send(node->node_id(), "[1,2]"), SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return node.messages.size() == 1; }));
  EXPECT_EQ(node.messages.front().payload, "[1,2]");
}

TEST(Node, that_writes_at_once_says_written_for_what_the_system_has_taken) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping", .write_at_once = true});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();
  EXPECT_EQ(ping.send("pong", "0"), SendVerdict::queued) << "there is no connection yet";
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; }));
  const std::uint64_t sends = cluster.reactor().backend().counters().sends;
  EXPECT_EQ(ping.send("pong", "1"), SendVerdict::written);
  EXPECT_EQ(cluster.reactor().backend().counters().sends, sends + 1);
  EXPECT_EQ(ping.send("pong", "2"), SendVerdict::queued) << "the one before is not accounted for yet";
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 3; }));
  EXPECT_EQ(ping.stats().sent.written, 3u);
}

TEST(Node, keeps_the_order_of_one_senders_messages_from_before_its_target_was_resolved_on) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();
  constexpr int kCount = 2000;
  for (int i = 0; i < kCount; ++i) {
    ASSERT_EQ(ping.send("pong", std::to_string(i)), SendVerdict::queued);
    if (i % 100 == 0) turn_some(cluster.reactor(), 1);
  }
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == kCount; }));
  for (int i = 0; i < kCount; ++i) EXPECT_EQ(pong.messages[static_cast<std::size_t>(i)].payload, std::to_string(i));
}

TEST(Node, what_came_before_the_first_handler_waits_and_comes_first) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  ping.send("pong", "1");
  ping.send("pong", "2");
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().mailbox_size == 2; }));
  pong.record_messages();
  ping.send("pong", "3");
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 3; }));
  EXPECT_EQ(pong.messages[0].payload, "1");
  EXPECT_EQ(pong.messages[2].payload, "3");
}

TEST(Node, a_shutdown_waits_for_the_first_connection_of_what_is_queued_until_its_deadline) {
  Cluster cluster;
  TestNode& pong = cluster.add_node({.alias = "pong"});
  TestNode& ping = cluster.add_node({.alias = "ping"});
  pong.record_messages();
  EXPECT_EQ(ping.send("pong", "1"), SendVerdict::queued);
  EXPECT_EQ(ping.stats().connections_out, 0u);
  EXPECT_EQ(cluster.shut_down(ping).discarded_outgoing, 0u);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; }));

  TestNode& late = cluster.add_node({.alias = "late"});
  EXPECT_EQ(late.send("pong", "2"), SendVerdict::queued);
  const ShutdownReport report = cluster.shut_down(late, base::Duration::zero());
  const NodeStats stats = late.stats();
  EXPECT_EQ(stats.sent.accepted, stats.sent.written + stats.sent.dropped());
  EXPECT_EQ(report.discarded_outgoing, stats.sent.dropped_shutdown);
}

TEST(Node, a_name_that_nobody_has_is_unresolved_and_counted) {
  Cluster cluster;
  TestNode& node = cluster.add_node({.alias = "lonely"});
  EXPECT_EQ(node.send("nobody", "1"), SendVerdict::queued);  // parked, while the PMD is asked
  ASSERT_TRUE(cluster.turn_until([&] { return node.stats().sent.dropped_unresolved == 1; }));
  EXPECT_EQ(node.send("nobody", "1"), SendVerdict::unresolved);
  EXPECT_EQ(node.stats().parked_messages, 0u);
}

TEST(Node, what_waits_for_a_name_is_sent_in_order_when_the_name_is_known) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();
  cluster.stop_pmd();  // nobody to say that there is no such node
  for (const char* number : {"1", "2", "3"}) EXPECT_EQ(ping.send("later", number), SendVerdict::queued);
  EXPECT_EQ(ping.stats().parked_messages, 3u);
  ping->directory().upsert(
      {.info = {.node_id = pong->node_id(), .alias = "later", .host = "127.0.0.1", .port = pong->port()}});
  EXPECT_EQ(ping.stats().parked_messages, 0u);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 3; }));
  EXPECT_EQ(pong.messages.front().payload, "1");
  EXPECT_EQ(pong.messages.back().payload, "3");
}

TEST(Node, at_most_so_many_messages_wait_for_a_name) {
  Cluster cluster;
  TestNode& node = cluster.add_node({.alias = "lonely", .parked_messages_max = 2});
  EXPECT_EQ(node.send("nobody", "1"), SendVerdict::queued);
  EXPECT_EQ(node.send("nobody", "2"), SendVerdict::queued);
  EXPECT_EQ(node.send("nobody", "3"), SendVerdict::unresolved);
}

TEST(Node, an_alias_held_by_a_live_node_is_refused_at_the_start) {
  pmd::ServerOptions options;
  options.claim_grace = base::milliseconds(1);
  Cluster cluster(options);
  cluster.add_node({.alias = "one"});
  TestNode& second = cluster.add_node({.alias = "one"});
  ASSERT_FALSE(*second.started);
  EXPECT_EQ(second.started->error(), Errc::alias_in_use);
}

TEST(Node, sees_others_join_and_leave) {
  Cluster cluster;
  TestNode& watcher = cluster.add_node({.alias = "watcher"});
  watcher.record_peers();
  TestNode& guest = cluster.add_node({.alias = "guest"});
  ASSERT_TRUE(cluster.turn_until([&] { return watcher.joined.size() == 1; }));
  cluster.shut_down(guest);
  ASSERT_TRUE(cluster.turn_until([&] { return watcher.left.size() == 1; }));
  EXPECT_EQ(watcher.joined, std::vector<std::string>{"guest"});
  EXPECT_EQ(watcher.left, std::vector<std::string>{"guest"});
}

TEST(Node, a_message_too_large_is_refused_and_the_largest_allowed_arrives) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping", .frame_size_max = 4096});
  TestNode& pong = cluster.add_node({.alias = "pong", .frame_size_max = 4096});
  pong.record_messages();
  cluster.turn_until([&] { return ping->directory().list().size() == 1; });
  std::string text = "\"" + std::string(4096, 'x') + "\"";
  EXPECT_EQ(ping.send("pong", text), SendVerdict::too_large);
  SendVerdict verdict = SendVerdict::too_large;
  while (verdict == SendVerdict::too_large) {
    text.erase(1, 1);
    verdict = ping.send("pong", text);
  }
  EXPECT_EQ(verdict, SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; }));
  EXPECT_EQ(pong.messages.front().payload, text);
}

TEST(Node, a_large_message_arrives_whole) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();
  std::string text = "\"";
  for (int i = 0; i < 500'000; ++i) text += std::to_string(i % 10) + "abcdefgh";
  text += '"';
  ASSERT_EQ(ping.send("pong", text), SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; }));
  EXPECT_EQ(pong.messages.front().payload, text);
}

TEST(Node, a_payload_is_written_in_place_and_a_refused_one_sends_nothing) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();
  cluster.turn_until([&] { return ping->directory().list().size() == 1; });
  runtime::TargetTable targets(8);
  const runtime::TargetPtr target = targets.of("pong");
  const auto write = [](void* count, PayloadWriter& out) {
    out.push_back('[');
    for (int i = 0; i < *static_cast<int*>(count); ++i) out.append("1234567890,");
    out.append("0]");
    if (*static_cast<int*>(count) == 7) out.refuse();
  };
  for (int count : {0, 7, 1, 100'000}) {
    const SendVerdict verdict = ping->send(target, runtime::OutgoingMessage(write, &count));
    EXPECT_EQ(verdict, count == 7 ? SendVerdict::invalid_json : SendVerdict::queued);
  }
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 3; }));
  EXPECT_EQ(pong.messages[0].payload, "[0]");
  EXPECT_EQ(pong.messages[1].payload, "[1234567890,0]");
  EXPECT_EQ(pong.messages[2].payload.size(), 3u + 11u * 100'000);
}

TEST(Node, a_handler_that_throws_ends_nothing) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  int calls = 0;
  pong->delivery().set_message_handler([&calls](const Message&) {
    if (++calls % 2 == 1) throw std::runtime_error("on purpose");
  });
  for (int i = 0; i < 4; ++i) ping.send("pong", "1");
  ASSERT_TRUE(cluster.turn_until([&] { return calls == 4; }));
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().received.handled == 4; }));
  EXPECT_EQ(pong.stats().handler_exceptions, 2u);
}

TEST(Node, a_handler_may_shut_its_own_node_down) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  int calls = 0;
  pong->delivery().set_message_handler([&](const Message&) {
    ++calls;
    pong->begin_shutdown(base::seconds(1));
  });
  for (int i = 0; i < 10; ++i) ping.send("pong", "1");
  ASSERT_TRUE(cluster.turn_until([&] { return pong.closed.has_value(); }));
  EXPECT_TRUE(pong.closed->is_unregistered);
  EXPECT_GE(calls, 1);
}

runtime::KnownNode known(std::string node_id, std::uint16_t port) {
  runtime::KnownNode node;
  node.info.node_id = std::move(node_id);
  node.info.host = "127.0.0.1";
  node.info.port = port;
  return node;
}

/// What a registry says that knows `node` and some others.
std::vector<runtime::KnownNode> others_of(TestNode& node, int count) {
  std::vector<runtime::KnownNode> nodes{known(node->node_id(), node->port())};
  for (int i = 0; i < count; ++i) nodes.push_back(known("other" + std::to_string(i), 1));
  return nodes;
}

TEST(Node, a_handler_of_several_joins_may_shut_the_node_down_and_no_other_handler_is_called) {
  Cluster cluster;
  TestNode& node = cluster.add_node({});
  int calls = 0;
  node->delivery().set_join_handler([&](const PeerInfo&) {
    ++calls;
    node->begin_shutdown(base::seconds(1));
  });
  node->directory().on_snapshot(others_of(node, 5), runtime::Directory::Absence::leave);
  ASSERT_TRUE(cluster.turn_until([&] { return node.closed.has_value(); }));
  EXPECT_EQ(calls, 1);
}

TEST(Node, a_handler_of_several_leaves_may_shut_the_node_down_and_no_other_handler_is_called) {
  Cluster cluster;
  TestNode& node = cluster.add_node({});
  int calls = 0;
  node->delivery().set_leave_handler([&](const PeerInfo&) {
    ++calls;
    node->begin_shutdown(base::seconds(1));
  });
  node->directory().on_snapshot(others_of(node, 5), runtime::Directory::Absence::leave);
  node->directory().on_snapshot(others_of(node, 0), runtime::Directory::Absence::leave);
  ASSERT_TRUE(cluster.turn_until([&] { return node.closed.has_value(); }));
  EXPECT_EQ(calls, 1);
}

TEST(Node, a_handler_may_set_and_clear_handlers_of_each_kind) {
  Cluster cluster;
  TestNode& node = cluster.add_node({});
  std::vector<std::string> handled;
  const auto guard = std::make_shared<int>(17);
  node->delivery().set_message_handler([&, guard](const Message& message) {
    node->delivery().set_message_handler(nullptr);
    node->delivery().set_message_handler([&](const Message& later) { handled.emplace_back(later.payload); });
    EXPECT_EQ(*guard, 17) << "what the handler that runs holds";
    handled.emplace_back(message.payload);
  });
  for (int i = 0; i < 3; ++i) node.send(node->node_id(), std::to_string(i));
  ASSERT_TRUE(cluster.turn_until([&] { return handled.size() == 3; }));
  EXPECT_EQ(handled, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(guard.use_count(), 1) << "the first handler is gone";
}

TEST(Node, shutdown_sends_what_is_queued_first) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();
  ping.send("pong", "0");
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; }));
  for (int i = 1; i < 1000; ++i) ping.send("pong", std::to_string(i));
  const ShutdownReport report = cluster.shut_down(ping);
  EXPECT_EQ(report.discarded_outgoing, 0u);
  EXPECT_TRUE(report.is_unregistered);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1000; }));
  EXPECT_EQ(pong.messages.back().payload, "999");
}

TEST(Node, every_message_is_accounted_for_when_its_peer_vanishes) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping", .connect_deadline = std::chrono::milliseconds(50)});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();
  std::uint64_t accepted = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 100; ++i) accepted += is_under_way(ping.send("pong", "\"some text\"")) ? 1U : 0U;
    if (round == 25) pong->begin_shutdown(base::seconds(1));
    turn_some(cluster.reactor(), 1);
  }
  ASSERT_TRUE(cluster.turn_until([&] {
    const NodeStats stats = ping.stats();
    return stats.parked_messages == 0 && stats.send_queue_messages == 0;
  }));
  const SendStats sent = ping.stats().sent;
  EXPECT_EQ(sent.accepted, accepted);
  EXPECT_EQ(sent.accepted, sent.written + sent.dropped());
  EXPECT_LE(pong.messages.size(), sent.written);
}

/// Counts how often it is asked to start a PMD, and never does.
class RefusingStarter final : public runtime::PmdStarter {
 public:
  void start_pmd(std::function<void(Result<runtime::PmdStart>)> on_outcome) override {
    ++calls;
    on_outcome(runtime::PmdStart::already_running);
  }
  int calls = 0;
};

TEST(Node, starts_no_pmd_where_something_else_answers) {
  SocketCluster cluster;
  RefusingStarter starter;
  RawSocket stranger = RawSocket::listening();  // takes connections, and says nothing
  TestNode& node = cluster.add_node_without_waiting(
      {.pmd_port = stranger.port(), .start_deadline = std::chrono::milliseconds(50)}, &starter);
  ASSERT_TRUE(cluster.turn_until([&] { return node.started.has_value(); }));
  EXPECT_FALSE(*node.started);
  EXPECT_EQ(starter.calls, 0);
}

TEST(Node, starts_a_pmd_where_none_answers_and_says_why_it_could_not) {
  Cluster cluster;
  RefusingStarter starter;
  const SilentPort silent;
  TestNode& node = cluster.add_node_without_waiting(
      {.pmd_port = silent.port(), .start_deadline = std::chrono::milliseconds(200)}, &starter);
  ASSERT_TRUE(cluster.turn_until([&] { return node.started.has_value(); }));
  EXPECT_EQ(node.started->error(), Errc::pmd_unreachable);
  EXPECT_GE(starter.calls, 1);
  EXPECT_LE(starter.calls, 20) << "no storm";
}

TEST(NodePoints, point_8_a_message_for_another_node_id_is_not_delivered_and_counted) {
  Cluster cluster;
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();
  // A peer of the registry whose address is pong's: as after a port was reused.
  TestNode& ping = cluster.add_node({.alias = "ping"});
  ping->directory().upsert(
      {.info = {.node_id = "0000000000000bad", .alias = "gone", .host = "127.0.0.1", .port = pong->port()}});
  EXPECT_EQ(ping.send("gone", "1"), SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().misrouted == 1; }));
  EXPECT_TRUE(pong.messages.empty());
}

TEST(NodePoints, point_9_a_resolved_name_is_not_asked_for_again) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();
  ASSERT_TRUE(cluster.turn_until([&] { return ping->directory().list().size() == 1; }));
  const std::uint64_t requests = cluster.pmd().counters().requests;
  for (int i = 0; i < 100; ++i) ping.send("pong", "1");
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 100; }));
  EXPECT_EQ(cluster.pmd().counters().requests, requests);
}

TEST(NodePoints, point_19_a_pmd_that_restarts_disturbs_nobody) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  ping.record_peers();
  pong.record_messages();
  ping.send("pong", "0");
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; }));

  cluster.stop_pmd();
  std::size_t sent = 1;
  for (; sent < 50; ++sent) {
    EXPECT_EQ(ping.send("pong", std::to_string(sent)), SendVerdict::queued);
    turn_some(cluster.reactor(), 1);
  }
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 50; })) << "while the PMD is away";

  cluster.start_pmd();
  ASSERT_TRUE(cluster.turn_until([&] { return cluster.pmd().registry().size() == 2; })) << "both register again";
  for (; sent < 100; ++sent) ping.send("pong", std::to_string(sent));
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 100; }));
  EXPECT_TRUE(ping.left.empty());
  EXPECT_TRUE(ping.joined.empty());
}

TEST(Node, that_loses_its_registration_says_so_once_and_again_when_it_is_back) {
  Cluster cluster;
  TestNode& node = cluster.add_node({.alias = "node"});
  std::vector<RegistrationChange> changes;
  node->delivery().set_registration_handler([&](const RegistrationChange& change) { changes.push_back(change); });
  ASSERT_TRUE(cluster.turn_until([&] { return node.stats().is_registered; }));
  EXPECT_TRUE(changes.empty()) << "the first registration is what start() waits for";

  cluster.stop_pmd();
  ASSERT_TRUE(cluster.turn_until([&] { return !changes.empty(); }));
  EXPECT_FALSE(changes.back().is_registered);
  EXPECT_TRUE(changes.back().why.code) << "a reason";
  turn_some(cluster.reactor(), 20);
  EXPECT_EQ(changes.size(), 1U);
  EXPECT_FALSE(node.stats().is_registered);
  EXPECT_EQ(node.stats().registrations_lost, 1U);

  cluster.start_pmd();
  ASSERT_TRUE(cluster.turn_until([&] { return changes.size() == 2; }));
  EXPECT_TRUE(changes.back().is_registered);
  EXPECT_TRUE(cluster.turn_until([&] { return node.stats().is_registered; }));
}

TEST(NodePoints, point_19_who_does_not_come_back_leaves_after_the_grace_period) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping", .rejoin_grace = std::chrono::milliseconds(50)});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  ping.record_peers();
  ASSERT_TRUE(cluster.turn_until([&] { return ping->directory().list().size() == 1; }));
  cluster.stop_pmd();
  cluster.shut_down(pong);
  cluster.start_pmd();
  ASSERT_TRUE(cluster.turn_until([&] { return ping.left.size() == 1; }));
}

// Whoever registers chooses its nodeId, and every client can read all aliases.
TEST(Node, an_alias_leads_to_its_holder_whoever_registers_it_as_a_node_id) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();
  ASSERT_EQ(ping.send("pong", "0"), SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; }));
  ping->directory().upsert({.info = {.node_id = "pong", .alias = "other", .host = "127.0.0.1", .port = 1}});
  ASSERT_EQ(ping.send("pong", "1"), SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 2; }));
  ping->directory().remove("pong");
  ASSERT_EQ(ping.send("pong", "2"), SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 3; }));
}

}  // namespace
}  // namespace distflow::test
