// A connection whose process was stopped for longer than a peer may take nothing: time passes inside a poll, as it does
// for a loop that sleeps.
#include <functional>

#include "stream/memory_stream.hpp"
#include "tests/support/memory_backend.hpp"
#include "tests/transport/connection_fixture.hpp"

namespace distflow::test {
namespace {

using stream::MemoryHeader;
using stream::MemoryStream;

constexpr std::size_t kRing = 4096;
constexpr base::Duration kStallMax = base::seconds(30);

struct StoppableBackend final : MemoryBackend {
  using MemoryBackend::MemoryBackend;

  void poll(base::Instant deadline) override {
    MemoryBackend::poll(deadline);
    if (meanwhile) std::exchange(meanwhile, nullptr)();
  }
  Result<io::SharedMemory> create_memory(std::size_t size) override {
    constexpr std::align_val_t page{4096};
    memory = {.bytes = {static_cast<std::byte*>(::operator new(size, page)),
                        [](std::byte* bytes) { ::operator delete(bytes, page); }},
              .size = size,
              .name = "1/1"};
    return memory;
  }

  std::function<void()> meanwhile;  // while the next poll waits
  io::SharedMemory memory;
};

class StallTest : public ::testing::Test {
 protected:
  StallTest() {
    Accepting accepting;
    const Result<io::Handle> listener = net_.listen(io::Address::ipv4_loopback(0), {});
    net_.accept(*listener, accepting.op);
    peer_ = net_.connect();
    turn();
    connection_.open(accepting.streams.at(0));
    Closing closing;
    net_.close(*listener, closing.op);
    turn();
  }
  ~StallTest() override {
    connection_.close();
    turn();
    turn();
    EXPECT_TRUE(observer_.closed);
  }

  void turn() { reactor_.turn(net_.now()); }
  void send(std::string_view body) {
    out_.begin_frame();
    out_.append(body);
    ASSERT_EQ(connection_.send(out_.end_frame()), transport::SendResult::queued);
  }
  /// Sending goes through memory, of which the ring is full.
  void fill_ring() {
    auto memory = MemoryStream::create(pool_, reactor_, connection_.socket(), "0123456789abcdef");
    ASSERT_TRUE(memory);
    connection_.upgrade(*std::move(memory));
    out_.begin_frame();
    out_.append("moved");
    connection_.move_sending(out_.end_frame());
    for (int i = 0; i < 3; ++i) turn();
    ASSERT_TRUE(connection_.has_moved_sending());
    for (int i = 0; i < 3; ++i) send(std::string(kRing / 2, 'x'));
    for (int i = 0; i < 3; ++i) turn();
    ASSERT_TRUE(connection_.queue().is_in_flight());
    stop_for(kStallMax);  // a first check sees what has moved by now
  }
  /// What the peer does with its end of the ring.
  void empty_ring() {
    std::byte* const bytes = net_.memory.bytes.get();
    MemoryHeader& header = *std::launder(reinterpret_cast<MemoryHeader*>(bytes));
    stream::RingReader reader({header.rings[0], {reinterpret_cast<char*>(bytes) + MemoryHeader::kSize, kRing}});
    std::string read(kRing, '\0');
    EXPECT_EQ(reader.read(read), kRing);
  }
  void stop_for(
      base::Duration time, const std::function<void()>& meanwhile = [] {}) {
    net_.meanwhile = [this, time, meanwhile] {
      meanwhile();
      net_.advance(time);
    };
    turn();
  }

  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  base::ChunkPool blocks_{{.chunk_size = 256, .chunk_count_max = 16}};
  base::ChunkPool out_chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  io::Reactor reactor_{std::make_unique<StoppableBackend>(chunks_), {}};
  StoppableBackend& net_ = static_cast<StoppableBackend&>(reactor_.backend());
  transport::OutBuffer out_{out_chunks_};
  stream::MemoryStreamPool pool_{.chunk = io::ReceiveChunk(chunks_), .ring_size = kRing, .count_max = 1};
  RecordingObserver observer_;
  transport::Connection connection_{reactor_, blocks_, observer_, {.send_stall_max = kStallMax}};
  MemoryBackend::PeerId peer_ = 0;
};

TEST_F(StallTest, what_a_peer_took_from_the_ring_while_this_process_was_stopped_counts) {
  fill_ring();
  stop_for(2 * kStallMax, [this] { empty_ring(); });
  EXPECT_FALSE(observer_.closed);
  EXPECT_TRUE(connection_.is_open());
  for (int i = 0; i < 3; ++i) turn();
  EXPECT_TRUE(connection_.queue().is_empty());
}

TEST_F(StallTest, a_peer_that_was_stopped_too_has_time_to_go_on) {
  fill_ring();
  stop_for(2 * kStallMax);
  turn();
  EXPECT_TRUE(connection_.is_open());
  empty_ring();
  for (int i = 0; i < 3; ++i) turn();
  EXPECT_TRUE(connection_.queue().is_empty());
}

TEST_F(StallTest, a_stream_whose_peer_was_stopped_too_has_time_to_go_on) {
  net_.set_window(peer_, 3);
  send("more than that");
  for (int i = 0; i < 3; ++i) turn();
  stop_for(kStallMax);  // a first check sees what has moved by now
  stop_for(2 * kStallMax);
  turn();
  EXPECT_TRUE(connection_.is_open());
  net_.set_window(peer_, 1000);
  for (int i = 0; i < 3; ++i) turn();
  EXPECT_TRUE(connection_.queue().is_empty());
}

TEST_F(StallTest, a_peer_that_takes_nothing_is_closed_after_the_time_it_has_and_at_most_half_of_it_more) {
  fill_ring();
  const base::Instant since = net_.now();
  while (connection_.is_open() && net_.now() - since < 2 * kStallMax) stop_for(base::seconds(1));
  EXPECT_GE(net_.now() - since, kStallMax);
  EXPECT_LE(net_.now() - since, kStallMax + kStallMax / 2);
}

}  // namespace
}  // namespace distflow::test
