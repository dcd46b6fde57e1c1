// Chunks of memory, leased and reference-counted, from a bounded pool.
//
// A chunk is received into or encoded into once, read by many, and goes back to its pool with its last
// lease. Leasing and releasing are lock-free and may happen on any thread; filling a chunk is its
// leaseholder's business.
//   1. leased() <= chunk_count_max, always.
//   2. A chunk is either in the pool or has at least one lease. A pool has no more chunks than chunk_count_max.
//   3. Every chunk is back before its pool dies (asserted).
//   4. What does not fit one of the pool's chunks gets one of its own size from large(), which has its own bound.
// Use: ChunkRef chunk = pool.try_lease(); if (chunk) use(chunk->data(), chunk->capacity());
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "base/delegate.hpp"
#include "base/large_chunks.hpp"
#include "base/slot_stack.hpp"

namespace distflow::base {

class ChunkPool;

class Chunk {
 public:
  [[nodiscard]] char* data() { return reinterpret_cast<char*>(this + 1); }
  [[nodiscard]] const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

  /// `count` more leases. The caller must hold one already.
  void retain(std::uint32_t count = 1) { leases_.fetch_add(count, std::memory_order_relaxed); }

  /// Gives `count` leases back. The last one returns the chunk to its pool or, without one, frees it.
  void release(std::uint32_t count = 1);

  /// Whether the caller's lease is the only one, so that the chunk may be written again.
  [[nodiscard]] bool is_sole_lease() const { return leases_.load(std::memory_order_acquire) == 1; }

  /// The pool it goes back to; null for a chunk of its own.
  [[nodiscard]] ChunkPool* home() const { return home_; }

  /// A chunk of its own, outside any pool, with one lease; null when memory is exhausted. A `keeper` gets it back.
  static Chunk* allocate(std::size_t capacity, ChunkPool* home = nullptr, std::uint32_t slot = 0,
                         LargeChunks* keeper = nullptr);

 private:
  friend class ChunkPool;
  friend class LargeChunks;
  Chunk(std::size_t capacity, ChunkPool* home, std::uint32_t slot, LargeChunks* keeper)
      : slot_(slot), capacity_(capacity), home_(home), keeper_(keeper) {}
  void free();

  std::atomic<std::uint32_t> leases_{1};
  const std::uint32_t slot_;  // in its pool
  const std::size_t capacity_;
  ChunkPool* const home_;
  LargeChunks* const keeper_;  // of a chunk without a home; null: it is freed
};

/// One lease of a chunk, given back when it goes out of scope.
class ChunkRef {
 public:
  ChunkRef() = default;
  /// Takes over a lease that the caller holds.
  static ChunkRef adopt(Chunk* chunk) { return ChunkRef(chunk); }
  /// Takes a lease of its own.
  static ChunkRef share(Chunk& chunk) {
    chunk.retain();
    return ChunkRef(&chunk);
  }

  ChunkRef(ChunkRef&& other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}
  ChunkRef& operator=(ChunkRef&& other) noexcept {
    std::swap(chunk_, other.chunk_);
    other.reset();
    return *this;
  }
  ~ChunkRef() { reset(); }

  void reset() {
    if (Chunk* chunk = std::exchange(chunk_, nullptr)) chunk->release();
  }
  /// Hands the lease to the caller.
  [[nodiscard]] Chunk* detach() { return std::exchange(chunk_, nullptr); }

  explicit operator bool() const { return chunk_ != nullptr; }
  [[nodiscard]] Chunk* get() const { return chunk_; }
  Chunk* operator->() const { return chunk_; }
  Chunk& operator*() const { return *chunk_; }

 private:
  explicit ChunkRef(Chunk* chunk) : chunk_(chunk) {}
  Chunk* chunk_ = nullptr;
};

struct ChunkPoolOptions {
  std::size_t chunk_size = 256 * 1024;   ///< bytes a chunk
  std::uint32_t chunk_count_max = 64;    ///< chunks leased at once, at most
  std::size_t large_bytes_kept_max = 0;  ///< bytes of larger chunks that are kept for the next large frame
};

class ChunkPool {
 public:
  explicit ChunkPool(ChunkPoolOptions options);
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  /// A chunk with one lease, or an empty reference when all are leased or memory is exhausted.
  ChunkRef try_lease();

  /// For what is larger than chunk_size(). Such a chunk has no home, and is not counted in leased().
  [[nodiscard]] LargeChunks& large() { return large_; }
  [[nodiscard]] const LargeChunks& large() const { return large_; }

  [[nodiscard]] std::size_t chunk_size() const { return options_.chunk_size; }
  [[nodiscard]] std::uint32_t chunk_count_max() const { return options_.chunk_count_max; }
  [[nodiscard]] std::uint32_t leased() const { return leased_.load(std::memory_order_relaxed); }
  /// How often try_lease() found nothing.
  [[nodiscard]] std::uint64_t exhausted_count() const { return exhausted_.load(std::memory_order_relaxed); }

  /// Whether more than half of the chunks are out, so that what pins one ought to be copied out of it.
  [[nodiscard]] bool is_under_pressure() const { return leased() * 2 > options_.chunk_count_max; }

  /// Called once, on the releasing thread, for the first release after try_lease() found nothing. Once another has been
  /// set, or none, the one before is not called any more. Not to be set by the callback.
  void on_available(Delegate<void()> callback);

 private:
  friend class Chunk;
  void take_back(Chunk& chunk);
  void tell_available();

  const ChunkPoolOptions options_;
  std::mutex on_available_mutex_;  // taken only when a lease returns to a pool that was found empty
  Delegate<void()> on_available_;
  SlotStack<> free_;
  const std::unique_ptr<Chunk*[]> chunks_;  // by slot; null until one is wanted there. Only a slot's holder uses it
  std::atomic<std::uint32_t> leased_{0};    // raised after a slot is taken, lowered before it is put back
  std::atomic<std::uint64_t> exhausted_{0};
  LargeChunks large_;
};

}  // namespace distflow::base
