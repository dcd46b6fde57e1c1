// Two connections that share memory, each with a loop of its own, on every backend: what is heard of the other side
// while receiving is paused, or while there is no chunk to receive into.
#include <poll.h>

#include <deque>

#include "stream/memory_stream.hpp"
#include "tests/transport/connection_fixture.hpp"

namespace distflow::test {
namespace {

using stream::MemoryStream;
using transport::Connection;

constexpr std::size_t kRing = 4096;
constexpr base::ChunkPoolOptions kChunks{.chunk_size = 64 * 1024, .chunk_count_max = 8};
const std::string kNonce = "0123456789abcdef";

struct Side {
  explicit Side(const BackendMaker& maker) : reactor(made_by(maker, chunks), {}) {}

  bool send(std::string_view body) {
    out.begin_frame();
    out.append(body);
    return connection.send(out.end_frame()) == transport::SendResult::queued;
  }
  void move_sending(std::string_view last) {
    out.begin_frame();
    out.append(last);
    connection.move_sending(out.end_frame());
  }

  base::ChunkPool chunks{kChunks};
  base::ChunkPool blocks{{.chunk_size = 256, .chunk_count_max = 16}};
  base::ChunkPool out_chunks{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  io::Reactor reactor;
  transport::OutBuffer out{out_chunks};
  stream::MemoryStreamPool pool{.chunk = io::ReceiveChunk(chunks), .ring_size = kRing, .count_max = 1};
  RecordingObserver observer;
  // No stall ends what these tests wait for.
  Connection connection{reactor, blocks, observer, {.send_stall_max = base::seconds(3600)}};
};

class MemoryPair : public ::testing::TestWithParam<BackendMaker> {
 protected:
  void SetUp() override {
    if (GetParam().may_be_refused) {
      base::ChunkPool chunks(kChunks);
      if (const auto made = GetParam().make(chunks); !made) GTEST_SKIP() << made.error().message();
    }
    opener_ = std::make_unique<Side>(GetParam());
    accepter_ = std::make_unique<Side>(GetParam());
    io::Handle near;
    io::Handle far;
    connect(near, far);
    opener_->connection.open(near);
    accepter_->connection.open(far);
    move();
  }
  void TearDown() override {
    for (const auto& side : {opener_.get(), accepter_.get()}) {
      if (side == nullptr) continue;
      side->connection.close();
      EXPECT_TRUE(until([&] { return side->observer.closed.has_value(); }));
    }
  }

  /// A stream from one side to the other.
  void connect(io::Handle& near, io::Handle& far) {
    io::Backend& backend = accepter_->reactor.backend();
    const Result<io::Handle> listener = backend.listen(io::Address::ipv4_loopback(0), {});
    ASSERT_TRUE(listener);
    Accepting accepting;
    Connecting connecting;
    Closing closing;
    backend.accept(*listener, accepting.op);
    const Result<io::Handle> stream =
        opener_->reactor.backend().connect(*backend.local_address(*listener), {}, connecting.op);
    ASSERT_TRUE(stream);
    ASSERT_TRUE(until([&] { return connecting.has_ended() && !accepting.streams.empty(); }));
    backend.close(*listener, closing.op);
    ASSERT_TRUE(until([&] { return closing.has_ended(); }));
    near = *stream;
    far = accepting.streams.front();
  }

  /// Both directions go through memory.
  void move() {
    auto created = MemoryStream::create(opener_->pool, opener_->reactor, opener_->connection.socket(), kNonce);
    ASSERT_TRUE(created) << created.error().message();
    auto opened = MemoryStream::open(accepter_->pool, accepter_->reactor, accepter_->connection.socket(),
                                     (*created)->name(), kRing, kNonce);
    ASSERT_TRUE(opened) << opened.error().message();
    opener_->connection.upgrade(*std::move(created));
    accepter_->connection.upgrade(*std::move(opened));
    opener_->observer.on_frame = [this](Connection& connection) {
      connection.move_receiving();
      opener_->move_sending("moved");
    };
    accepter_->observer.on_frame = [](Connection& connection) { connection.move_receiving(); };
    accepter_->move_sending("mapped");
    ASSERT_TRUE(
        until([&] { return opener_->connection.has_moved_sending() && accepter_->connection.has_moved_receiving(); }));
    opener_->observer.on_frame = accepter_->observer.on_frame = nullptr;
    opener_->observer.frames.clear();
    accepter_->observer.frames.clear();
    settle();
  }

  template <class Condition>
  bool until(Condition condition) {
    return turn_until([this] { settle(1); }, condition);
  }
  void settle(int turns = 10) {
    for (int i = 0; i < turns; ++i) {
      opener_->reactor.turn(base::Instant::min());
      accepter_->reactor.turn(base::Instant::min());
    }
  }

