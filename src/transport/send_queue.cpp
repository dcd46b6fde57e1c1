#include "transport/send_queue.hpp"

#include <new>
#include <utility>

#include "base/assert.hpp"
#include "framing/frame.hpp"

namespace distflow::transport {
namespace {

/// How many whole frames the first `bytes` bytes of the pieces are.
std::uint32_t count_frames(std::span<const io::Piece> pieces, std::size_t bytes) {
  std::uint32_t count = 0;
  for (io::Piece piece : pieces) {
    while (!piece.empty()) {
      const std::size_t size = framing::kHeaderSize + framing::read_header(piece.data());
      if (size > bytes) return count;
      bytes -= size;
      piece.remove_prefix(size);
      ++count;
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
  frames = 0;
}

bool SendQueue::make_batches() {
  batches_.reset(new (std::nothrow) Batches);
  return batches_ != nullptr;
}

std::span<const io::Piece> SendQueue::begin_flight() {
  DF_ASSERT(!is_in_flight());
  DF_ASSERT(has_filled());
  std::swap(batches_->filled, batches_->flying);
  return batches_->flying.pieces;
}

std::uint32_t SendQueue::end_flight(std::size_t bytes_sent) {
  DF_ASSERT(is_in_flight());
  Batch& flying = batches_->flying;
  DF_ASSERT(bytes_sent <= flying.bytes);
  const std::uint32_t sent = bytes_sent == flying.bytes ? flying.frames : count_frames(flying.pieces, bytes_sent);
  flying.clear();
  return sent;
}

void SendQueue::trim() {
  DF_ASSERT(frames() == 0);
  batches_.reset();
}

std::uint32_t SendQueue::drop_all() {
  DF_ASSERT(!is_in_flight());
  if (!batches_) return 0;
  const std::uint32_t dropped = batches_->filled.frames;
  batches_->filled.clear();
  return dropped;
}

}  // namespace distflow::transport
