// A bounded lock-free queue of trivially copyable messages, filled and drained in runs.
//
// Any number of threads may push and pop; a side that only one thread uses says so and does without locked
// instructions.
//   1. At most max_size() messages are inside, from the reservation of their place until their pop is complete.
//   2. A push takes less than it was given only if, at a moment of the call, the rest found no room.
//   3. One producer's messages leave in the order in which they came.
//   4. A thread that stalls inside a push may hide messages that came after it; it blocks no other call.
//   5. Where several threads pop, one that stalls inside a pop holds nothing: neither messages nor room.
//
// Each side is a turnstile: `entered` is how far its threads have reserved places, `left` how far all of them are done.
// Producers may enter up to what poppers have left, plus max_size; poppers up to what producers have left.
//
//        poppers.left <= poppers.entered <= producers.left <= producers.entered <= poppers.left + max_size
//   free |  being popped  |     waiting     |  being pushed  | free
//
// Where several threads pop, none of them reserves. Each copies the oldest messages, then moves `left` on with a
// compare-exchange. If that fails, another thread has popped meanwhile, the copy may be torn, and it is made anew. So
// the copy may run beside a push to the same places, and both of them copy by words, atomically.
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
#include "base/std_atomics.hpp"

namespace distflow::base {

/// How many threads may use one side of a queue at a time.
enum class Sharing { one, several };

struct BoundedQueueOptions {
  std::uint32_t max_size = 1000;  ///< 1 to 2^30
  Sharing producers = Sharing::several;
  Sharing poppers = Sharing::several;
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
    if (sharing_ == Sharing::one) return enter_alone(wanted, opposite, lead);
    // acquire keeps the look at the limit behind this one: a limit that leaves too little was then true at a moment
    // when all up to `entered` had been reserved.
    std::uint64_t entered = entered_.load(std::memory_order_acquire);
    for (;;) {
      const std::uint32_t first = place_of(entered);
      const std::uint32_t size = std::min(wanted, room(first, wanted, opposite, lead));
      if (size == 0) return {first, 0};
      const std::uint64_t next = pack(first + size, runs_of(entered) + 1);
      // release: who sees the new word has this thread's look at the limit. The count of runs makes the word differ
      // from each one before, so that what is replaced is what was loaded, and acquired there.
      if (entered_.compare_exchange_weak(entered, next, std::memory_order_release, std::memory_order_acquire)) {
        return {first, size};
      }
    }
  }

  /// The same on a side with one thread. relaxed: that thread alone writes `entered` and the limit, and the limit never
  /// lies behind it.
  Passage enter_alone(std::uint32_t wanted, const Turnstile& opposite, std::uint32_t lead) {
    const std::uint32_t first = place_of(entered_.load(std::memory_order_relaxed));
    std::uint32_t open = limit_.load(std::memory_order_relaxed) - first;
    if (open < wanted) {
      const std::uint32_t limit = opposite.left() + lead;
      limit_.store(limit, std::memory_order_relaxed);
      open = limit - first;
    }
    const std::uint32_t size = std::min(wanted, open);
    if (size > 0) entered_.store(pack(first + size, 0), std::memory_order_relaxed);
    return {first, size};
  }

  /// The caller is done with `passage`. The opposite side sees it once all runs that entered before are done, too.
  void leave(Passage passage) {
    if (sharing_ == Sharing::one) return leave_alone(passage);
    // acquire: the look at `entered` below sees the entry of each run that counted itself here before, and the exchange
    // passes on the run's copy.
    std::uint64_t left = left_.load(std::memory_order_acquire);
    for (;;) {
      // relaxed: it is of use only if all runs that it counts have counted themselves in `left`.
      const std::uint64_t entered = entered_.load(std::memory_order_relaxed);
      const std::uint32_t runs = runs_of(left) + 1;
      // The last run that is inside moves the place for all of them; the others only count themselves out.
      const std::uint32_t place = runs == runs_of(entered) ? place_of(entered) : place_of(left);
      // release: as above; the exchanges on `left_` are one release sequence, so that it carries all runs' copies.
      // No acquire: what is replaced is what was loaded, since no word comes twice.
      if (left_.compare_exchange_weak(left, pack(place, runs), std::memory_order_release, std::memory_order_acquire)) {
        return;
      }
    }
  }

