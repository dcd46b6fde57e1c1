// Chunks larger than those of a pool, each as large as its frame, kept for the next large frame once they are back.
//
// Memory that is asked of the system for each large frame is touched for the first time for each of them: every page of
// it costs a fault, as much time as copying the page. So what comes back is kept, within a bound, the oldest of it is
// freed first, and the next frame takes the one that came back last, of those that fit.
//
// Any thread; a lock is held for a look at a short list, never while memory is asked for or freed.
//   1. bytes_kept() <= bytes_kept_max, always. A larger chunk is freed with its last lease.
//   2. A chunk that is given out holds at most twice what was asked for.
//   3. Every chunk is back before this object dies (asserted). With a bound of 0 it keeps none, and does not know them.
// Use: ChunkRef chunk = large.lease(size); if (chunk) use(chunk->data(), chunk->capacity());
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace distflow::base {

class Chunk;
class ChunkRef;

class LargeChunks {
 public:
  explicit LargeChunks(std::size_t bytes_kept_max) : bytes_kept_max_(bytes_kept_max) {}
  ~LargeChunks();
  LargeChunks(const LargeChunks&) = delete;
  LargeChunks& operator=(const LargeChunks&) = delete;

  /// A chunk of at least `size` bytes with one lease: a kept one, or a new one; empty when memory is exhausted.
  ChunkRef lease(std::size_t size);
  /// The same of those that are kept alone: it costs no memory that is not held already. Empty when none fits.
  ChunkRef lease_kept(std::size_t size);

  /// Bytes of the chunks that wait for the next large frame.
  [[nodiscard]] std::size_t bytes_kept() const { return bytes_kept_.load(std::memory_order_relaxed); }
  /// How often lease() had to ask the system for memory.
  [[nodiscard]] std::uint64_t made_count() const { return made_.load(std::memory_order_relaxed); }

 private:
  friend class Chunk;
  static constexpr std::size_t kCountMax = 64;

  void take_back(Chunk& chunk);
  Chunk* take_kept(std::size_t size);

  const std::size_t bytes_kept_max_;
  std::mutex mutex_;
  std::array<Chunk*, kCountMax> kept_{};  // in the order in which they came back
  std::size_t count_ = 0;
  std::atomic<std::size_t> bytes_kept_{0};  // written under the lock
  std::atomic<std::uint64_t> made_{0};
  std::atomic<std::uint32_t> leased_{0};
};

}  // namespace distflow::base
