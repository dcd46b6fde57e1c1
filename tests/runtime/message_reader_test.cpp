// Many connections whose messages a full, blocking mailbox refuses: what they hold of the memory to receive into. And
// what readers share, which is of one connection at a time.
#include "runtime/receive/message_reader.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/node_frames.hpp"
#include "tests/support/operations.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using runtime::MessageReader;

const std::string kOpenedTo = "peer";
using transport::Connection;

constexpr base::ChunkPoolOptions kFewChunks{.chunk_size = 4096, .chunk_count_max = 4};

/// A connection that has been accepted, its messages, and the peer that sends them.
struct Sender final : transport::ConnectionObserver {
  Sender(runtime::ReaderParts& shared, base::ChunkPool& blocks)
      : connection(shared.reactor, blocks, *this, {}),
        reader(std::make_unique<MessageReader>(shared, connection, kOpenedTo)) {}

  void on_frames(Connection&) override { reader->on_frames(); }
  void on_closed(Connection&, Error) override { is_closed = true; }

  RawSocket peer{-1};
  bool is_closed = false;
  Connection connection;
  std::unique_ptr<MessageReader> reader;
};

class MessageReaderTest : public ::testing::Test, private runtime::ControlFrameObserver {
 protected:
  static constexpr std::size_t kSenders = 24;

  MessageReaderTest() {
    Accepting accepting;
    const Result<io::Handle> listener = backend().listen(io::Address::ipv4_loopback(0), {});
    const std::uint16_t port = backend().local_address(*listener)->port;
    backend().accept(*listener, accepting.op);
    for (std::size_t i = 0; i < kSenders; ++i) {
      Sender& sender = senders_.emplace_back(shared_, blocks_);
      sender.peer = RawSocket::connected_to(port);
      EXPECT_TRUE(turn_until(reactor_, [&] { return accepting.streams.size() == i + 1; }));
      sender.connection.open(accepting.streams[i]);
    }
    Closing closing;
    backend().close(*listener, closing.op);
    EXPECT_TRUE(turn_until(reactor_, [&] { return closing.has_ended(); }));
  }
  ~MessageReaderTest() override {
    for (Sender& sender : senders_) {
      sender.reader.reset();
      sender.connection.close();
      EXPECT_TRUE(turn_until(reactor_, [&] { return sender.is_closed; }));
    }
    EXPECT_EQ(shared_.refused_bytes, 0U);
  }

  void on_control_frame(std::string_view, const protocol::ControlFrame&, const transport::Connection&,
                        runtime::Carrier*) override {}
  void on_room() { shared_.on_room(); }

  void send_one_each() {
    for (Sender& sender : senders_) {
      ASSERT_TRUE(sender.peer.send(node_frame("sender", "receiver", '"' + std::string(1000, 'x') + '"')));
    }
  }
  bool all_are_refused() { return shared_.blocked.size() == kSenders - 1; }  // one is in the mailbox
  std::size_t record_messages() {
    std::size_t count = 0;
    delivery_.set_message_handler(
        [&count](const Message& message) { count += message.payload.size() == 1002 ? 1U : 0U; });
    EXPECT_TRUE(turn_until(reactor_, [&] { return count == kSenders; }));
    delivery_.set_message_handler({});
    return count;
  }
  io::Backend& backend() { return reactor_.backend(); }

  base::ChunkPool chunks_{kFewChunks};
  base::ChunkPool blocks_{{.chunk_size = 4096, .chunk_count_max = 64}};
  io::Reactor reactor_{make_socket_backend(chunks_), {}};
  base::Log log_{base::LogLevel::error};
  runtime::TrafficTable traffic_;
  NodeOptions options_{.mailbox = {.max_size = 1, .overflow = Overflow::block}};
  runtime::Delivery delivery_{reactor_, "receiver", options_, log_,
                              base::Delegate<void()>::to<&MessageReaderTest::on_room>(*this)};
  runtime::ReaderParts shared_{.reactor = reactor_,
                               .traffic = traffic_,
                               .delivery = delivery_,
                               .log = log_,
                               .node_id = "receiver",
                               .incomplete_bytes_max = std::size_t{1} << 20,
                               .observer = *this};
  std::deque<Sender> senders_;
};

TEST_F(MessageReaderTest, messages_that_a_mailbox_refuses_do_not_hold_all_chunks_to_receive_into) {
  send_one_each();
  ASSERT_TRUE(turn_until(reactor_, [&] { return all_are_refused(); })) << shared_.blocked.size();
  EXPECT_EQ(backend().counters().chunks_missing, 0U);
  EXPECT_GT(shared_.refused_bytes, 0U);
  EXPECT_EQ(record_messages(), kSenders);
}

TEST_F(MessageReaderTest, what_is_copied_of_refused_messages_is_bounded) {
  shared_.incomplete_bytes_max = 3000;
  send_one_each();
  ASSERT_TRUE(turn_until(reactor_, [&] { return backend().counters().chunks_missing > 0; }));
  EXPECT_LE(shared_.refused_bytes, 3000U);
  EXPECT_EQ(record_messages(), kSenders);
}

}  // namespace
}  // namespace distflow::test
