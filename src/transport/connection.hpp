// A connection: receives frames in runs, sends once a turn what was queued in it, and closes in three steps.
//
//     open ──▶ [open] ── finish() ──▶ [draining] ── queue empty ──▶ [closing] ── on_closed ──▶ [closed]
//                 └───────── close(), an error ──────────────────────▲
//
// Loop thread only.
//   1. The observer gets the frames in the order in which they were sent, and the end of the stream after them. It
//      gets none while the connection is paused, and none once it drains or closes.
//   2. send() only queues. The frames of a turn leave at its end, in one send.
//   3. The observer is notified once of each frame that send() took: it was sent, or it was dropped.
//   4. on_closed is the last call to the observer. From then on the connection may be destroyed, but not inside one of
//      its calls: destroy_later().
//   5. An idle connection has no buffer.
//   6. on_frames() may throw std::bad_alloc: the connection is closed then, with Errc::out_of_memory. The observer's
//      other calls must not throw: what they need memory for they do inside Reactor::has_memory_for(), or have it from
//      before.
// Use: connection.open(stream); ... connection.send(out.end_frame());
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <distflow/result.hpp>

#include "base/timer_wheel.hpp"
#include "framing/frame_decoder.hpp"
#include "stream/handshake.hpp"
#include "stream/socket_stream.hpp"
#include "transport/send_queue.hpp"

namespace distflow::transport {

class Connection;

/// The user of a connection. All calls come from inside Reactor::turn().
class ConnectionObserver {
 public:
  /// Frames have come: take them with connection.next_frame() until it returns false. One that is left (after pause())
  /// comes first in the next run. The bytes are valid during this call; to keep them, lease the frame's chunk.
  virtual void on_frames(Connection& connection) = 0;
  /// So many of the queued frames have been given to the system, and so many have been dropped.
  virtual void on_sent(Connection& connection, const DepartedFrames& departed) {
    static_cast<void>(connection), static_cast<void>(departed);
  }
  /// All frames of these pieces that do not lie in the first `bytes_sent` bytes as a whole will be reported as dropped.
  /// The last time that they can be read.
  virtual void on_dropping(Connection& connection, std::span<const io::Piece> pieces, std::size_t bytes_sent) {
    static_cast<void>(connection), static_cast<void>(pieces), static_cast<void>(bytes_sent);
  }
  /// The connection is closed, because of `why`. Errc::end_of_stream: the peer ended it; Errc::canceled: this side did.
  virtual void on_closed(Connection& connection, Error why) = 0;

 protected:
  ~ConnectionObserver() = default;
};

struct ConnectionLimits {
  std::uint32_t frame_size_max = 16 * 1024 * 1024;  ///< bytes of a frame's body that the peer may announce
  SendLimits send = {};
  /// A connection whose peer accepts no byte for so long, although some are queued, is closed with Errc::timed_out.
  base::Duration send_stall_max = base::seconds(30);
  /// The observer keeps no lease of received chunks: the connection receives although others keep all chunks.
  bool keeps_nothing = false;
  /// The observer leaves much unread: little is received at once, and what is left is copied, so that no received chunk
  /// is kept for it.
  bool leaves_unread = false;
};

enum class [[nodiscard]] SendResult{queued, full, closed};

class Connection {
 public:
  /// All three must outlive the connection. `blocks` serves frames that come in parts.
  Connection(io::Reactor& reactor, base::ChunkPool& blocks, ConnectionObserver& observer,
             const ConnectionLimits& limits);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Takes over a stream and begins to receive. What was queued before leaves first. Does not throw: without memory for
  /// a layered stream the connection closes, with Errc::out_of_memory.
  void open(stream::OpenStream stream);

  /// The next frame of the run; false at its end. Only inside on_frames().
  bool next_frame(framing::Frame& frame) {
    if (state_ != State::open || is_paused_) return false;
    const framing::FrameDecoder::Next next = decoder_.next(frame);
    if (next == framing::FrameDecoder::Next::frame) [[likely]]
      return true;
    note_end_of_run(next);
    return false;
  }

