// Nodes of one machine that come to share memory, and peers that offer some badly.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <new>
#include <sstream>

#include "framing/frame.hpp"
#include "stream/memory_stream.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/node_frames.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using stream::MemoryHeader;

constexpr int kEnough = 100;  // messages: more than make memory worth its while

/// Sends numbers, and expects those of the other in their order.
struct Talker {
  explicit Talker(TestNode& node_) : node(node_) { node.record_messages(); }
  void send(std::string_view to, int count) {
    for (int i = 0; i < count; ++i) ASSERT_EQ(node.send(to, std::to_string(sent++)), SendVerdict::queued);
  }
  [[nodiscard]] bool has_all_of(const Talker& other) const {
    return node.messages.size() == static_cast<std::size_t>(other.sent);
  }
  void expect_order() const {
    for (std::size_t i = 0; i < node.messages.size(); ++i) ASSERT_EQ(node.messages[i].payload, std::to_string(i));
  }
  [[nodiscard]] std::size_t in_memory() const { return node.stats().connections_in_memory; }

  TestNode& node;
  int sent = 0;
};

void expect_sound(TestNode& node) {
  const NodeStats stats = node.stats();
  EXPECT_EQ(stats.sent.accepted, stats.sent.written);
  EXPECT_EQ(stats.malformed + stats.misrouted, 0U);
}

class Memory : public ::testing::Test {
 protected:
  Talker add(NodeOptions options) { return Talker(cluster_.add_node(std::move(options))); }
  bool all_came(const Talker& to, const Talker& from) {
    return cluster_.turn_until([&] { return to.has_all_of(from); });
  }

  /// Memory is offered once the peer has answered, which may be behind messages that it has got already.
  bool comes_in_memory(const Talker& node, std::size_t connections = 1) {
    return cluster_.turn_until([&] { return node.in_memory() == connections; });
  }

  bool has_come(const Talker& to, std::size_t count) {
    return cluster_.turn_until([&] { return to.node.messages.size() == count; });
  }

  Cluster cluster_;
};

TEST_F(Memory, is_shared_after_some_messages_one_way_and_the_order_stays) {
  Talker ping = add({.alias = "ping"});
  Talker pong = add({.alias = "pong"});
  ping.send("pong", 60);
  ASSERT_TRUE(all_came(pong, ping));
  EXPECT_EQ(ping.in_memory(), 0U);
  for (int round = 0; round < 50; ++round) {
    ping.send("pong", round % 7);
    turn_some(cluster_.reactor(), round % 3);
  }
  ASSERT_TRUE(all_came(pong, ping));
  EXPECT_TRUE(comes_in_memory(ping) && comes_in_memory(pong));
  ping.send("pong", 5000);
  ASSERT_TRUE(all_came(pong, ping));
  pong.expect_order();
  expect_sound(ping.node);
}

TEST_F(Memory, carries_answers_too_and_more_than_a_ring_has) {
  Talker ping = add({.alias = "ping", .memory_ring_size = 4096});
  Talker pong = add({.alias = "pong", .memory_ring_size = 4096});
  for (int round = 0; round < 200; ++round) {
    ping.send("pong", 20);
    pong.send("ping", 20);
    turn_some(cluster_.reactor(), round % 4);
  }
  ASSERT_TRUE(all_came(pong, ping) && all_came(ping, pong));
  EXPECT_TRUE(cluster_.turn_until([&] { return ping.in_memory() >= 1; }));
  ping.expect_order();
  pong.expect_order();
  expect_sound(ping.node);
  expect_sound(pong.node);
}

