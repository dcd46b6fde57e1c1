#include "base/chunk_pool.hpp"

#include <new>

#include "base/assert.hpp"

namespace distflow::base {

Chunk* Chunk::allocate(std::size_t capacity, ChunkPool* home, std::uint32_t slot, LargeChunks* keeper) {
  void* memory = ::operator new (sizeof(Chunk) + capacity, std::align_val_t{64}, std::nothrow);
  return memory == nullptr ? nullptr : new (memory) Chunk(capacity, home, slot, keeper);
}

void Chunk::free() {
  this->~Chunk();
  ::operator delete (this, std::align_val_t{64});
}

void Chunk::release(std::uint32_t count) {
  // acq_rel: what other leaseholders read happens before the chunk is written again.
  const std::uint32_t before = leases_.fetch_sub(count, std::memory_order_acq_rel);
  DF_ASSERT(before >= count);
  if (before != count) return;
  if (home_ != nullptr) {
    home_->take_back(*this);
  } else if (keeper_ != nullptr) {
    keeper_->take_back(*this);
  } else {
    free();
  }
}

ChunkPool::ChunkPool(ChunkPoolOptions options)
    : options_(options),
      free_(options.chunk_count_max),
      chunks_(std::make_unique<Chunk*[]>(options.chunk_count_max)),
      large_(options.large_bytes_kept_max) {
  DF_ASSERT(options.chunk_size > 0);
}

ChunkPool::~ChunkPool() {
  DF_ASSERT(leased() == 0);
  for (std::uint32_t i = 0; i < options_.chunk_count_max; ++i) {
    if (chunks_[i] != nullptr) chunks_[i]->free();
  }
}

ChunkRef ChunkPool::try_lease() {
  const std::uint32_t slot = free_.take();
  if (slot == 0) {
    exhausted_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  Chunk*& chunk = chunks_[slot - 1];
  if (chunk == nullptr) {
    chunk = Chunk::allocate(options_.chunk_size, this, slot);
    if (chunk == nullptr) {
      exhausted_.fetch_add(1, std::memory_order_relaxed);
      free_.put_unused(slot);
      return {};
    }
  } else {
    chunk->leases_.store(1, std::memory_order_relaxed);
  }
  leased_.fetch_add(1, std::memory_order_relaxed);
  return ChunkRef::adopt(chunk);
}

void ChunkPool::take_back(Chunk& chunk) {
  leased_.fetch_sub(1, std::memory_order_relaxed);
  if (free_.put(chunk.slot_)) tell_available();
}

void ChunkPool::on_available(Delegate<void()> callback) {
  const std::scoped_lock lock(on_available_mutex_);
  on_available_ = callback;
}

void ChunkPool::tell_available() {
  const std::scoped_lock lock(on_available_mutex_);
  if (on_available_) on_available_();
}

}  // namespace distflow::base
