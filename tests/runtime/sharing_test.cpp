// Two nodes that come to use one connection for both directions, and peers that play along badly or not at all.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "framing/frame.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/node_frames.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

/// Sends numbers, and expects those of the other in their order.
struct Talker {
  explicit Talker(TestNode& node_) : node(node_) { node.record_messages(); }
  void send_next(std::string_view to) { ASSERT_EQ(node.send(to, std::to_string(sent++)), SendVerdict::queued); }
  void expect_order() const {
    for (std::size_t i = 0; i < node.messages.size(); ++i) EXPECT_EQ(node.messages[i].payload, std::to_string(i));
  }

  TestNode& node;
  int sent = 0;
};

bool share(TestNode& one, TestNode& other) {
  const NodeStats a = one.stats();
  const NodeStats b = other.stats();
  return a.connections_shared + b.connections_shared == 1 && a.connections_out + b.connections_out == 1 &&
         a.connections_in + b.connections_in == 1;
}

/// Of two nodes that send to each other from now on.
void talk_and_keep_the_order(Cluster& cluster, Talker& ping, Talker& pong) {
  const auto all_came = [&] {
    return pong.node.messages.size() == static_cast<std::size_t>(ping.sent) &&
           ping.node.messages.size() == static_cast<std::size_t>(pong.sent);
  };
  for (int round = 0; round < 400; ++round) {
    ping.send_next("pong");
    pong.send_next("ping");
    if (round < 200) turn_some(cluster.reactor(), round % 4);
  }
  ASSERT_TRUE(cluster.turn_until(all_came));
  ping.expect_order();
  pong.expect_order();
  EXPECT_TRUE(cluster.turn_until([&] { return share(ping.node, pong.node); }));
  for (TestNode* node : {&ping.node, &pong.node}) {
    const NodeStats stats = node->stats();
    EXPECT_EQ(stats.sent.accepted, stats.sent.written);
    EXPECT_EQ(stats.malformed + stats.misrouted, 0u);
  }
}

TEST(Sharing, a_node_that_answers_another_does_so_on_the_connection_that_it_was_sent_to_on) {
  Cluster cluster;
  Talker ping(cluster.add_node({.alias = "ping"}));
  Talker pong(cluster.add_node({.alias = "pong"}));
  ping.send_next("pong");
  ASSERT_TRUE(cluster.turn_until([&] { return pong.node.messages.size() == 1; }));
  pong.send_next("ping");
  ASSERT_TRUE(cluster.turn_until([&] { return ping.node.messages.size() == 1; }));
  EXPECT_TRUE(share(ping.node, pong.node));
  EXPECT_EQ(pong.node.stats().connections_shared, 1u);
  talk_and_keep_the_order(cluster, ping, pong);
}

TEST(Sharing, nodes_that_send_to_each_other_at_the_same_time_come_to_use_one_connection) {
  Cluster cluster;
  Talker ping(cluster.add_node({.alias = "ping"}));
  Talker pong(cluster.add_node({.alias = "pong"}));
  talk_and_keep_the_order(cluster, ping, pong);
}

TEST(Sharing, a_connection_is_sent_on_by_its_opener_alone_while_the_other_one_has_nothing_to_send) {
  Cluster cluster;
  Talker ping(cluster.add_node({.alias = "ping"}));
  Talker pong(cluster.add_node({.alias = "pong"}));
  for (int i = 0; i < 50; ++i) ping.send_next("pong");
  ASSERT_TRUE(cluster.turn_until([&] { return pong.node.messages.size() == 50; }));
  EXPECT_EQ(pong.node.stats().connections_out, 0u);
  EXPECT_EQ(ping.node.stats().connections_shared + pong.node.stats().connections_shared, 0u);
}