  /// Queues all frames of the run, or none.
  SendResult send(const EncodedRun& run) {
    if (state_ != State::open) [[unlikely]]
      return send_unopened(run);
    return queue_.append(run) ? note_queued() : SendResult::full;
  }
  /// The same for frames that are within a bound of the caller's: `full` means that there is no memory.
  SendResult send_bounded(const EncodedRun& run) {
    if (state_ != State::open) [[unlikely]]
      return send_unopened(run);
    return queue_.append_bounded(run) ? note_queued() : SendResult::full;
  }

  /// Moves the frames that are queued in a connection that was never opened behind those that are queued here. False,
  /// and nothing moved, when they are too many or this connection is closed.
  [[nodiscard]] bool take_over(Connection& unopened);

  /// Sends what is queued now, not at the turn's end; true when the system has taken all of it.
  bool push();

  /// Before open() only: drops what was queued, and returns how much that was. Does not notify the observer.
  DepartedFrames drop_unopened();
  /// The frames that have left the queue, and of which the observer has not been notified yet.
  DepartedFrames untold() const { return upgrade_ ? upgrade_->departed : DepartedFrames{}; }

  /// Receives nothing until resume(): the stream's flow control stops the peer.
  void pause();
  void resume();
  /// At a turn's end, behind resume(): delivers what was left unread, and sends what is queued, inside this call. Not
  /// inside a call to the observer.
  void run_now();

  /// Sends what is queued, then closes. Delivers no more frames, but waits for an answer that is still due
  /// (await_answer()), unless the answer may be among frames not yet delivered.
  void finish();
  /// Closes now, and drops what is queued; on_closed gets `why`.
  void close(Error why = {Errc::canceled, "closing a connection"});

  /// From on_closed on: destroys `owner` at the turn's end. It is this connection, or has it as a member.
  template <class Owner>
  void destroy_later(std::unique_ptr<Owner> owner) {
    DF_ASSERT(state_ == State::closed || state_ == State::unopened);
    reactor().destroy_later(std::move(owner), turn_end_);
  }

  /// The peer owes an answer to a frame that is queued or sent; it has answered. A socket that is closed before an
  /// answer has been read is reset by the system, which loses what is still on its way to the peer.
  void await_answer() { awaits_answer_ = true; }
  void note_answered() { awaits_answer_ = false; }

  // An upgrade: a second stream over the socket. Each direction moves to it behind a last frame (shared memory):
  // connection_upgrade.cpp.

  /// The connection's own stream, for an upgrade to lie over.
  [[nodiscard]] stream::Stream& socket() { return socket_; }
  /// Adds an upgrade. A direction uses it once it has moved.
  void upgrade(std::unique_ptr<stream::Stream> upper);
  /// The same for an upgrade that was offered to the peer, which owes an answer.
  void offer(std::unique_ptr<stream::Stream> upper);
  /// Destroys an upgrade that no direction uses.
  void drop_upgrade();
  [[nodiscard]] bool has_upgrade() const { return upgrade_ != nullptr; }
  /// Sends `last`, the last frame on the socket, and all later frames through the upgrade.
  void move_sending(const EncodedFrame& last);
  /// The peer's last frame on the socket has been read: later ones come through the upgrade.
  void move_receiving();
  [[nodiscard]] bool has_moved_sending() const { return upgrade_ && upgrade_->sends; }
  [[nodiscard]] bool has_moved_receiving() const { return upgrade_ && upgrade_->receives; }

  /// Who the other end is, as its stream says. It is a system call: ask once a connection. Unknown unless the
  /// connection is open.
  [[nodiscard]] stream::PeerIdentity peer() const {
    if (state_ != State::open) return {};
    return upgrade_ ? upgrade_->stream->peer() : socket_.peer();
  }

