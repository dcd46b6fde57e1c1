// Connection's use of shared memory. A direction moves behind a last frame of the stream; from then on its frames go
// through the ring, and what the stream carries are bells: single bytes that wake a loop, of no other meaning.
#include <algorithm>
#include <utility>

#include "transport/connection.hpp"
#include "transport/memory_lane.hpp"

namespace distflow::transport {
namespace {

using base::Delegate;

constexpr io::Piece kBell("\0", 1);
constexpr std::size_t kReadSize = std::size_t{64} * 1024;
constexpr int kReadsPerLook = 8;
/// How soon to look again for memory to receive into.
constexpr base::Duration kMemoryPatience = base::milliseconds(100);
/// How soon to look again for room in the ring where no bell would be heard.
constexpr base::Duration kDeafPatience = base::milliseconds(10);

}  // namespace

void Connection::attach(std::unique_ptr<MemoryLane> lane) {
  DF_ASSERT(state_ == State::open && !lane_);
  lane_ = std::move(lane);
  lane_->bell.on_sent = Delegate<void(Result<void>)>::to<&Connection::on_bell_sent>(*this);
  lane_->lookout.on_look = Delegate<bool()>::to<&Connection::on_look>(*this);
  lane_->lookout.on_sleep = Delegate<void(bool)>::to<&Connection::on_sleep>(*this);
  reactor_.watch(lane_->lookout);
}

void Connection::offer(std::unique_ptr<MemoryLane> lane) {
  attach(std::move(lane));
  lane_->awaits_answer = true;
}

bool Connection::awaits_answer() const { return lane_ && lane_->awaits_answer; }

/// Something has come for a connection that drains: the answer, or the stream's end; or, where the peer sends messages
/// here, too, one of them, and then no end of this side's would be safe from a reset.
void Connection::note_answer() {
  if (!awaits_answer()) return;
  lane_->awaits_answer = false;
  reactor_.defer(turn_end_);
}

void Connection::detach() {
  DF_ASSERT(lane_ && !lane_->sends && !lane_->hears && !lane_->is_moving && !lane_->last_chunk);
  lane_.reset();
}

void Connection::move_sending(const EncodedFrame& last) {
  DF_ASSERT(lane_ && !lane_->sends && !lane_->is_moving && !lane_->last_chunk);
  lane_->last_chunk = base::ChunkRef::share(*last.chunk);
  lane_->last_frame = last.bytes;
  reactor_.defer(turn_end_);
}

void Connection::move_receiving() {
  DF_ASSERT(lane_ && !lane_->hears);
  decoder_.discard_unread();
  lane_->hears = true;
  lane_->awaits_answer = false;
  reactor_.backend().cancel_recv(stream_);  // begun again for bells, which need no chunk
}

/// Puts the stream's last frame behind what is filled, once there is no flight: this flight is the stream's last.
void Connection::append_last() {
  if (!lane_ || !lane_->last_chunk) return;
  if (!queue_.append(EncodedRun{lane_->last_chunk.get(), lane_->last_frame, 0}))
    return;  // full: behind the next flight
  lane_->last_chunk.reset();
  lane_->is_moving = true;
}

bool Connection::uses_lane() const { return lane_ && lane_->sends; }
bool Connection::hears_lane() const { return lane_ && lane_->hears; }

/// From inside send(): observers are told at the turn's end.
void Connection::fly_early() {
  if (state_ != State::open || !uses_lane() || queue_.is_in_flight() || fly_through_lane()) return;
  if (!stall_timer_.is_armed() && state_ == State::open) watch_for_stall();
}

/// Puts what is filled into the ring; whether there was room for all of it.
bool Connection::fly_through_lane() {
  lane_->is_flying = true;
  lane_->piece_offset = 0;
  send_op_.bytes_sent = 0;
  send_op_.pieces = queue_.begin_flight();
  advance_lane_flight();
  return !queue_.is_in_flight();
}

/// Copies what there is room for into the ring; whether that was anything.
bool Connection::advance_lane_flight() {
  const std::size_t before = send_op_.bytes_sent;
  while (!send_op_.pieces.empty()) {
    const io::Piece rest = send_op_.pieces.front().substr(lane_->piece_offset);
    const std::size_t size = lane_->writer.write(rest);
    send_op_.bytes_sent += size;
    lane_->piece_offset += size;
    if (size < rest.size()) break;
    lane_->piece_offset = 0;
    send_op_.pieces = send_op_.pieces.subspan(1);
  }
  const bool has_moved = send_op_.bytes_sent != before;
  if (send_op_.pieces.empty()) land();
  if (lane_->writer.is_broken()) {
    close({Errc::malformed, "sending through shared memory"});
  } else if (has_moved && lane_->writer.is_reader_to_be_woken()) {
    ring_bell();
  }
  return has_moved;
}

/// Ends the flight: what of it is in the ring has been sent.
void Connection::land() {
  lane_->is_flying = false;
  has_flown_ = true;
  const std::uint32_t before = queue_.frames();
  const std::uint32_t sent = queue_.end_flight(send_op_.bytes_sent);
  lane_->sent += sent;
  lane_->dropped += before - queue_.frames() - sent;
}

void Connection::tell_at_turn_end() {
  if (state_ != State::closing) reactor_.defer(turn_end_);
}

void Connection::tell_lane_sent() {
  const std::uint32_t sent = std::exchange(lane_->sent, 0);
  const std::uint32_t dropped = std::exchange(lane_->dropped, 0);
  if (sent + dropped > 0) observer_.on_sent(*this, sent, dropped);
}

/// Of a connection that is closed.
void Connection::drop_lane_flight() {
  if (!lane_) return;
  lane_->lookout.unlink();
  if (lane_->is_flying) land();
  tell_lane_sent();
}

bool Connection::on_look() {
  bool any = false;
  if (lane_->is_flying && state_ != State::closing) {
    any = advance_lane_flight();
    if (any) tell_at_turn_end();
    // Paused before its receiving has moved: the bell lies behind bytes that are not read.
    const bool is_deaf = lane_->is_flying && is_paused_ && !lane_->hears;
    if (is_deaf && !lane_->memory_timer.is_armed()) reactor_.arm_after(lane_->memory_timer, kDeafPatience);
  }
  return receive_from_lane() || any;
}

bool Connection::receive_from_lane() {
  bool any = false;
  for (int i = 0; i < kReadsPerLook && read_from_lane(); ++i) any = true;
  return any;
}

/// Reads what fits the processor's nearest cache, and hands it on while it is there.
bool Connection::read_from_lane() {
  if (!lane_->hears || state_ != State::open || is_paused_) return false;
  io::ReceiveChunk& chunk = lane_->chunk();
  const std::span<char> space = chunk.space();
  if (space.empty()) {
    if (lane_->memory_timer.is_armed()) return false;
    lane_->note_chunk_missing();
    reactor_.arm_after(lane_->memory_timer, kMemoryPatience);
    return false;
  }
  const std::size_t size = lane_->reader.read(space.first(std::min(space.size(), kReadSize)));
  if (lane_->reader.is_broken()) {
    close({Errc::malformed, "receiving through shared memory"});
    return true;
  }
  if (size == 0) {
    if (!has_ended_ || is_rerun_due_) return false;
    follow_stream_end();
    return true;
  }
  if (lane_->reader.is_writer_to_be_woken()) ring_bell();
  const io::Received received = chunk.take(size);
  decoder_.feed(received.chunk, received.bytes);
  run_frames();
  chunk.settle();
  return true;
}

bool Connection::has_unread_in_lane() { return lane_ && lane_->hears && lane_->reader.has_unread(); }

void Connection::on_sleep(bool sleeps) {
  if (lane_->hears && !is_paused_) lane_->reader.sleep(sleeps);
  if (lane_->is_flying) lane_->writer.wait_for_room(sleeps);
}

/// Wakes the other side's loop, as soon as the stream is free for it. At once: this side may not turn again for long.
void Connection::ring_bell() {
  lane_->is_bell_due = true;
  if (!lane_->sends || !lane_->bell.is_idle() || state_ == State::closing) return;
  lane_->is_bell_due = false;
  lane_->bell.pieces = std::span(&kBell, 1);
  reactor_.backend().send(stream_, lane_->bell);
  reactor_.backend().push(stream_);
}

/// A failure is the stream's: whoever receives from it hears of it, behind what is in the ring.
void Connection::on_bell_sent(Result<void> result) {
  if (result && lane_->is_bell_due) ring_bell();
}

}  // namespace distflow::transport
