#include "transport/connection.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace distflow::transport {

using base::Delegate;
using framing::FrameDecoder;

namespace {

std::uint32_t whole_milliseconds(base::Duration duration) {
  const auto count = std::chrono::ceil<base::milliseconds>(duration).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(count, 0, UINT32_MAX));
}

}  // namespace

Connection::Connection(io::Reactor& reactor, base::ChunkPool& blocks, ConnectionObserver& observer,
                       const ConnectionLimits& limits)
    : observer_(observer),
      keeps_nothing_(limits.keeps_nothing),
      send_stall_max_ms_(whole_milliseconds(limits.send_stall_max)),
      socket_(reactor),
      decoder_(limits.frame_size_max, blocks,
               limits.leaves_unread ? FrameDecoder::Rests::copied : FrameDecoder::Rests::leased),
      queue_(limits.send),
      stall_timer_(Delegate<void()>::to<&Connection::on_stall_check>(*this)) {
  recv_op_.on_recv = Delegate<void(const io::Received&)>::to<&Connection::on_recv>(*this);
  recv_op_.on_end = Delegate<void(Error)>::to<&Connection::on_recv_end>(*this);
  recv_op_.takes_little = limits.leaves_unread;
  send_op_.on_sent = Delegate<void(Result<void>)>::to<&Connection::on_sent>(*this);
  close_op_.on_closed = Delegate<void()>::to<&Connection::on_handle_closed>(*this);
  turn_end_.on_turn_end = Delegate<void()>::to<&Connection::on_turn_end>(*this);
}

Connection::~Connection() { DF_ASSERT(state_ == State::unopened || state_ == State::closed); }

void Connection::open(stream::OpenStream stream) {
  DF_ASSERT(state_ == State::unopened);
  state_ = State::open;
  if (!stream.layered) {
    socket_.open(stream.socket);
  } else if (!open_layered(stream.layered)) {
    return close_unopened(std::move(stream.layered));
  }
  start_recv();
  if (queue_.has_filled()) reactor().defer(turn_end_);
}

DepartedFrames Connection::drop_unopened() {
  DF_ASSERT(state_ == State::unopened);
  return queue_.drop_all();
}

/// Frames that are queued before open() wait for it.
SendResult Connection::send_unopened(const EncodedRun& run) {
  if (state_ != State::unopened) return SendResult::closed;
  return queue_.append(run) ? SendResult::queued : SendResult::full;
}

bool Connection::take_over(Connection& unopened) {
  DF_ASSERT(unopened.state_ == State::unopened);
  if (state_ > State::open || !queue_.take_over(unopened.queue_)) return false;
  if (state_ == State::open) reactor().defer(turn_end_);
  return true;
}

bool Connection::push() {
  if (state_ != State::open || queue_.is_in_flight() || !queue_.has_filled()) return false;
  flush();
  return has_moved_sending() ? !queue_.is_in_flight() : socket_.push();
}

stream::Stream& Connection::receiving() {
  return upgrade_ && upgrade_->has_begun_recv ? *upgrade_->stream : static_cast<stream::Stream&>(socket_);
}

void Connection::start_recv() {
  recv_op_.keeps_nothing = keeps_nothing_;
  receiving().recv(recv_op_);
}

void Connection::on_recv(const io::Received& received) {
  if (state_ == State::draining) on_draining_recv();
  if (state_ != State::open) return;                               // a draining connection delivers nothing
  if (has_moved_receiving() && !upgrade_->has_begun_recv) return;  // behind the last frame: for the upgrade
  decoder_.feed(received.chunk, received.bytes);
  run_frames();
}

void Connection::run_frames() {
  if (!is_paused_) {
    is_rerun_due_ = false;
    if (!reactor().has_memory_for([this] { observer_.on_frames(*this); })) [[unlikely]] {
      why_ = {Errc::out_of_memory, "taking what has come"};
      has_failed_ = true;
    }
  }
  decoder_.end_run();
  aim_recv();
  if (std::exchange(has_failed_, false)) close(why_);
}

/// What takes little receives nothing before all is read: with each pause, more would come than is read.
void Connection::go_on_receiving() {
  const bool waits = recv_op_.takes_little && decoder_.unread_size() > 0;
  if (recv_op_.is_idle() && !has_ended_ && !waits) start_recv();
}