TEST_F(Memory, carries_messages_that_are_longer_than_a_ring) {
  Talker ping = add({.alias = "ping", .memory_ring_size = 4096});
  Talker pong = add({.alias = "pong"});
  ping.send("pong", kEnough);
  ASSERT_TRUE(all_came(pong, ping));
  ASSERT_TRUE(comes_in_memory(ping));
  const std::string large = '"' + std::string(300'000, 'x') + '"';
  for (int i = 0; i < 10; ++i) ASSERT_EQ(ping.node.send("pong", large), SendVerdict::queued);
  ASSERT_TRUE(has_come(pong, kEnough + 10));
  for (std::size_t i = kEnough; i < pong.node.messages.size(); ++i) EXPECT_EQ(pong.node.messages[i].payload, large);
  expect_sound(ping.node);
}

TEST_F(Memory, is_not_shared_where_either_side_wants_none) {
  for (const bool sender_wants : {true, false}) {
    Talker ping = add({.alias = "ping", .memory_connections_max = sender_wants ? 16U : 0U});
    Talker pong = add({.alias = "pong", .memory_connections_max = sender_wants ? 0U : 16U});
    ping.send("pong", 3 * kEnough);
    ASSERT_TRUE(all_came(pong, ping));
    pong.expect_order();
    EXPECT_EQ(ping.in_memory() + pong.in_memory(), 0U);
    cluster_.shut_down(ping.node);
    cluster_.shut_down(pong.node);
  }
}

TEST_F(Memory, is_shared_on_no_more_connections_than_the_bound_allows) {
  Talker hub = add({.alias = "hub", .memory_connections_max = 1});
  Talker one = add({.alias = "one"});
  Talker two = add({.alias = "two"});
  one.send("hub", kEnough);
  ASSERT_TRUE(all_came(hub, one) && comes_in_memory(one));
  two.send("hub", kEnough);
  ASSERT_TRUE(has_come(hub, 2 * kEnough));
  two.send("hub", kEnough);
  ASSERT_TRUE(has_come(hub, 3 * kEnough));
  EXPECT_EQ(hub.in_memory(), 1U);
  EXPECT_EQ(one.in_memory(), 1U);
  EXPECT_TRUE(comes_in_memory(two, 0)) << "what was offered in vain is given up";
  expect_sound(two.node);
}

TEST_F(Memory, has_room_again_when_a_connection_ends) {
  Talker hub = add({.alias = "hub", .memory_connections_max = 1});
  for (const char* name : {"one", "two"}) {
    Talker peer = add({.alias = name});
    const std::size_t before = hub.node.messages.size();
    peer.send("hub", kEnough);
    ASSERT_TRUE(has_come(hub, before + kEnough));
    ASSERT_TRUE(cluster_.turn_until([&] { return hub.in_memory() == 1; })) << name;
    cluster_.shut_down(peer.node);
    ASSERT_TRUE(cluster_.turn_until([&] { return hub.in_memory() == 0; })) << name;
  }
}

TEST_F(Memory, of_a_node_that_shuts_down_is_read_to_its_end) {
  Talker ping = add({.alias = "ping", .memory_ring_size = 4096});
  Talker pong = add({.alias = "pong"});
  ping.send("pong", kEnough);
  ASSERT_TRUE(all_came(pong, ping));
  ASSERT_TRUE(comes_in_memory(ping));
  ping.send("pong", 2000);
  EXPECT_EQ(cluster_.shut_down(ping.node).discarded_outgoing, 0U);
  ASSERT_TRUE(all_came(pong, ping)) << pong.node.messages.size();
  pong.expect_order();
}

TEST_F(Memory, holds_a_sender_back_for_a_mailbox_that_blocks) {
  Talker ping = add({.alias = "ping", .send_messages_max = 500, .memory_ring_size = 4096});
  TestNode& slow = cluster_.add_node({.alias = "slow", .mailbox = {.max_size = 4, .overflow = Overflow::block}});
  slow.record_messages();
  ping.send("slow", kEnough);
  ASSERT_TRUE(cluster_.turn_until([&] { return slow.messages.size() == kEnough; }));
  ASSERT_TRUE(comes_in_memory(ping));
  slow->delivery().set_message_handler({});
  SendVerdict verdict = SendVerdict::queued;
  for (int i = 0; i < 10'000 && verdict == SendVerdict::queued; ++i) {
    verdict = ping.node.send("slow", std::to_string(ping.sent));
    if (verdict == SendVerdict::queued) ++ping.sent;
    turn_some(cluster_.reactor(), 1);
  }
  EXPECT_EQ(verdict, SendVerdict::queue_full);
  slow.record_messages();
  ASSERT_TRUE(cluster_.turn_until([&] { return slow.messages.size() == static_cast<std::size_t>(ping.sent); }));
  for (std::size_t i = 0; i < slow.messages.size(); ++i) ASSERT_EQ(slow.messages[i].payload, std::to_string(i));
}

TEST_F(Memory, is_shared_with_oneself) {
  Talker node = add({.alias = "node"});
  node.send("node", 3 * kEnough);
  ASSERT_TRUE(all_came(node, node));
  node.send("node", kEnough);
  ASSERT_TRUE(all_came(node, node));
  node.expect_order();
  EXPECT_TRUE(comes_in_memory(node, 2)) << "both ends are its own";
}

// The peer's answer to the offer waits behind messages that the mailbox has no room for, when the peer leaves.
TEST_F(Memory, that_a_peer_has_mapped_and_sent_through_is_read_though_it_has_left_meanwhile) {
  Talker ping(cluster_.add_node({.alias = "ping", .mailbox = {.max_size = 4, .overflow = Overflow::block}}));
  Talker pong = add({.alias = "pong"});
  ping.node->delivery().set_message_handler({});
  ping.send("pong", 60);
  ASSERT_TRUE(all_came(pong, ping));
  pong.send("ping", 10);
  ASSERT_TRUE(cluster_.turn_until([&] { return ping.node.stats().mailbox_size == 4; }));
  ping.send("pong", 40);
  ASSERT_TRUE(comes_in_memory(pong));
  pong.send("ping", 100);
  EXPECT_EQ(cluster_.shut_down(pong.node).discarded_outgoing, 0U);
  EXPECT_EQ(pong.node.stats().sent.written, 110U);
  ASSERT_TRUE(cluster_.turn_until([&] { return ping.node->directory().list().empty(); }));
  ping.node.record_messages();
  ASSERT_TRUE(has_come(ping, 110)) << ping.node.messages.size();
  ping.expect_order();
  EXPECT_TRUE(comes_in_memory(ping, 0));
}

TEST_F(Memory, that_a_peer_has_mapped_is_read_to_its_end_though_it_has_moved_and_more_lies_there_than_a_ring_has) {
  Talker ping(cluster_.add_node(
      {.alias = "ping", .mailbox = {.max_size = 4, .overflow = Overflow::block}, .memory_ring_size = 4096}));
  Talker pong = add({.alias = "pong"});
  ping.node->delivery().set_message_handler({});
  ping.send("pong", 60);
  ASSERT_TRUE(all_came(pong, ping));
  pong.send("ping", 10);
  ASSERT_TRUE(cluster_.turn_until([&] { return ping.node.stats().mailbox_size == 4; }));
  ping.send("pong", 40);
  ASSERT_TRUE(comes_in_memory(pong));
  pong.send("ping", 500);
  turn_some(cluster_.reactor(), 20);
  ping.node->directory().upsert(
      {.info = {.node_id = pong.node->node_id(), .alias = "pong", .host = "127.0.0.2", .port = pong.node->port()},
       .shares_connections = true,
       .shares_memory = true});
  ping.node.record_messages();
  ASSERT_TRUE(has_come(ping, 510)) << ping.node.messages.size();
  ping.expect_order();
}

/// A peer that opens a connection to a node, and offers memory as the test says.
class MemoryOffered : public ::testing::Test {
 protected:
  static constexpr std::size_t kRing = 4096;
  static constexpr const char* kPeer = "0000000000000000";
  static constexpr const char* kNonce = "0123456789abcdef";

  MemoryOffered() {
    node_.record_messages();
    register_peer(true);
    open();
  }
  /// As an opener that is sent to on its connection: only such a one is believed to be somebody.
  void open() {
    notify("both");
    EXPECT_NE(next().find(R"("connection":"both")"), std::string::npos);
  }
  void register_peer(bool shares_memory) {
    runtime::KnownNode peer;
    peer.info.node_id = kPeer;
    peer.info.host = "127.0.0.1";
    peer.info.port = 1;
    peer.shares_connections = true;
    peer.shares_memory = shares_memory;
    node_->directory().upsert(peer);
  }

  std::string notice(const std::string& what) {
    return R"({"from":")" + std::string(kPeer) + R"(","to":")" + node_->node_id() +
           R"(","timestamp":1,"connection":")" + what + "\"}";
  }
  void notify(const std::string& what) { ASSERT_TRUE(socket_.send(frame_of(notice(what)))); }
  std::string next() {
    std::string bytes;
    EXPECT_TRUE(cluster_.turn_until([&] {
      while (is_readable(socket_.fd())) {
        const std::string more = socket_.receive();
        if (more.empty()) return true;
        bytes += more;
      }
      return bytes.size() >= 4 && bytes.size() >= 4 + framing::read_header(bytes.data());
    }));
    return bytes.size() < 4 ? "" : bytes.substr(4, framing::read_header(bytes.data()));
  }
  void create() {
    Result<io::SharedMemory> memory = cluster_.reactor().backend().create_memory(MemoryHeader::kSize + 2 * kRing);
    ASSERT_TRUE(memory);
    memory_ = *std::move(memory);
    header_ = new (memory_.bytes.get()) MemoryHeader;
    std::copy_n(kNonce, MemoryHeader::kNonceSize, header_->nonce.begin());
  }
  std::string offer(const std::string& nonce = kNonce, std::size_t ring = kRing) {
    return "memory " + std::to_string(ring) + " " + memory_.name + " " + nonce;
  }
  /// Puts bytes into the ring as any writer would.
  void write(const std::string& bytes) {
    stream::RingWriter writer({header_->rings[0], {ring(), kRing}});
    ASSERT_EQ(writer.write(bytes), bytes.size());
  }
  char* ring() { return reinterpret_cast<char*>(memory_.bytes.get()) + MemoryHeader::kSize; }
  void share() {
    create();
    notify(offer());
    ASSERT_NE(next().find(R"("connection":"mapped")"), std::string::npos);
    notify("moved");
  }
  std::string message(std::string_view payload) { return node_frame(kPeer, node_->node_id(), payload); }
  bool is_closed() {
    return cluster_.turn_until([&] { return is_readable(socket_.fd()); }) && socket_.receive().empty();
  }
  void expect_unmapped() {
    EXPECT_NE(next().find(R"("connection":"unmapped")"), std::string::npos);
    ASSERT_TRUE(socket_.send(message("\"goes on\"")));
    ASSERT_TRUE(cluster_.turn_until([&] { return !node_.messages.empty(); }));
    EXPECT_EQ(node_.messages.back().payload, "\"goes on\"");
    EXPECT_EQ(node_.stats().connections_in_memory, 0U);
  }

  SocketCluster cluster_;
  TestNode& node_ = cluster_.add_node({.alias = "node"});
  RawSocket socket_ = RawSocket::connected_to(node_->port());
  io::SharedMemory memory_;
  MemoryHeader* header_ = nullptr;
};

