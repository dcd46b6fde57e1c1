// Two nodes that come to use one connection for both directions, and peers that play along badly or not at all.
#include <gtest/gtest.h>

#include <chrono>
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

/// Whether this process was kept from running between two looks for so long that a node may have given up waiting for
/// the other's answer (250 ms).
class StopWatch {
 public:
  bool was_stopped() {
    const auto now = std::chrono::steady_clock::now();
    was_stopped_ |= now - std::exchange(last_, now) > std::chrono::milliseconds(50);
    return was_stopped_;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  bool was_stopped_ = false;
};

/// False when nothing can be said, since the machine was too busy.
bool come_to_share_and_keep_the_order() {
  Cluster cluster;
  Talker ping(cluster.add_node({.alias = "ping"}));
  Talker pong(cluster.add_node({.alias = "pong"}));
  StopWatch watch;
  for (int round = 0; round < 200; ++round) {
    ping.send_next("pong");
    if (round > 20) pong.send_next("ping");
    turn_some(cluster.reactor(), round % 4);
    watch.was_stopped();
  }
  EXPECT_TRUE(cluster.turn_until([&] { return share(ping.node, pong.node) || watch.was_stopped(); }));
  if (!share(ping.node, pong.node)) return !watch.was_stopped();
  const auto all_came = [&] {
    return pong.node.messages.size() == static_cast<std::size_t>(ping.sent) &&
           ping.node.messages.size() == static_cast<std::size_t>(pong.sent);
  };
  EXPECT_TRUE(cluster.turn_until(all_came));
  for (int round = 0; round < 200; ++round) {
    pong.send_next("ping");
    ping.send_next("pong");
  }
  EXPECT_TRUE(cluster.turn_until(all_came));
  ping.expect_order();
  pong.expect_order();
  EXPECT_TRUE(share(ping.node, pong.node));
  for (TestNode* node : {&ping.node, &pong.node}) {
    const NodeStats stats = node->stats();
    EXPECT_EQ(stats.sent.accepted, stats.sent.written);
    EXPECT_EQ(stats.malformed + stats.misrouted, 0u);
  }
  return true;
}

TEST(Sharing, nodes_that_answer_each_other_come_to_use_one_connection_and_keep_the_order) {
  constexpr int tries_max = 100;
  for (int i = 0; i < tries_max; ++i) {
    if (come_to_share_and_keep_the_order()) return;
  }
  GTEST_SKIP() << "this process was stopped again and again";
}

TEST(Sharing, begins_only_when_the_other_one_sends_too) {
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

TEST(Sharing, a_blocking_mailbox_holds_back_the_answer_to_the_question_behind_its_messages) {
  Cluster cluster;
  MailboxLimits limits;
  limits.max_size = 2;
  limits.overflow = Overflow::block;
  Talker ping(cluster.add_node({.alias = "ping"}));
  TestNode& slow = cluster.add_node({.alias = "slow", .mailbox = limits});
  ASSERT_EQ(slow.send("ping", "0"), SendVerdict::queued);
  for (int i = 0; i < 100; ++i) ping.send_next("slow");
  ASSERT_TRUE(cluster.turn_until([&] { return slow.stats().mailbox_size == 2; }));
  for (int i = 0; i < 100; ++i) ping.send_next("slow");
  turn_some(cluster.reactor(), 50);
  slow.record_messages();
  ASSERT_TRUE(cluster.turn_until([&] { return slow.messages.size() == 200; }));
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(slow.messages[i].payload, std::to_string(i));
}

/// A peer that does what the test says.
class ScriptedPeer {
 public:
  ScriptedPeer(Cluster& cluster, TestNode& node, std::string id, bool shares)
      : cluster_(cluster), node_(node), id_(std::move(id)), own_(RawSocket::connected_to(node->port())) {
    node->directory().upsert({.info = {.node_id = id_, .alias = "peer", .host = "127.0.0.1", .port = listener_.port()},
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
  void notify(const std::string& what) {
    ASSERT_TRUE(own_.send(frame_of(R"({"from":")" + id_ + R"(","to":")" + node_->node_id() +
                                   R"(","timestamp":1,"connection":")" + what + "\"}")));
  }
  /// The next frame that the node sends on its own connection, or on this peer's.
  std::string next() { return next_of(theirs_); }
  std::string next_on_own() { return next_of(own_); }
  /// The nonce of the question that comes next.
  std::string asked() {
    const std::string frame = next();
    const std::size_t at = frame.find(R"("connection":"ask )");
    EXPECT_NE(at, std::string::npos) << frame;
    return at == std::string::npos ? "" : frame.substr(at + 18, 16);
  }
  bool is_silent() {
    turn_some(cluster_.reactor(), 20);
    return !is_readable(theirs_.fd()) && !is_readable(own_.fd());
  }
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

class SharingWithPeer : public ::testing::Test {
 protected:
  // Who is asked, and who asks.
  static constexpr const char* kLesser = "0000000000000000";
  static constexpr const char* kGreater = "ffffffffffffffff";

  void introduce(const char* id = kLesser, bool shares = true) {
    peer_.emplace(cluster_, node_, id, shares);
    send("0");
    peer_->accept();
    EXPECT_EQ(payload(peer_->next()), "0");
    peer_->send("\"hello\"");
  }
  void send(std::string_view json) { EXPECT_EQ(node_.send("peer", json), SendVerdict::queued); }
  static std::string payload(const std::string& frame) {
    const std::size_t begin = frame.find(R"("payload":)") + 10;
    return frame.substr(begin, frame.rfind(R"(,"timestamp")") - begin);
  }

  SocketCluster cluster_;
  TestNode& node_ = cluster_.add_node({.alias = "node", .mailbox = {.max_size = 4, .overflow = Overflow::block}});
  std::optional<ScriptedPeer> peer_;
};

TEST_F(SharingWithPeer, a_question_is_answered_when_all_before_it_is_delivered_and_no_sooner) {
  introduce(kGreater);
  for (int i = 0; i < 10; ++i) peer_->send(std::to_string(i));
  peer_->notify("ask 17");
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().mailbox_size == 4; }));
  EXPECT_TRUE(peer_->is_silent());
  node_.record_messages();
  EXPECT_NE(peer_->next().find(R"("connection":"may 17")"), std::string::npos);
  EXPECT_EQ(node_.messages.size(), 11u);
  peer_->send_on(peer_->theirs(), "\"here\"");
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 12; }));
  EXPECT_EQ(node_.messages.back().payload, "\"here\"");
}