/// The rest of a large frame is received straight into the memory of that frame.
void Connection::aim_recv() {
  const FrameDecoder::Place place = decoder_.place();
  recv_op_.place = place.room;
  recv_op_.place_chunk = place.chunk;
  recv_op_.size_expected = decoder_.size_expected();
}

void Connection::on_turn_end() {
  if (is_rerun_due_) run_unread();
  flush();
  if (!has_moved_sending()) return;
  tell_sent();
  flush();  // what the observer queued; or a draining connection ends here
}

/// Delivers the frames that were left unread at a pause, and then the end of the stream if it has come meanwhile.
void Connection::run_unread() {
  if (state_ != State::open || is_paused_) return;
  run_frames();
  if (has_ended_) return follow_stream_end();
  if (state_ == State::open && !is_paused_) go_on_receiving();
}

void Connection::note_end_of_run(FrameDecoder::Next next) {
  if (next == FrameDecoder::Next::need_more) return;
  const Errc errc = next == FrameDecoder::Next::too_long ? Errc::frame_too_long : Errc::out_of_memory;
  why_ = {errc, "receiving a frame"};
  has_failed_ = true;
}

void Connection::on_recv_end(Error why) {
  if (has_moved_receiving() && !upgrade_->has_begun_recv) return begin_receiving_through_upgrade();
  const bool has_ended = why != Errc::canceled;
  has_ended_ |= has_ended;
  if (state_ == State::draining && has_ended) {
    on_draining_recv();
    return drain_no_more();
  }
  if (state_ == State::draining || state_ == State::open) {
    if (!has_ended && !is_paused_) go_on_receiving();  // resumed before the pause had taken effect
  }
  if (!has_ended || state_ != State::open) return;
  why_ = why;
  if (is_rerun_due_) {
    run_unread();
  } else {
    follow_stream_end();
  }
}

/// The stream has ended. While paused, the end waits behind frames that are unread: resume() leads back here.
void Connection::follow_stream_end() {
  if (state_ != State::open || is_paused_) return;
  if (why_ == Errc::end_of_stream && !has_moved_sending()) {
    finish();
  } else {
    close(why_);
  }
}

/// The peer has ended its side while this connection drains. On a socket the peer may still read; on an upgrade it does
/// not.
void Connection::drain_no_more() {
  if (has_moved_sending() && state_ == State::draining) close(why_);
}

void Connection::pause() {
  if (state_ != State::open || std::exchange(is_paused_, true)) return;
  receiving().cancel_recv();
}

void Connection::resume() {
  if (state_ != State::open || !std::exchange(is_paused_, false)) return;
  go_on_receiving();
  is_rerun_due_ = true;
  reactor().defer(turn_end_);
}

void Connection::run_now() {
  if (!is_rerun_due_) return;
  turn_end_.unlink();
  on_turn_end();
}

void Connection::flush() {
  if (queue_.is_in_flight() || state_ == State::closing) return;
  if (upgrade_ && upgrade_->last_chunk) append_last();
  if (!queue_.has_filled()) {
    if (state_ == State::draining) end_draining();
    return;
  }
  if (has_moved_sending()) {
    if (send_at_once()) return;
  } else {
    send_op_.pieces = queue_.begin_flight();
    socket_.send(send_op_);
  }
  if (!stall_timer_.is_armed() && state_ != State::closing) watch_for_stall();
}

void Connection::on_sent(Result<void> result) {
  has_flown_ = true;
  end_flight();
  if (state_ == State::closing) return;
  if (!result) return close(result.error());
  if (upgrade_ && std::exchange(upgrade_->is_moving, false)) begin_sending_through_upgrade();
  if (has_ended_) drain_no_more();
  flush();
  if (has_moved_sending() && state_ != State::closing) reactor().defer(turn_end_);
}

void Connection::end_flight() {
  if (send_op_.bytes_sent < queue_.flying_bytes()) [[unlikely]]
    observer_.on_dropping(*this, queue_.flying(), send_op_.bytes_sent);
  observer_.on_sent(*this, queue_.end_flight(send_op_.bytes_sent));
}

