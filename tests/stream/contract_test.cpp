// The contract of stream::Stream (src/stream/stream.hpp), over every kind of stream on every backend: the lines of the
// backends' contract that speak of streams (tests/io/contract_test.cpp), and what lies above a socket adds to them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "stream/memory_stream.hpp"
#include "stream/socket_stream.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/masked_stream.hpp"
#include "tests/support/operations.hpp"
#include "tests/support/pattern.hpp"

namespace distflow::test {
namespace {

using stream::MemoryStream;
using stream::SocketStream;
using stream::Stream;

enum class Kind { socket, memory, masked };

class StreamContract : public ::testing::TestWithParam<std::tuple<BackendMaker, Kind>> {
 protected:
  static constexpr std::size_t kRing = 64 * 1024;

  /// One end; the socket lies under the stream or is it.
  struct End {
    explicit End(io::Reactor& reactor) : socket(reactor) {}
    Stream& operator*() { return upper ? *upper : static_cast<Stream&>(socket); }
    Stream* operator->() { return &**this; }

    SocketStream socket;
    std::unique_ptr<Stream> upper;
    bool is_closed = false;
  };

  void SetUp() override {
    const BackendMaker& maker = std::get<BackendMaker>(GetParam());
    Result<std::unique_ptr<io::Backend>> made = maker.make(chunks_);
    if (!made && maker.may_be_refused) GTEST_SKIP() << made.error().message();
    ASSERT_TRUE(made) << made.error().message();
    record(maker);
    reactor_ = std::make_unique<io::Reactor>(*std::move(made), io::ReactorOptions{});
    near_ = std::make_unique<End>(*reactor_);
    far_ = std::make_unique<End>(*reactor_);
    connect();
    if (kind() == Kind::memory) lay_memory();
    if (kind() == Kind::masked) lay_mask();
  }
  void TearDown() override {
    if (reactor_ == nullptr) return;
    for (End* end : {near_.get(), far_.get()}) {
      if (!end->is_closed) finish(*end);
    }
    ASSERT_TRUE(until([&] { return reactor_->backend().handle_count() == 0; })) << "a handle is left open";
    near_.reset();
    far_.reset();
    pool_.chunk.release();
    reactor_.reset();
    EXPECT_EQ(chunks_.leased(), 0U) << "a chunk is left leased";
  }

  static Kind kind() { return std::get<Kind>(GetParam()); }
  io::Backend& backend() { return reactor_->backend(); }

  void connect() {
    const Result<io::Handle> listener = backend().listen(io::Address::ipv4_loopback(0), {});
    ASSERT_TRUE(listener);
    Accepting accepting;
    Connecting connecting;
    Closing closing;
    backend().accept(*listener, accepting.op);
    const Result<io::Handle> dialed = backend().connect(*backend().local_address(*listener), {}, connecting.op);
    ASSERT_TRUE(dialed);
    ASSERT_TRUE(until([&] { return connecting.has_ended() && !accepting.streams.empty(); }));
    backend().close(*listener, closing.op);
    ASSERT_TRUE(until([&] { return closing.has_ended(); }));
    near_handle_ = *dialed;
    far_handle_ = accepting.streams.front();
    near_->socket.open(near_handle_);
    far_->socket.open(far_handle_);
  }
  void lay_memory() {
    const std::string nonce = "0123456789abcdef";
    auto near = MemoryStream::create(pool_, *reactor_, near_->socket, nonce);
    ASSERT_TRUE(near) << near.error().message();
    auto far = MemoryStream::open(pool_, *reactor_, far_->socket, (*near)->name(), kRing, nonce);
    ASSERT_TRUE(far) << far.error().message();
    near_->upper = *std::move(near);
    far_->upper = *std::move(far);
    // Each side begins to listen to the other's bells, as it does when a connection moves.
    for (End* end : {near_.get(), far_.get()}) {
      Receiving receiving;
      (*end)->begin_sending();
      (*end)->recv(receiving.op);
      (*end)->cancel_recv();
      ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
    }
  }
  void lay_mask() {
    ShakingHands near;
    ShakingHands far;
    auto near_stream = std::make_unique<MaskedStream>(*reactor_, near_handle_, chunks_, Hello::right);
    auto far_stream = std::make_unique<MaskedStream>(*reactor_, far_handle_, chunks_, Hello::right);
    near_stream->handshake(near.op);
    far_stream->handshake(far.op);
    near_->upper = std::move(near_stream);
    far_->upper = std::move(far_stream);
    ASSERT_TRUE(until([&] { return near.has_ended() && far.has_ended(); }));
    ASSERT_TRUE(near.outcome && far.outcome);
  }

