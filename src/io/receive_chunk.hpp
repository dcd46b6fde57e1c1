// The chunk that a backend receives into next, shared by all its streams and filled from front to back.
//
// Loop thread only.
//   1. Bytes given out by take() are never written again while anybody but this object has a lease of their chunk.
//   2. When nobody kept a lease, the chunk is filled from its front again: the memory stays in the cache.
// Use: space() -> receive into it -> take(n) -> hand it on -> settle().
#pragma once

#include <algorithm>
#include <span>

#include "base/chunk_pool.hpp"
#include "io/operation.hpp"

namespace distflow::io {

/// The most that is received at once into a place of the receive's own: one handle's turn is not to be long.
inline constexpr std::size_t kPlaceSizeMax = std::size_t{256} * 1024;
/// Of a message that is expected to be large, what is received before there is a place for the rest.
inline constexpr std::size_t kBeginningSize = std::size_t{4} * 1024;

class ReceiveChunk {
 public:
  explicit ReceiveChunk(base::ChunkPool& pool)
      : pool_(pool), space_min_(std::min<std::size_t>(16 * 1024, pool.chunk_size() / 4)) {}

  /// Where to receive to; empty when the pool has no chunk left.
  std::span<char> space() {
    if (!chunk_ || chunk_->capacity() - used_ < std::max<std::size_t>(space_min_, 1)) {
      chunk_.reset();
      chunk_ = pool_.try_lease();
      used_ = 0;
    }
    if (!chunk_) return {};
    return {chunk_->data() + used_, chunk_->capacity() - used_};
  }

  /// The first `size` bytes of space(), as received.
  Received take(std::size_t size) {
    const std::string_view bytes(chunk_->data() + used_, size);
    used_ += size;
    return {*chunk_, bytes};
  }

  /// After the bytes were handed on: starts over when nobody kept them.
  void settle() {
    if (chunk_ && chunk_->is_sole_lease()) used_ = 0;
  }

  /// Gives the chunk back; the next space() takes another.
  void release() { chunk_.reset(); }

 private:
  base::ChunkPool& pool_;
  const std::size_t space_min_;
  base::ChunkRef chunk_;
  std::size_t used_ = 0;
};

}  // namespace distflow::io
