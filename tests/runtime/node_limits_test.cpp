// A node at its limits: what was promised happens, the counters say so, and it recovers.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <stdexcept>
#include <string_view>

#include "framing/frame.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/node_frames.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

/// Sends `count` numbered messages from ping to pong, a few a turn.
void send_numbers(Cluster& cluster, TestNode& ping, int count) {
  for (int i = 0; i < count; ++i) {
    ASSERT_EQ(ping.send("pong", std::to_string(i)), SendVerdict::queued);
    if (i % 8 == 7) turn_some(cluster.reactor(), 2);
  }
}

void expect_conserved(const ReceiveStats& received, std::uint64_t waiting) {
  EXPECT_EQ(received.received, received.handled + waiting + received.conflated + received.dropped());
}

TEST(NodeLimits, point_20_a_full_mailbox_drops_the_newest_by_default_and_counts_them_by_sender) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong", .mailbox = {.max_size = 10}});
  send_numbers(cluster, ping, 100);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().received.received == 100; }));
  const NodeStats stats = pong.stats();
  EXPECT_EQ(stats.mailbox_size, 10u);
  EXPECT_EQ(stats.received.dropped_mailbox_newest, 90u);
  ASSERT_EQ(stats.peers.size(), 1u);
  EXPECT_EQ(stats.peers[0].node_id, ping->node_id());
  EXPECT_EQ(stats.peers[0].received.dropped_mailbox_newest, 90u);
  expect_conserved(stats.received, 10);

  pong.record_messages();
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 10; }));
  EXPECT_EQ(pong.messages.front().payload, "0");
  EXPECT_EQ(pong.messages.back().payload, "9");
  ping.send("pong", "\"again\"");
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 11; }));
  expect_conserved(pong.stats().received, 0);
}

TEST(NodeLimits, a_full_mailbox_drops_the_oldest_when_told_to) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong", .mailbox = {.max_size = 10, .overflow = Overflow::drop_oldest}});
  send_numbers(cluster, ping, 100);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().received.received == 100; }));
  EXPECT_EQ(pong.stats().received.dropped_mailbox_oldest, 90u);
  pong.record_messages();
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 10; }));
  EXPECT_EQ(pong.messages.front().payload, "90");
  EXPECT_EQ(pong.messages.back().payload, "99");
  expect_conserved(pong.stats().received, 0);
}

TEST(NodeLimits, a_conflating_mailbox_keeps_the_newest_of_each_key_until_there_is_a_handler_and_none_after) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong", .mailbox = {.max_size = 3}, .conflate_by = "symbol"});
  const auto price = [](char symbol, int value) {
    return R"({"symbol":")" + std::string(1, symbol) + R"(","price":)" + std::to_string(value) + "}";
  };
  for (int i = 0; i < 90; ++i) ASSERT_EQ(ping.send("pong", price("ABC"[i % 3], i)), SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().received.received == 90; }));
  EXPECT_EQ(pong.stats().mailbox_size, 3u);
  EXPECT_EQ(pong.stats().received.conflated, 87u);
  EXPECT_EQ(pong.stats().peers.at(0).received.conflated, 87u);
  EXPECT_EQ(pong.stats().received.dropped(), 0u);
  expect_conserved(pong.stats().received, 3);

  pong.record_messages();
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 3; }));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pong.messages[static_cast<std::size_t>(i)].payload, price("ABC"[i], 87 + i));
  for (int i = 0; i < 30; ++i) ASSERT_EQ(ping.send("pong", price('A', i)), SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 33; })) << "inlined: nothing waits";
  expect_conserved(pong.stats().received, 0);
}

TEST(NodeLimits, what_conflate_by_throws_is_counted_and_logged_as_what_a_handler_throws) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  const auto throwing = [](const Message&) -> std::string_view { throw std::runtime_error("no key today"); };
  TestNode& pong = cluster.add_node({.alias = "pong", .conflate_by = throwing});
  send_numbers(cluster, ping, 20);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().received.received == 20; }));
  EXPECT_EQ(pong.stats().mailbox_size, 20u);
  EXPECT_EQ(pong.stats().handler_exceptions, 20u);
}