TEST_F(MemoryOffered, is_read_behind_the_last_frame_of_the_stream) {
  share();
  write(message("1"));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 1; }));
  EXPECT_EQ(node_.stats().connections_in_memory, 1U);
}

TEST_F(MemoryOffered, bytes_of_the_stream_behind_its_last_frame_are_none_of_it) {
  share();
  ASSERT_TRUE(socket_.send("whatever"));
  write(message("1"));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 1; }));
  EXPECT_EQ(node_.stats().malformed, 0U);
}

TEST_F(MemoryOffered, what_is_written_just_before_the_streams_end_is_read) {
  share();
  turn_some(cluster_.reactor());
  // Between the turn's last look into the ring before its poll, and the poll, which finds the end.
  io::PollHook late;
  bool is_about_to_sleep = false;
  auto end = [&]() -> std::size_t {
    if (socket_.fd() < 0 || !is_about_to_sleep) return 0;
    write(message("1"));
    socket_.close();
    return 0;
  };
  auto note = [&](bool sleeps) { is_about_to_sleep = sleeps; };
  late.on_look = base::Delegate<std::size_t()>::of(end);
  late.on_sleep = base::Delegate<void(bool)>::of(note);
  cluster_.reactor().watch(late);
  const bool has_come = cluster_.turn_until([&] { return node_.stats().connections_in == 0; });
  late.unlink();
  ASSERT_TRUE(has_come);
  EXPECT_EQ(node_.messages.size(), 1U);
}