  /// The same on a side with one thread.
  void leave_alone(Passage passage) {
    // release: pairs with left(); the messages are copied before their places change sides.
    left_.store(pack(passage.first + passage.size, 0), std::memory_order_release);
  }

  /// What the calling thread may take if nobody moves on before it claims that. Reserves nothing.
  struct Glimpse {
    Passage passage;
    std::uint64_t left;  // the word that the claim expects
  };
  Glimpse glimpse(std::uint32_t wanted, const Turnstile& opposite, std::uint32_t lead) {
    // acquire: the look at the limit stays behind this one, and this side's limit is no older than its place.
    const std::uint64_t left = left_.load(std::memory_order_acquire);
    const std::uint32_t first = place_of(left);
    return {{first, std::min(wanted, room(first, wanted, opposite, lead))}, left};
  }
  /// Moves this side beyond the places that were glimpsed; false if another thread has moved it.
  bool claim(const Glimpse& glimpse) {
    const Passage passage = glimpse.passage;
    const std::uint64_t next = pack(passage.first + passage.size, runs_of(glimpse.left) + 1);
    std::uint64_t expected = glimpse.left;
    // release: pairs with room()'s acquire; the places are read before they change sides. The count of runs makes the
    // word differ although places recur.
    return left_.compare_exchange_strong(expected, next, std::memory_order_release, std::memory_order_relaxed);
  }

  /// How far this side may enter, as of a look at the opposite one. relaxed: for size_beyond(), which looks again.
  [[nodiscard]] std::uint32_t limit() const { return limit_.load(std::memory_order_relaxed); }

  /// Looks at the opposite side; returns how far this one may enter.
  std::uint32_t look(const Turnstile& opposite, std::uint32_t lead) {
    const std::uint32_t limit = opposite.left() + lead;
    if (sharing_ == Sharing::one) {
      limit_.store(limit, std::memory_order_relaxed);  // no other thread looks at it
      return limit;
    }
    // Another thread may have looked later, and stored its look earlier: the larger one stays.
    std::uint32_t latest = limit_.load(std::memory_order_acquire);
    while (open_until(latest, limit) > 0) {
      if (limit_.compare_exchange_weak(latest, limit, std::memory_order_release, std::memory_order_acquire)) {
        return limit;
      }
    }
    return latest;
  }

  /// relaxed: a look at the other side, if it is to be an earlier one, comes first and acquires.
  [[nodiscard]] std::uint32_t entered() const { return place_of(entered_.load(std::memory_order_relaxed)); }
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

/// Messages copied by words, each of them atomically. relaxed: whether the whole copy is one message, and which, is
/// settled by the turnstiles.
template <class T, class Atomics>
struct Words {
  using Word = std::conditional_t<alignof(T) % sizeof(std::uint64_t) == 0, std::uint64_t, unsigned char>;
  static constexpr std::size_t kCount = sizeof(T) / sizeof(Word);

  static void store(T& place, const T& item) {
    const auto* from = reinterpret_cast<const unsigned char*>(&item);
    auto* to = reinterpret_cast<Word*>(&place);
    for (std::size_t i = 0; i < kCount; ++i) {
      Word word;
      std::memcpy(&word, from + i * sizeof word, sizeof word);
      Atomics::store_word(to + i, word);
    }
  }
  static void load(const T& place, T& item) {
    const auto* from = reinterpret_cast<const Word*>(&place);
    auto* to = reinterpret_cast<unsigned char*>(&item);
    for (std::size_t i = 0; i < kCount; ++i) {
      const Word word = Atomics::load_word(from + i);
      std::memcpy(to + i * sizeof word, &word, sizeof word);
    }
  }
  static void note_believed(const T& place) {
    const auto* words = reinterpret_cast<const Word*>(&place);
    for (std::size_t i = 0; i < kCount; ++i) Atomics::note_believed(words + i);
  }
};

}  // namespace detail

