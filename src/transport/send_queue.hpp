// The send queue of a connection: whole frames, gathered into pieces, in two batches. One is in flight, the other is
// filled.
//
// Loop thread only.
//   1. A piece consists of whole frames and holds one lease of its chunk. A run of count 0 has control frames: they are
//      sent like others, and counted against control_bytes_max alone.
//   2. bytes() <= bytes_max and frames() <= frames_max, in flight and filled together.
//   3. Each counted frame, and its bytes, departs once: at the end of its flight, or when it is dropped.
//   4. Frames leave in the order in which they were queued.
//   5. A queue that has never been used, or has been trimmed, owns no memory.
// Use: queue.append(frame); op.pieces = queue.begin_flight(); ...
//      departed = queue.end_flight(op.bytes_sent);
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "io/operation.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::transport {

struct SendLimits {
  std::size_t bytes_max = std::size_t{64} * 1024 * 1024;
  std::uint32_t frames_max = 1024 * 1024;
  std::uint32_t control_bytes_max = 1024 * 1024;  ///< of runs of count 0, which are among the bytes too
};

/// Counted frames that have left the queue. Their owner gives their credit back, and counts those that were dropped.
struct [[nodiscard]] DepartedFrames {
  std::uint32_t sent = 0;     ///< given to the system
  std::uint32_t dropped = 0;  ///< never given to it
  std::size_t bytes = 0;      ///< of all of them, headers included

  DepartedFrames& operator+=(const DepartedFrames& more) {
    sent += more.sent;
    dropped += more.dropped;
    bytes += more.bytes;
    return *this;
  }
};

class SendQueue {
 public:
  explicit SendQueue(SendLimits limits) : limits_(limits) {}
  SendQueue(const SendQueue&) = delete;
  SendQueue& operator=(const SendQueue&) = delete;
  /// An owner that is destroyed with frames queued has nobody left to notify of them.
  ~SendQueue() { static_cast<void>(drop_all()); }

  /// False, and nothing queued, when a limit would be exceeded, or without memory.
  [[nodiscard]] bool append(const EncodedRun& run) {
    if (run.bytes.size() > limits_.bytes_max - bytes() || run.count > limits_.frames_max - frames()) return false;
    return run.count > 0 ? append_bounded(run) : append_control(run);
  }
  /// The same for counted frames within a bound of the caller's: false only without memory.
  [[nodiscard]] bool append_bounded(const EncodedRun& run) {
    if (!batches_ && !make_batches()) return false;
    return batches_->filled.append(run);
  }

  /// Moves what is filled in `from` behind what is filled here. False, and nothing moved, when a limit would be
  /// exceeded, or without memory. Nothing of `from` may be in flight.
  [[nodiscard]] bool take_over(SendQueue& from);

  /// Puts what is filled in flight: the pieces to send. Nothing may be in flight, and something must be filled.
  std::span<const io::Piece> begin_flight();

  /// Ends the flight. The system took `bytes_sent` bytes of it; frames that it did not take as a whole are dropped.
  DepartedFrames end_flight(std::size_t bytes_sent);

  /// Drops what is filled. Nothing may be in flight.
  DepartedFrames drop_all();

  /// Frees the memory that is kept for pieces. Nothing may be queued.
  void trim();

  [[nodiscard]] std::size_t bytes() const { return batches_ ? batches_->filled.bytes + batches_->flying.bytes : 0; }
  [[nodiscard]] std::uint32_t frames() const {
    return batches_ ? batches_->filled.frames + batches_->flying.frames : 0;
  }
  /// The bytes of counted frames.
  [[nodiscard]] std::size_t counted_bytes() const {
    return batches_ ? batches_->filled.counted_bytes() + batches_->flying.counted_bytes() : 0;
  }
  /// What is in flight, and what is filled.
  [[nodiscard]] std::span<const io::Piece> flying() const { return pieces_of(&Batches::flying); }
  [[nodiscard]] std::span<const io::Piece> filled() const { return pieces_of(&Batches::filled); }
  [[nodiscard]] std::size_t flying_bytes() const { return batches_ ? batches_->flying.bytes : 0; }
  [[nodiscard]] bool has_filled() const { return batches_ && !batches_->filled.pieces.empty(); }
  [[nodiscard]] bool is_in_flight() const { return batches_ && !batches_->flying.pieces.empty(); }
  [[nodiscard]] bool is_empty() const { return !has_filled() && !is_in_flight(); }

 private:
  struct Batch {
    std::vector<io::Piece> pieces;
    std::vector<base::Chunk*> chunks;  // one lease a piece
    std::size_t bytes = 0;
    std::size_t control_bytes = 0;  // of them, those of runs of count 0
    std::uint32_t frames = 0;

    [[nodiscard]] std::size_t counted_bytes() const { return bytes - control_bytes; }
    bool append(const EncodedRun& run) {
      const bool goes_on = !pieces.empty() && chunks.back() == run.chunk &&
                           pieces.back().data() + pieces.back().size() == run.bytes.data();
      if (goes_on) {
        pieces.back() = {pieces.back().data(), pieces.back().size() + run.bytes.size()};
      } else if (!add_piece(run)) {
        return false;
      }
      bytes += run.bytes.size();
      frames += run.count;
      return true;
    }
    bool add_piece(const EncodedRun& run);
    void clear();
  };

  struct Batches {
    Batch filled;
    Batch flying;
  };

  [[nodiscard]] std::span<const io::Piece> pieces_of(Batch Batches::*batch) const {
    return batches_ ? std::span<const io::Piece>((*batches_.*batch).pieces) : std::span<const io::Piece>();
  }
  bool make_batches();
  bool append_control(const EncodedRun& run);

  const SendLimits limits_;
  std::unique_ptr<Batches> batches_;
};

}  // namespace distflow::transport
