// The buffer that a thread encodes its outgoing frames in, side by side, in chunks that all its connections share.
//
// One thread at a time.
//   1. A frame lies in one chunk. The frames of a turn lie side by side, so that a queue sends them as one piece. A
//      frame that is too large for the pool's chunks has a large chunk of its own, which goes back to the pool with the
//      frame.
//   2. Bytes of a finished frame are not written again while somebody else holds a lease of their chunk.
//   3. Between begin_frame() and end_frame() or abandon_frame() exactly one frame is open.
// Use: if (const auto frame = out.encode("{}")) queue.append(*frame);
//      out.begin_frame(); out.append("{}"); EncodedFrame frame = out.end_frame();   // a body in parts
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/assert.hpp"
#include "base/chunk_pool.hpp"
#include "framing/frame.hpp"

namespace distflow::transport {

/// Whole frames with their headers, side by side in `chunk`. The caller of a function that takes this holds a lease of
/// the chunk during the call.
struct EncodedRun {
  base::Chunk* chunk = nullptr;
  std::string_view bytes;
  std::uint32_t count = 0;
};

/// One frame. The lease is the buffer's, valid until its next begin_frame().
using EncodedFrame = EncodedRun;

/// A buffer's first chunk: one of the pool, or a small one outside it, until that is too small.
enum class FirstChunk : std::uint8_t { of_pool, small };

class OutBuffer {
 public:
  /// `pool` gives the chunks and must outlive the buffer. Frames too large for one get memory of their own.
  explicit OutBuffer(base::ChunkPool& pool, FirstChunk first = FirstChunk::of_pool) : pool_(pool), first_(first) {}
  OutBuffer(const OutBuffer&) = delete;
  OutBuffer& operator=(const OutBuffer&) = delete;

  /// Writes a header, and returns where to write the frame's body of `body_size` bytes; take_placed() then makes it a
  /// frame. Null when the current chunk has no room for it: use begin_frame().
  char* try_place(std::size_t body_size) {
    DF_ASSERT(!is_open_);
    if (!chunk_) return nullptr;
    if (chunk_->is_sole_lease()) used_ = 0;
    const std::size_t size = framing::kHeaderSize + body_size;
    if (size > chunk_->capacity() - used_ || is_oversized_) return nullptr;
    char* const frame = chunk_->data() + used_;
    framing::write_header(frame, static_cast<std::uint32_t>(body_size));
    return frame + framing::kHeaderSize;
  }
  EncodedFrame take_placed(std::size_t body_size) {
    const std::size_t size = framing::kHeaderSize + body_size;
    const EncodedFrame frame{chunk_.get(), {chunk_->data() + used_, size}, 1};
    used_ += size;
    return frame;
  }

  /// Begins a frame, whose body is what is appended until end_frame(). With its size, `body_size`, it gets enough room
  /// at once, and is not copied again.
  void begin_frame(std::size_t body_size = 0) {
    DF_ASSERT(!is_open_);
    is_open_ = true;
    is_out_of_memory_ = false;
    if (std::exchange(is_oversized_, false)) chunk_.reset();
    // Nobody holds a lease of the frames so far: start over, in memory that is still in the cache.
    if (!chunk_ || chunk_->is_sole_lease()) used_ = 0;
    frame_begin_ = used_;
    if (reserve(framing::kHeaderSize + body_size) != nullptr) commit(framing::kHeaderSize);
  }

  /// Room for at least `size` bytes behind what is written; null without memory (is_out_of_memory() from then on).
  char* reserve(std::size_t size) {
    if (chunk_ && size <= chunk_->capacity() - used_) return chunk_->data() + used_;
    return move_to_larger(size) ? chunk_->data() + used_ : nullptr;
  }

  /// Appends `size` of the bytes that were written at reserve()'s pointer.
  void commit(std::size_t size) { used_ += size; }

  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    if (char* out = reserve(bytes.size())) {
      std::memcpy(out, bytes.data(), bytes.size());
      commit(bytes.size());
    }
  }

  /// Whether a frame has begun and not ended.
  [[nodiscard]] bool is_open() const { return is_open_; }
  [[nodiscard]] base::ChunkPool& pool() const { return pool_; }
  /// Bytes of the body so far.
  [[nodiscard]] std::size_t body_size() const {
    const std::size_t size = used_ - frame_begin_;
    return size < framing::kHeaderSize ? 0 : size - framing::kHeaderSize;
  }
  [[nodiscard]] bool is_out_of_memory() const { return is_out_of_memory_; }

  /// Ends the frame. Its body has at most 2^32 - 1 bytes. Not when out of memory.
  EncodedFrame end_frame();
  /// Drops the open frame.
  void abandon_frame();

  /// A frame with that body; nothing without memory.
  [[nodiscard]] std::optional<EncodedFrame> encode(std::string_view body);

  /// Drops the last frame, of which nobody holds a lease.
  void take_back(const EncodedFrame& last) {
    DF_ASSERT(!is_open_ && last.chunk == chunk_.get() &&
              last.bytes.data() + last.bytes.size() == chunk_->data() + used_);
    used_ -= last.bytes.size();
  }

  /// Gives up its lease of the chunk; the next frame begins in another. Not while a frame is open.
  void give_memory_back() {
    DF_ASSERT(!is_open_);
    chunk_.reset();
    used_ = 0;
    is_oversized_ = false;
  }

 private:
  bool move_to_larger(std::size_t size);

  base::ChunkPool& pool_;
  const FirstChunk first_;
  base::ChunkRef chunk_;
  std::size_t used_ = 0;
  std::size_t frame_begin_ = 0;
  bool is_open_ = false;
  bool is_out_of_memory_ = false;
  bool is_oversized_ = false;  // the chunk is one frame's own, larger than the pool's
};

}  // namespace distflow::transport
