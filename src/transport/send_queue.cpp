#include "transport/send_queue.hpp"

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

void SendQueue::Batch::append(const EncodedFrame& frame) {
  bytes += frame.bytes.size();
  ++frames;
  if (!pieces.empty() && chunks.back() == frame.chunk) {
    io::Piece& last = pieces.back();
    if (last.data() + last.size() == frame.bytes.data()) {
      last = {last.data(), last.size() + frame.bytes.size()};
      return;
    }
  }
  frame.chunk->retain();
  chunks.push_back(frame.chunk);
  pieces.push_back(frame.bytes);
}

void SendQueue::Batch::clear() {
  for (base::Chunk* chunk : chunks) chunk->release();
  chunks.clear();
  pieces.clear();
  bytes = 0;
  frames = 0;
}

std::span<const io::Piece> SendQueue::begin_flight() {
  DF_ASSERT(!is_in_flight());
  DF_ASSERT(has_filled());
  std::swap(filled_, flying_);
  return flying_.pieces;
}

std::uint32_t SendQueue::end_flight(std::size_t bytes_sent) {
  DF_ASSERT(is_in_flight());
  DF_ASSERT(bytes_sent <= flying_.bytes);
  const std::uint32_t sent = bytes_sent == flying_.bytes ? flying_.frames : count_frames(flying_.pieces, bytes_sent);
  flying_.clear();
  return sent;
}

void SendQueue::trim() {
  DF_ASSERT(frames() == 0);
  filled_ = Batch{};
  flying_ = Batch{};
}

std::uint32_t SendQueue::drop_all() {
  DF_ASSERT(!is_in_flight());
  const std::uint32_t dropped = filled_.frames;
  filled_.clear();
  return dropped;
}

}  // namespace distflow::transport