TEST(NodeLimits, a_blocking_mailbox_stops_reading_and_loses_nothing) {
  Cluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping"});
  TestNode& pong = cluster.add_node({.alias = "pong", .mailbox = {.max_size = 10, .overflow = Overflow::block}});
  send_numbers(cluster, ping, 1000);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().mailbox_size == 10; }));
  turn_some(cluster.reactor(), 50);
  EXPECT_EQ(pong.stats().mailbox_size, 10u);
  EXPECT_EQ(pong.stats().received.dropped(), 0u);
  pong.record_messages();
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1000; }));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(pong.messages[static_cast<std::size_t>(i)].payload, std::to_string(i));
  expect_conserved(pong.stats().received, 0);
}

TEST(NodeLimits, a_peer_that_never_reads_fills_its_own_queue_and_no_other) {
  SocketCluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping", .frame_size_max = 1 << 20, .send_bytes_max = 4 << 20});
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();
  RawSocket deaf = RawSocket::listening();
  ping->directory().upsert({.info = {.node_id = "deaf", .alias = "deaf", .host = "127.0.0.1", .port = deaf.port()}});

  const std::string text = '"' + std::string(256 * 1024, 'x') + '"';
  SendVerdict verdict = SendVerdict::queued;
  for (int i = 0; i < 1000 && verdict == SendVerdict::queued; ++i) {
    verdict = ping.send("deaf", text);
    turn_some(cluster.reactor(), 1);
  }
  EXPECT_EQ(verdict, SendVerdict::queue_full);
  EXPECT_EQ(ping.send("pong", "1"), SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; }));

  const ShutdownReport report = cluster.shut_down(ping, base::milliseconds(50));
  EXPECT_GT(report.discarded_outgoing, 0u);
  const SendStats sent = ping.stats().sent;
  EXPECT_EQ(sent.accepted, sent.written + sent.dropped());
}

TEST(NodeLimits, a_large_message_that_there_is_no_room_for_is_not_copied) {
  SocketCluster cluster;
  TestNode& ping = cluster.add_node({.alias = "ping", .frame_size_max = 1 << 20, .send_bytes_max = 4 << 20});
  RawSocket deaf = RawSocket::listening();
  ping->directory().upsert({.info = {.node_id = "deaf", .alias = "deaf", .host = "127.0.0.1", .port = deaf.port()}});
  const std::string text = '"' + std::string(900 * 1024, 'x') + '"';
  std::uint64_t accepted = 0;
  while (ping.send("deaf", text) == SendVerdict::queued) ++accepted;
  // Each of them is in memory of its own, that of a refused one would be one more.
  EXPECT_EQ(accepted, 4u);
  EXPECT_EQ(cluster.large_chunks_made(), accepted);
  EXPECT_EQ(ping.send("deaf", text), SendVerdict::queue_full);
  EXPECT_EQ(ping.send("deaf", '"' + std::string(2 << 20, 'x') + '"'), SendVerdict::too_large);
  EXPECT_EQ(cluster.large_chunks_made(), accepted);
  cluster.shut_down(ping, base::milliseconds(0));
}

