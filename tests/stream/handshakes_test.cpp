// Listener and Dialer with a layer: streams come after their handshake, and those whose handshake fails never.
#include "stream/handshakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "stream/dialer.hpp"
#include "stream/listener.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/masked_stream.hpp"
#include "tests/support/operations.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class HandshakesTest : public ::testing::Test {
 protected:
  void listen(stream::HandshakeLimits limits = {}) {
    masked_.emplace(chunks_, limits, &log_);
    listener_.emplace(reactor_, masked_->setup, stream::ListenerOptions{},
                      base::Delegate<void(stream::OpenStream&, const io::Address&)>::to<&HandshakesTest::take>(*this));
    ASSERT_TRUE(listener_->open(io::Address::ipv4_loopback(0)));
  }
  void TearDown() override {
    dialer_.reset();
    for (stream::OpenStream& stream : accepted_) discard(reactor_, std::move(stream));
    if (dialed_ && *dialed_) discard(reactor_, **std::move(dialed_));
    if (listener_->is_open()) close_listener();
    EXPECT_TRUE(until([&] { return reactor_.backend().handle_count() == 0; })) << "a handle is left open";
  }
  void close_listener() { listener_->close(base::Delegate<void()>::to<&HandshakesTest::on_closed>(*this)); }
  void on_closed() {}
  void take(stream::OpenStream& stream, const io::Address&) { accepted_.push_back(std::move(stream)); }
  void on_dialed(Result<stream::OpenStream> outcome) { dialed_.emplace(std::move(outcome)); }
  void prepare_dialer(stream::HandshakeLimits limits = {}) { others_.emplace(chunks_, limits, &log_); }
  void dial(std::string_view name = {}) {
    if (!others_) prepare_dialer();
    dialed_.reset();
    dialer_.emplace(reactor_, resolver_, others_->setup, stream::DialerOptions{},
                    base::Delegate<void(Result<stream::OpenStream>)>::to<&HandshakesTest::on_dialed>(*this));
    dialer_->dial("127.0.0.1", port(), name);
  }
  [[nodiscard]] std::uint16_t port() const { return listener_->address().port; }
  [[nodiscard]] std::uint64_t failed() const { return masked_->setup.counters().failed; }
  [[nodiscard]] std::uint64_t refused() const { return masked_->setup.counters().refused; }

  template <class Condition>
  bool until(Condition condition) {
    return turn_until(reactor_, condition);
  }

  void on_line(base::LogLevel, std::string_view line) { lines_.emplace_back(line); }

  std::vector<std::string> lines_;
  base::Log log_{base::LogLevel::warn, base::LogSink::to<&HandshakesTest::on_line>(*this)};
  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 64}};
  io::Reactor reactor_{make_socket_backend(chunks_), {}};
  io::Resolver resolver_{reactor_};
  std::optional<MaskedSetup> masked_;  // of the listener
  std::optional<MaskedSetup> others_;  // of the dialer
  std::deque<stream::OpenStream> accepted_;
  std::optional<Result<stream::OpenStream>> dialed_;
  std::optional<stream::Listener> listener_;
  std::optional<stream::Dialer> dialer_;
};

TEST_F(HandshakesTest, both_sides_are_given_a_stream_when_both_hellos_are_through) {
  listen();
  dial();
  ASSERT_TRUE(until([&] { return dialed_ && !accepted_.empty(); }));
  ASSERT_TRUE(*dialed_) << dialed_->error().message();
  Receiving receiving;
  Sending sending;
  accepted_.front().layered->recv(receiving.op);
  (*dialed_)->layered->send(sending.of({"through ", "the layer"}));
  ASSERT_TRUE(until([&] { return receiving.bytes == "through the layer" && sending.has_ended(); }));
  discard(reactor_, **std::move(dialed_));
  dialed_.reset();
  ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
  EXPECT_EQ(receiving.error, Errc::end_of_stream);
}

TEST_F(HandshakesTest, a_layer_learns_who_was_dialed_and_where_and_who_has_dialed) {
  listen();
  dial("a node");
  ASSERT_TRUE(until([&] { return dialed_ && !accepted_.empty(); }));
  const io::Address address = io::Address::ipv4_loopback(port());
  EXPECT_EQ(others_->layer.asked,
            std::vector{MaskedLayer::Asked({stream::Role::dialer, address, "127.0.0.1", "a node"})});
  ASSERT_EQ(masked_->layer.asked.size(), 1U);
  const MaskedLayer::Asked& accepted = masked_->layer.asked.front();
  EXPECT_EQ(accepted.role, stream::Role::accepter);
  EXPECT_TRUE(accepted.address.is_loopback() && accepted.address.port != port());
  EXPECT_EQ(accepted.host + accepted.name, "");
}