TEST(Sharing, a_node_that_shuts_down_still_sends_what_is_queued_on_the_others_connection) {
  // Whichever of the two has the carrier.
  for (const bool first_leaves : {true, false}) {
    Cluster cluster;
    Talker ping(cluster.add_node({.alias = "ping"}));
    Talker pong(cluster.add_node({.alias = "pong"}));
    ping.send_next("pong");
    pong.send_next("ping");
    ASSERT_TRUE(cluster.turn_until([&] { return share(ping.node, pong.node); }));
    Talker& leaver = first_leaves ? ping : pong;
    Talker& stayer = first_leaves ? pong : ping;
    for (int i = 0; i < 2000; ++i) leaver.send_next(first_leaves ? "pong" : "ping");
    const ShutdownReport report = cluster.shut_down(leaver.node);
    EXPECT_EQ(report.discarded_outgoing, 0u);
    const auto sent = static_cast<std::size_t>(leaver.sent);
    ASSERT_TRUE(cluster.turn_until([&] { return stayer.node.messages.size() == sent; }));
    stayer.expect_order();
    ASSERT_TRUE(cluster.turn_until([&] { return stayer.node.stats().connections_in == 0; }));
    EXPECT_EQ(stayer.node.stats().connections_shared, 0u);
  }
}

TEST(Sharing, a_blocking_mailbox_keeps_nobody_from_opening_a_connection_for_both_directions) {
  Cluster cluster;
  MailboxLimits limits;
  limits.max_size = 2;
  limits.overflow = Overflow::block;
  Talker ping(cluster.add_node({.alias = "ping"}));
  Talker third(cluster.add_node({.alias = "third"}));
  TestNode& slow = cluster.add_node({.alias = "slow", .mailbox = limits});
  for (int i = 0; i < 100; ++i) third.send_next("slow");
  ASSERT_TRUE(cluster.turn_until([&] { return slow.stats().mailbox_size == 2; }));
  ping.send_next("slow");
  ASSERT_TRUE(cluster.turn_until([&] { return ping.node.stats().sent.written == 1; }));
  ASSERT_EQ(slow.send("ping", "0"), SendVerdict::queued);
  ASSERT_TRUE(cluster.turn_until([&] { return ping.node.messages.size() == 1; }));
  EXPECT_TRUE(cluster.turn_until([&] { return slow.stats().connections_shared == 1; }));
  slow.record_messages();
  ASSERT_TRUE(cluster.turn_until([&] { return slow.messages.size() == 101; }));
}

/// A peer that does what the test says.
class ScriptedPeer {
 public:
  ScriptedPeer(Cluster& cluster, TestNode& node, std::string id, bool shares)
      : cluster_(cluster), node_(node), id_(std::move(id)), own_(RawSocket::connected_to(node->port())) {
    node->directory().upsert({.info = {.node_id = id_, .alias = "peer", .host = "127.0.0.1", .port = listener_.port()},
                              .shares_connections = shares});
  }
  void introduce_again(bool shares) {
    node_->directory().upsert({.info = {.node_id = id_, .alias = "peer", .host = "127.0.0.1", .port = listener_.port()},
                               .shares_connections = shares});
  }

