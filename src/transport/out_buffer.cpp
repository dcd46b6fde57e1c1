#include "transport/out_buffer.hpp"

#include <algorithm>
#include <limits>

namespace distflow::transport {
namespace {

// The least that is allocated outside the pool, at first or while the pool is empty: room for a few small frames, and
// not much memory that one of them keeps in use.
constexpr std::size_t kOwnChunkSizeMin = 4096;

}  // namespace

EncodedFrame OutBuffer::end_frame() {
  DF_ASSERT(is_open_);
  DF_ASSERT(!is_out_of_memory_);
  is_open_ = false;
  const std::size_t body = body_size();
  DF_ASSERT(body <= std::numeric_limits<std::uint32_t>::max());
  char* frame = chunk_->data() + frame_begin_;
  framing::write_header(frame, static_cast<std::uint32_t>(body));
  return {chunk_.get(), {frame, framing::kHeaderSize + body}, 1};
}

void OutBuffer::abandon_frame() {
  DF_ASSERT(is_open_);
  is_open_ = false;
  used_ = frame_begin_;
}

std::optional<EncodedFrame> OutBuffer::encode(std::string_view body) {
  begin_frame();
  append(body);
  if (!is_out_of_memory_) return end_frame();
  abandon_frame();
  return std::nullopt;
}

/// Moves the open frame to a chunk with room for `size` more bytes.
bool OutBuffer::move_to_larger(std::size_t size) {
  const std::size_t written = chunk_ ? used_ - frame_begin_ : 0;
  const std::size_t needed = written + size;
  base::ChunkRef larger;
  const std::size_t least = std::min(kOwnChunkSizeMin, pool_.chunk_size());
  const bool is_small = first_ == FirstChunk::small && !chunk_ && needed <= least;
  if (needed <= pool_.chunk_size() && !is_small) larger = pool_.try_lease();
  // The pool is empty, or its chunks are too small: memory outside the pool, which doubles as the frame grows.
  const std::size_t own_size = std::max({needed, 2 * written, least});
  if (!larger && own_size > pool_.chunk_size()) larger = pool_.large().lease(own_size);
  if (!larger) larger = base::ChunkRef::adopt(base::Chunk::allocate(own_size));
  if (!larger) {
    is_out_of_memory_ = true;
    return false;
  }
  if (written > 0) std::memcpy(larger->data(), chunk_->data() + frame_begin_, written);
  chunk_ = std::move(larger);
  is_oversized_ = chunk_->capacity() > pool_.chunk_size();
  frame_begin_ = 0;
  used_ = written;
  return true;
}

}  // namespace distflow::transport