  std::unique_ptr<Side> opener_;
  std::unique_ptr<Side> accepter_;
};

std::vector<BackendMaker> makers_with_a_kernel() {
  std::vector<BackendMaker> makers(std::begin(kBackends), std::end(kBackends));
  // Each of the simulator's lone backends has a network of its own: worlds of several are in tests/sim.
  std::erase_if(makers, [](const BackendMaker& maker) { return maker.name == "sim"; });
  return makers;
}
INSTANTIATE_TEST_SUITE_P(backends, MemoryPair, ::testing::ValuesIn(makers_with_a_kernel()), backend_name);

TEST_P(MemoryPair, a_paused_connection_hears_that_there_is_room_for_what_it_sends) {
  const int fd = opener_->reactor.pollable_fd();  // readable when a loop that slept would be woken
  if (fd < 0) GTEST_SKIP() << "this backend has none";
  opener_->connection.pause();
  const std::string body(1000, 'x');
  constexpr std::size_t count = 20;
  for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE(opener_->send(body));
  turn_some(opener_->reactor);
  ASSERT_LT(opener_->observer.sent, count) << "the ring is full";
  const auto is_woken = [fd] {
    pollfd asked{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&asked, 1, 5000) == 1;
  };
  while (accepter_->observer.frames.size() < count) {
    turn_some(accepter_->reactor);
    if (accepter_->observer.frames.size() == count) break;
    ASSERT_TRUE(is_woken()) << "after " << accepter_->observer.frames.size() << " frames";
    turn_some(opener_->reactor);
  }
  EXPECT_EQ(accepter_->observer.frames.size(), count);
}

TEST_P(MemoryPair, a_connection_hears_its_peers_end_though_all_chunks_are_kept) {
  io::Handle near;
  io::Handle far;
  connect(near, far);
  std::vector<base::ChunkRef> kept;
  Receiving receiving;
  receiving.on_bytes = [&](const io::Received& received) { kept.push_back(base::ChunkRef::share(received.chunk)); };
  Sending sending;
  sending.start(accepter_->reactor.backend(), far, {std::string(std::size_t{1} << 20, 'x')});
  opener_->reactor.backend().recv(near, receiving.op);
  ASSERT_TRUE(until([&] { return opener_->reactor.backend().counters().chunks_missing > 0; }));

  accepter_->connection.close();
  EXPECT_TRUE(until([&] { return opener_->observer.closed.has_value(); }));

  Closing near_closing;
  Closing far_closing;
  opener_->reactor.backend().close(near, near_closing.op);
  accepter_->reactor.backend().close(far, far_closing.op);
  ASSERT_TRUE(until([&] { return near_closing.has_ended() && far_closing.has_ended(); }));
  kept.clear();
}

TEST_P(MemoryPair, frames_many_times_larger_than_the_ring_pass_in_pieces_both_ways_at_once) {
  const std::vector<std::string> bodies{std::string(1 << 20, 'l'), "small", std::string(40'000, 'm'),
                                        std::string(1 << 20, 'n'), "",      std::string(20'000, 'o')};
  for (const std::string& body : bodies) {
    ASSERT_TRUE(opener_->send(body));
    ASSERT_TRUE(accepter_->send(body));
  }
  ASSERT_TRUE(until([&] {
    return opener_->observer.frames.size() == bodies.size() && accepter_->observer.frames.size() == bodies.size();
  }));
  EXPECT_TRUE(opener_->observer.frames == bodies);
  EXPECT_TRUE(accepter_->observer.frames == bodies);
  EXPECT_EQ(opener_->connection.decoder().charged_size(), 0U);
}

TEST_P(MemoryPair, what_lies_in_the_ring_of_a_peer_that_is_gone_holds_no_connection) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(opener_->send(std::string(1000, 'x')));
  turn_some(opener_->reactor, 2);
  accepter_->connection.close();
  ASSERT_TRUE(until([&] { return opener_->observer.closed.has_value(); }));
  EXPECT_EQ(opener_->observer.sent + opener_->observer.dropped, 20U);
}

TEST_P(MemoryPair, what_lies_in_the_ring_of_a_peer_that_is_gone_holds_no_connection_that_finishes) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(opener_->send(std::string(1000, 'x')));
  opener_->connection.finish();
  turn_some(opener_->reactor, 2);
  ASSERT_FALSE(opener_->observer.closed);
  accepter_->connection.close();
  EXPECT_TRUE(until([&] { return opener_->observer.closed.has_value(); }));
}

TEST_P(MemoryPair, what_a_peer_wrote_before_its_end_is_read_by_a_paused_connection_once_it_resumes) {
  opener_->connection.pause();
  ASSERT_TRUE(accepter_->send("last words"));
  turn_some(accepter_->reactor, 2);
  accepter_->connection.close();
  settle();
  EXPECT_FALSE(opener_->observer.closed);
  opener_->connection.resume();
  ASSERT_TRUE(until([&] { return opener_->observer.closed.has_value(); }));
  EXPECT_EQ(opener_->observer.frames, std::vector<std::string>{"last words"});
}

}  // namespace
}  // namespace distflow::test
