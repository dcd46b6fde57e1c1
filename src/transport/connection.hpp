// A connection: frames in, by runs; frames out, gathered once a turn. Closed in three steps.
//
//     open ──▶ [open] ── finish() ──▶ [draining] ── queue empty ──▶ [closing] ── on_closed ──▶ [closed]
//                 └───────── close(), an error ──────────────────────▲
//
// Loop thread only.
//   1. Frames come in the order they were sent, and all that came before the end of the stream come before it. None
//      come once the connection drains or closes, or while it is paused.
//   2. send() only queues. What a turn queued leaves at its end, in one send.
//   3. Every frame that send() took is told to the observer once more, as sent or as dropped.
//   4. on_closed is the last call to the observer. From then on the connection may be destroyed, but not inside one of
//      its calls: destroy_later().
//   5. An idle connection has no buffer.
//   6. An observer that runs out of memory in on_frames() has its connection closed, with Errc::out_of_memory. Its
//   other
//      calls must not throw.
// Use: connection.open(stream); ... connection.send(out.end_frame());
#pragma once

#include <cstdint>
#include <memory>

#include <distflow/result.hpp>

#include "base/timer_wheel.hpp"
#include "framing/frame_decoder.hpp"
#include "stream/handshake.hpp"
#include "stream/socket_stream.hpp"
#include "transport/send_queue.hpp"

namespace distflow::transport {

class Connection;

/// Whoever a connection is for. Calls come from inside Reactor::turn().
class ConnectionObserver {
 public:
  /// Frames have come: take them with connection.next_frame() until it says no. One left behind (after pause()) comes
  /// first in the next run. What frames lie in is valid for this call; who keeps it leases the frame's chunk.
  virtual void on_frames(Connection& connection) = 0;
  /// Of the frames queued, so many have gone to the system, and so many never will.
  virtual void on_sent(Connection& connection, const DepartedFrames& departed) {
    static_cast<void>(connection), static_cast<void>(departed);
  }
  /// The connection is closed, because of `why`. Errc::end_of_stream: the peer ended it; Errc::canceled: this side did.
  virtual void on_closed(Connection& connection, Error why) = 0;

 protected:
  ~ConnectionObserver() = default;
};

struct ConnectionLimits {
  std::uint32_t frame_size_max = 16 * 1024 * 1024;  ///< bytes of a frame's body that the peer may announce
  SendLimits send = {};
  /// A peer that takes no byte for so long while there are some for it is closed with Errc::timed_out.
  base::Duration send_stall_max = base::seconds(30);
  /// The observer keeps no lease of what it is given: it hears its peer though all chunks to receive into are kept.
  bool keeps_nothing = false;
};

enum class SendResult { queued, full, closed };

class Connection {
 public:
  /// All three must outlive the connection. `blocks` serves frames that come in parts.
  Connection(io::Reactor& reactor, base::ChunkPool& blocks, ConnectionObserver& observer,
             const ConnectionLimits& limits);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Takes over a stream and begins to receive. What was queued before leaves first.
  void open(stream::OpenStream stream);

  /// The next frame of the run. Only to be called inside on_frames.
  bool next_frame(framing::Frame& frame) {
    if (state_ != State::open || is_paused_) return false;
    const framing::FrameDecoder::Next next = decoder_.next(frame);
    if (next == framing::FrameDecoder::Next::frame) [[likely]]
      return true;
    note_end_of_run(next);
    return false;
  }

  /// All of the run's frames, or none.
  SendResult send(const EncodedRun& run) {
    if (state_ != State::open) [[unlikely]]
      return send_unopened(run);
    return queue_.append(run) ? note_queued() : SendResult::full;
  }
  /// The same for frames that the caller bounds: full only without memory.
  SendResult send_bounded(const EncodedRun& run) {
    if (state_ != State::open) [[unlikely]]
      return send_unopened(run);
    return queue_.append_bounded(run) ? note_queued() : SendResult::full;
  }

  /// Takes what is queued in a connection that was never opened, behind what is queued here: all of it, or false when
  /// it is too much or this connection is closed.
  bool take_over(Connection& unopened);

  /// Does not wait for the turn's end with what is queued; true when the system has taken all of it.
  bool push();

  /// Before open() only: drops what was queued, and says what that was. The observer is not told.
  DepartedFrames drop_unopened();
  /// Of the frames that have left the queue, those that the observer is yet to be told of.
  [[nodiscard]] DepartedFrames untold() const { return upgrade_ ? upgrade_->departed : DepartedFrames{}; }