TEST_F(MemoryOffered, under_another_nonce_is_not_mapped) {
  create();
  notify(offer("fedcba9876543210"));
  expect_unmapped();
}

TEST_F(MemoryOffered, of_another_size_is_not_mapped) {
  create();
  notify(offer(kNonce, 2 * kRing));
  expect_unmapped();
}

TEST_F(MemoryOffered, under_a_name_that_leads_nowhere_is_not_mapped) {
  memory_.name = "../../1/2";
  notify(offer());
  expect_unmapped();
}

TEST_F(MemoryOffered, that_never_was_cannot_be_moved_to) {
  notify("moved");
  notify("mapped");
  ASSERT_TRUE(socket_.send(message("1")));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 1; }));
}

TEST_F(MemoryOffered, with_a_position_that_cannot_be_closes_its_connection_and_no_other) {
  share();
  header_->rings[0].written.store(kRing + 1);
  EXPECT_TRUE(is_closed());
  RawSocket another = RawSocket::connected_to(node_->port());
  ASSERT_TRUE(another.send(message("1")));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 1; }));
  EXPECT_EQ(node_.stats().connections_in_memory, 0U);
}

TEST_F(MemoryOffered, with_a_frame_that_is_too_long_closes_its_connection) {
  share();
  write(announcement(0xffffffff));
  EXPECT_TRUE(is_closed());
  EXPECT_EQ(node_.stats().frames_too_long, 1U);
}

