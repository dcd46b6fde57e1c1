// Requests that a connection which breaks, or is left, has not handed over.
#include <optional>
#include <string>
#include <string_view>

#include "tests/runtime/asking.hpp"

namespace distflow::test {
namespace {

// What is in flight and what waits behind it are dropped in two steps.
TEST_F(AskedRaw, one_whose_connection_breaks_while_more_waits_has_surely_not_run_any_of_what_was_not_handed_over) {
  for (const bool is_peers : {true, false}) {
    SCOPED_TRACE(is_peers ? "on the peer's connection" : "on the own connection");
    replies.clear();
    meet(true, is_peers);
    std::optional<RawSocket> peer;
    if (is_peers) {
      peer.emplace(RawSocket::connected_to(ping_->port()));
      ASSERT_TRUE(peer->send(
          frame_of(R"({"from":"raw","to":")" + ping_->node_id() + R"(","timestamp":1,"connection":"both"})")));
      ASSERT_TRUE(cluster_.turn_until([&] { return is_readable(peer->fd()); }));
    }
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(is_under_way(ask(ping_, "raw", large_json(), {.deadline = 1h})));
    if (!is_peers) {
      ASSERT_TRUE(cluster_.turn_until([&] { return is_readable(listener_.fd()); }));
      peer.emplace(listener_.accept());
    }
    ASSERT_TRUE(cluster_.turn_until([&] { return is_readable(peer->fd()); }));
    turn_some(cluster_.reactor(), 3);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1", {.deadline = 1h})));
    EXPECT_TRUE(replies.empty());
    peer->close();
    // The first may have been taken whole by the system.
    ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() >= 7; }));
    expect_lost_before_they_ran(8);
  }
}

// The peer says that it is through with its connection, which still has requests to it, and then breaks it.
TEST_F(AskedRaw, one_that_breaks_a_connection_which_it_has_ended_has_surely_not_run_what_was_not_handed_over) {
  meet(true, true);
  RawSocket peer = RawSocket::connected_to(ping_->port());
  const auto say = [&](std::string_view word) {
    return peer.send(frame_of(R"({"from":"raw","to":")" + ping_->node_id() + R"(","timestamp":1,"connection":")" +
                              std::string(word) + "\"}"));
  };
  ASSERT_TRUE(say("both"));
  ASSERT_TRUE(cluster_.turn_until([&] { return is_readable(peer.fd()); }));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(is_under_way(ask(ping_, "raw", large_json(), {.deadline = 1h})));
  ASSERT_TRUE(cluster_.turn_until([&] { return ping_.stats().connections_shared == 1; }));
  turn_some(cluster_.reactor(), 3);
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1", {.deadline = 1h})));
  ASSERT_TRUE(say("end"));
  ASSERT_TRUE(cluster_.turn_until([&] { return ping_.stats().connections_shared == 0; }));
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "2", {.deadline = 1h})));
  EXPECT_TRUE(replies.empty());
  peer.close();
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() >= 4; }));
  turn_some(cluster_.reactor(), 3);
  EXPECT_LE(replies.size(), 5U) << "the last goes another way";
  expect_lost_before_they_ran(6);
}

// It sends what no node sends, and the connection to it is closed; before that has happened somebody asks again.
TEST_F(AskedRaw, what_a_closing_connection_drops_is_told_of_though_others_are_asked_on_the_next) {
  meet(true, true);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(is_under_way(ask(ping_, "raw", large_json(), {.deadline = 1h})));
  ASSERT_TRUE(cluster_.turn_until([&] { return is_readable(listener_.fd()); }));
  RawSocket peer = listener_.accept();
  const auto begin = R"({"from":"raw","to":")" + ping_->node_id() + R"(","timestamp":1,)";
  ASSERT_TRUE(peer.send(frame_of(begin + R"("connection":"both"})")));
  std::string sent;
  ASSERT_TRUE(cluster_.turn_until([&] {
    if (is_readable(peer.fd())) sent += peer.receive();
    return sent.size() > 1000;
  }));
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1", {.deadline = 1h})));
  io::DeferredTask later;
  auto ask_again = [&] { EXPECT_TRUE(is_under_way(ask(ping_, "raw", "2", {.deadline = 1h}))); };
  later.on_turn_end = base::Delegate<void()>::of(ask_again);
  ping_->delivery().set_message_handler([&](const Message&) { cluster_.reactor().defer(later); });
  ASSERT_TRUE(peer.send(frame_of(begin + R"("payload":1})") + announcement(UINT32_MAX)));
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() >= 4; }));
  turn_some(cluster_.reactor(), 3);
  EXPECT_LE(replies.size(), 5U) << "the last goes another way";
  expect_lost_before_they_ran(6);
}