  /// Stops receiving, so that the stream holds the peer back, until resume().
  void pause();
  void resume();

  /// Sends what is queued, then closes. Nothing is received any more; but what the peer has yet to answer is waited
  /// for.
  void finish();
  /// Closes now. What is queued is dropped; `why` goes to on_closed.
  void close(Error why = {Errc::canceled, "closing a connection"});

  /// From on_closed on: destroys `owner`, which is this connection or has it as a member, at the turn's end.
  template <class Owner>
  void destroy_later(std::unique_ptr<Owner> owner) {
    DF_ASSERT(state_ == State::closed || state_ == State::unopened);
    reactor().destroy_later(std::move(owner), turn_end_);
  }

  /// The peer will answer something that it is sent, or that it has been sent; and has answered. A stream that is
  /// closed before an answer comes is reset, with all of it that is still under way.
  void await_answer() { awaits_answer_ = true; }
  void note_answered() { awaits_answer_ = false; }

  // An upgrade: a stream over the connection's own, which each direction moves to behind a last frame (shared memory).

  /// The connection's own stream, for an upgrade to lie over.
  [[nodiscard]] stream::Stream& socket() { return socket_; }
  /// Has an upgrade from now on, and uses it in each direction once that has moved.
  void upgrade(std::unique_ptr<stream::Stream> upper);
  /// The same for one that the peer was offered: the peer will answer here, with yes or no.
  void offer(std::unique_ptr<stream::Stream> upper);
  /// Gives up an upgrade that no direction uses.
  void drop_upgrade();
  [[nodiscard]] bool has_upgrade() const { return upgrade_ != nullptr; }
  /// What is sent goes through the upgrade, behind `last`, the last frame of the connection's own stream.
  void move_sending(const EncodedFrame& last);
  /// What has been read was the last frame of the connection's own stream: more comes through the upgrade.
  void move_receiving();
  [[nodiscard]] bool has_moved_sending() const { return upgrade_ && upgrade_->sends; }
  [[nodiscard]] bool has_moved_receiving() const { return upgrade_ && upgrade_->receives; }

  /// The user who owns the other end (io/peer_owner.hpp). Asks the system: once a connection. Unknown unless the
  /// connection is open, and over a layered stream.
  [[nodiscard]] io::PeerOwner owner_of_peer() const {
    return state_ == State::open ? socket_.owner_of_peer() : io::PeerOwner();
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

  /// A stream over the connection's own, and how far each direction has moved to it.
  struct Upgrade {
    std::unique_ptr<stream::Stream> stream;
    std::size_t batch_size = SIZE_MAX;  // so many queued bytes do not wait for the turn's end, once it sends
    bool is_moving = false;             // the last frame of the own stream is on its way
    bool sends = false;                 // what is sent goes through it
    bool receives = false;              // what is received comes through it,
    bool has_begun_recv = false;        // and the receive under way is its
    DepartedFrames departed;            // of flights that ended at once, of which the observer has not been told
    base::ChunkRef last_chunk;          // of the own stream's last frame, while it waits for the flight before it
    std::string_view last_frame;
  };

  [[nodiscard]] io::Reactor& reactor() const { return socket_.reactor(); }
  /// What receiving is under way on, or will be.
  [[nodiscard]] stream::Stream& receiving();

  void open_layered(std::unique_ptr<stream::Stream> layered);
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
  void end_flight();
  void end_draining();

  void on_draining_recv();
  void append_last();
  void begin_sending_through_upgrade();
  void begin_receiving_through_upgrade();
  void send_early();
  bool send_at_once();
  void tell_sent();

  ConnectionObserver& observer_;
  State state_ = State::unopened;
  bool is_paused_ = false;
  bool has_failed_ = false;    // the run ended in `why_`
  bool has_ended_ = false;     // receiving ended in `why_`
  bool is_rerun_due_ = false;  // resumed: what was left unread is read at the turn's end
  // Bits, as an idle connection is to be small.
  bool has_flown_ : 1 = false;      // a flight has ended since the last stall check
  bool has_stalled_ : 1 = false;    // nothing moved from the last but one to the last
  bool awaits_answer_ : 1 = false;  // of the peer
  const bool keeps_nothing_;
  // Small, as an idle connection is to be: milliseconds, and the low bits of a count.
  const std::uint32_t send_stall_max_ms_;
  std::uint32_t stall_mark_ = 0;  // bytes of the flight under way that had left at the last stall check
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
