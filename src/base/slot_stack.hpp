// The free slots of a pool, handed out and given back by any thread; lock-free.
//
// All calls: any thread.
//   1. A slot is free or taken, never both; each take() has a slot of its own.
//   2. take() finds nothing only if no slot was free at a moment of the call. The next put() then returns true, by the
//      same atomic operation that gives its slot back.
//   3. What a thread did before it gave a slot back is seen by the one that takes it.
//   4. A put() that returns true sees what was done before the take() that found nothing.
//   5. The slot given back last is taken first: what belongs to it is still in a cache.
//
// All of it is one word, so that "none is free" and "somebody wants one" change together: the top of the stack, whether
// somebody found nothing, and a tag. The tag makes each word differ, so that a compare-exchange never takes a stack
// that has changed meanwhile for the one it has seen. Use: if (const uint32_t slot = slots.take()) { ...; if
// (slots.put(slot)) tell(); }
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/assert.hpp"
#include "base/std_atomics.hpp"

namespace distflow::base {

template <class Atomics = StdAtomics>
class SlotStack {
 public:
  static constexpr std::uint32_t kCountMax = (std::uint32_t{1} << 23) - 1;

  /// Slots 1 to `count`, all free; slot 1 is taken first.
  explicit SlotStack(std::uint32_t count) : below_(std::make_unique<Atomic<std::uint32_t>[]>(count)), head_(1) {
    DF_ASSERT(count > 0);
    DF_ASSERT(count <= kCountMax);
    for (std::uint32_t slot = 1; slot <= count; ++slot) {
      below(slot).store(slot < count ? slot + 1 : 0, std::memory_order_relaxed);
    }
  }

  /// A free slot; 0 when there is none, and then the next put() returns true.
  std::uint32_t take() {
    // acquire: of the slot that is on top, what lies below it and what its last holder did.
    std::uint64_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      const std::uint32_t top = top_of(head);
      // Where nothing is free it is an exchange, too: a load alone might be an old one, from before the last put().
      const std::uint64_t next = top == 0
                                     ? changed(head, 0) | kWanted
                                     : changed(head, below(top).load(std::memory_order_relaxed)) | (head & kWanted);
      // release: a put() that returns true sees what was done before this call. No acquire: no word comes
      // twice, so that what is replaced is what was loaded, and acquired there.
      if (head_.compare_exchange_weak(head, next, std::memory_order_release, std::memory_order_acquire)) return top;
    }
  }

  /// Gives a slot back; whether take() has found nothing since the last put().
  bool put(std::uint32_t slot) { return (push(slot, 0) & kWanted) != 0; }

  /// Gives a slot back that was of no use, since something else lacked: the next put() returns true.
  void put_unused(std::uint32_t slot) { push(slot, kWanted); }

 private:
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

  // The word: the top slot in 23 bits, a flag, a tag of 40 bits.
  static constexpr std::uint64_t kWanted = std::uint64_t{1} << 23;
  static constexpr std::uint64_t kOneTag = std::uint64_t{1} << 24;
  static std::uint32_t top_of(std::uint64_t head) { return static_cast<std::uint32_t>(head & (kWanted - 1)); }
  static std::uint64_t changed(std::uint64_t head, std::uint32_t top) {
    return ((head & ~(kOneTag - 1)) + kOneTag) | top;
  }

  Atomic<std::uint32_t>& below(std::uint32_t slot) { return below_[slot - 1]; }

  /// Returns what the word was before.
  std::uint64_t push(std::uint32_t slot, std::uint64_t flag) {
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    do {
      below(slot).store(top_of(head), std::memory_order_relaxed);
      // release: what was done with the slot. acquire: what was done before a take() that found nothing.
    } while (!head_.compare_exchange_weak(head, changed(head, slot) | flag, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    return head;
  }

  const std::unique_ptr<Atomic<std::uint32_t>[]> below_;  // by slot: the one below it in the stack, while it is free
  alignas(64) Atomic<std::uint64_t> head_;
};

}  // namespace distflow::base