  [[nodiscard]] bool is_open() const { return state_ == State::open; }
  /// Whether open() has been called, ever.
  [[nodiscard]] bool is_opened() const { return state_ != State::unopened; }
  [[nodiscard]] bool is_closed() const { return state_ == State::closed; }
  [[nodiscard]] bool is_paused() const { return is_paused_; }
  [[nodiscard]] const SendQueue& queue() const { return queue_; }
  [[nodiscard]] const framing::FrameDecoder& decoder() const { return decoder_; }
  /// What is wrong between two turns; null when nothing is. For the simulator and tests (connection_invariants.cpp).
  [[nodiscard]] const char* broken_invariant() const;

 private:
  enum class State : std::uint8_t { unopened, open, draining, closing, closed };

  /// The second stream, and how far each direction has moved to it.
  struct Upgrade {
    std::unique_ptr<stream::Stream> stream;
    std::size_t batch_size = SIZE_MAX;  // once it sends: so many queued bytes are sent before the turn's end
    bool is_moving = false;             // the last frame on the socket is in flight
    bool sends = false;                 // sending has moved
    bool receives = false;              // receiving has moved,
    bool has_begun_recv = false;        // and the receive under way is the upgrade's
    DepartedFrames departed;            // of flights that ended at once: the observer has not been notified yet
    base::ChunkRef last_chunk;          // of the last frame on the socket, while an earlier flight is under way
    std::string_view last_frame;
  };

  [[nodiscard]] io::Reactor& reactor() const { return socket_.reactor(); }
  /// The stream that receives, or will.
  [[nodiscard]] stream::Stream& receiving();

  SendResult send_unopened(const EncodedRun& run);
  SendResult note_queued() {
    reactor().defer(turn_end_);
    if (upgrade_ && queue_.bytes() >= upgrade_->batch_size) send_early();
    return SendResult::queued;
  }
  void on_recv(const io::Received& received);
  void on_recv_end(Error why);
  void on_sent(Result<void> result);
  void on_handle_closed();
  void on_stall_check();
  void watch_for_stall();
  void on_turn_end();
  void flush();
  void run_unread();
  void run_frames();
  void aim_recv();
  void follow_stream_end();
  void drain_no_more();
  void note_end_of_run(framing::FrameDecoder::Next next);
  void start_recv();
  void go_on_receiving();
  void end_flight();
  void end_draining();
  bool has_unread_frame();

  void on_draining_recv();
  void send_early();
  bool send_at_once();
  void tell_sent();

  // Moving to another stream: connection_upgrade.cpp.
  bool open_layered(std::unique_ptr<stream::LayeredStream>& layered);
  void close_unopened(std::unique_ptr<stream::LayeredStream> layered);
  void append_last();
  void begin_sending_through_upgrade();
  void begin_receiving_through_upgrade();

  ConnectionObserver& observer_;
  State state_ = State::unopened;
  bool is_paused_ = false;
  bool has_failed_ = false;    // the run ended in `why_`
  bool has_ended_ = false;     // receiving ended in `why_`
  bool is_rerun_due_ = false;  // resumed: what was left unread is read at the turn's end
  // Bits, to keep an idle connection small.
  bool has_flown_ : 1 = false;      // a flight has ended since the last stall check
  bool has_stalled_ : 1 = false;    // no byte left between the last two checks
  bool awaits_answer_ : 1 = false;  // of the peer
  const bool keeps_nothing_;
  // Milliseconds, and the low bits of a count, for the same reason.
  const std::uint32_t send_stall_max_ms_;
  std::uint32_t stall_mark_ = 0;  // bytes of this flight that had left at the last stall check
  Error why_;
  stream::SocketStream socket_;
  framing::FrameDecoder decoder_;
  SendQueue queue_;

  io::RecvOp recv_op_;
  io::SendOp send_op_;
  io::CloseOp close_op_;
  io::DeferredTask turn_end_;
  base::Timer stall_timer_;
  std::unique_ptr<Upgrade> upgrade_;
};

}  // namespace distflow::transport