  /// Takes the node's connection, which it opens with its first message.
  void accept() {
    ASSERT_TRUE(cluster_.turn_until([&] { return is_readable(listener_.fd()); }));
    theirs_ = listener_.accept();
    bytes_.clear();
  }
  void send(std::string_view payload) { send_on(own_, payload); }
  void send_on(RawSocket& socket, std::string_view payload) {
    ASSERT_TRUE(socket.send(node_frame(id_, node_->node_id(), payload)));
  }
  void notify(const std::string& what) { notify_on(own_, what); }
  void notify_on(RawSocket& socket, const std::string& what) {
    ASSERT_TRUE(socket.send(frame_of(R"({"from":")" + id_ + R"(","to":")" + node_->node_id() +
                                     R"(","timestamp":1,"connection":")" + what + "\"}")));
  }
  /// The next frame that the node sends on its own connection, or on this peer's.
  std::string next() { return next_of(theirs_); }
  std::string next_on_own() { return next_of(own_); }
  bool is_silent() {
    turn_some(cluster_.reactor(), 20);
    return !is_readable(theirs_.fd()) && !is_readable(own_.fd());
  }
  bool is_silent_on_own() {
    turn_some(cluster_.reactor(), 20);
    return !is_readable(own_.fd());
  }
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
  /// Whether the node has ended that connection, or does so soon.
  bool has_end(RawSocket& socket) {
    return cluster_.turn_until([&] { return is_readable(socket.fd()); }) && socket.receive().empty();
  }
  RawSocket& own() { return own_; }
  RawSocket& theirs() { return theirs_; }

 private:
  std::string next_of(RawSocket& socket) {
    const auto has_frame = [&] {
      while (is_readable(socket.fd())) {
        const std::string more = socket.receive();
        if (more.empty()) break;
        bytes_ += more;
      }
      return bytes_.size() >= 4 && bytes_.size() >= 4 + framing::read_header(bytes_.data());
    };
    EXPECT_TRUE(cluster_.turn_until(has_frame));
    if (bytes_.size() < 4) return {};
    const std::size_t size = framing::read_header(bytes_.data());
    std::string body = bytes_.substr(4, size);
    bytes_.erase(0, 4 + size);
    return body;
  }

  Cluster& cluster_;
  TestNode& node_;
  const std::string id_;
  RawSocket listener_ = RawSocket::listening();
  RawSocket own_;
  RawSocket theirs_{-1};
  std::string bytes_;
};

bool says(const std::string& frame, const std::string& what) {
  return frame.find(R"("connection":")" + what + '"') != std::string::npos;
}

class SharingWithPeer : public ::testing::Test {
 protected:
  // Of a pair that opens a connection each at the same time, the greater one's stays: the node's, or the peer's.
  static constexpr const char* kLesser = "0000000000000000";
  static constexpr const char* kGreater = "ffffffffffffffff";

  void introduce(const char* id = kLesser, bool shares = true) { peer_.emplace(cluster_, node_, id, shares); }
  /// The node sends "0", and thereby opens a connection.
  void have_it_open(const char* id = kLesser) {
    introduce(id);
    send("0");
    peer_->accept();
    EXPECT_TRUE(says(peer_->next(), "both"));
  }
  /// And the peer says that it sends there, too.
  void have_it_open_for_both(const char* id = kLesser) {
    have_it_open(id);
    peer_->notify_on(peer_->theirs(), "both");
    EXPECT_EQ(payload(peer_->next()), "0");
  }
  void send(std::string_view json) { EXPECT_EQ(node_.send("peer", json), SendVerdict::queued); }
  bool has_had(std::size_t count) {
    return cluster_.turn_until([&] { return node_.messages.size() == count; });
  }
  /// What the node has registered with the PMD.
  std::vector<std::string> registered_caps() {
    for (const auto& entry : cluster_.pmd().registry().entries()) {
      if (entry.node.node_id == node_->node_id()) return entry.node.caps.value_or(protocol::Caps{});
    }
    return {};
  }
  static std::string payload(const std::string& frame) {
    const std::size_t begin = frame.find(R"("payload":)") + 10;
    return frame.substr(begin, frame.rfind(R"(,"timestamp")") - begin);
  }

  SocketCluster cluster_;
  TestNode& node_ = cluster_.add_node({.alias = "node", .mailbox = {.max_size = 4, .overflow = Overflow::block}});
  std::optional<ScriptedPeer> peer_;
};

// ---- A connection that the node opens.

TEST_F(SharingWithPeer, the_node_whose_connection_stays_sends_at_once_behind_its_first_word) {
  have_it_open(kLesser);
  EXPECT_EQ(payload(peer_->next()), "0") << "without an answer";
}

TEST_F(SharingWithPeer, the_node_whose_connection_may_not_stay_waits_for_the_answer) {
  have_it_open(kGreater);
  EXPECT_TRUE(peer_->is_silent());
  send("1");
  peer_->notify_on(peer_->theirs(), "both");
  EXPECT_EQ(payload(peer_->next()), "0");
  EXPECT_EQ(payload(peer_->next()), "1");
  send("2");
  EXPECT_EQ(payload(peer_->next()), "2");
}