/// Armed once for many flights: a send neither arms nor cancels a timer. When it expires, it looks what has moved.
void Connection::on_stall_check() {
  const bool is_in_flight = queue_.is_in_flight();
  if (!is_in_flight && state_ != State::draining) {
    if (queue_.is_empty()) queue_.trim();
    return;
  }
  const bool has_moved = is_in_flight && (has_flown_ || static_cast<std::uint32_t>(send_op_.bytes_sent) != stall_mark_);
  if (!has_moved && has_stalled_) {
    return close(is_in_flight ? Error{Errc::timed_out, "sending to a peer that takes nothing"} : why_);
  }
  watch_for_stall();
  has_stalled_ = !has_moved;
}

/// Two checks in a row without progress close the connection. After one it may be this process that did not run, and
/// the peer's progress is in the second.
void Connection::watch_for_stall() {
  has_flown_ = false;
  has_stalled_ = false;
  stall_mark_ = static_cast<std::uint32_t>(send_op_.bytes_sent);
  reactor().arm_after(stall_timer_, base::Duration(base::milliseconds(send_stall_max_ms_)) / 2);
}

/// All frames are sent. Waits for an answer that is due, unless the peer has ended its side: a socket that is closed
/// with bytes unread is reset, and the peer may lose what was sent last.
void Connection::end_draining() {
  if (!awaits_answer_ || has_ended_) return close(why_);
  if (!stall_timer_.is_armed()) watch_for_stall();
}

void Connection::finish() {
  if (state_ != State::open) return;
  // Receives and drops, so that it notices the end, and an answer that is due. An upgrade is not half closed: it is
  // over when its peer ends.
  if (has_moved_receiving() || awaits_answer_) resume();
  if (awaits_answer_ && has_unread_frame()) note_answered();
  state_ = State::draining;
  if (!why_.code) why_ = {Errc::canceled, "closing a connection"};
  reactor().defer(turn_end_);
  if (has_ended_) drain_no_more();
}

void Connection::close(Error why) {
  if (state_ != State::open && state_ != State::draining) return;
  state_ = State::closing;
  why_ = why;
  reactor().timers().cancel(stall_timer_);
  turn_end_.unlink();
  (upgrade_ ? *upgrade_->stream : static_cast<stream::Stream&>(socket_)).close(close_op_);
}

void Connection::on_handle_closed() {
  state_ = State::closed;
  if (upgrade_) tell_sent();
  if (queue_.has_filled()) observer_.on_dropping(*this, queue_.filled(), 0);
  if (const DepartedFrames left = queue_.drop_all(); left.dropped > 0) observer_.on_sent(*this, left);
  observer_.on_closed(*this, why_);
}

/// A frame that lies behind the one which a handler has, or behind a pause, has come before the connection drains. No
/// call will report it: it counts as one that comes from now on does, on_draining_recv().
bool Connection::has_unread_frame() {
  framing::Frame frame;
  return decoder_.next(frame) != FrameDecoder::Next::need_more;
}

/// Bytes have come while the connection drains: the answer, or the end of the stream. Where the peer sends messages
/// here too, it may be one of those; then the connection closes, and a reset can no longer be avoided.
void Connection::on_draining_recv() {
  if (!awaits_answer_) return;
  note_answered();
  reactor().defer(turn_end_);
}

/// Inside send(): the observer is notified at the turn's end.
void Connection::send_early() {
  if (queue_.is_in_flight() || send_at_once()) return;
  if (!stall_timer_.is_armed()) watch_for_stall();
}

/// Whether the upgrade took all that was filled inside the call: that flight has ended. The observer is notified at the
/// turn's end.
bool Connection::send_at_once() {
  send_op_.pieces = queue_.begin_flight();
  if (!upgrade_->stream->send_now(send_op_)) return false;
  has_flown_ = true;
  upgrade_->departed += queue_.end_flight(send_op_.bytes_sent);
  return true;
}

void Connection::tell_sent() {
  const DepartedFrames departed = std::exchange(upgrade_->departed, {});
  if (departed.sent + departed.dropped > 0) observer_.on_sent(*this, departed);
}

}  // namespace distflow::transport