TEST_F(SharingWithPeer, one_that_was_not_told_that_it_may_is_not_heard_on_the_nodes_connection) {
  introduce(kGreater);
  node_.record_messages();
  peer_->send_on(peer_->theirs(), "\"unasked\"");
  peer_->send("\"asked for\"");
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 2; }));
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
  introduce(kGreater);
  EXPECT_EQ(payload(peer_->next()), "\"answer\"");
  peer_->notify("ask 0123456789abcdef");
  EXPECT_NE(peer_->next().find("may 0123456789abcdef"), std::string::npos);
  std::string bytes = node_frame(kGreater, node_->node_id(), "\"question\"");
  for (int i = 0; i < 16; ++i) bytes += frame_of("");
  ASSERT_TRUE(peer_->theirs().send(bytes));
  ASSERT_TRUE(cluster_.turn_until([&] { return handled == 2; }));
  peer_->accept();
  EXPECT_EQ(payload(peer_->next()), "\"answer\"") << "on the connection after it";
}

TEST_F(SharingWithPeer, one_that_leaves_is_heard_to_its_end) {
  introduce(kGreater);
  node_.record_messages();
  peer_->notify("ask 17");
  EXPECT_NE(peer_->next().find(R"("connection":"may 17")"), std::string::npos);
  node_->directory().remove(kGreater);
  EXPECT_NE(peer_->next().find(R"("connection":"end")"), std::string::npos);
  peer_->send_on(peer_->theirs(), "\"farewell\"");
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 2; }));
  EXPECT_EQ(node_.messages.back().payload, "\"farewell\"");
  EXPECT_EQ(node_.stats().connections_out, 1u);
  peer_->theirs().close();
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_out == 0; }));
}

TEST_F(SharingWithPeer, a_shutdown_does_not_wait_for_one_that_has_left) {
  introduce(kGreater);
  node_.record_messages();
  peer_->notify("ask 17");
  peer_->next();
  node_->directory().remove(kGreater);
  peer_->next();
  node_->begin_shutdown(base::seconds(60));
  // Without waiting: the peer has some seconds while the node goes on.
  for (int turns = 0; turns < 1000 && !is_readable(peer_->theirs().fd()); ++turns) turn_some(cluster_.reactor(), 1);
  ASSERT_TRUE(is_readable(peer_->theirs().fd()));
  EXPECT_EQ(peer_->theirs().receive(), "");
}