// The peer owes an answer to whether it sends here, and what is sent waits for that.
TEST_F(AskedRaw, what_has_waited_for_a_connection_has_the_time_that_is_left_and_is_not_asked_when_that_is_over) {
  meet(true, true);
  const std::string over(1000, '1');
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", over, {.deadline = 20ms})));
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "2", {.deadline = 10000ms})));
  ASSERT_TRUE(is_under_way(ping_.send("raw", R"({"ask":1,"ms":9000})")));
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().error, AskError::deadline);
  std::vector<std::string> bodies;
  ASSERT_TRUE(cluster_.turn_until([&] {
    if (is_readable(listener_.fd())) peer_.emplace(listener_.accept());
    if (peer_ && is_readable(peer_->fd())) bytes_ += peer_->receive();
    while (bytes_.size() >= framing::kHeaderSize) {
      const std::size_t size = framing::kHeaderSize + framing::read_header(bytes_.data());
      if (bytes_.size() < size) break;
      bodies.push_back(bytes_.substr(framing::kHeaderSize, size - framing::kHeaderSize));
      bytes_.erase(0, size);
    }
    return bodies.size() == 4;
  }));
  using Kind = protocol::AskMembers::Kind;
  const auto members_of = [](const std::string& body) {
    protocol::Envelope envelope;
    protocol::EnvelopeScratch scratch;
    EXPECT_TRUE(protocol::decode(body, envelope, scratch)) << body;
    return read_ask_members(envelope.extension, envelope.has_payload());
  };
  EXPECT_EQ(members_of(bodies[0]).kind, Kind::none) << "that is whether it sends here";
  EXPECT_EQ(members_of(bodies[1]).kind, Kind::cancel) << bodies[1];
  const protocol::AskMembers second = members_of(bodies[2]);
  EXPECT_EQ(second.kind, Kind::request) << bodies[2];
  EXPECT_LE(second.ms, 9980);
  EXPECT_GT(second.ms, 0);
  EXPECT_NE(bodies[3].find(R"("payload":{"ask":1,"ms":9000},)"), std::string::npos) << bodies[3];
  ping_->directory().remove("raw");
  EXPECT_TRUE(cluster_.turn_until([&] { return replies.size() == 2; }));
}

// The first frame to a peer opens the way over the connection that the peer has made, inside the call that sends it.
TEST_F(AskedRaw, the_first_one_over_the_connection_of_its_peer_has_its_payload_and_its_time) {
  meet(true, true);
  RawSocket peer = RawSocket::connected_to(ping_->port());
  ASSERT_TRUE(
      peer.send(frame_of(R"({"from":"raw","to":")" + ping_->node_id() + R"(","timestamp":1,"connection":"both"})")));
  ASSERT_TRUE(cluster_.turn_until([&] { return is_readable(peer.fd()); }));
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", R"("first")", {.deadline = 1h})));
  std::string bytes;
  ASSERT_TRUE(cluster_.turn_until([&] {
    if (is_readable(peer.fd())) bytes += peer.receive();
    return bytes.find(R"("ms":)") != std::string::npos;
  }));
  EXPECT_NE(bytes.find(R"("payload":"first")"), std::string::npos) << bytes;
  EXPECT_EQ(bytes.find(R"("ms":0)"), std::string::npos) << bytes;
  ping_->directory().remove("raw");
  EXPECT_TRUE(cluster_.turn_until([&] { return replies.size() == 1; }));
}

}  // namespace
}  // namespace distflow::test