TEST_F(HandshakesTest, a_layer_is_the_setups_to_destroy) {
  bool is_destroyed = false;
  struct Layer final : stream::StreamLayer {
    explicit Layer(bool& destroyed) : is_destroyed(destroyed) {}
    ~Layer() override { is_destroyed = true; }
    std::unique_ptr<stream::LayeredStream> over(io::Reactor&, io::Handle, stream::Role,
                                                const stream::RemoteEnd&) override {
      return nullptr;
    }
    bool& is_destroyed;
  };
  { const stream::StreamSetup setup(std::make_unique<Layer>(is_destroyed)); }
  EXPECT_TRUE(is_destroyed);
  listen();
}

TEST_F(HandshakesTest, a_socket_that_the_layers_leave_as_it_is_is_given_without_a_handshake) {
  listen();
  prepare_dialer();
  masked_->layer.leaves_bare = others_->layer.leaves_bare = true;
  dial();
  ASSERT_TRUE(until([&] { return dialed_ && !accepted_.empty(); }));
  ASSERT_TRUE(*dialed_) << dialed_->error().message();
  EXPECT_TRUE(accepted_.front().socket && !accepted_.front().layered);
  EXPECT_TRUE((*dialed_)->socket && !(*dialed_)->layered);
  EXPECT_EQ(listener_->connection_count(), 1U);
}

TEST_F(HandshakesTest, a_socket_that_is_left_as_it_is_is_closed_when_it_is_given_up_before_it_is_given) {
  struct Giver {
    void take(Result<stream::OpenStream>, const io::Address&) { ++count; }
    int count = 0;
  } giver;
  listen();
  prepare_dialer();
  others_->layer.leaves_bare = true;
  Connecting connecting;
  const Result<io::Handle> socket = reactor_.backend().connect(listener_->address(), {}, connecting.op);
  ASSERT_TRUE(socket);
  ASSERT_TRUE(until([&] { return connecting.has_ended(); }));
  stream::Handshakes handshakes(reactor_, others_->setup, stream::Handshakes::OnOutcome::to<&Giver::take>(giver));
  ASSERT_TRUE(handshakes.begin(*socket, stream::Role::dialer, {}));
  EXPECT_EQ(handshakes.count(), 1U);
  handshakes.cancel();
  EXPECT_EQ(handshakes.count(), 0U);
  ASSERT_TRUE(until([&] { return failed() == 1; })) << "the listener sees its end";
  EXPECT_EQ(giver.count, 0);
}

TEST_F(HandshakesTest, a_hello_that_comes_byte_by_byte_is_a_hello) {
  listen();
  RawSocket peer = RawSocket::connected_to(port());
  for (const char byte : kHello) {
    EXPECT_TRUE(accepted_.empty());
    ASSERT_TRUE(peer.send({&byte, 1}));
    turn_some(reactor_);
  }
  ASSERT_TRUE(until([&] { return !accepted_.empty(); }));
}

TEST_F(HandshakesTest, what_follows_a_hello_in_the_same_bytes_is_received) {
  listen();
  RawSocket peer = RawSocket::connected_to(port());
  ASSERT_TRUE(peer.send(std::string(kHello) + static_cast<char>('x' ^ 0x5A)));
  ASSERT_TRUE(until([&] { return !accepted_.empty(); }));
  Receiving receiving;
  accepted_.front().layered->recv(receiving.op);
  ASSERT_TRUE(until([&] { return receiving.bytes == "x"; }));
  accepted_.front().layered->cancel_recv();
  ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
}

TEST_F(HandshakesTest, a_wrong_hello_is_a_failure_of_the_accepter_that_receives_it_and_counted) {
  listen();
  prepare_dialer();
  others_->layer.hello = Hello::wrong;
  dial();
  ASSERT_TRUE(until([&] { return dialed_ && failed() == 1; }));
  EXPECT_TRUE(accepted_.empty());
  EXPECT_EQ(listener_->connection_count(), 0U);
}

