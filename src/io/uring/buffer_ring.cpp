#include "io/uring/buffer_ring.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "io/posix/socket.hpp"

namespace distflow::io {
namespace {

// Smaller ones cost more to receive into than they save.
constexpr std::size_t kSliceSizeMin = 1024;
constexpr std::size_t kMappedSize = BufferRing::kSliceCountMax * sizeof(io_uring_buf);

std::uint32_t slices_of(const base::ChunkPool& pool) {
  return static_cast<std::uint32_t>(
      std::clamp<std::size_t>(pool.chunk_size() / kSliceSizeMin, 1, BufferRing::kSliceCountMax));
}

}  // namespace

BufferRing::BufferRing(base::ChunkPool& pool, std::uint16_t group, std::uint16_t number_min)
    : pool_(pool),
      group_(group),
      number_min_(number_min),
      slice_count_(slices_of(pool)),
      slice_size_(pool.chunk_size() / slice_count_),
      all_(~Mask{0} >> (kSliceCountMax - slice_count_)) {}

BufferRing::~BufferRing() {
  if (entries_ != nullptr) ::munmap(entries_, kMappedSize);
}

Result<void> BufferRing::open(io_uring& ring) {
  constexpr const char* k_mapping = "mapping a ring of buffers";
  void* memory = ::mmap(nullptr, kMappedSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return posix::last_error(k_mapping);
  entries_ = static_cast<io_uring_buf_ring*>(memory);
  // A forked child must not make these pages copies of what the kernel reads.
  if (::madvise(memory, kMappedSize, MADV_DONTFORK) != 0) return posix::last_error(k_mapping);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
  registration.ring_entries = kSliceCountMax;
  registration.bgid = group_;
  const int outcome = io_uring_register_buf_ring(&ring, &registration, 0);
  if (outcome < 0) return posix::error_of(-outcome, "giving io_uring a ring of buffers (from Linux 5.19 on)");
  io_uring_buf_ring_init(entries_);
  return {};
}

bool BufferRing::fill() {
  has_used_ = false;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    renew(sources_[i]);
    give(static_cast<std::uint16_t>(i));
  }
  while (with_kernel_ * 2 < slice_count_ && lease_source()) {
  }
  for (Source& source : sources_) {
    if (source.chunk && source.fresh == all_) source = {};  // the others suffice
  }
  if (unpublished_ > 0) io_uring_buf_ring_advance(entries_, std::exchange(unpublished_, 0));
  return with_kernel_ > 0;
}

/// Used slices become fresh when nobody else leases the chunk; a chunk of which all are used is let go.
void BufferRing::renew(Source& source) const {
  if (source.used == 0) return;
  if (source.chunk->is_sole_lease()) {
    source.fresh |= std::exchange(source.used, 0);
  } else if (source.used == all_) {
    source = {};
  }
}

/// Gives the kernel fresh slices, from the chunk's front on, while it has too few.
void BufferRing::give(std::uint16_t source_index) {
  Source& source = sources_[source_index];
  for (; source.fresh != 0 && with_kernel_ < slice_count_; ++with_kernel_, ++unpublished_) {
    const auto slice = static_cast<std::uint32_t>(std::countr_zero(source.fresh));
    source.fresh &= source.fresh - 1;
    io_uring_buf_ring_add(entries_, source.chunk->data() + offset_of(slice), static_cast<unsigned>(slice_size(slice)),
                          static_cast<std::uint16_t>(number_min_ + source_index * kSliceCountMax + slice),
                          io_uring_buf_ring_mask(kSliceCountMax), unpublished_);
  }
}

bool BufferRing::lease_source() {
  base::ChunkRef chunk = pool_.try_lease();
  if (!chunk) return false;
  auto place = std::find_if(sources_.begin(), sources_.end(), [](const Source& source) { return !source.chunk; });
  if (place == sources_.end()) {
    try {
      place = sources_.emplace(place);
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  place->chunk = std::move(chunk);
  place->fresh = all_;
  place->used = 0;
  give(static_cast<std::uint16_t>(place - sources_.begin()));
  return true;
}

Received BufferRing::take(std::uint16_t number, std::size_t size) {
  const std::uint32_t index = number - number_min_;
  Source& source = sources_[index / kSliceCountMax];
  const std::uint32_t slice = index % kSliceCountMax;
  DF_ASSERT(source.chunk && size <= slice_size(slice));
  --with_kernel_;
  has_used_ = true;
  source.used |= Mask{1} << slice;
  return {*source.chunk, {source.chunk->data() + offset_of(slice), size}};
}

bool BufferRing::is_continued(std::uint16_t number, std::size_t size, std::uint16_t next) const {
  const std::uint32_t slice = (number - number_min_) % kSliceCountMax;
  return next == number + 1 && slice + 1 < slice_count_ && size == slice_size(slice);
}

std::size_t BufferRing::slice_size(std::uint32_t slice) const {
  return slice + 1 < slice_count_ ? slice_size_ : pool_.chunk_size() - offset_of(slice);
}

}  // namespace distflow::io