  void close(End& end, Closing& closing) {
    end.is_closed = true;
    end->close(closing.op);
  }
  void finish(End& end) {
    Closing closing;
    close(end, closing);
    ASSERT_TRUE(until([&] { return closing.has_ended(); }));
  }
  template <class Condition>
  bool until(Condition condition) {
    return turn_until(*reactor_, condition);
  }
  void turn_some(int count = 10) { test::turn_some(*reactor_, count); }

  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  stream::MemoryStreamPool pool_{.chunk = io::ReceiveChunk(chunks_), .ring_size = kRing, .count_max = 2};
  std::unique_ptr<io::Reactor> reactor_;
  io::Handle near_handle_;
  io::Handle far_handle_;
  std::unique_ptr<End> near_;
  std::unique_ptr<End> far_;
};

std::string kind_name(const ::testing::TestParamInfo<std::tuple<BackendMaker, Kind>>& info) {
  static constexpr const char* kNames[] = {"socket", "memory", "masked"};
  return std::string(std::get<BackendMaker>(info.param).name) + "_" +
         kNames[static_cast<std::size_t>(std::get<Kind>(info.param))];
}
INSTANTIATE_TEST_SUITE_P(streams, StreamContract,
                         ::testing::Combine(::testing::ValuesIn(kBackends),
                                            ::testing::Values(Kind::socket, Kind::memory, Kind::masked)),
                         kind_name);
using StreamContractDeathTest = StreamContract;
INSTANTIATE_TEST_SUITE_P(streams, StreamContractDeathTest,
                         ::testing::Combine(::testing::Values(kBackends[0]),
                                            ::testing::Values(Kind::socket, Kind::memory)),
                         kind_name);

TEST_P(StreamContract, line_1_starting_an_operation_only_enqueues_it) {
  Log log;
  Receiving receiving(&log);
  Sending sending(&log);
  Closing closing(&log);
  (*near_)->send(sending.of({"x"}));
  (*far_)->recv(receiving.op);
  (*far_)->cancel_recv();
  close(*near_, closing);
  EXPECT_TRUE(log.empty());
  EXPECT_TRUE(until([&] { return closing.has_ended() && receiving.has_ended() && sending.has_ended(); }));
}

TEST_P(StreamContract, line_1_an_operation_started_in_a_callback_calls_nothing_back_inside_it) {
  Receiving receiving;
  Sending sending;
  bool is_inside = false;
  sending.on_end = [&] { EXPECT_FALSE(is_inside); };
  receiving.on_bytes = [&](const io::Received&) {
    is_inside = true;
    (*far_)->send(sending.of({"answer"}));
    is_inside = false;
  };
  (*far_)->recv(receiving.op);
  Sending question;
  (*near_)->send(question.of({"question"}));
  EXPECT_TRUE(until([&] { return sending.has_ended() && question.has_ended(); }));
  finish(*far_);
}

TEST_P(StreamContract, line_1_what_is_sent_now_calls_nothing_back_if_it_was_taken_and_one_time_if_not) {
  Receiving receiving;
  (*far_)->recv(receiving.op);
  std::string sent;
  for (const std::size_t size : {std::size_t{10}, std::size_t{1} << 20}) {
    Sending sending;
    const std::string bytes = pattern(size);
    const bool is_taken = (*near_)->send_now(sending.of({bytes}));
    EXPECT_EQ(sending.end_count, 0);
    EXPECT_EQ(sending.op.is_idle(), is_taken);
    EXPECT_TRUE(!is_taken || sending.op.bytes_sent == size);
    sent += bytes;
    ASSERT_TRUE(until([&] { return receiving.bytes.size() == sent.size() && sending.op.is_idle(); }));
    EXPECT_EQ(sending.end_count, is_taken ? 0 : 1);
    EXPECT_TRUE(sending.outcome);
  }
  EXPECT_TRUE(receiving.bytes == sent);
  finish(*far_);
}

TEST_P(StreamContract, line_2_every_operation_ends_exactly_once_and_is_idle_by_then) {
  Receiving receiving;
  Sending sending;
  Closing closing;
  receiving.on_end = [&] { EXPECT_TRUE(receiving.op.is_idle()); };
  sending.on_end = [&] { EXPECT_TRUE(sending.op.is_idle()); };
  closing.on_end = [&] { EXPECT_TRUE(closing.op.is_idle()); };
  (*far_)->recv(receiving.op);
  (*near_)->send(sending.of({"all there is"}));
  ASSERT_TRUE(until([&] { return sending.has_ended(); }));
  close(*near_, closing);
  ASSERT_TRUE(until([&] { return closing.has_ended() && receiving.has_ended(); }));
  turn_some();
  for (const int count : {receiving.end_count, sending.end_count, closing.end_count}) EXPECT_EQ(count, 1);
}

TEST_P(StreamContract, line_2_an_operation_may_be_started_again_in_its_terminal_callback) {
  Receiving receiving;
  Sending sending;
  sending.on_end = [&] {
    if (sending.end_count < 3) (*near_)->send(sending.of({"again"}));
  };
  (*far_)->recv(receiving.op);
  (*near_)->send(sending.of({"first"}));
  ASSERT_TRUE(until([&] { return receiving.bytes == "firstagainagain"; }));
  finish(*far_);
}

TEST_P(StreamContract, line_4_bytes_come_in_order_and_the_end_comes_last) {
  const std::string sent = pattern(3'000'001);
  Log log;
  Receiving receiving(&log);
  Sending sending;
  Closing closing;
  sending.on_end = [&] { close(*near_, closing); };
  (*near_)->send(sending.of({sent.substr(0, 1), "", sent.substr(1, 99'999), sent.substr(100'000)}));
  (*far_)->recv(receiving.op);
  ASSERT_TRUE(until([&] { return receiving.has_ended() && closing.has_ended(); }));
  EXPECT_TRUE(receiving.bytes == sent);
  EXPECT_EQ(receiving.error, Errc::end_of_stream);
  EXPECT_EQ(receiving.empty_count, 0);
  EXPECT_EQ(log.back(), "recv ended");
}

TEST_P(StreamContract, line_4_bytes_come_in_order_however_they_are_cut) {
  const std::string sent = pattern(300);
  for (std::size_t size = 1; size <= 17; ++size) {
    Receiving receiving;
    (*far_)->recv(receiving.op);
    for (std::size_t at = 0; at < sent.size(); at += size) {
      Sending sending;
      (*near_)->send(sending.of({sent.substr(at, size)}));
      ASSERT_TRUE(until([&] { return sending.has_ended(); }));
    }
    ASSERT_TRUE(until([&] { return receiving.bytes.size() == sent.size(); })) << size;
    EXPECT_EQ(receiving.bytes, sent);
    (*far_)->cancel_recv();
    ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
  }
}

TEST_P(StreamContract, line_4_bytes_that_are_wanted_in_a_place_come_there_or_elsewhere_in_their_order) {
  const std::string sent = pattern(1 << 20);
  const auto whole = base::ChunkRef::adopt(base::Chunk::allocate(sent.size()));
  std::size_t came = 0;
  bool is_wanted = true;  // in turns there is a place, and none
  Receiving receiving;
  const auto aim = [&] {
    is_wanted = !is_wanted;
    receiving.op.place = {whole->data() + came, is_wanted ? std::min<std::size_t>(sent.size() - came, 50'000) : 0};
    receiving.op.place_chunk = whole.get();
    receiving.op.size_expected = is_wanted ? 1 << 20 : 0;
  };
  receiving.on_bytes = [&](const io::Received& received) {
    if (&received.chunk == whole.get()) {
      EXPECT_TRUE(is_wanted);
      EXPECT_EQ(received.bytes.data(), whole->data() + came);
      EXPECT_LE(received.bytes.size(), receiving.op.place.size());
    } else {
      ASSERT_LE(received.bytes.size(), sent.size() - came);
      std::memcpy(whole->data() + came, received.bytes.data(), received.bytes.size());
    }
    came += received.bytes.size();
    aim();
  };
  Sending sending;
  aim();
  (*near_)->send(sending.of({sent}));
  (*far_)->recv(receiving.op);
  ASSERT_TRUE(until([&] { return came == sent.size(); }));
  EXPECT_TRUE(std::string_view(whole->data(), came) == sent);
  (*far_)->cancel_recv();
  ASSERT_TRUE(until([&] { return receiving.has_ended() && sending.has_ended(); }));
}

TEST_P(StreamContract, line_4_bytes_and_end_that_came_before_recv_was_started_are_given_all_the_same) {
  Sending sending;
  (*near_)->send(sending.of({"early"}));
  ASSERT_TRUE(until([&] { return sending.has_ended(); }));
  finish(*near_);
  turn_some();
  Receiving receiving;
  (*far_)->recv(receiving.op);
  ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
  EXPECT_EQ(receiving.bytes, "early");
  EXPECT_EQ(receiving.error, Errc::end_of_stream);
}

TEST_P(StreamContract, line_4_a_canceled_recv_loses_no_byte) {
  const std::string sent = pattern(1 << 20);
  Receiving receiving;
  Sending sending;
  receiving.on_bytes = [&](const io::Received&) { (*far_)->cancel_recv(); };
  receiving.on_end = [&] {
    if (receiving.bytes.size() < sent.size()) (*far_)->recv(receiving.op);
  };
  (*near_)->send(sending.of({sent}));
  (*far_)->recv(receiving.op);
  ASSERT_TRUE(until([&] { return receiving.bytes.size() == sent.size() && receiving.op.is_idle(); }));
  EXPECT_TRUE(receiving.bytes == sent);
  EXPECT_EQ(receiving.error, Errc::canceled);
  EXPECT_GE(receiving.end_count, 2);
}

TEST_P(StreamContract, line_4_a_stream_that_has_ended_says_so_to_every_receive) {
  finish(*near_);
  for (int i = 0; i < 3; ++i) {
    Receiving receiving;
    (*far_)->recv(receiving.op);
    ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
    EXPECT_EQ(receiving.error, Errc::end_of_stream);
  }
}

TEST_P(StreamContract, line_6_a_send_larger_than_any_buffer_is_sent_whole) {
  const std::string sent = pattern(24 << 20);
  Receiving receiving;
  Sending sending;
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < sent.size(); at += 100'003) parts.push_back(sent.substr(at, 100'003));
  (*near_)->send(sending.of(std::move(parts)));
  turn_some(50);
  EXPECT_FALSE(sending.has_ended()) << "nobody receives yet";
  (*far_)->recv(receiving.op);
  ASSERT_TRUE(until([&] { return receiving.bytes.size() == sent.size() && sending.has_ended(); }));
  EXPECT_TRUE(receiving.bytes == sent);
  EXPECT_EQ(sending.end_count, 1);
  EXPECT_TRUE(sending.outcome);
  EXPECT_EQ(sending.op.bytes_sent, sent.size());
  finish(*far_);
}

TEST_P(StreamContract, line_6_both_directions_of_a_stream_go_on_at_once) {
  const std::string there = pattern(2 << 20);
  const std::string back(there.rbegin(), there.rend());
  Receiving at_far;
  Receiving at_near;
  Sending from_near;
  Sending from_far;
  (*near_)->send(from_near.of({there}));
  (*far_)->send(from_far.of({back}));
  (*near_)->recv(at_near.op);
  (*far_)->recv(at_far.op);
  ASSERT_TRUE(until([&] { return at_far.bytes.size() == there.size() && at_near.bytes.size() == back.size(); }));
  EXPECT_TRUE(at_far.bytes == there);
  EXPECT_TRUE(at_near.bytes == back);
  finish(*near_);
  finish(*far_);
}

TEST_P(StreamContract, line_6_a_send_of_nothing_ends_like_any_other) {
  Sending sending;
  (*near_)->send(sending.of({"", ""}));
  ASSERT_TRUE(until([&] { return sending.has_ended(); }));
  EXPECT_TRUE(sending.outcome);
}

TEST_P(StreamContractDeathTest, line_6_a_second_recv_or_send_of_a_stream_stops_the_process) {
  const auto recv_twice = [&] {
    Receiving one;
    Receiving two;
    (*far_)->recv(one.op);
    (*far_)->recv(two.op);
  };
  const auto send_twice = [&] {
    Sending one;
    Sending two;
    (*near_)->send(one.of({"1"}));
    (*near_)->send(two.of({"2"}));
  };
  EXPECT_DEATH(recv_twice(), "invariant broken");
  EXPECT_DEATH(send_twice(), "invariant broken");
}

TEST_P(StreamContract, line_7_close_ends_recv_and_send_first_and_its_own_callback_comes_last) {
  Log log;
  Receiving receiving(&log);
  Sending sending(&log);
  Closing closing(&log);
  (*near_)->recv(receiving.op);
  (*near_)->send(sending.of({pattern(24 << 20)}));
  turn_some(3);
  close(*near_, closing);
  ASSERT_TRUE(until([&] { return closing.has_ended(); }));
  EXPECT_EQ(receiving.end_count, 1);
  EXPECT_EQ(sending.end_count, 1);
  EXPECT_FALSE(sending.outcome);
  EXPECT_EQ(log.back(), "closed");
}

TEST_P(StreamContract, line_7_nothing_is_received_once_close_has_been_started) {
  Receiving receiving;
  Closing closing;
  Sending sending;
  receiving.on_bytes = [&](const io::Received&) {
    if (receiving.recv_count == 1) close(*far_, closing);
  };
  (*far_)->recv(receiving.op);
  (*near_)->send(sending.of({pattern(1 << 20)}));
  ASSERT_TRUE(until([&] { return closing.has_ended(); }));
  EXPECT_EQ(receiving.recv_count, 1);
  finish(*near_);
}

TEST_P(StreamContract, line_10_sending_to_a_peer_that_is_gone_ends_in_an_error) {
  finish(*far_);
  turn_some();
  Sending sending;
  sending.on_end = [&] {
    if (sending.outcome) (*near_)->send(sending.of({pattern(1 << 20)}));  // a system may take the first
  };
  (*near_)->send(sending.of({pattern(1 << 20)}));
  ASSERT_TRUE(until([&] { return sending.has_ended() && !sending.outcome; }));
}

TEST_P(StreamContract, the_owner_of_the_other_end_is_that_of_its_socket_whatever_lies_over_it) {
  Receiving receiving;
  Sending sending;
  (*near_)->recv(receiving.op);  // the dialing side may ask once a byte has come (io/peer_owner.hpp)
  (*far_)->send(sending.of({"x"}));
  ASSERT_TRUE(until([&] { return receiving.bytes == "x" && sending.has_ended(); }));
  (*near_)->cancel_recv();
  ASSERT_TRUE(until([&] { return receiving.has_ended(); }));
  for (End* end : {near_.get(), far_.get()}) {
    const io::PeerOwner of_socket = end->socket.peer().owner;
    const io::PeerOwner owner = (*end)->peer().owner;
    EXPECT_EQ(owner.status(), of_socket.status());
    if (of_socket.status() == io::OwnerStatus::cannot_ask) continue;
    EXPECT_TRUE(owner.is_same_user(backend().own_user()));
  }
}

TEST_P(StreamContract, a_name_is_proven_by_a_handshake_alone) {
  for (End* end : {near_.get(), far_.get()}) {
    EXPECT_EQ((*end)->peer().name, kind() == Kind::masked ? kProvenName : "");
  }
}

}  // namespace
}  // namespace distflow::test
