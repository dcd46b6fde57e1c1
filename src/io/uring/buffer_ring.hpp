// BufferRing: the memory that the kernel receives into, as it finds data: slices of chunks from the pool, in a ring
// that the kernel takes them from (io_uring_register_buf_ring(3)).
//
// Loop thread only, except open().
//   1. A slice is with the kernel (in the ring, or in a completion not seen yet), or used, or fresh.
//   2. A used slice is given to the kernel again only when nobody but this object leases its chunk.
//   3. At most kSliceCountMax slices are with the kernel: no poll receives more than these.
//   4. Memory is owned only here, never by a stream. When no slice is with the kernel, no chunk is owned either: the
//      last lease of a chunk returns it to the pool, which notifies those that wait.
//
//     chunk   | used | used | with the kernel | with the kernel | fresh | fresh |
//
// Use: fill() -> the kernel completes with a slice's number -> take(number, size) -> hand it on -> fill() ...
#pragma once

#include <liburing.h>

#include <cstdint>
#include <span>
#include <vector>

#include <distflow/result.hpp>

#include "base/chunk_pool.hpp"
#include "io/operation.hpp"

namespace distflow::io {

class BufferRing {
 public:
  static constexpr std::uint32_t kSliceCountMax = 32;

  /// The kernel knows the ring as `group`. The numbers of its slices begin at `number_min`.
  BufferRing(base::ChunkPool& pool, std::uint16_t group, std::uint16_t number_min);
  BufferRing(const BufferRing&) = delete;
  BufferRing& operator=(const BufferRing&) = delete;
  ~BufferRing();

  /// Makes the ring known to the kernel. It must outlive `ring`'s last receive.
  Result<void> open(io_uring& ring);

  /// Gives the kernel what may be given; false when it has nothing to receive into, since the pool is empty.
  bool fill();

  [[nodiscard]] std::uint16_t group() const { return group_; }
  /// Whether the kernel has something to receive into.
  [[nodiscard]] bool has_any() const { return with_kernel_ > 0; }
  /// Slices with the kernel.
  [[nodiscard]] std::uint32_t count() const { return with_kernel_; }
  /// Whether anything was taken since the last fill().
  [[nodiscard]] bool has_used() const { return has_used_; }

  /// The first `size` bytes of a slice that a completion names. The chunk stays leased by this object until fill().
  Received take(std::uint16_t number, std::size_t size);
  /// Whether the slice `next` begins where `size` bytes in the slice `number` end.
  [[nodiscard]] bool is_continued(std::uint16_t number, std::size_t size, std::uint16_t next) const;

 private:
  using Mask = std::uint32_t;  // a bit for each slice of a chunk
  static_assert(kSliceCountMax == 32);

  struct Source {
    base::ChunkRef chunk;
    Mask fresh = 0;
    Mask used = 0;
  };

  [[nodiscard]] std::size_t slice_size(std::uint32_t slice) const;
  [[nodiscard]] std::size_t offset_of(std::uint32_t slice) const { return slice * slice_size_; }
  void renew(Source& source) const;
  void give(std::uint16_t source_index);
  bool lease_source();

  base::ChunkPool& pool_;
  const std::uint16_t group_;
  const std::uint16_t number_min_;
  const std::uint32_t slice_count_;  // of a chunk, and with the kernel at most
  const std::size_t slice_size_;     // the last one has what is left over, too
  const Mask all_;
  io_uring_buf_ring* entries_ = nullptr;
  std::vector<Source> sources_;  // more than two only while leases are kept above
  std::uint32_t with_kernel_ = 0;
  int unpublished_ = 0;
  bool has_used_ = false;
};

}  // namespace distflow::io
