// What comes from outside and is no message: counted, answered by closing where it must be, and nothing to an honest
// peer.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/cluster.hpp"
#include "tests/support/node_frames.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

/// A node under attack, and an honest peer beside it that sends a message before, during and after.
class NodeAttacks : public ::testing::Test {
 protected:
  NodeAttacks() : honest_(RawSocket::connected_to(node_->port())) { node_.record_messages(); }

  RawSocket connect() { return RawSocket::connected_to(node_->port()); }

  void expect_honest_peer_heard() {
    const std::size_t before = node_.messages.size();
    ASSERT_TRUE(honest_.send(node_frame("honest", node_->node_id(), "\"still here\"")));
    ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() > before; }));
    EXPECT_EQ(node_.messages.back().from, "honest");
    EXPECT_EQ(node_.messages.back().payload, "\"still here\"");
  }

  void send_malformed(std::string_view body) {
    const std::uint64_t before = node_.stats().malformed;
    RawSocket attacker = connect();
    ASSERT_TRUE(attacker.send(frame_of(body)));
    ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().malformed == before + 1; })) << body.substr(0, 100);
    expect_honest_peer_heard();
  }

  SocketCluster cluster_;
  TestNode& node_ = cluster_.add_node({.alias = "pong", .frame_size_max = 1 << 20});
  RawSocket honest_;
};

TEST_F(NodeAttacks, an_announcement_beyond_the_limit_closes_the_connection) {
  for (const std::uint32_t size : {(1u << 20) + 1, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu}) {
    const std::uint64_t before = node_.stats().frames_too_long;
    RawSocket attacker = connect();
    ASSERT_TRUE(attacker.send(announcement(size)));
    ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().frames_too_long == before + 1; }));
    EXPECT_EQ(attacker.receive(), "");
    expect_honest_peer_heard();
  }
}

TEST_F(NodeAttacks, an_announcement_of_the_limit_itself_costs_nothing_and_waits) {
  std::vector<RawSocket> attackers;
  for (int i = 0; i < 200; ++i) {
    attackers.push_back(connect());
    ASSERT_TRUE(attackers.back().send(announcement(1 << 20)));
  }
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_in == 201; }));
  expect_honest_peer_heard();
  EXPECT_EQ(node_.stats().connections_in, 201u);
}

TEST_F(NodeAttacks, a_little_endian_length_is_too_long) {
  RawSocket attacker = connect();
  ASSERT_TRUE(attacker.send(std::string("\x40\x00\x00\x00{}", 6)));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().frames_too_long == 1; }));
  expect_honest_peer_heard();
}

TEST_F(NodeAttacks, a_frame_cut_off_by_the_end_of_the_stream_is_no_message) {
  const std::string frame = node_frame("cut", node_->node_id(), "1");
  for (std::size_t size = 0; size < frame.size(); ++size) {
    ASSERT_TRUE(connect().send(frame.substr(0, size)));
    ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_in == 1; }));
  }
  expect_honest_peer_heard();
  EXPECT_EQ(node_.messages.size(), 1u);
}

TEST_F(NodeAttacks, a_frame_that_comes_byte_by_byte_is_a_message) {
  RawSocket slow = connect();
  for (const char byte : node_frame("slow", node_->node_id(), "[1,2,3]")) {
    ASSERT_TRUE(slow.send({&byte, 1}));
    turn_some(cluster_.reactor(), 1);
  }
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 1; }));
  EXPECT_EQ(node_.messages[0].payload, "[1,2,3]");
  expect_honest_peer_heard();
}

TEST_F(NodeAttacks, frames_that_are_no_envelope_are_counted) {
  const std::string id = node_->node_id();
  for (const std::string& body : {
           std::string(),
           std::string("{"),
           std::string("null"),
           std::string(R"({"from":"a"})"),
           R"({"from":"a","to":")" + id + R"(","payload":1,"payload":2,"timestamp":1})",
           R"({"from":"a","to":")" + id + R"(","payload":1,"from":"admin","timestamp":1})",
           R"({"from":"a","to":")" + id + R"(","payload":1})",
           R"({"from":"a","to":")" + id + R"(","payload":1,"timestamp":1e400})",
           R"({"from":"a","to":")" + id + R"(","payload":1,"timestamp":)" + std::string(30'000, '9') + "}",
           R"({"from":"a","to":")" + id + R"(","payload":"open,"timestamp":1})",
           std::string(30'000, '['),
           R"({"from":"a","to":")" + id + R"(","payload":)" + std::string(30'000, '[') + R"(,"timestamp":1})",
       }) {
    send_malformed(body);
  }
  EXPECT_EQ(node_.messages.front().from, "honest");
}

TEST_F(NodeAttacks, sixteen_malformed_frames_end_a_connection) {
  RawSocket attacker = connect();
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(attacker.send(frame_of("{}")));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_in == 1; }));
  EXPECT_EQ(attacker.receive(), "");
  EXPECT_EQ(node_.stats().malformed, 16u);
  expect_honest_peer_heard();
}

TEST_F(NodeAttacks, a_payload_that_looks_like_the_envelopes_end_is_a_payload) {
  RawSocket attacker = connect();
  const std::string payload = R"("\",\"timestamp\":1}")";
  ASSERT_TRUE(attacker.send(node_frame("clever", node_->node_id(), payload)));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 1; }));
  EXPECT_EQ(node_.messages[0].payload, payload);
  expect_honest_peer_heard();
}

TEST_F(NodeAttacks, other_protocols_on_the_port_are_closed) {
  for (const std::string_view greeting :
       {std::string_view("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), std::string_view("\x16\x03\x01\x02\x00\x01", 6),
        std::string_view("\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f", 10)}) {
    RawSocket stranger = connect();
    ASSERT_TRUE(stranger.send(greeting));
    ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_in == 1; }));
    expect_honest_peer_heard();
  }
}

TEST_F(NodeAttacks, a_sender_that_vanishes_in_mid_frame_takes_nothing_with_it) {
  for (int i = 0; i < 50; ++i) {
    RawSocket attacker = connect();
    ASSERT_TRUE(attacker.send(node_frame("rude", node_->node_id(), "1").substr(0, 30)));
    attacker.reset();
  }
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_accepted == 51; }));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_in == 1; }));
  expect_honest_peer_heard();
}

TEST_F(NodeAttacks, ids_with_escapes_and_a_missing_payload_are_delivered) {
  RawSocket peer = connect();
  ASSERT_TRUE(peer.send(frame_of(R"({ "timestamp" : 5, "to":")" + node_->node_id() + R"(", "from":"aA\"" } )")));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 1; }));
  EXPECT_EQ(node_.messages[0].from, "aA\"");
  EXPECT_FALSE(node_.messages[0].has_payload);
  EXPECT_EQ(node_.messages[0].timestamp, 5);
}

TEST_F(NodeAttacks, the_recorded_frames_of_typescript_nodes_are_delivered) {
  std::ifstream recording(DISTFLOW_TEST_DATA "/typescript-node-frames.txt");
  std::size_t count = 0;
  RawSocket peer = connect();
  for (std::string line; std::getline(recording, line);) {
    std::string body = line.substr(line.find(' ') + 1);
    body.replace(body.find("00000000000051c4"), 16, node_->node_id());
    ASSERT_TRUE(peer.send(frame_of(body)));
    ++count;
  }
  ASSERT_EQ(count, 8u);
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == count; }));
  EXPECT_EQ(node_.messages[0].payload, R"({"type":"HELLO","data":"world"})");
  EXPECT_FALSE(node_.messages[7].has_payload);
}

}  // namespace
}  // namespace distflow::test