TEST(NodeLimits, five_thousand_connections_are_served) {
  constexpr std::size_t kCount = 5000;
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit raised{std::max<rlim_t>(limit.rlim_cur, 2 * kCount + 500),
                      std::max<rlim_t>(limit.rlim_max, 2 * kCount + 500)};
  if (::setrlimit(RLIMIT_NOFILE, &raised) != 0) GTEST_SKIP() << "needs the right to 10,500 descriptors";
  SocketCluster cluster;
  TestNode& pong = cluster.add_node({.alias = "pong"});
  std::size_t handled = 0;
  pong->delivery().set_message_handler([&handled](const Message&) { ++handled; });
  std::vector<RawSocket> senders;
  for (std::size_t i = 0; i < kCount; ++i) {
    senders.push_back(RawSocket::connected_to(pong->port()));
    ASSERT_TRUE(senders.back().send(node_frame("sender", pong->node_id(), "1")));
    if (i % 100 == 0) turn_some(cluster.reactor(), 2);
  }
  ASSERT_TRUE(cluster.turn_until([&] { return handled == kCount; }));
  EXPECT_EQ(pong.stats().connections_in, kCount);
  senders.clear();
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().connections_in == 0; }));
  EXPECT_EQ(pong.stats().received.handled, kCount);
}

TEST(NodeLimits, incomplete_messages_together_are_bounded) {
  SocketCluster cluster;
  TestNode& pong = cluster.add_node({.alias = "pong", .incomplete_bytes_max = 1 << 20});
  pong.record_messages();
  RawSocket honest = RawSocket::connected_to(pong->port());
  std::vector<RawSocket> senders;
  const std::string part = announcement(8 << 20) + std::string(32 * 1024, 'x');
  for (int i = 0; i < 200 && pong.stats().connections_overflowed == 0; ++i) {
    senders.push_back(RawSocket::connected_to(pong->port()));
    ASSERT_TRUE(senders.back().send(part));
    turn_some(cluster.reactor(), 3);
    static_cast<void>(senders.back().send("y"));
    turn_some(cluster.reactor(), 3);
  }
  EXPECT_GE(pong.stats().connections_overflowed, 1u);
  ASSERT_TRUE(honest.send(node_frame("honest", pong->node_id(), "1")));
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; }));
}

TEST(NodeLimits, messages_that_wait_for_any_name_together_are_bounded) {
  Cluster cluster;
  TestNode& node = cluster.add_node({.alias = "lonely", .parked_bytes_max = 100});
  EXPECT_EQ(node.send("nobody", '"' + std::string(70, 'x') + '"'), SendVerdict::queued);
  EXPECT_EQ(node.send("neither", '"' + std::string(70, 'x') + '"'), SendVerdict::unresolved);
  EXPECT_EQ(node.send("neither", "1"), SendVerdict::queued);
}

TEST(NodeLimits, beyond_the_bound_a_connection_is_closed_at_once_and_counted) {
  SocketCluster cluster;
  TestNode& pong = cluster.add_node({.alias = "pong", .connections_max = 2});
  pong.record_messages();
  RawSocket first = RawSocket::connected_to(pong->port());
  RawSocket second = RawSocket::connected_to(pong->port());
  RawSocket third = RawSocket::connected_to(pong->port());
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().connections_refused == 1; }));
  turn_some(cluster.reactor());
  EXPECT_EQ(third.receive(), "");
  ASSERT_TRUE(first.send(node_frame("first", pong->node_id(), "1")));
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; }));
}

TEST(NodeLimits, without_descriptors_accepting_pauses_and_goes_on_when_there_are_some) {
  SocketCluster cluster;
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();
  RawSocket before = RawSocket::connected_to(pong->port());
  ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().connections_accepted == 1; }));
  RawSocket during = RawSocket::connected_to(pong->port());  // in the backlog: accepting it needs a descriptor
  {
    const NoDescriptorsLeft starved;
    ASSERT_TRUE(cluster.turn_until([&] { return pong.stats().accept_pauses > 0; }));
    ASSERT_TRUE(before.send(node_frame("before", pong->node_id(), "1")));
    ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 1; })) << "those connected notice nothing";
  }
  ASSERT_TRUE(during.send(node_frame("during", pong->node_id(), "2")));
  ASSERT_TRUE(cluster.turn_until([&] { return pong.messages.size() == 2; }));
}

}  // namespace
}  // namespace distflow::test
