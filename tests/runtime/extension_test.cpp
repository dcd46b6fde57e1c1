// Messages with an extension on every way that a message may take, and what a node makes of those that it receives.
#include <gtest/gtest.h>

#include <string>

#include "framing/frame.hpp"
#include "protocol/envelope.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/node_frames.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using protocol::Extension;
using runtime::OutgoingMessage;

constexpr std::string_view kExtension = R"("hop":17,"ms":5000)";

TEST(MessageExtension, reaches_the_peer_whether_its_message_was_parked_or_not) {
  SocketCluster cluster;
  TestNode& node = cluster.add_node({.alias = "ping"});
  RawSocket listener = RawSocket::listening();
  const auto ask = [](std::string_view payload) { return OutgoingMessage(payload).with(Extension(kExtension)); };

  // Nobody has the name: the PMD is asked, and says so after this turn.
  ASSERT_EQ(node.send("raw", ask("1")), SendVerdict::queued);
  ASSERT_EQ(node.send("raw", "2"), SendVerdict::queued);
  ASSERT_EQ(node.send("raw", OutgoingMessage::without_payload().with(Extension(kExtension))), SendVerdict::queued);
  node->directory().upsert({.info = {.node_id = "raw", .alias = "raw", .host = "127.0.0.1", .port = listener.port()}});
  ASSERT_EQ(node.send("raw", ask("4")), SendVerdict::queued);
  ASSERT_EQ(node.send_parked("raw", {.payload = "5", .extension = std::string(kExtension), .timestamp = 5}),
            SendVerdict::queued);

  ASSERT_TRUE(cluster.turn_until([&] { return is_readable(listener.fd()); }));
  RawSocket peer = listener.accept();
  std::string bytes;
  std::string seen;
  ASSERT_TRUE(cluster.turn_until([&] {
    if (is_readable(peer.fd())) bytes += peer.receive();
    while (bytes.size() >= framing::kHeaderSize) {
      const std::size_t size = framing::kHeaderSize + framing::read_header(bytes.data());
      if (bytes.size() < size) break;
      const std::string body = bytes.substr(framing::kHeaderSize, size - framing::kHeaderSize);
      protocol::Envelope envelope;
      EXPECT_TRUE(protocol::decode_template(body, envelope)) << body;
      seen.append(envelope.payload).append("(").append(envelope.extension.text()).append(")");
      bytes.erase(0, size);
    }
    return seen.ends_with(std::string("5(") + std::string(kExtension) + ")");
  })) << seen;
  const std::string with = "(" + std::string(kExtension) + ")";
  EXPECT_EQ(seen, "1" + with + "2()" + with + "4" + with + "5" + with);
}

/// A node without a handler, and a peer that sends it frames as they are.
class ReceivedExtension : public ::testing::Test {
 protected:
  void send(const std::string& members) {
    ASSERT_TRUE(peer_.send(frame_of(R"({"from":"peer","to":")" + node_->node_id() + '"' + members + "}")));
  }
  /// Turns until so many messages wait in the mailbox.
  bool wait(std::size_t count) {
    return cluster_.turn_until([&] { return node_.stats().mailbox_size == count; });
  }

  SocketCluster cluster_;
  TestNode& node_ = cluster_.add_node({.alias = "pong"});
  RawSocket peer_ = RawSocket::connected_to(node_->port());
};

TEST_F(ReceivedExtension, waits_with_its_message_and_is_charged_for) {
  send(R"(,"payload":"text","timestamp":1795375753755)");
  ASSERT_TRUE(wait(1));
  const std::size_t plain = node_.stats().mailbox_bytes;
  EXPECT_EQ(plain, sizeof(runtime::Mail) + 4 + 6);  // of "peer" and "text"
  send(R"(,"payload":"text","timestamp":1795375753755,)" + std::string(kExtension));
  ASSERT_TRUE(wait(2));
  EXPECT_EQ(node_.stats().mailbox_bytes, 2 * plain + kExtension.size());
  send(R"(, "hop" : 17, "payload":"text","ms":5000,"timestamp":1795375753755)");
  ASSERT_TRUE(wait(3));
  EXPECT_EQ(node_.stats().mailbox_bytes, 3 * plain + 2 * kExtension.size());
}

TEST_F(ReceivedExtension, leaves_the_message_as_it_is_wherever_unknown_members_stand) {
  send(R"(,"payload":{"a":1},"timestamp":7,"hop":17)");
  send(R"(,"v":[1,{"from":"z"}],"payload":{"a":1},"n":1e400,"timestamp":7,"":null)");
  send(R"(,"timestamp":7, "x":"\"payload\":2","payload":{"a":1})");
  ASSERT_TRUE(wait(3));
  node_.record_messages();
  ASSERT_TRUE(cluster_.turn_until([&] { return node_.messages.size() == 3; }));
  for (const KeptMessage& message : node_.messages) {
    EXPECT_EQ(message.from, "peer");
    EXPECT_EQ(message.to, node_->node_id());
    EXPECT_EQ(message.payload, R"({"a":1})");
    EXPECT_TRUE(message.has_payload);
    EXPECT_EQ(message.timestamp, 7);
  }
  EXPECT_EQ(node_.stats().extensions_too_long, 0U);
}

TEST_F(ReceivedExtension, beyond_its_limit_is_lost_and_counted_and_its_message_is_delivered) {
  const std::string value = '"' + std::string(protocol::kExtensionSizeMax, 'x') + '"';
  send(R"(,"payload":1,"timestamp":7,"k":)" + value);
  send(R"(,"k":)" + value + R"(,"payload":1,"timestamp":7)");
  send(R"(,"payload":1,"timestamp":7)");
  ASSERT_TRUE(wait(3));
  EXPECT_EQ(node_.stats().extensions_too_long, 2U);
  EXPECT_EQ(node_.stats().malformed, 0U);
  EXPECT_EQ(node_.stats().mailbox_bytes, 3 * (sizeof(runtime::Mail) + 4 + 1));
}

}  // namespace
}  // namespace distflow::test
