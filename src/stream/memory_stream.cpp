#include "stream/memory_stream.hpp"

#include <algorithm>
#include <new>
#include <span>
#include <system_error>

namespace distflow::stream {
namespace {

using base::Delegate;

constexpr io::Piece kBell("\0", 1);
constexpr std::size_t kReadSize = std::size_t{64} * 1024;
constexpr std::size_t kBytesPerLook = std::size_t{128} * 1024;
/// A message that is not read in one go: its beginning is read, and then the rest into its place.
constexpr std::uint32_t kLargeMessage = 32 * 1024;
/// How soon to look again for a chunk to receive into.
constexpr base::Duration kChunkPatience = base::milliseconds(100);
/// How soon to look again for room in the ring where no bell would come.
constexpr base::Duration kDeafPatience = base::milliseconds(10);

std::size_t memory_size(std::size_t ring_size) { return MemoryHeader::kSize + 2 * ring_size; }

RingMemory ring_of(const io::SharedMemory& memory, MemoryHeader& header, std::size_t ring_size, std::size_t which) {
  char* const bytes = reinterpret_cast<char*>(memory.bytes.get()) + MemoryHeader::kSize + which * ring_size;
  return {header.rings[which], {bytes, ring_size}};
}

}  // namespace

base::LogLevel MemoryStreamPool::level_of_failure(const Error& why, base::LogLevel level) {
  const bool is_systems = why.code.category() == std::generic_category();
  if (!is_systems || why.code == std::errc::function_not_supported) return base::LogLevel::debug;
  return std::exchange(has_told_failure, true) ? base::LogLevel::debug : level;
}

MemoryStream::MemoryStream(MemoryStreamPool& pool, io::Reactor& reactor, Stream& lower, io::SharedMemory memory,
                           MemoryHeader& header, std::size_t ring_size, std::size_t own_ring)
    : pool_(pool),
      reactor_(reactor),
      lower_(lower),
      memory_(std::move(memory)),
      writer_(ring_of(memory_, header, ring_size, own_ring)),
      reader_(ring_of(memory_, header, ring_size, 1 - own_ring)),
      timer_(Delegate<void()>::to<&MemoryStream::on_timer>(*this)) {
  lower_recv_.keeps_nothing = true;
  lower_recv_.on_recv = Delegate<void(const io::Received&)>::to<&MemoryStream::on_bell>(*this);
  lower_recv_.on_end = Delegate<void(Error)>::to<&MemoryStream::on_lower_end>(*this);
  bell_.on_sent = Delegate<void(Result<void>)>::to<&MemoryStream::on_bell_sent>(*this);
  lower_close_.on_closed = Delegate<void()>::to<&MemoryStream::on_lower_closed>(*this);
  poll_hook_.on_look = Delegate<std::size_t()>::to<&MemoryStream::on_look>(*this);
  poll_hook_.on_sleep = Delegate<void(bool)>::to<&MemoryStream::on_sleep>(*this);
  turn_end_.on_turn_end = Delegate<void()>::to<&MemoryStream::on_turn_end>(*this);
  reactor_.watch(poll_hook_);
  ++pool_.count;
}

MemoryStream::~MemoryStream() {
  DF_ASSERT(recv_ == nullptr && send_ == nullptr && close_ == nullptr);
  poll_hook_.unlink();
  turn_end_.unlink();
  reactor_.timers().cancel(timer_);
  if (--pool_.count == 0) pool_.chunk.release();
}

Result<std::unique_ptr<MemoryStream>> MemoryStream::create(MemoryStreamPool& pool, io::Reactor& reactor, Stream& lower,
                                                           std::string_view nonce) {
  DF_ASSERT(nonce.size() == MemoryHeader::kNonceSize && is_ring_size(pool.ring_size));
  if (pool.count >= pool.count_max) return Error{Errc::queue_full, "sharing memory"};
  Result<io::SharedMemory> memory = reactor.backend().create_memory(memory_size(pool.ring_size));
  if (!memory) return memory.error();
  MemoryHeader& header = *new (memory->bytes.get()) MemoryHeader;
  std::ranges::copy(nonce, header.nonce.begin());
  return std::unique_ptr<MemoryStream>(
      new MemoryStream(pool, reactor, lower, *std::move(memory), header, pool.ring_size, 0));
}

Result<std::unique_ptr<MemoryStream>> MemoryStream::open(MemoryStreamPool& pool, io::Reactor& reactor, Stream& lower,
                                                         std::string_view name, std::size_t ring_size,
                                                         std::string_view nonce) {
  if (pool.count >= pool.count_max) return Error{Errc::queue_full, "sharing memory"};
  if (!is_ring_size(ring_size)) return Error{Errc::malformed, "opening shared memory"};
  if (ring_size > pool.ring_size) return Error{Errc::queue_full, "sharing memory of rings larger than one's own"};
  Result<io::SharedMemory> memory = reactor.backend().open_memory(name, memory_size(ring_size));
  if (!memory) return memory.error();
  MemoryHeader& header = *std::launder(reinterpret_cast<MemoryHeader*>(memory->bytes.get()));
  if (!std::ranges::equal(nonce, header.nonce)) return Error{Errc::malformed, "opening shared memory"};
  return std::unique_ptr<MemoryStream>(
      new MemoryStream(pool, reactor, lower, *std::move(memory), header, ring_size, 1));
}

void MemoryStream::recv(io::RecvOp& op) {
  DF_ASSERT(recv_ == nullptr && close_ == nullptr);
  op.mark_started();
  recv_ = &op;
  is_canceled_ = false;
  if (!hears_) start_hearing();
  reactor_.defer(turn_end_);  // a turn follows, which looks for what is there already
}

/// The other side has opened the memory by now: nobody else is to.
void MemoryStream::start_hearing() {
  hears_ = true;
  memory_.nameable.reset();
  lower_.recv(lower_recv_);
}

void MemoryStream::cancel_recv() {
  if (recv_ == nullptr) return;
  is_canceled_ = true;
  reactor_.defer(turn_end_);
}

void MemoryStream::send(io::SendOp& op) {
  begin_send(op);
  op.mark_started();
  send_ = &op;
  if (!has_lower_ended_) write_ring(op);
  reactor_.defer(turn_end_);
}

bool MemoryStream::send_now(io::SendOp& op) {
  begin_send(op);
  if (!has_lower_ended_) {
    write_ring(op);
    if (op.pieces.empty() && !writer_.is_broken()) return true;
  }
  op.mark_started();
  send_ = &op;
  if (has_lower_ended_ || writer_.is_broken()) reactor_.defer(turn_end_);
  return false;
}

void MemoryStream::close(io::CloseOp& op) {
  DF_ASSERT(close_ == nullptr);
  op.mark_started();
  close_ = &op;
  poll_hook_.unlink();
  turn_end_.unlink();
  reactor_.timers().cancel(timer_);
  lower_.close(lower_close_);
}

void MemoryStream::on_lower_closed() {
  const Error why{Errc::canceled, "closing shared memory"};
  if (recv_ != nullptr) end_recv(why);
  if (send_ != nullptr) end_send(why);
  io::CloseOp* const op = std::exchange(close_, nullptr);
  op->mark_idle();
  op->on_closed();
}

void MemoryStream::on_lower_end(Error why) {
  if (close_ != nullptr) return;
  has_lower_ended_ = true;
  end_ = why;
  reactor_.defer(turn_end_);
}

void MemoryStream::on_turn_end() {
  if (recv_ != nullptr && is_canceled_) {
    reader_.sleep(false);  // it may have been said before the loop slept, and nobody is to be woken for what comes
    end_recv({Errc::canceled, "receiving through shared memory"});
  }
  tell_end();
  if (send_ != nullptr && close_ == nullptr && (send_->pieces.empty() || writer_.is_broken())) end_send(send_result());
}

/// Nobody reads any more what is sent, once the lower stream has ended.
void MemoryStream::tell_end() {
  if (!has_lower_ended_ || reader_.has_unread()) return;
  if (recv_ != nullptr && close_ == nullptr) end_recv(end_);
  if (send_ != nullptr && close_ == nullptr) end_send(end_);
}

void MemoryStream::end_recv(Error why) {
  io::RecvOp* const op = std::exchange(recv_, nullptr);
  op->mark_idle();
  op->on_end(why);
}

void MemoryStream::end_send(Result<void> result) {
  if (waits_for_room_) wait_for_room(false);  // it was sent by the look right before sleeping
  io::SendOp* const op = std::exchange(send_, nullptr);
  op->mark_idle();
  op->on_sent(result);
}

Result<void> MemoryStream::send_result() {
  if (writer_.is_broken()) return Error{Errc::malformed, "sending through shared memory"};
  return {};
}

void MemoryStream::begin_sending() {
  sends_ = true;
  if (is_bell_due_) ring_bell();
}

void MemoryStream::begin_send(io::SendOp& op) {
  DF_ASSERT(send_ == nullptr && close_ == nullptr);
  if (!sends_) begin_sending();
  op.bytes_sent = 0;
  piece_offset_ = 0;
}

/// Copies into the ring what there is room for; returns how many bytes.
std::size_t MemoryStream::write_ring(io::SendOp& op) {
  const std::size_t before = op.bytes_sent;
  while (!op.pieces.empty()) {
    const io::Piece rest = op.pieces.front().substr(piece_offset_);
    const std::size_t size = writer_.write(rest);
    op.bytes_sent += size;
    piece_offset_ += size;
    if (size < rest.size()) break;
    piece_offset_ = 0;
    op.pieces = op.pieces.subspan(1);
  }
  const std::size_t moved = op.bytes_sent - before;
  if (moved > 0 && writer_.is_reader_to_be_woken()) ring_bell();
  return moved;
}

std::size_t MemoryStream::on_look() {
  const std::size_t written = send_ != nullptr && !send_->pieces.empty() ? write_on() : 0;
  std::size_t bytes = 0;
  while (bytes < kBytesPerLook) {
    const std::size_t read = read_ring();
    if (read == 0) break;
    bytes += read;
  }
  poll_hook_.written = written;
  return bytes + written;
}

std::size_t MemoryStream::write_on() {
  const std::size_t moved = write_ring(*send_);
  if (send_->pieces.empty() || writer_.is_broken()) {
    end_send(send_result());
  } else if (!hears_ && !timer_.is_armed()) {
    reactor_.arm_after(timer_, kDeafPatience);  // a bell would lie behind bytes of the lower stream
  }
  return moved;
}

/// Reads what fits the processor's nearest cache, and hands it on while it is there. Returns how many bytes, or 1 for
/// the stream's end.
std::size_t MemoryStream::read_ring() {
  if (recv_ == nullptr || is_canceled_ || close_ != nullptr) return 0;
  io::ReceiveChunk& chunk = pool_.chunk;
  base::Chunk* const place_chunk = recv_->place.empty() ? nullptr : recv_->place_chunk;
  const std::span<char> space = place_chunk != nullptr ? recv_->place : chunk.space();
  if (space.empty()) {
    if (timer_.is_armed()) return 0;
    ++pool_.chunks_missing;
    reactor_.arm_after(timer_, kChunkPatience);
    return 0;
  }
  const bool is_beginning = place_chunk == nullptr && recv_->size_expected >= kLargeMessage;
  const std::size_t size =
      reader_.read(space.first(std::min(space.size(), is_beginning ? io::kBeginningSize : kReadSize)));
  if (reader_.is_broken()) {
    end_recv({Errc::malformed, "receiving through shared memory"});
    return 1;
  }
  if (size == 0) {
    if (!has_lower_ended_) return 0;
    end_recv(end_);
    return 1;
  }
  if (reader_.is_writer_to_be_woken()) ring_bell();
  if (place_chunk != nullptr) {
    recv_->on_recv({*place_chunk, {space.data(), size}});
  } else {
    recv_->on_recv(chunk.take(size));
    chunk.settle();
  }
  return size;
}

void MemoryStream::on_sleep(bool sleeps) {
  if (recv_ != nullptr && !is_canceled_) reader_.sleep(sleeps);
  if (send_ != nullptr || waits_for_room_) wait_for_room(sleeps && send_ != nullptr);
}

/// Said anew at each sleep: the reader takes it back as it wakes this side.
void MemoryStream::wait_for_room(bool waits) {
  waits_for_room_ = waits;
  writer_.wait_for_room(waits);
}

/// Wakes the other side's loop, as soon as the lower stream is free for it. At once: this side may not turn again for
/// long.
void MemoryStream::ring_bell() {
  is_bell_due_ = true;
  if (!sends_ || !bell_.is_idle() || close_ != nullptr) return;
  is_bell_due_ = false;
  bell_.pieces = std::span(&kBell, 1);
  lower_.send(bell_);
  lower_.push();
}

/// A failure is the lower stream's: its end is reported behind what is in the ring.
void MemoryStream::on_bell_sent(Result<void> result) {
  if (result && is_bell_due_) ring_bell();
}

/// A writer waits for room with a full ring only: who has read from it has woken it in the same turn.
const char* MemoryStream::broken_invariant() const {
  if (close_ != nullptr || has_lower_ended_ || reader_.is_broken()) return nullptr;
  return reader_.is_writer_forgotten() ? kWriterForgotten : nullptr;
}

}  // namespace distflow::stream