TEST_F(SharingWithPeer, what_is_sent_waits_for_the_answer_and_then_goes_where_the_answer_came_from) {
  introduce();
  node_.record_messages();
  const std::string nonce = peer_->asked();
  send("1");
  send("2");
  EXPECT_TRUE(peer_->is_silent());
  peer_->notify("may " + nonce);
  EXPECT_EQ(payload(peer_->next_on_own()), "1");
  EXPECT_EQ(payload(peer_->next_on_own()), "2");
  EXPECT_TRUE(peer_->has_end(peer_->theirs()));
  EXPECT_EQ(node_.stats().connections_shared, 1u);
  EXPECT_EQ(node_.stats().sent.written, 3u);
}

TEST_F(SharingWithPeer, an_answer_with_another_nonce_moves_nothing) {
  introduce();
  node_.record_messages();
  const std::string nonce = peer_->asked();
  send("1");
  peer_->notify("may 0123456789abcdef");
  EXPECT_EQ(payload(peer_->next()), "1") << "when the time for an answer is over";
  EXPECT_EQ(node_.stats().connections_shared, 0u);
  peer_->notify("may " + nonce);
  send("2");
  EXPECT_EQ(payload(peer_->next()), "2") << "an answer that came too late moves nothing";
}

TEST_F(SharingWithPeer, one_that_never_answers_is_asked_once) {
  introduce();
  node_.record_messages();
  peer_->asked();
  send("1");
  EXPECT_EQ(payload(peer_->next()), "1");
  RawSocket another = RawSocket::connected_to(node_->port());
  ASSERT_TRUE(another.send(node_frame(kLesser, node_->node_id(), "\"again\"")));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 2; }));
  send("2");
  EXPECT_EQ(payload(peer_->next()), "2");
}

TEST_F(SharingWithPeer, one_without_the_cap_is_never_asked) {
  introduce(kLesser, false);
  node_.record_messages();
  peer_->notify("ask 17");  // nor answered, whoever asks in its name
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 1; }));
  EXPECT_TRUE(peer_->is_silent());
  send("1");
  EXPECT_EQ(payload(peer_->next()), "1");
}

TEST_F(SharingWithPeer, a_lost_carrier_is_replaced_by_a_connection_of_ones_own_and_one_may_be_asked_again) {
  introduce();
  node_.record_messages();
  peer_->notify("may " + peer_->asked());
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_shared == 1; }));
  peer_->own().close();
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_shared == 0; }));
  send("1");
  peer_->accept();
  EXPECT_EQ(payload(peer_->next()), "1");
  peer_->own() = RawSocket::connected_to(node_->port());
  peer_->send("\"back\"");
  peer_->notify("may " + peer_->asked());
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_shared == 1; }));
  send("2");
  EXPECT_EQ(payload(peer_->next_on_own()), "2");
}

TEST_F(SharingWithPeer, the_loss_of_ones_own_connection_while_one_asks_loses_nothing_that_waits) {
  introduce();
  node_.record_messages();
  peer_->asked();
  send("1");
  turn_some(cluster_.reactor());
  peer_->theirs().close();
  peer_->accept();
  EXPECT_EQ(payload(peer_->next()), "1");
}

TEST_F(SharingWithPeer, a_peer_that_says_it_sends_no_more_gets_what_is_queued_and_then_the_end) {
  introduce();
  node_.record_messages();
  peer_->notify("may " + peer_->asked());
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_shared == 1; }));
  send("1");
  peer_->notify("end");
  EXPECT_EQ(payload(peer_->next_on_own()), "1");
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_in == 0; }));
  EXPECT_TRUE(peer_->has_end(peer_->own()));
  send("2");
  peer_->accept();
  EXPECT_EQ(payload(peer_->next()), "2");
}

TEST_F(SharingWithPeer, questions_and_answers_of_strangers_do_nothing) {
  introduce();
  node_.record_messages();
  const std::string nonce = peer_->asked();
  peer_->notify("may " + nonce);
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_shared == 1; }));
  RawSocket stranger = RawSocket::connected_to(node_->port());
  for (const char* what : {"ask 1", "may 1", "end"}) {
    ASSERT_TRUE(stranger.send(frame_of(R"({"from":"nobody","to":")" + node_->node_id() +
                                       R"(","timestamp":1,"connection":")" + what + "\"}")));
  }
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_in == 1; })) << "what said its end is closed";
  send("1");
  EXPECT_EQ(payload(peer_->next_on_own()), "1");
}

}  // namespace
}  // namespace distflow::test
