// Shared memory beside a connection's stream: a ring for each direction, and what each side says there of itself. Once
// a direction has moved, its frames go through the ring, and the stream carries single bytes that wake a sleeper.
//
// Loop thread only. The parts of a lane; Connection is who moves them (connection_lane.cpp).
// Use: auto lane = MemoryLane::create(places, backend, nonce); ... connection.attach(std::move(lane));
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include <distflow/result.hpp>

#include "base/chunk_pool.hpp"
#include "base/log.hpp"
#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "io/receive_chunk.hpp"
#include "io/shared_memory.hpp"
#include "stream/memory_ring.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::transport {

/// The first page of a lane's memory; behind it lie the bytes of the two rings. docs/wire-protocol.md says the same.
struct LaneHeader {
  static constexpr std::size_t kSize = 4096;
  static constexpr std::size_t kNonceSize = 16;

  alignas(128) std::array<char, kNonceSize> nonce;  ///< that whoever was offered this memory was told, too
  std::array<stream::RingControl, 2> rings;         ///< of what the opener of the connection sends, and its accepter
};
static_assert(sizeof(LaneHeader) <= LaneHeader::kSize);

/// Bytes of a ring.
inline constexpr std::size_t kRingSizeMin = 4096;
inline constexpr std::size_t kRingSizeMax = std::size_t{16} * 1024 * 1024;
[[nodiscard]] constexpr bool is_ring_size(std::size_t size) {
  return size >= kRingSizeMin && size <= kRingSizeMax && std::has_single_bit(size);
}

/// What a node's lanes share. Must outlive them.
struct LanePlaces {
  io::ReceiveChunk chunk;                ///< what all of them receive into
  std::size_t ring_size = kRingSizeMin;  ///< of those created here; larger ones of others are refused
  std::uint32_t count_max = 0;
  std::uint32_t count = 0;
  std::uint64_t chunks_missing = 0;  ///< times that receiving paused for want of a chunk
  bool has_told_failure = false;     ///< the log says that the system refuses memory

  /// How loudly to say that there is no memory for a connection: once, where it is the system that refuses it, at
  /// `level`. Bounds, offers that do not hold, and systems without such memory are nothing to act upon.
  base::LogLevel level_of_failure(const Error& why, base::LogLevel level);
};

class MemoryLane {
 public:
  /// On the opener's side; the nonce has LaneHeader::kNonceSize bytes.
  static Result<std::unique_ptr<MemoryLane>> create(LanePlaces& places, io::Backend& backend, std::string_view nonce);
  /// On the accepter's side, by what the opener says.
  static Result<std::unique_ptr<MemoryLane>> open(LanePlaces& places, io::Backend& backend, std::string_view name,
                                                  std::size_t ring_size, std::string_view nonce);
  ~MemoryLane();
  MemoryLane(const MemoryLane&) = delete;
  MemoryLane& operator=(const MemoryLane&) = delete;

  /// What the accepter opens the memory by, until it has.
  [[nodiscard]] const std::string& name() const { return memory_.name; }
  void forget_name() { memory_.nameable.reset(); }

  /// Holds `place` for as long as the lane lives: whoever gives it counts its holders.
  void hold(std::shared_ptr<const void> place) { place_ = std::move(place); }

  // For the connection.

  io::ReceiveChunk& chunk() { return places_.chunk; }
  void note_chunk_missing() { ++places_.chunks_missing; }
  stream::RingWriter writer;
  stream::RingReader reader;
  bool awaits_answer = false;    // the peer was offered this memory, and has yet to say whether it takes it
  bool sends = false;            // what is sent goes through the ring
  bool hears = false;            // what is received comes through the ring
  bool is_flying = false;        // a flight of the send queue is on its way into the ring
  bool is_moving = false;        // the stream's last frame is on its way
  bool is_bell_due = false;      // the other side is to be woken, when the stream is free for it
  std::uint32_t sent = 0;        // frames of flights that have ended, of which the observer has not been told
  std::uint32_t dropped = 0;     // the same of those that never will be
  std::size_t piece_offset = 0;  // of the flight's first piece, bytes that are in the ring
  base::ChunkRef last_chunk;     // of the stream's last frame, while it waits for the flight before it
  std::string_view last_frame;
  io::SendOp bell;
  io::Lookout lookout;
  base::Timer memory_timer;  // while there is no chunk to receive into

 private:
  MemoryLane(LanePlaces& places, io::SharedMemory memory, LaneHeader& header, std::size_t ring_size,
             std::size_t own_ring);
  void on_memory_timer() {}  // the turn that it expires in looks at the lane anyway

  LanePlaces& places_;
  std::shared_ptr<const void> place_;
  io::SharedMemory memory_;
};

}  // namespace distflow::transport
