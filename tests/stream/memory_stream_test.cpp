// What a memory stream says of itself in the memory, and when it rings: the other side is the test, with the rings in a
// mapping of its own. What a stream does with bytes is in contract_test.cpp.
#include "stream/memory_stream.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/operations.hpp"
#include "tests/support/pattern.hpp"

namespace distflow::test {
namespace {

using stream::MemoryHeader;
using stream::MemoryStream;

/// A lower stream that counts the bells, and gives none.
class Bells final : public stream::Stream {
 public:
  explicit Bells(io::Reactor& reactor) : reactor_(reactor) {
    turn_end_.on_turn_end = base::Delegate<void()>::to<&Bells::on_turn_end>(*this);
  }
  void recv(io::RecvOp& op) override {
    op.mark_started();
    recv_ = &op;
  }
  void cancel_recv() override {}
  void send(io::SendOp& op) override {
    ++count;
    op.mark_started();
    send_ = &op;
    reactor_.defer(turn_end_);
  }
  void close(io::CloseOp& op) override {
    op.mark_started();
    close_ = &op;
    reactor_.defer(turn_end_);
  }
  [[nodiscard]] stream::PeerIdentity peer() const override { return {}; }

  int count = 0;

 private:
  void on_turn_end() {
    if (io::SendOp* const op = std::exchange(send_, nullptr); op != nullptr) {
      op->mark_idle();
      op->on_sent({});
    }
    if (close_ == nullptr) return;
    const Error why{Errc::canceled, "closing a double"};
    if (io::RecvOp* const op = std::exchange(recv_, nullptr); op != nullptr) {
      op->mark_idle();
      op->on_end(why);
    }
    io::CloseOp* const op = std::exchange(close_, nullptr);
    op->mark_idle();
    op->on_closed();
  }

  io::Reactor& reactor_;
  io::RecvOp* recv_ = nullptr;
  io::SendOp* send_ = nullptr;
  io::CloseOp* close_ = nullptr;
  io::DeferredTask turn_end_;
};

class MemoryStreamTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kRing = 4096;

  void SetUp() override {
    auto made = MemoryStream::create(pool_, reactor_, bells_, "0123456789abcdef");
    ASSERT_TRUE(made) << made.error().message();
    stream_ = *std::move(made);
    auto mapped = reactor_.backend().open_memory(stream_->name(), MemoryHeader::kSize + 2 * kRing);
    ASSERT_TRUE(mapped) << mapped.error().message();
    memory_ = *std::move(mapped);
    header_ = reinterpret_cast<MemoryHeader*>(memory_.bytes.get());
    char* const bytes = reinterpret_cast<char*>(memory_.bytes.get()) + MemoryHeader::kSize;
    reader_ = std::make_unique<stream::RingReader>(stream::RingMemory{header_->rings[0], {bytes, kRing}});
    writer_ = std::make_unique<stream::RingWriter>(stream::RingMemory{header_->rings[1], {bytes + kRing, kRing}});
  }
  void TearDown() override {
    if (stream_ == nullptr) return;
    Closing closing;
    stream_->close(closing.op);
    ASSERT_TRUE(turn_until(reactor_, [&] { return closing.has_ended(); }));
    stream_.reset();
  }

