#include "base/chunk_pool.hpp"

#include <concurrentqueue.h>

#include <new>

#include "base/assert.hpp"

namespace distflow::base {

struct ChunkPool::FreeList {
  moodycamel::ConcurrentQueue<Chunk*> chunks;
};

Chunk* Chunk::allocate(std::size_t capacity, ChunkPool* home) {
  void* memory = ::operator new (sizeof(Chunk) + capacity, std::align_val_t{64}, std::nothrow);
  return memory == nullptr ? nullptr : new (memory) Chunk(capacity, home);
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
  } else {
    free();
  }
}

ChunkPool::ChunkPool(ChunkPoolOptions options) : options_(options), free_(std::make_unique<FreeList>()) {
  DF_ASSERT(options.chunk_size > 0);
  DF_ASSERT(options.chunk_count_max > 0);
}

ChunkPool::~ChunkPool() {
  DF_ASSERT(leased() == 0);
  Chunk* chunk = nullptr;
  while (free_->chunks.try_dequeue(chunk)) chunk->free();
}

ChunkRef ChunkPool::try_lease() {
  if (ChunkRef chunk = take()) return chunk;
  exhausted_.fetch_add(1, std::memory_order_relaxed);
  // seq_cst pairs with take_back(): either the releaser sees the flag, or this second look sees the chunk.
  is_starving_.store(true, std::memory_order_seq_cst);
  return take();
}

ChunkRef ChunkPool::take() {
  // The count is taken first, so that the bound holds whatever other threads do meanwhile.
  if (leased_.fetch_add(1, std::memory_order_seq_cst) < options_.chunk_count_max) {
    Chunk* chunk = nullptr;
    if (free_->chunks.try_dequeue(chunk)) {
      chunk->leases_.store(1, std::memory_order_relaxed);
      return ChunkRef::adopt(chunk);
    }
    chunk = Chunk::allocate(options_.chunk_size, this);
    if (chunk != nullptr) return ChunkRef::adopt(chunk);
  }
  leased_.fetch_sub(1, std::memory_order_seq_cst);
  return {};
}

void ChunkPool::take_back(Chunk& chunk) {
  free_->chunks.enqueue(&chunk);
  leased_.fetch_sub(1, std::memory_order_seq_cst);
  if (is_starving_.load(std::memory_order_seq_cst) && is_starving_.exchange(false)) tell_available();
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