TEST_F(HandshakesTest, a_wrong_hello_is_a_failure_of_the_dialer_that_receives_it) {
  listen();
  masked_->layer.hello = Hello::wrong;
  dial();
  ASSERT_TRUE(until([&] { return dialed_.has_value(); }));
  ASSERT_FALSE(*dialed_);
  EXPECT_EQ(dialed_->error(), Errc::malformed);
  EXPECT_EQ(others_->setup.counters().failed, 1U);
}

TEST_F(HandshakesTest, a_failure_is_logged_with_its_peer_and_reason_once_each) {
  listen();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    RawSocket peer = RawSocket::connected_to(port());
    ASSERT_TRUE(peer.send("unmasked"));
    ASSERT_TRUE(until([&] { return failed() == i; }));
  }
  EXPECT_THAT(lines_, ElementsAre(AllOf(HasSubstr("the handshake with 127.0.0.1, which has connected"),
                                        HasSubstr("a masked stream's handshake"), HasSubstr("handshakes_failed"))));
  RawSocket::connected_to(port());
  ASSERT_TRUE(until([&] { return failed() == 4; }));
  ASSERT_EQ(lines_.size(), 2U) << "another reason";

  masked_->layer.hello = Hello::wrong;
  for (std::uint64_t i = 1; i <= 2; ++i) {
    dial("a node");
    ASSERT_TRUE(until([&] { return dialed_.has_value() && others_->setup.counters().failed == i; }));
  }
  const std::string dialed = "the handshake with 127.0.0.1:" + std::to_string(port()) + ", for a node, failed";
  EXPECT_EQ(std::ranges::count_if(lines_, [&](const std::string& line) { return line.starts_with(dialed); }), 1);
}

TEST_F(HandshakesTest, a_peer_that_ends_at_any_byte_of_its_hello_is_a_failure) {
  listen();
  for (std::size_t size = 0; size < kHello.size(); ++size) {
    RawSocket peer = RawSocket::connected_to(port());
    ASSERT_TRUE(size == 0 || peer.send(kHello.substr(0, size)));
    peer = RawSocket(-1);
    ASSERT_TRUE(until([&] { return failed() == size + 1; })) << size;
  }
  EXPECT_TRUE(accepted_.empty());
}

TEST_F(HandshakesTest, a_silent_peer_is_given_up_after_a_time_on_either_side) {
  constexpr stream::HandshakeLimits kShort{.time_max = base::milliseconds(5)};
  listen(kShort);
  const RawSocket silent = RawSocket::connected_to(port());
  ASSERT_TRUE(until([&] { return failed() == 1; }));

  masked_->layer.hello = Hello::none;
  prepare_dialer(kShort);
  dial();
  ASSERT_TRUE(until([&] { return dialed_.has_value(); }));
  ASSERT_FALSE(*dialed_);
}

TEST_F(HandshakesTest, beyond_the_bound_of_those_under_way_connections_are_closed_at_once_and_counted) {
  listen({.count_max = 2, .time_max = base::seconds(3600)});
  std::deque<RawSocket> peers;
  for (int i = 0; i < 3; ++i) peers.push_back(RawSocket::connected_to(port()));
  ASSERT_TRUE(until([&] { return refused() == 1; }));
  EXPECT_EQ(listener_->connection_count(), 2U);
  ASSERT_TRUE(peers[0].send(kHello));
  ASSERT_TRUE(until([&] { return accepted_.size() == 1; })) << "those under way go on";
}

TEST_F(HandshakesTest, that_are_under_way_when_the_listener_closes_are_given_up) {
  listen();
  const RawSocket silent = RawSocket::connected_to(port());
  ASSERT_TRUE(until([&] { return listener_->connection_count() == 1; }));
  close_listener();
  ASSERT_TRUE(until([&] { return reactor_.backend().handle_count() == 0; }));
  EXPECT_EQ(listener_->connection_count(), 0U);
  EXPECT_EQ(failed(), 0U);
}

TEST_F(HandshakesTest, that_is_under_way_when_the_dialer_cancels_has_no_outcome) {
  listen();
  masked_->layer.hello = Hello::none;
  dial();
  ASSERT_TRUE(until([&] { return listener_->connection_count() == 1; }));
  turn_some(reactor_);
  dialer_->cancel();
  turn_some(reactor_, 20);
  EXPECT_FALSE(dialed_);
}

}  // namespace
}  // namespace distflow::test