TEST_F(SharingWithPeer, one_that_never_answers_is_sent_to_all_the_same) {
  have_it_open(kGreater);
  EXPECT_EQ(payload(peer_->next()), "0") << "when the time for an answer is over";
}

TEST_F(SharingWithPeer, a_peer_that_has_answered_is_heard_on_the_nodes_connection) {
  node_.record_messages();
  for (const char* id : {kLesser, kGreater}) {
    have_it_open_for_both(id);
    const std::size_t before = node_.messages.size();
    peer_->send_on(peer_->theirs(), "\"here\"");
    ASSERT_TRUE(has_had(before + 1));
    EXPECT_EQ(node_.messages.back().payload, "\"here\"");
    node_->directory().remove(id);
  }
}

TEST_F(SharingWithPeer, a_peer_that_has_said_no_or_anything_else_is_not_heard_on_the_nodes_connection) {
  node_.record_messages();
  for (const char* answer : {"one", "mapped", "may 17"}) {
    have_it_open(kGreater);
    peer_->notify_on(peer_->theirs(), answer);
    EXPECT_EQ(payload(peer_->next()), "0") << answer;
    peer_->notify_on(peer_->theirs(), "both");  // too late
    peer_->send_on(peer_->theirs(), "\"unasked\"");
    const std::size_t before = node_.messages.size();
    peer_->send("\"asked for\"");
    ASSERT_TRUE(has_had(before + 1));
    turn_some(cluster_.reactor(), 20);
    EXPECT_EQ(node_.messages.back().payload, "\"asked for\"");
    node_->directory().remove(kGreater);
  }
}

TEST_F(SharingWithPeer, an_answer_in_anothers_name_is_none) {
  node_.record_messages();
  have_it_open(kGreater);
  ASSERT_TRUE(peer_->theirs().send(
      frame_of(R"({"from":"another","to":")" + node_->node_id() + R"(","timestamp":1,"connection":"both"})")));
  peer_->send_on(peer_->theirs(), "\"unasked\"");
  EXPECT_EQ(payload(peer_->next()), "0");
  turn_some(cluster_.reactor(), 20);
  EXPECT_TRUE(node_.messages.empty());
}

TEST_F(SharingWithPeer, the_loss_of_a_connection_while_it_opens_loses_nothing_that_waits) {
  have_it_open(kGreater);
  send("1");
  turn_some(cluster_.reactor());
  peer_->theirs().close();
  peer_->accept();
  EXPECT_EQ(payload(peer_->next()), "0") << "one direction will do";
  EXPECT_EQ(payload(peer_->next()), "1");
}

TEST_F(SharingWithPeer, one_that_is_not_of_the_nodes_user_is_told_nothing_of_it) {
  introduce(kLesser, false);
  node_.record_messages();
  send("0");
  peer_->accept();
  EXPECT_EQ(payload(peer_->next()), "0");
  peer_->notify_on(peer_->theirs(), "both");
  peer_->send_on(peer_->theirs(), "\"unasked\"");
  peer_->send("\"asked for\"");
  ASSERT_TRUE(has_had(1));
  EXPECT_EQ(node_.messages.back().payload, "\"asked for\"");
}

// Sixteen frames that are no message close the connection, while the message before them waits to be handed on in the
// same batch. Its handler answers, and the link leaves the connection that is being read.
TEST_F(SharingWithPeer, a_handler_may_answer_what_came_on_a_connection_that_has_closed_meanwhile) {
  int handled = 0;
  node_->delivery().set_message_handler([&](const Message& message) {
    ++handled;
    node_.send(message.from, "\"answer\"");
  });
  have_it_open_for_both(kGreater);
  std::string bytes = node_frame(kGreater, node_->node_id(), "\"question\"");
  for (int i = 0; i < 16; ++i) bytes += frame_of("");
  ASSERT_TRUE(peer_->theirs().send(bytes));
  ASSERT_TRUE(cluster_.turn_until([&] { return handled == 1; }));
  peer_->accept();
  EXPECT_TRUE(says(peer_->next(), "both"));
  peer_->notify_on(peer_->theirs(), "both");
  EXPECT_EQ(payload(peer_->next()), "\"answer\"") << "on the connection after it";
}