TEST_F(MemoryOffered, by_one_that_has_left_or_does_not_share_it_is_not_mapped) {
  create();
  register_peer(false);
  notify(offer());
  expect_unmapped();
  node_->directory().remove(kPeer);
  notify(offer());
  expect_unmapped();
}

// Whatever it says, and whose name it uses: who has not opened the connection as a node of this user is a stranger.
TEST_F(MemoryOffered, on_a_connection_that_is_open_to_nobody_is_not_looked_at) {
  create();
  RawSocket stranger = RawSocket::connected_to(node_->port());
  ASSERT_TRUE(stranger.send(message("1") + frame_of(notice("both")) + frame_of(notice(offer())) + message("2")));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 2; }));
  turn_some(cluster_.reactor(), 20);
  EXPECT_FALSE(is_readable(stranger.fd()));
  EXPECT_EQ(node_.stats().connections_in_memory, 0U);
}

TEST_F(MemoryOffered, in_the_name_of_another_is_its_openers) {
  create();
  const std::string offered = notice(offer());
  const std::string others = std::string(offered).replace(offered.find(kPeer), 16, "1111111111111111");
  ASSERT_TRUE(socket_.send(frame_of(others)));
  EXPECT_NE(next().find(R"("to":")" + std::string(kPeer)), std::string::npos);
}

TEST_F(MemoryOffered, by_one_peer_is_mapped_on_a_few_of_its_connections_and_again_when_one_has_ended) {
  std::vector<RawSocket> sockets;
  std::vector<io::SharedMemory> memories;
  const auto offer_on_another = [&] {
    sockets.push_back(std::exchange(socket_, RawSocket::connected_to(node_->port())));
    open();
    create();
    memories.push_back(memory_);
    notify(offer());
    return next();
  };
  for (int i = 0; i < 4; ++i) ASSERT_NE(offer_on_another().find(R"("connection":"mapped")"), std::string::npos) << i;
  EXPECT_NE(offer_on_another().find(R"("connection":"unmapped")"), std::string::npos) << "the fifth";
  sockets.clear();
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_in_memory == 0; }));
  EXPECT_NE(offer_on_another().find(R"("connection":"mapped")"), std::string::npos);
}

