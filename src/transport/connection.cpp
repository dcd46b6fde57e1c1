#include "transport/connection.hpp"

#include <utility>

#include "transport/memory_lane.hpp"

namespace distflow::transport {

using base::Delegate;
using framing::FrameDecoder;

Connection::Connection(io::Reactor& reactor, base::ChunkPool& blocks, ConnectionObserver& observer,
                       const ConnectionLimits& limits)
    : reactor_(reactor),
      observer_(observer),
      send_stall_max_(limits.send_stall_max),
      keeps_nothing_(limits.keeps_nothing),
      decoder_(limits.frame_size_max, blocks),
      queue_(limits.send),
      stall_timer_(Delegate<void()>::to<&Connection::on_stall_check>(*this)) {
  recv_op_.on_recv = Delegate<void(const io::Received&)>::to<&Connection::on_recv>(*this);
  recv_op_.on_end = Delegate<void(Error)>::to<&Connection::on_recv_end>(*this);
  send_op_.on_sent = Delegate<void(Result<void>)>::to<&Connection::on_sent>(*this);
  close_op_.on_closed = Delegate<void()>::to<&Connection::on_handle_closed>(*this);
  turn_end_.on_turn_end = Delegate<void()>::to<&Connection::on_turn_end>(*this);
}

Connection::~Connection() { DF_ASSERT(state_ == State::unopened || state_ == State::closed); }

void Connection::open(io::Handle stream) {
  DF_ASSERT(state_ == State::unopened);
  state_ = State::open;
  stream_ = stream;
  start_recv();
  if (queue_.has_filled()) reactor_.defer(turn_end_);
}

std::uint32_t Connection::drop_unopened() {
  DF_ASSERT(state_ == State::unopened);
  return queue_.drop_all();
}

/// What comes before open() waits for it.
SendResult Connection::send_unopened(const EncodedRun& run) {
  if (state_ != State::unopened) return SendResult::closed;
  return queue_.append(run) ? SendResult::queued : SendResult::full;
}

bool Connection::take_over(Connection& unopened) {
  DF_ASSERT(unopened.state_ == State::unopened);
  if (state_ > State::open || !queue_.take_over(unopened.queue_)) return false;
  if (state_ == State::open) reactor_.defer(turn_end_);
  return true;
}

bool Connection::push() {
  if (state_ != State::open || queue_.is_in_flight() || !queue_.has_filled()) return false;
  flush();
  return uses_lane() ? !queue_.is_in_flight() : reactor_.backend().push(stream_);
}

void Connection::start_recv() {
  recv_op_.keeps_nothing = keeps_nothing_ || hears_lane();
  reactor_.backend().recv(stream_, recv_op_);
}

void Connection::on_recv(const io::Received& received) {
  if (state_ == State::draining) note_answer();
  if (state_ != State::open) return;  // a draining connection hears nothing more
  if (lane_ && lane_->hears) return;  // a bell: the turn looks at the lane anyway
  decoder_.feed(received.chunk, received.bytes);
  run_frames();
}

void Connection::run_frames() {
  if (!is_paused_) {
    is_rerun_due_ = false;
    if (!reactor_.has_memory_for([this] { observer_.on_frames(*this); })) [[unlikely]] {
      why_ = {Errc::out_of_memory, "taking what has come"};
      has_failed_ = true;
    }
  }
  decoder_.end_run();
  if (std::exchange(has_failed_, false)) close(why_);
}

void Connection::on_turn_end() {
  if (is_rerun_due_) run_unread();
  flush();
  if (!uses_lane()) return;
  tell_lane_sent();
  flush();  // what observers did, or the end that a draining connection has come to
}

/// Goes on with what was left unread before a pause, and then with the stream's end if that has come meanwhile.
void Connection::run_unread() {
  if (state_ != State::open || is_paused_) return;
  run_frames();
  if (has_ended_) follow_stream_end();
}

void Connection::note_end_of_run(FrameDecoder::Next next) {
  if (next == FrameDecoder::Next::need_more) return;
  const Errc errc = next == FrameDecoder::Next::too_long ? Errc::frame_too_long : Errc::out_of_memory;
  why_ = {errc, "receiving a frame"};
  has_failed_ = true;
}

void Connection::on_recv_end(Error why) {
  const bool has_ended = why != Errc::canceled;
  has_ended_ |= has_ended;
  if (state_ == State::draining) {
    note_answer();
    if (has_ended) return drain_no_more();
  }
  if (state_ == State::draining || state_ == State::open) {
    // Resumed before the pause had taken effect, or bells alone from now on, for which no pause holds.
    if (!has_ended && (!is_paused_ || hears_lane())) start_recv();
  }
  if (!has_ended || state_ != State::open) return;
  why_ = why;
  if (is_rerun_due_) {
    run_unread();
  } else {
    follow_stream_end();
  }
}

/// Nothing more comes on the stream. While paused, what came and was not read has yet to be: resume() leads back here,
/// and so does the end of what is in shared memory.
void Connection::follow_stream_end() {
  if (state_ != State::open || is_paused_ || has_unread_in_lane()) return;
  if (why_ == Errc::end_of_stream && !uses_lane()) {
    finish();
  } else {
    close(why_);
  }
}

/// The peer's end has come for a connection that drains. A peer of a stream may read on; of a ring nobody does.
void Connection::drain_no_more() {
  if (uses_lane() && state_ == State::draining) close(why_);
}

void Connection::pause() {
  if (state_ != State::open || std::exchange(is_paused_, true) || hears_lane()) return;
  reactor_.backend().cancel_recv(stream_);
}

void Connection::resume() {
  if (state_ != State::open || !std::exchange(is_paused_, false)) return;
  if (recv_op_.is_idle() && !has_ended_) start_recv();
  is_rerun_due_ = true;
  reactor_.defer(turn_end_);
}

void Connection::flush() {
  if (queue_.is_in_flight() || state_ == State::closing) return;
  append_last();
  if (!queue_.has_filled()) {
    if (state_ == State::draining) end_draining();
    return;
  }
  if (uses_lane() && fly_through_lane()) return;
  if (!uses_lane()) {
    send_op_.pieces = queue_.begin_flight();
    reactor_.backend().send(stream_, send_op_);
  }
  if (!stall_timer_.is_armed() && state_ != State::closing) watch_for_stall();
}

void Connection::on_sent(Result<void> result) {
  has_flown_ = true;
  if (lane_ && std::exchange(lane_->is_moving, false)) lane_->sends = static_cast<bool>(result);
  end_flight();
  if (state_ == State::closing) return;
  if (!result) return close(result.error());
  if (has_ended_) drain_no_more();
  if (lane_ && lane_->is_bell_due) ring_bell();
  flush();
  if (uses_lane()) tell_at_turn_end();
}

void Connection::end_flight() {
  const std::uint32_t before = queue_.frames();
  const std::uint32_t sent = queue_.end_flight(send_op_.bytes_sent);
  observer_.on_sent(*this, sent, before - queue_.frames() - sent);
}

/// Armed while something is in flight, and looked at only when it expires: sending costs no timer.
void Connection::on_stall_check() {
  const bool is_in_flight = queue_.is_in_flight();
  if (!is_in_flight && state_ != State::draining) {
    if (queue_.is_empty()) queue_.trim();
    return;
  }
  const bool has_moved = is_in_flight && (has_flown_ || send_op_.bytes_sent != stall_mark_);
  if (!has_moved && has_stalled_) {
    return close(is_in_flight ? Error{Errc::timed_out, "sending to a peer that takes nothing"} : why_);
  }
  watch_for_stall();
  has_stalled_ = !has_moved;
}

/// Two checks in vain end a connection. After one alone it may be this process that did not run: what the peer has done
/// meanwhile is seen by the second.
void Connection::watch_for_stall() {
  has_flown_ = false;
  has_stalled_ = false;
  stall_mark_ = send_op_.bytes_sent;
  reactor_.arm_after(stall_timer_, send_stall_max_ / 2);
}

/// All has been sent. What the peer has yet to say to memory that it was offered is waited for, unless its end of the
/// stream has come, and with it all that it will say: a stream that is closed
/// before it comes is reset, with all of it that is still under way.
void Connection::end_draining() {
  if (!awaits_answer() || has_ended_) return close(why_);
  if (!stall_timer_.is_armed()) watch_for_stall();
}

void Connection::finish() {
  if (state_ != State::open) return;
  state_ = State::draining;
  if (!why_.code) why_ = {Errc::canceled, "closing a connection"};
  reactor_.defer(turn_end_);
  if (has_ended_) drain_no_more();
}

void Connection::close(Error why) {
  if (state_ != State::open && state_ != State::draining) return;
  state_ = State::closing;
  why_ = why;
  reactor_.timers().cancel(stall_timer_);
  turn_end_.unlink();
  reactor_.backend().close(stream_, close_op_);
}

void Connection::on_handle_closed() {
  state_ = State::closed;
  drop_lane_flight();
  if (const std::uint32_t dropped = queue_.drop_all(); dropped > 0) observer_.on_sent(*this, 0, dropped);
  observer_.on_closed(*this, why_);
}

}  // namespace distflow::transport