TEST_F(SharingWithPeer, one_that_leaves_is_heard_to_its_end) {
  node_.record_messages();
  have_it_open_for_both(kGreater);
  node_->directory().remove(kGreater);
  EXPECT_TRUE(says(peer_->next(), "end"));
  peer_->send_on(peer_->theirs(), "\"farewell\"");
  ASSERT_TRUE(has_had(1));
  EXPECT_EQ(node_.messages.back().payload, "\"farewell\"");
  EXPECT_EQ(node_.stats().connections_out, 1u);
  peer_->theirs().close();
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_out == 0; }));
}

TEST_F(SharingWithPeer, a_shutdown_does_not_wait_for_one_that_has_left) {
  node_.record_messages();
  have_it_open_for_both(kGreater);
  node_->directory().remove(kGreater);
  peer_->next();
  node_->begin_shutdown(base::seconds(60));
  // Without waiting: the peer has some seconds while the node goes on.
  for (int turns = 0; turns < 1000 && !is_readable(peer_->theirs().fd()); ++turns) turn_some(cluster_.reactor(), 1);
  ASSERT_TRUE(is_readable(peer_->theirs().fd()));
  EXPECT_EQ(peer_->theirs().receive(), "");
}

TEST_F(SharingWithPeer, what_a_peer_sent_behind_its_answer_is_read_though_it_has_ended_meanwhile) {
  node_.record_messages();
  for (const char* id : {kLesser, kGreater}) {
    const std::size_t before = node_.messages.size();
    have_it_open(id);
    peer_->notify_on(peer_->theirs(), "both");
    for (int i = 0; i < 3; ++i) peer_->send_on(peer_->theirs(), std::to_string(i));
    peer_->theirs().end_sending();  // before the node turns: nobody can say any more who the peer was
    ASSERT_TRUE(has_had(before + 3)) << id;
    EXPECT_EQ(node_.messages.back().payload, "2");
    ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_out == 0; }));
    node_->directory().remove(id);
  }
}

TEST_F(SharingWithPeer, one_that_has_answered_and_ended_is_heard_to_its_end_though_it_has_left) {
  have_it_open(kGreater);
  peer_->notify_on(peer_->theirs(), "both");
  for (int i = 0; i < 20; ++i) peer_->send_on(peer_->theirs(), std::to_string(i));  // more than the mailbox takes
  peer_->theirs().end_sending();
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().mailbox_size == 4; }));
  node_->directory().remove(kGreater);
  node_.record_messages();
  EXPECT_TRUE(has_had(20));
}

// ---- A connection that the peer opens.

TEST_F(SharingWithPeer, a_peer_is_sent_to_on_the_connection_that_it_has_opened) {
  introduce();
  peer_->notify("both");
  EXPECT_TRUE(says(peer_->next_on_own(), "both"));
  send("1");
  EXPECT_EQ(payload(peer_->next_on_own()), "1");
  EXPECT_EQ(node_.stats().connections_shared, 1u);
  EXPECT_EQ(node_.stats().connections_out, 0u);
}

TEST_F(SharingWithPeer, a_peer_that_the_registry_tells_of_later_is_sent_to_there_too) {
  introduce();
  node_->directory().remove(kLesser);
  peer_->notify("both");
  EXPECT_TRUE(says(peer_->next_on_own(), "both"));
  peer_->introduce_again(true);
  send("1");
  EXPECT_EQ(payload(peer_->next_on_own()), "1");
}

