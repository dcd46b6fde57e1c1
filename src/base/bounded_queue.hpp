// A bounded lock-free queue of trivially copyable messages, filled and drained in runs.
//
// Any number of threads may push and pop; a side that only one thread uses says so and does without locked
// instructions.
//   1. At most max_size() messages are inside, from the reservation of their place until their pop is complete.
//   2. A push takes less than it was given only if, at a moment of the call, the rest found no room.
//   3. One producer's messages leave in the order in which they came.
//   4. A thread that stalls inside a call may hide messages or room from the other side; it blocks no other call.
//
// Each side is a turnstile: `entered` is how far its threads have reserved places, `left` how far all of them are done.
// Producers may enter up to what poppers have left, plus max_size; poppers up to what producers have left.
//
//        poppers.left <= poppers.entered <= producers.left <= producers.entered <= poppers.left + max_size
//   free |  being popped  |     waiting     |  being pushed  | free
//
// Use: BoundedQueue<Mail> queue({.max_size = 1000}); accepted = queue.push_run(run, n); n = queue.pop_run(run, 32);
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>

#include "base/assert.hpp"

namespace distflow::base {

/// How many threads may use one side of a queue at a time.
enum class Sharing { one, several };

struct BoundedQueueOptions {
  std::uint32_t max_size = 1000;  ///< 1 to 2^30
  Sharing producers = Sharing::several;
  Sharing poppers = Sharing::several;
};

/// What the queue's atomics are; a schedule checker puts its own here.
struct StdAtomics {
  template <class T>
  using Atomic = std::atomic<T>;
};

namespace detail {

/// One side of a BoundedQueue: hands out consecutive places and knows how far all of them are done with.
template <class Atomics>
class Turnstile {
 public:
  struct Passage {
    std::uint32_t first;
    std::uint32_t size;
  };

  explicit Turnstile(Sharing sharing) : sharing_(sharing) {}

  /// Reserves up to `wanted` places, as far as `opposite` has left plus `lead`.
  Passage enter(std::uint32_t wanted, const Turnstile& opposite, std::uint32_t lead) {
    // Relaxed suffices where one thread enters. Otherwise acquire keeps the look at the limit behind this one: a limit
    // that leaves too little was then true at a moment when all up to `entered` had been reserved.
    std::uint64_t entered = entered_.load(std::memory_order_acquire);
    for (;;) {
      const std::uint32_t first = place_of(entered);
      const std::uint32_t size = std::min(wanted, room(first, wanted, opposite, lead));
      if (size == 0) return {first, 0};
      if (sharing_ == Sharing::one) {
        entered_.store(pack(first + size, 0), std::memory_order_relaxed);
        return {first, size};
      }
      const std::uint64_t next = pack(first + size, runs_of(entered) + 1);
      // acq_rel: pairs with the acquire above and in leave(), which must see every run that entered before.
      if (entered_.compare_exchange_weak(entered, next, std::memory_order_acq_rel, std::memory_order_acquire)) {
        return {first, size};
      }
    }
  }

  /// The caller is done with `passage`. The opposite side sees it once all runs that entered before are done, too.
  void leave(Passage passage) {
    if (sharing_ == Sharing::one) {
      // release: pairs with room()'s acquire; the messages are copied before their places change sides.
      left_.store(pack(passage.first + passage.size, 0), std::memory_order_release);
      return;
    }
    // acquire: whoever counted itself here before has its entry seen by the look at `entered` below.
    std::uint64_t left = left_.load(std::memory_order_acquire);
    for (;;) {
      const std::uint64_t entered = entered_.load(std::memory_order_acquire);
      const std::uint32_t runs = runs_of(left) + 1;
      // The last run that is inside moves the place for all of them; the others only count themselves out.
      const std::uint32_t place = runs == runs_of(entered) ? place_of(entered) : place_of(left);
      // release: as above; the exchanges on `left_` are one release sequence, so that it carries all runs' copies.
      if (left_.compare_exchange_weak(left, pack(place, runs), std::memory_order_acq_rel, std::memory_order_acquire)) {
        return;
      }
    }
  }

  /// How far this side may enter, as of the last look at the opposite one. Acquire, as in room().
  [[nodiscard]] std::uint32_t limit() const { return limit_.load(std::memory_order_acquire); }

  /// Looks at the opposite side; returns how far this one may enter.
  std::uint32_t look(const Turnstile& opposite, std::uint32_t lead) {
    const std::uint32_t limit = opposite.left() + lead;
    limit_.store(limit, std::memory_order_release);
    return limit;
  }

  [[nodiscard]] std::uint32_t entered() const { return place_of(entered_.load(std::memory_order_acquire)); }
  [[nodiscard]] std::uint32_t left() const { return place_of(left_.load(std::memory_order_acquire)); }

 private:
  // A place and a count of runs, both modulo 2^32, in one word, so that they change together.
  static std::uint64_t pack(std::uint32_t place, std::uint32_t runs) { return (std::uint64_t{runs} << 32) | place; }
  static std::uint32_t place_of(std::uint64_t word) { return static_cast<std::uint32_t>(word); }
  static std::uint32_t runs_of(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); }