TEST_F(MemoryOffered, a_second_time_on_one_connection_is_ignored) {
  share();
  write(frame_of(notice(offer())) + message("1"));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 1; }));
  turn_some(cluster_.reactor());
  EXPECT_EQ(node_.stats().connections_in_memory, 1U);
}

/// A peer that a node sends to, and that answers the node's offer as the test says.
class MemoryAnswered : public ::testing::Test {
 protected:
  static constexpr const char* kPeer = "0000000000000000";

  MemoryAnswered() {
    node_->directory().upsert(
        {.info = {.node_id = kPeer, .alias = "peer", .host = "127.0.0.1", .port = listener_.port()},
         .shares_connections = true,
         .shares_memory = true});
    send(kEnough);
    EXPECT_TRUE(cluster_.turn_until([&] { return is_readable(listener_.fd()); }));
    theirs_ = listener_.accept();
    notice("both");
    answer("both");
    notice("memory ");
  }

  void send(int count) {
    for (int i = 0; i < count; ++i) EXPECT_EQ(node_.send("peer", "17"), SendVerdict::queued);
  }
  /// What follows `verb` in the next notice that has it, split at its spaces.
  std::vector<std::string> notice(const std::string& verb) {
    const std::string key = R"("connection":")" + verb;
    EXPECT_TRUE(cluster_.turn_until([&] {
      if (is_readable(theirs_.fd())) bytes_ += theirs_.receive();
      return bytes_.find(key) != std::string::npos && bytes_.find("\"}", bytes_.find(key)) != std::string::npos;
    }));
    const std::size_t begin = bytes_.find(key) + key.size();
    std::istringstream text(bytes_.substr(begin, bytes_.find('"', begin) - begin));
    return {std::istream_iterator<std::string>(text), {}};
  }
  [[nodiscard]] std::string answer_frame(const std::string& what) const {
    return frame_of(R"({"from":")" + std::string(kPeer) + R"(","to":")" + node_->node_id() +
                    R"(","timestamp":1,"connection":")" + what + "\"}");
  }
  void answer(const std::string& what) { ASSERT_TRUE(theirs_.send(answer_frame(what))); }
  /// Takes the memory that was offered.
  MemoryHeader* take() {
    const std::vector<std::string> offer = notice("memory ");
    ring_size_ = std::stoul(offer.at(0));
    Result<io::SharedMemory> opened =
        cluster_.reactor().backend().open_memory(offer.at(1), MemoryHeader::kSize + 2 * ring_size_);
    EXPECT_TRUE(opened);
    memory_ = *std::move(opened);
    answer("mapped");
    notice("moved");
    return std::launder(reinterpret_cast<MemoryHeader*>(memory_.bytes.get()));
  }

  /// Of a node that shuts down: whether it ends without waiting for anybody.
  bool ends_at_once() {
    for (int turns = 0; turns < 1000 && !node_.closed; ++turns) turn_some(cluster_.reactor(), 1);
    return node_.closed.has_value();
  }

  SocketCluster cluster_;
  TestNode& node_ = cluster_.add_node({.alias = "node", .mailbox = {.max_size = 1, .overflow = Overflow::block}});
  RawSocket listener_ = RawSocket::listening();
  RawSocket theirs_{-1};
  std::string bytes_;
  std::size_t ring_size_ = 0;
  io::SharedMemory memory_;
};

