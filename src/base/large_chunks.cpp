#include "base/large_chunks.hpp"

#include <algorithm>
#include <bit>

#include "base/assert.hpp"
#include "base/chunk_pool.hpp"

namespace distflow::base {
namespace {

/// Sizes that differ little become the same, so that the chunk of one frame serves the next: at most an eighth more.
std::size_t rounded(std::size_t size) {
  const std::size_t step = std::max<std::size_t>(std::bit_floor(size) / 8, 64);
  return size > SIZE_MAX - step ? size : (size + step - 1) / step * step;
}

}  // namespace

LargeChunks::~LargeChunks() {
  DF_ASSERT(leased_.load(std::memory_order_acquire) == 0);
  for (std::size_t i = 0; i < count_; ++i) kept_[i]->free();
}

ChunkRef LargeChunks::lease(std::size_t size) {
  if (ChunkRef kept = lease_kept(size)) return kept;
  const bool is_to_be_kept = size <= bytes_kept_max_;
  Chunk* const chunk = is_to_be_kept ? Chunk::allocate(rounded(size), nullptr, 0, this) : Chunk::allocate(size);
  if (chunk == nullptr) return {};
  made_.fetch_add(1, std::memory_order_relaxed);
  if (is_to_be_kept) leased_.fetch_add(1, std::memory_order_relaxed);
  return ChunkRef::adopt(chunk);
}

ChunkRef LargeChunks::lease_kept(std::size_t size) {
  Chunk* const chunk = bytes_kept() < size ? nullptr : take_kept(size);
  if (chunk == nullptr) return {};
  chunk->leases_.store(1, std::memory_order_relaxed);
  leased_.fetch_add(1, std::memory_order_relaxed);
  return ChunkRef::adopt(chunk);
}

/// The one that came back last is the likeliest to be in the cache still.
Chunk* LargeChunks::take_kept(std::size_t size) {
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = count_; i-- > 0;) {
    Chunk* const chunk = kept_[i];
    if (chunk->capacity() < size || chunk->capacity() / 2 > size) continue;
    std::copy(kept_.begin() + static_cast<std::ptrdiff_t>(i + 1), kept_.begin() + static_cast<std::ptrdiff_t>(count_),
              kept_.begin() + static_cast<std::ptrdiff_t>(i));
    --count_;
    bytes_kept_.store(bytes_kept() - chunk->capacity(), std::memory_order_relaxed);
    return chunk;
  }
  return nullptr;
}

/// Those that came back first make room: what is kept follows the sizes that are used now.
void LargeChunks::take_back(Chunk& chunk) {
  std::array<Chunk*, kCountMax> outdated{};
  std::size_t outdated_count = 0;
  if (chunk.capacity() > bytes_kept_max_) {  // rounding has made it so
    outdated[outdated_count++] = &chunk;
  } else {
    const std::scoped_lock lock(mutex_);
    std::size_t bytes = bytes_kept() + chunk.capacity();
    while (bytes > bytes_kept_max_ || count_ - outdated_count == kCountMax) {
      bytes -= kept_[outdated_count]->capacity();
      outdated[outdated_count] = kept_[outdated_count];
      ++outdated_count;
    }
    std::copy(kept_.begin() + static_cast<std::ptrdiff_t>(outdated_count),
              kept_.begin() + static_cast<std::ptrdiff_t>(count_), kept_.begin());
    count_ -= outdated_count;
    kept_[count_++] = &chunk;
    bytes_kept_.store(bytes, std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < outdated_count; ++i) outdated[i]->free();
  leased_.fetch_sub(1, std::memory_order_release);
}

}  // namespace distflow::base
