// Nodes and their PMD with a layer over every socket (stream/stream_setup.hpp): a stand-in for TLS.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "tests/support/cluster.hpp"
#include "tests/support/masked_stream.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

class LayeredNodes : public ::testing::Test {
 protected:
  /// How many streams to or from somebody of that name have been asked for.
  std::size_t asked(stream::Role role, std::string_view name = "") {
    return static_cast<std::size_t>(std::ranges::count_if(
        layer_.asked, [&](const MaskedLayer::Asked& one) { return one.role == role && one.name == name; }));
  }
  /// In the order in which they were sent.
  static bool has_numbers(const TestNode& node, std::size_t count) {
    if (node.messages.size() != count) return false;
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(node.messages[i].payload, std::to_string(i));
    return true;
  }

  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 64}};
  std::unique_ptr<MaskedLayer> made_ = std::make_unique<MaskedLayer>(chunks_);
  MaskedLayer& layer_ = *made_;
  Cluster cluster_{{}, &make_socket_backend, base::LogLevel::warn, std::move(made_)};
};

TEST_F(LayeredNodes, find_each_other_through_the_pmd_and_send_both_ways_each_connection_in_its_layer) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  TestNode& pong = cluster_.add_node({.alias = "pong"});
  ping.record_messages();
  pong.record_messages();
  constexpr std::size_t count = 300;
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_EQ(ping.send("pong", std::to_string(i)), SendVerdict::queued);
    if (i == 0) {
      ASSERT_TRUE(cluster_.turn_until([&] { return pong.messages.size() == 1; }));
    }
    ASSERT_EQ(pong.send("ping", std::to_string(i)), SendVerdict::queued);
    turn_some(cluster_.reactor(), 2);
  }
  ASSERT_TRUE(cluster_.turn_until([&] { return ping.messages.size() + pong.messages.size() == 2 * count; }));
  EXPECT_TRUE(has_numbers(ping, count) && has_numbers(pong, count));
  EXPECT_EQ(asked(stream::Role::dialer), 2U) << "to the PMD, whose name nobody knows";
  EXPECT_EQ(asked(stream::Role::dialer, pong->node_id()), 1U);
  EXPECT_EQ(asked(stream::Role::dialer, ping->node_id()), 0U) << "it is sent to on the connection that it has opened";
  EXPECT_EQ(asked(stream::Role::accepter), 3U);
}

TEST_F(LayeredNodes, of_one_user_share_a_connection_and_move_to_no_memory) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  TestNode& pong = cluster_.add_node({.alias = "pong"});
  for (int i = 0; i < 300; ++i) {
    ping.send("pong", "1");
    pong.send("ping", "1");
    turn_some(cluster_.reactor(), 2);
  }
  ASSERT_TRUE(cluster_.turn_until([&] { return ping.stats().sent.written + pong.stats().sent.written == 600; }));
  EXPECT_EQ(ping.stats().connections_shared + pong.stats().connections_shared, 1U);
  EXPECT_EQ(ping.stats().connections_in_memory + pong.stats().connections_in_memory, 0U);
}

TEST_F(LayeredNodes, whose_sockets_are_left_as_they_are_share_memory_as_without_a_layer) {
  layer_.leaves_bare = true;
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  TestNode& pong = cluster_.add_node({.alias = "pong"});
  ASSERT_TRUE(cluster_.turn_until([&] {
    ping.send("pong", "1");
    pong.send("ping", "1");
    return ping.stats().connections_in_memory + pong.stats().connections_in_memory == 2;
  }));
}

TEST_F(LayeredNodes, take_nothing_from_who_does_not_shake_hands_and_count_it) {
  TestNode& pong = cluster_.add_node({.alias = "pong"});
  pong.record_messages();
  const std::uint64_t accepted = pong.stats().connections_accepted;
  RawSocket stranger = RawSocket::connected_to(pong->port());
  ASSERT_TRUE(stranger.send("no hello, and more than one has"));
  ASSERT_TRUE(cluster_.turn_until([&] { return pong.stats().handshakes_failed == 1; }));
  EXPECT_EQ(pong.stats().connections_accepted, accepted);
  EXPECT_EQ(pong.stats().connections_in, 0U);
  EXPECT_EQ(cluster_.pmd().handshakes().failed, 1U) << "the PMD is of the same process here";
  EXPECT_EQ(cluster_.count_lines("the handshake with 127.0.0.1", "handshakes_failed"), 1U) << cluster_.log_text();
}

TEST_F(LayeredNodes, count_the_connections_that_they_close_while_too_many_shake_hands) {
  TestNode& pong = cluster_.add_node({.alias = "pong"});
  std::deque<RawSocket> silent;
  for (std::uint32_t i = 0; i <= stream::HandshakeLimits{}.count_max; ++i) {
    silent.push_back(RawSocket::connected_to(pong->port()));
  }
  ASSERT_TRUE(cluster_.turn_until([&] { return pong.stats().handshakes_refused == 1; }));
  EXPECT_EQ(pong.stats().handshakes_failed, 0U);
}

TEST_F(LayeredNodes, whose_handshake_with_the_pmd_fails_are_started_later_and_count_it) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  layer_.hello = Hello::wrong;
  TestNode& late = cluster_.add_node_without_waiting({.alias = "late"});
  ASSERT_TRUE(cluster_.turn_until([&] { return ping.stats().handshakes_failed >= 2; })) << "at both ends";
  EXPECT_FALSE(late.started);
  layer_.hello = Hello::right;
  ASSERT_TRUE(cluster_.turn_until([&] { return late.started.has_value(); }));
  EXPECT_TRUE(*late.started);
}

}  // namespace
}  // namespace distflow::test
