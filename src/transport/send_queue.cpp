#include "transport/send_queue.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "framing/frame.hpp"

namespace distflow::transport {
namespace {

/// How many whole frames the first `bytes` bytes of the pieces have. A frame may go on in the next piece.
std::uint32_t count_frames(std::span<const io::Piece> pieces, std::size_t bytes) {
  std::uint32_t count = 0;
  std::size_t rest = 0;  // of the frame that goes on in the next piece
  for (io::Piece piece : pieces) {
    while (!piece.empty()) {
      if (rest == 0) {
        if (piece.size() < framing::kHeaderSize) return count;
        rest = framing::kHeaderSize + framing::read_header(piece.data());
        if (rest > bytes) return count;
        bytes -= rest;
      }
      const std::size_t here = std::min(rest, piece.size());
      piece.remove_prefix(here);
      rest -= here;
      if (rest == 0) ++count;
    }
  }
  return count;
}

}  // namespace

bool SendQueue::Batch::add_piece(const EncodedRun& run) {
  try {
    pieces.push_back(run.bytes);
    chunks.push_back(run.chunk);
  } catch (const std::bad_alloc&) {
    pieces.resize(chunks.size());
    return false;
  }
  run.chunk->retain();
  return true;
}

void SendQueue::Batch::clear() {
  for (base::Chunk* chunk : chunks) chunk->release();
  chunks.clear();
  pieces.clear();
  bytes = 0;
  control_bytes = 0;
  frames = 0;
}

bool SendQueue::make_batches() {
  batches_.reset(new (std::nothrow) Batches);
  return batches_ != nullptr;
}

/// Control frames have a bound of their own: a queue that is full of messages takes them, and a peer that causes many
/// of them takes no room from messages.
bool SendQueue::append_control(const EncodedRun& run) {
  if (!batches_ && !make_batches()) return false;
  const std::size_t waiting = batches_->filled.control_bytes + batches_->flying.control_bytes;
  if (waiting >= limits_.control_bytes_max || run.bytes.size() > limits_.control_bytes_max - waiting) return false;
  if (!batches_->filled.append(run)) return false;
  batches_->filled.control_bytes += run.bytes.size();
  return true;
}

bool SendQueue::take_over(SendQueue& from) {
  DF_ASSERT(!from.is_in_flight());
  if (!from.has_filled()) return true;
  if (!batches_ && !make_batches()) return false;
  Batch& there = from.batches_->filled;
  if (there.bytes > limits_.bytes_max - bytes() || there.frames > limits_.frames_max - frames()) return false;
  Batch& here = batches_->filled;
  try {
    here.pieces.reserve(here.pieces.size() + there.pieces.size());
    here.chunks.reserve(here.chunks.size() + there.chunks.size());
  } catch (const std::bad_alloc&) {
    return false;
  }
  here.pieces.insert(here.pieces.end(), there.pieces.begin(), there.pieces.end());
  here.chunks.insert(here.chunks.end(), there.chunks.begin(), there.chunks.end());
  here.bytes += there.bytes;
  here.control_bytes += there.control_bytes;
  here.frames += there.frames;
  there.chunks.clear();  // their leases have moved
  there.clear();
  return true;
}

std::span<const io::Piece> SendQueue::begin_flight() {
  DF_ASSERT(!is_in_flight());
  DF_ASSERT(has_filled());
  std::swap(batches_->filled, batches_->flying);
  return batches_->flying.pieces;
}

DepartedFrames SendQueue::end_flight(std::size_t bytes_sent) {
  DF_ASSERT(is_in_flight());
  Batch& flying = batches_->flying;
  DF_ASSERT(bytes_sent <= flying.bytes);
  // The frames that are found include those that are not counted.
  const std::uint32_t sent =
      bytes_sent == flying.bytes ? flying.frames : std::min(flying.frames, count_frames(flying.pieces, bytes_sent));
  const DepartedFrames departed{.sent = sent, .dropped = flying.frames - sent, .bytes = flying.counted_bytes()};
  flying.clear();
  return departed;
}

void SendQueue::trim() {
  DF_ASSERT(is_empty());
  batches_.reset();
}

DepartedFrames SendQueue::drop_all() {
  DF_ASSERT(!is_in_flight());
  if (!batches_) return {};
  Batch& filled = batches_->filled;
  const DepartedFrames departed{.dropped = filled.frames, .bytes = filled.counted_bytes()};
  filled.clear();
  return departed;
}

}  // namespace distflow::transport