  /// How many places from `first` on are open; looks at the opposite side only if the last look left fewer than wanted.
  std::uint32_t room(std::uint32_t first, std::uint32_t wanted, const Turnstile& opposite, std::uint32_t lead) {
    // acquire and release: who uses another thread's look has what that thread acquired from `opposite`.
    const std::uint32_t seen = open_until(first, limit_.load(std::memory_order_acquire));
    if (seen >= wanted) return seen;
    return open_until(first, look(opposite, lead));
  }

  /// An old look at the limit may lie behind `first`.
  static std::uint32_t open_until(std::uint32_t first, std::uint32_t limit) {
    const auto distance = static_cast<std::int32_t>(limit - first);
    return distance > 0 ? static_cast<std::uint32_t>(distance) : 0;
  }

  // This side writes these...
  alignas(64) typename Atomics::template Atomic<std::uint64_t> entered_{0};
  typename Atomics::template Atomic<std::uint32_t> limit_{0};
  const Sharing sharing_;
  // ... and this, which the opposite side reads.
  alignas(64) typename Atomics::template Atomic<std::uint64_t> left_{0};
};

}  // namespace detail

template <class T, class Atomics = StdAtomics>
class BoundedQueue {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit BoundedQueue(BoundedQueueOptions options)
      : max_size_(options.max_size),
        mask_(std::bit_ceil(options.max_size) - 1),
        places_(std::make_unique_for_overwrite<T[]>(std::size_t{mask_} + 1)),
        producers_(options.producers),
        poppers_(options.poppers) {
    DF_ASSERT(options.max_size > 0);
    DF_ASSERT(options.max_size <= kMaxSizeLimit);
  }
  BoundedQueue(const BoundedQueue&) = delete;
  BoundedQueue& operator=(const BoundedQueue&) = delete;

  /// Takes the first of `items`, as many as there is room for; returns how many.
  std::size_t push_run(const T* items, std::size_t n) {
    const auto wanted = static_cast<std::uint32_t>(std::min<std::size_t>(n, max_size_));
    const auto passage = producers_.enter(wanted, poppers_, max_size_);
    if (passage.size == 0) return 0;
    if (passage.size == 1) {
      places_[passage.first & mask_] = *items;
    } else {
      const std::uint32_t until_wrap = this->until_wrap(passage);
      copy(&places_[passage.first & mask_], items, until_wrap);
      copy(&places_[0], items + until_wrap, passage.size - until_wrap);
    }
    producers_.leave(passage);
    return passage.size;
  }

  /// Moves the oldest messages to `out`, at most `max`; returns how many.
  std::size_t pop_run(T* out, std::size_t max) {
    const auto wanted = static_cast<std::uint32_t>(std::min<std::size_t>(max, max_size_));
    const auto passage = poppers_.enter(wanted, producers_, 0);
    if (passage.size == 0) return 0;
    if (passage.size == 1) {
      *out = places_[passage.first & mask_];
    } else {
      const std::uint32_t until_wrap = this->until_wrap(passage);
      copy(out, &places_[passage.first & mask_], until_wrap);
      copy(out + until_wrap, &places_[0], passage.size - until_wrap);
    }
    poppers_.leave(passage);
    return passage.size;
  }

  /// How many are inside, at most max_size(); exact while nobody pushes or pops.
  [[nodiscard]] std::size_t size() const {
    const std::uint32_t left = poppers_.left();
    return std::min(producers_.entered() - left, max_size_);
  }
  [[nodiscard]] std::size_t max_size() const { return max_size_; }

  /// For a producer: the size, or something between it and `known` if it is no more than that. What was popped is
  /// looked at only if the last look leaves more than `known`.
  [[nodiscard]] std::size_t size_beyond(std::size_t known) {
    const std::size_t size = size_within(producers_.limit());
    return size <= known ? size : size_within(producers_.look(poppers_, max_size_));
  }

 private:
  // Distances between places stay within 31 bits, whatever wraps.
  static constexpr std::uint32_t kMaxSizeLimit = std::uint32_t{1} << 30;
  using Passage = typename detail::Turnstile<Atomics>::Passage;

  /// How many are inside if producers may enter up to `limit`, which was looked at before.
  [[nodiscard]] std::size_t size_within(std::uint32_t limit) const {
    return std::min(producers_.entered() + max_size_ - limit, max_size_);
  }

  [[nodiscard]] std::uint32_t until_wrap(Passage passage) const {
    return std::min(passage.size, mask_ + 1 - (passage.first & mask_));
  }
  static void copy(T* to, const T* from, std::uint32_t n) {
    if (n > 0) std::memcpy(to, from, n * sizeof(T));
  }

  const std::uint32_t max_size_;
  const std::uint32_t mask_;  // of the places, whose number is a power of two
  const std::unique_ptr<T[]> places_;
  detail::Turnstile<Atomics> producers_;
  detail::Turnstile<Atomics> poppers_;
};

}  // namespace distflow::base
