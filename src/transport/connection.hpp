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
#include "io/reactor.hpp"
#include "transport/send_queue.hpp"

namespace distflow::transport {

class Connection;
class MemoryLane;

/// Whoever a connection is for. Calls come from inside Reactor::turn().
class ConnectionObserver {
 public:
  /// Frames have come: take them with connection.next_frame() until it says no. One left behind (after pause()) comes
  /// first in the next run. What frames lie in is valid for this call; who keeps it leases the frame's chunk.
  virtual void on_frames(Connection& connection) = 0;
  /// Of the frames queued, `sent` have gone to the system and `dropped` never will.
  virtual void on_sent(Connection& connection, std::uint32_t sent, std::uint32_t dropped) {
    static_cast<void>(connection), static_cast<void>(sent), static_cast<void>(dropped);
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

  /// Takes over a connected stream and begins to receive. What was queued before leaves first.
  void open(io::Handle stream);

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
    if (!queue_.append(run)) return SendResult::full;
    reactor_.defer(turn_end_);
    if (lane_ && queue_.bytes() >= kLaneFlightSize) fly_early();
    return SendResult::queued;
  }

  /// Takes what is queued in a connection that was never opened, behind what is queued here: all of it, or false when
  /// it is too much or this connection is closed.
  bool take_over(Connection& unopened);

  /// Does not wait for the turn's end with what is queued; true when the system has taken all of it.
  bool push();

  /// Before open() only: forgets what was queued, and returns how many frames that were. The observer is not told.
  std::uint32_t drop_unopened();

  /// Stops receiving, so that TCP or the ring holds the peer back, until resume(). Through memory the peer's bells and
  /// its end are heard all the same.
  void pause();
  void resume();

  /// Sends what is queued, then closes. Nothing is received any more.
  void finish();
  /// Closes now. What is queued is dropped; `why` goes to on_closed.
  void close(Error why = {Errc::canceled, "closing a connection"});

  /// From on_closed on: destroys `owner`, which is this connection or has it as a member, at the turn's end.
  template <class Owner>
  void destroy_later(std::unique_ptr<Owner> owner) {
    DF_ASSERT(state_ == State::closed || state_ == State::unopened);
    reactor_.destroy_later(std::move(owner), turn_end_);
  }

  // Shared memory beside the stream (memory_lane.hpp): connection_lane.cpp.

  /// Has memory from now on, and uses it in each direction once that has moved.
  void attach(std::unique_ptr<MemoryLane> lane);
  /// The same for memory that the peer was offered: it will answer here, be it with yes or no.
  void offer(std::unique_ptr<MemoryLane> lane);
  /// Gives up memory that no direction uses.
  void detach();
  /// The memory, or null.
  [[nodiscard]] MemoryLane* lane() const { return lane_.get(); }
  /// What is sent goes through the memory, behind `last`, the last frame of the stream.
  void move_sending(const EncodedFrame& last);
  /// What has been read was the last frame of the stream: more comes through the memory.
  void move_receiving();

  [[nodiscard]] bool is_open() const { return state_ == State::open; }
  /// Whether open() has been called, ever.
  [[nodiscard]] bool is_opened() const { return state_ != State::unopened; }
  [[nodiscard]] bool is_closed() const { return state_ == State::closed; }
  [[nodiscard]] bool is_paused() const { return is_paused_; }
  [[nodiscard]] const SendQueue& queue() const { return queue_; }
  [[nodiscard]] const framing::FrameDecoder& decoder() const { return decoder_; }

 private:
  /// What is queued of so many bytes does not wait for the turn's end, where there is memory: it is copied there while
  /// it is in the processor's nearest cache.
  static constexpr std::size_t kLaneFlightSize = std::size_t{16} * 1024;

  enum class State : std::uint8_t { unopened, open, draining, closing, closed };

  SendResult send_unopened(const EncodedRun& run);
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
  void follow_stream_end();
  void drain_no_more();
  void note_end_of_run(framing::FrameDecoder::Next next);
  void start_recv();
  void end_flight();
  void end_draining();

  [[nodiscard]] bool awaits_answer() const;
  void note_answer();
  void append_last();
  [[nodiscard]] bool uses_lane() const;
  [[nodiscard]] bool hears_lane() const;
  void fly_early();
  bool fly_through_lane();
  bool advance_lane_flight();
  void land();
  void tell_at_turn_end();
  void tell_lane_sent();
  void drop_lane_flight();
  bool on_look();
  bool receive_from_lane();
  bool read_from_lane();
  [[nodiscard]] bool has_unread_in_lane();
  void on_sleep(bool sleeps);
  void ring_bell();
  void on_bell_sent(Result<void> result);

  io::Reactor& reactor_;
  ConnectionObserver& observer_;
  const base::Duration send_stall_max_;
  State state_ = State::unopened;
  bool is_paused_ = false;
  bool has_failed_ = false;    // the run ended in `why_`
  bool has_ended_ = false;     // receiving ended in `why_`
  bool is_rerun_due_ = false;  // resumed: what was left unread is read at the turn's end
  bool has_flown_ = false;     // a flight has ended since the last stall check
  bool has_stalled_ = false;   // nothing moved from the last but one to the last
  const bool keeps_nothing_;
  Error why_;
  io::Handle stream_;
  framing::FrameDecoder decoder_;
  SendQueue queue_;
  std::size_t stall_mark_ = 0;  // bytes of the flight under way that had left at the last stall check

  io::RecvOp recv_op_;
  io::SendOp send_op_;
  io::CloseOp close_op_;
  io::TurnEnd turn_end_;
  base::Timer stall_timer_;
  std::unique_ptr<MemoryLane> lane_;
};

}  // namespace distflow::transport