  /// The loop has looked for work, has found none, and has gone to sleep.
  void sleep() { turn_some(reactor_, 3); }
  /// The other side takes what there is, up to `size`.
  std::size_t take(std::size_t size) {
    std::string out(size, ' ');
    return reader_->read(out);
  }
  [[nodiscard]] bool receives_asleep() const { return header_->rings[1].reader_sleeps.seems_announced(); }
  [[nodiscard]] bool waits_for_room() const { return header_->rings[0].writer_waits.seems_announced(); }

  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  io::Reactor reactor_{make_socket_backend(chunks_), {}};
  stream::MemoryStreamPool pool_{.chunk = io::ReceiveChunk(chunks_), .ring_size = kRing, .count_max = 1};
  Bells bells_{reactor_};
  std::unique_ptr<MemoryStream> stream_;
  io::SharedMemory memory_;
  MemoryHeader* header_ = nullptr;
  std::unique_ptr<stream::RingReader> reader_;
  std::unique_ptr<stream::RingWriter> writer_;
  Receiving receiving_;
  Sending sending_;
};

TEST_F(MemoryStreamTest, one_that_receives_is_to_be_woken_while_its_loop_sleeps_and_after_each_sleep_again) {
  sleep();
  EXPECT_FALSE(receives_asleep()) << "it does not receive";
  stream_->recv(receiving_.op);
  for (int i = 1; i <= 2; ++i) {
    sleep();
    EXPECT_TRUE(receives_asleep());
    EXPECT_EQ(writer_->write("x"), 1U);
    EXPECT_TRUE(writer_->is_reader_to_be_woken());
    EXPECT_FALSE(writer_->is_reader_to_be_woken()) << "once";
    reactor_.turn(base::Instant::min());
    EXPECT_EQ(receiving_.recv_count, i);
  }
  sleep();
  EXPECT_EQ(writer_->write("x"), 1U);
  reactor_.turn(base::Instant::min());  // for something else: it is awake
  EXPECT_FALSE(receives_asleep());
}

TEST_F(MemoryStreamTest, one_whose_receive_was_canceled_is_not_to_be_woken) {
  stream_->recv(receiving_.op);
  sleep();
  stream_->cancel_recv();
  sleep();
  EXPECT_TRUE(receiving_.has_ended());
  EXPECT_FALSE(receives_asleep());
}

TEST_F(MemoryStreamTest, a_sleeping_reader_is_rung_for_once_and_one_that_is_awake_not_at_all) {
  const auto send = [&] {
    stream_->send(sending_.of({"x"}));
    sleep();
  };
  send();
  EXPECT_EQ(bells_.count, 0);
  reader_->sleep(true);
  send();
  EXPECT_EQ(bells_.count, 1);
  send();
  EXPECT_EQ(bells_.count, 1);
}

TEST_F(MemoryStreamTest, one_that_waits_for_room_says_so_at_each_sleep) {
  stream_->send(sending_.of({pattern(4 * kRing)}));
  EXPECT_FALSE(waits_for_room()) << "it is awake";
  for (int i = 0; i < 3; ++i) {
    sleep();
    EXPECT_TRUE(waits_for_room());
    EXPECT_EQ(take(kRing), kRing);
    EXPECT_TRUE(reader_->is_writer_to_be_woken()) << "which takes it back";
    EXPECT_FALSE(waits_for_room());
    EXPECT_FALSE(sending_.has_ended());
  }
  sleep();
  EXPECT_TRUE(sending_.has_ended());
  EXPECT_FALSE(waits_for_room());
  EXPECT_FALSE(reader_->is_writer_forgotten());
}

TEST_F(MemoryStreamTest, one_that_is_awake_again_before_there_is_room_does_not_wait_until_it_sleeps_again) {
  stream_->send(sending_.of({pattern(2 * kRing)}));
  sleep();
  EXPECT_TRUE(waits_for_room());
  stream_->recv(receiving_.op);
  EXPECT_EQ(writer_->write("x"), 1U);
  reactor_.turn(base::Instant::min());  // which has something else to do, and no sleep
  EXPECT_FALSE(waits_for_room());
  sleep();
  EXPECT_TRUE(waits_for_room());
  take(kRing);
}

/// Reads for the other side when the loop is about to sleep, behind what the stream has said by then.
struct ReadsLate {
  ReadsLate(io::Reactor& reactor, std::function<void()> read_) : read(std::move(read_)) {
    hook.on_look = base::Delegate<std::size_t()>::to<&ReadsLate::on_look>(*this);
    hook.on_sleep = base::Delegate<void(bool)>::to<&ReadsLate::on_sleep>(*this);
    reactor.watch(hook);
  }
  ~ReadsLate() { hook.unlink(); }
  ReadsLate(const ReadsLate&) = delete;
  ReadsLate& operator=(const ReadsLate&) = delete;
  std::size_t on_look() { return 0; }
  void on_sleep(bool sleeps) {
    if (sleeps) read();
  }

  std::function<void()> read;
  io::PollHook hook;
};

TEST_F(MemoryStreamTest, one_that_has_sent_by_its_last_look_before_a_sleep_waits_no_more) {
  stream_->send(sending_.of({pattern(kRing + 1)}));
  reactor_.turn(base::Instant::min());  // awake: it had a send to begin
  ASSERT_FALSE(waits_for_room());
  bool has_waited = false;
  const ReadsLate late(reactor_, [&] {
    if (sending_.has_ended()) return;
    has_waited = waits_for_room();
    take(kRing);  // and does not look whether there is anybody to wake
  });
  ASSERT_TRUE(turn_until([&] { reactor_.turn(base::Instant::min()); }, [&] { return sending_.has_ended(); }));
  EXPECT_TRUE(has_waited);
  EXPECT_FALSE(waits_for_room());
  EXPECT_FALSE(reader_->is_writer_forgotten()) << "the ring has room, and nobody waits for it";
}

TEST_F(MemoryStreamTest, a_writer_on_the_other_side_is_rung_for_when_half_of_the_ring_is_free) {
  stream_->begin_sending();
  EXPECT_EQ(writer_->write(pattern(kRing)), kRing);
  writer_->wait_for_room(true);
  EXPECT_EQ(stream_->broken_invariant(), nullptr) << "it is full";
  stream_->recv(receiving_.op);
  reactor_.turn(base::Instant::min());
  EXPECT_EQ(receiving_.bytes.size(), kRing);
  EXPECT_EQ(bells_.count, 1);
  EXPECT_EQ(stream_->broken_invariant(), nullptr);
  writer_->wait_for_room(true);  // as one does that says so with half of the ring free, and looks no more
  EXPECT_STREQ(stream_->broken_invariant(), MemoryStream::kWriterForgotten);
}

TEST_F(MemoryStreamTest, a_bell_that_is_due_rings_when_the_lower_stream_is_the_memorys) {
  EXPECT_EQ(writer_->write(pattern(kRing)), kRing);
  writer_->wait_for_room(true);
  stream_->recv(receiving_.op);
  sleep();
  EXPECT_EQ(receiving_.bytes.size(), kRing);
  EXPECT_EQ(bells_.count, 0) << "its owner may still send there";
  stream_->begin_sending();
  EXPECT_EQ(bells_.count, 1);
}

}  // namespace
}  // namespace distflow::test