TEST_F(SharingWithPeer, a_peer_of_another_user_or_of_none_known_is_not_sent_to_there) {
  introduce(kLesser, false);
  peer_->notify("both");
  EXPECT_TRUE(says(peer_->next_on_own(), "one"));
  send("1");
  peer_->accept();
  EXPECT_EQ(payload(peer_->next()), "1");
}

TEST_F(SharingWithPeer, a_peer_that_the_registry_says_later_to_be_another_users_is_not_sent_to_there) {
  introduce();
  node_->directory().remove(kLesser);
  peer_->notify("both");
  EXPECT_TRUE(says(peer_->next_on_own(), "both"));
  peer_->introduce_again(false);
  send("1");
  peer_->accept();
  EXPECT_EQ(payload(peer_->next()), "1");
}

TEST_F(SharingWithPeer, that_it_carries_both_directions_is_said_by_a_connections_first_frame_or_never) {
  introduce();
  node_.record_messages();
  peer_->send("\"first\"");
  peer_->notify("both");
  ASSERT_TRUE(has_had(1));
  EXPECT_TRUE(peer_->is_silent_on_own());
  send("1");
  peer_->accept();
  EXPECT_TRUE(says(peer_->next(), "both"));
}

TEST_F(SharingWithPeer, what_waits_for_an_answer_goes_where_the_peer_opens_a_connection_at_the_same_time) {
  have_it_open(kGreater);
  send("1");
  peer_->notify("both");
  EXPECT_TRUE(says(peer_->next_on_own(), "both"));
  EXPECT_EQ(payload(peer_->next_on_own()), "0");
  EXPECT_EQ(payload(peer_->next_on_own()), "1");
  EXPECT_TRUE(peer_->has_end(peer_->theirs()));
  EXPECT_EQ(node_.stats().connections_shared, 1u);
  EXPECT_EQ(node_.stats().sent.written, 2u);
}

TEST_F(SharingWithPeer, the_node_whose_connection_stays_does_not_answer_on_the_other_one) {
  have_it_open(kLesser);
  EXPECT_EQ(payload(peer_->next()), "0");
  peer_->notify("both");
  EXPECT_TRUE(peer_->is_silent());
  peer_->notify_on(peer_->theirs(), "both");
  send("1");
  EXPECT_EQ(payload(peer_->next()), "1");
}

TEST_F(SharingWithPeer, the_other_one_is_answered_once_the_nodes_own_has_been) {
  have_it_open(kLesser);
  EXPECT_EQ(payload(peer_->next()), "0");
  peer_->notify("both");
  EXPECT_TRUE(peer_->is_silent_on_own());
  peer_->notify_on(peer_->theirs(), "both");
  EXPECT_TRUE(says(peer_->next_on_own(), "one")) << "whoever waits for an answer holds up its shutdown";
  peer_->send("\"heard\"");
  node_.record_messages();
  EXPECT_TRUE(has_had(1));
}

TEST_F(SharingWithPeer, the_other_one_is_answered_when_the_time_for_the_nodes_own_is_over) {
  have_it_open(kLesser);
  EXPECT_EQ(payload(peer_->next()), "0");
  peer_->notify("both");
  EXPECT_TRUE(says(peer_->next_on_own(), "one"));
}

TEST_F(SharingWithPeer, the_other_one_may_end_before_it_is_answered) {
  have_it_open(kLesser);
  EXPECT_EQ(payload(peer_->next()), "0");
  peer_->notify("both");
  EXPECT_TRUE(peer_->is_silent_on_own());
  peer_->own().close();
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_in == 0; }));
  peer_->notify_on(peer_->theirs(), "both");
  send("1");
  EXPECT_EQ(payload(peer_->next()), "1");
}