template <class T, class Atomics = StdAtomics>
class BoundedQueue {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit BoundedQueue(BoundedQueueOptions options)
      : max_size_(options.max_size),
        mask_(std::bit_ceil(options.max_size) - 1),
        pops_are_shared_(options.poppers == Sharing::several),
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
    if (pops_are_shared_) [[unlikely]] {
      push_words(passage, items);
    } else if (passage.size == 1) {
      T& place = places_[passage.first & mask_];
      Atomics::note_write(&place, 1);
      place = *items;
    } else {
      const std::uint32_t until_wrap = this->until_wrap(passage);
      copy_in(&places_[passage.first & mask_], items, until_wrap);
      copy_in(&places_[0], items + until_wrap, passage.size - until_wrap);
    }
    producers_.leave(passage);
    return passage.size;
  }

  /// Moves the oldest messages to `out`, at most `max`; returns how many.
  std::size_t pop_run(T* out, std::size_t max) {
    const auto wanted = static_cast<std::uint32_t>(std::min<std::size_t>(max, max_size_));
    if (pops_are_shared_) [[unlikely]]
      return pop_words(out, wanted);
    const auto passage = poppers_.enter_alone(wanted, producers_, 0);
    if (passage.size == 0) return 0;
    if (passage.size == 1) {
      const T& place = places_[passage.first & mask_];
      Atomics::note_read(&place, 1);
      *out = place;
    } else {
      const std::uint32_t until_wrap = this->until_wrap(passage);
      copy_out(out, &places_[passage.first & mask_], until_wrap);
      copy_out(out + until_wrap, &places_[0], passage.size - until_wrap);
    }
    poppers_.leave_alone(passage);
    return passage.size;
  }

  /// How many are inside, at most max_size(); exact while nobody pushes or pops.
  [[nodiscard]] std::size_t size() const {
    const std::uint32_t left = poppers_.left();
    return std::min(producers_.entered() - left, max_size_);
  }
  [[nodiscard]] std::size_t max_size() const { return max_size_; }

  /// For a producer: the size if it is more than `known`, else something that is no more. What was popped is looked at
  /// only if the last look leaves more than `known`, or lies beyond what this thread knows to be pushed.
  [[nodiscard]] std::size_t size_beyond(std::size_t known) {
    const std::size_t size = size_within(producers_.limit());
    return size <= known ? size : size_within(producers_.look(poppers_, max_size_));
  }

 private:
  // Distances between places stay within 31 bits, whatever wraps.
  static constexpr std::uint32_t kMaxSizeLimit = std::uint32_t{1} << 30;
  using Passage = typename detail::Turnstile<Atomics>::Passage;
  using Words = detail::Words<T, Atomics>;

  /// How many are inside if producers may enter up to `limit`, which was looked at before.
  [[nodiscard]] std::size_t size_within(std::uint32_t limit) const {
    return std::min(producers_.entered() + max_size_ - limit, max_size_);
  }

  [[nodiscard]] std::uint32_t until_wrap(Passage passage) const {
    return std::min(passage.size, mask_ + 1 - (passage.first & mask_));
  }
  static void copy_in(T* to, const T* from, std::uint32_t n) {
    if (n == 0) return;
    Atomics::note_write(to, n);
    std::memcpy(to, from, n * sizeof(T));
  }
  static void copy_out(T* to, const T* from, std::uint32_t n) {
    if (n == 0) return;
    Atomics::note_read(from, n);
    std::memcpy(to, from, n * sizeof(T));
  }

  [[gnu::noinline]] void push_words(Passage passage, const T* items) {
    for (std::uint32_t i = 0; i < passage.size; ++i) Words::store(places_[(passage.first + i) & mask_], items[i]);
  }

  [[gnu::noinline]] std::size_t pop_words(T* out, std::uint32_t wanted) {
    for (;;) {
      const auto glimpse = poppers_.glimpse(wanted, producers_, 0);
      const Passage passage = glimpse.passage;
      if (passage.size == 0) return 0;
      for (std::uint32_t i = 0; i < passage.size; ++i) Words::load(places_[(passage.first + i) & mask_], out[i]);
      if (!poppers_.claim(glimpse)) continue;
      for (std::uint32_t i = 0; i < passage.size; ++i) Words::note_believed(places_[(passage.first + i) & mask_]);
      return passage.size;
    }
  }

  const std::uint32_t max_size_;
  const std::uint32_t mask_;    // of the places, whose number is a power of two
  const bool pops_are_shared_;  // here, since poppers write the cache line that has their turnstile's own
  const std::unique_ptr<T[]> places_;
  detail::Turnstile<Atomics> producers_;
  detail::Turnstile<Atomics> poppers_;
};

}  // namespace distflow::base