// Another peer, whose connection the node reads as well, says yes in this one's name while half a frame has come here.
TEST_F(MemoryAnswered, is_believed_on_the_connection_of_the_offer_and_on_no_other) {
  ASSERT_TRUE(theirs_.send(std::string(2, '\0')));
  turn_some(cluster_.reactor());

  RawSocket other_listener = RawSocket::listening();
  node_->directory().upsert(
      {.info = {.node_id = "1111111111111111", .alias = "other", .host = "127.0.0.1", .port = other_listener.port()},
       .shares_connections = true,
       .shares_memory = true});
  for (int i = 0; i < kEnough; ++i) EXPECT_EQ(node_.send("other", "17"), SendVerdict::queued);
  ASSERT_TRUE(cluster_.turn_until([&] { return is_readable(other_listener.fd()); }));
  RawSocket others = other_listener.accept();
  const auto say = [&](const std::string& from, const std::string& what) {
    ASSERT_TRUE(others.send(frame_of(R"({"from":")" + from + R"(","to":")" + node_->node_id() +
                                     R"(","timestamp":1,"connection":")" + what + "\"}")));
  };
  say("1111111111111111", "both");
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_in_memory == 2; }));
  for (const char* what : {"mapped", "unmapped"}) say(kPeer, what);
  turn_some(cluster_.reactor(), 20);
  EXPECT_EQ(node_.stats().connections_in_memory, 2U);
  send(1);
  turn_some(cluster_.reactor(), 20);
  while (is_readable(theirs_.fd())) bytes_ += theirs_.receive();
  EXPECT_EQ(bytes_.find("moved"), std::string::npos);
}

TEST_F(MemoryAnswered, by_no_is_given_up_once_and_for_all) {
  answer("unmapped");
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().connections_in_memory == 0; }));
  answer("mapped");  // too late
  turn_some(cluster_.reactor());
  EXPECT_EQ(node_.stats().connections_in_memory, 0U);
  EXPECT_EQ(node_.stats().connections_out, 1U);
}

TEST_F(MemoryAnswered, by_yes_is_where_messages_come_from_then_on) {
  MemoryHeader* const header = take();
  send(1);
  ASSERT_TRUE(cluster_.turn_until([&] { return header->rings[0].written.load() > 0; }));
}

TEST_F(MemoryAnswered, right_behind_a_message_is_not_waited_for_by_a_shutdown_in_its_handler) {
  node_->delivery().set_message_handler([this](const Message&) { node_->begin_shutdown(base::seconds(5)); });
  ASSERT_TRUE(theirs_.send(node_frame(kPeer, node_->node_id(), "1") + answer_frame("mapped")));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_->is_closing(); }));
  EXPECT_TRUE(ends_at_once());
}

TEST_F(MemoryAnswered, behind_messages_that_the_mailbox_refuses_is_not_waited_for_by_a_shutdown) {
  ASSERT_TRUE(theirs_.send(node_frame(kPeer, node_->node_id(), "1") + node_frame(kPeer, node_->node_id(), "2") +
                           answer_frame("mapped")));
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.stats().mailbox_size == 1; }));
  turn_some(cluster_.reactor());
  node_->begin_shutdown(base::seconds(5));
  EXPECT_TRUE(ends_at_once());
}

TEST_F(MemoryAnswered, with_a_position_that_cannot_be_loses_the_connection_and_not_the_node) {
  MemoryHeader* const header = take();
  header->rings[0].taken.store(std::uint64_t{1} << 40);  // far more than was written
  send(10'000);                                          // more than the ring has room for
  EXPECT_TRUE(cluster_.turn_until([&] { return is_readable(theirs_.fd()) && theirs_.receive().empty(); }));
  send(1);
  EXPECT_TRUE(cluster_.turn_until([&] { return is_readable(listener_.fd()); })) << "the node connects anew";
}

}  // namespace
}  // namespace distflow::test