TEST_F(SharingWithPeer, a_lost_carrier_is_replaced_by_the_next_connection_of_either_side) {
  introduce();
  peer_->notify("both");
  EXPECT_TRUE(says(peer_->next_on_own(), "both"));
  send("1");
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_shared == 1; }));
  peer_->own().close();
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_shared == 0; }));
  send("2");
  peer_->accept();
  EXPECT_TRUE(says(peer_->next(), "both"));
  EXPECT_EQ(payload(peer_->next()), "2");
  peer_->own() = RawSocket::connected_to(node_->port());
  peer_->notify_on(peer_->theirs(), "both");
  peer_->theirs().close();
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_out == 0; }));
  peer_->notify("both");
  EXPECT_TRUE(says(peer_->next_on_own(), "both"));
  send("3");
  EXPECT_EQ(payload(peer_->next_on_own()), "3");
}

TEST_F(SharingWithPeer, a_peer_that_says_it_sends_no_more_gets_what_is_queued_and_then_the_end) {
  introduce();
  peer_->notify("both");
  EXPECT_TRUE(says(peer_->next_on_own(), "both"));
  send("1");
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_shared == 1; }));
  peer_->notify("end");
  EXPECT_EQ(payload(peer_->next_on_own()), "1");
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_in == 0; }));
  EXPECT_TRUE(peer_->has_end(peer_->own()));
  send("2");
  peer_->accept();
  EXPECT_TRUE(says(peer_->next(), "both"));
  EXPECT_EQ(payload(peer_->next()), "2");
}

TEST_F(SharingWithPeer, what_strangers_say_of_connections_changes_none_of_others) {
  introduce();
  peer_->notify("both");
  EXPECT_TRUE(says(peer_->next_on_own(), "both"));
  send("1");
  EXPECT_EQ(payload(peer_->next_on_own()), "1");
  RawSocket stranger = RawSocket::connected_to(node_->port());
  for (const char* what : {"one", "mapped", "unmapped", "moved", "end"}) {
    ASSERT_TRUE(stranger.send(frame_of(R"({"from":")" + std::string(kLesser) + R"(","to":")" + node_->node_id() +
                                       R"(","timestamp":1,"connection":")" + what + "\"}")));
  }
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_in == 1; })) << "what said its end is closed";
  send("2");
  EXPECT_EQ(payload(peer_->next_on_own()), "2");
}

// ---- A node of the first release, of this user: it asks with a nonce to be sent to elsewhere, and only those that
// have registered its capabilities.

TEST_F(SharingWithPeer, a_node_of_the_first_release_is_talked_to_in_both_directions_on_a_connection_each) {
  node_.record_messages();
  ScriptedPeer released(cluster_, node_, kGreater, false);
  RawSocket pmd = RawSocket::connected_to(cluster_.pmd_port());
  ASSERT_TRUE(pmd.send(frame_of(R"({"type":"register","payload":{"nodeId":")" + std::string(kGreater) +
                                R"(","alias":"peer","host":"127.0.0.1","port":)" + std::to_string(released.port()) +
                                R"(,"ttl":60000,"caps":["shared-connections","shared-memory","pmd-shutdown"]},)"
                                R"("requestId":"1"})")));
  ASSERT_TRUE(cluster_.turn_until([&] { return is_readable(pmd.fd()); }));
  turn_some(cluster_.reactor(), 20);
  for (int i = 0; i < 200; ++i) send(std::to_string(i));  // enough to be worth memory
  released.accept();
  for (int i = 0; i < 200; ++i) ASSERT_EQ(payload(released.next()), std::to_string(i)) << "and nothing else";
  for (int i = 0; i < 4; ++i) released.send(std::to_string(i));
  ASSERT_TRUE(has_had(4));
  EXPECT_TRUE(released.is_silent());
  const NodeStats stats = node_.stats();
  EXPECT_EQ(stats.connections_shared + stats.connections_in_memory, 0u);
  const std::vector<std::string> caps = registered_caps();
  EXPECT_EQ(std::count(caps.begin(), caps.end(), "shared-connections"), 0) << "it asks those that have it";
  EXPECT_EQ(std::count(caps.begin(), caps.end(), "shared-memory"), 0);
}

}  // namespace
}  // namespace distflow::test
