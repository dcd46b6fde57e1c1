// A bound on bytes, which several threads reserve and one gives back.
//
// Any thread may reserve and cancel, with Sharing::one a single one; one thread at a time gives back; any may read.
//   1. used() <= max, always.
//   2. try_reserve() fails only if, at a moment of the call, there was no room.
// Use: if (budget.try_reserve(n)) { ...; budget.give_back(n); }
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/assert.hpp"
#include "base/bounded_queue.hpp"

namespace distflow::runtime {

template <class Atomics>
class BasicByteBudget {
 public:
  explicit BasicByteBudget(std::size_t max, base::Sharing reservers = base::Sharing::several)
      : max_(max), reservers_(reservers) {
    DF_ASSERT(max > 0);
  }

  bool try_reserve(std::size_t bytes) {
    // acquire, here and when the exchange fails: `given_back_` is read after `reserved_`, so that a refusal is true at
    // the moment when `reserved_` was read. release: the next thread to reserve sees no older `given_back_`. Nothing
    // else is ordered by `given_back_`: it is read relaxed.
    std::uint64_t reserved = reserved_.load(std::memory_order_acquire);
    do {
      if (bytes > open(reserved, given_back_seen_.load(std::memory_order_relaxed))) {
        const std::uint64_t given_back = given_back_.load(std::memory_order_relaxed);
        given_back_seen_.store(given_back, std::memory_order_relaxed);
        if (bytes > open(reserved, given_back)) return false;
      }
      if (reservers_ == base::Sharing::one) {
        reserved_.store(reserved + bytes, std::memory_order_relaxed);
        return true;
      }
    } while (!reserved_.compare_exchange_weak(reserved, reserved + bytes, std::memory_order_release,
                                              std::memory_order_acquire));
    return true;
  }

  /// Undoes a part of a reservation that will not be given back.
  void cancel(std::size_t bytes) {
    // relaxed: a smaller `reserved_` refuses no reservation, however old the `given_back_` that is compared with it.
    if (reservers_ == base::Sharing::one) {
      reserved_.store(reserved_.load(std::memory_order_relaxed) - bytes, std::memory_order_relaxed);
    } else {
      reserved_.fetch_sub(bytes, std::memory_order_relaxed);
    }
  }

  /// release: pairs with used(). The caller got these bytes from the thread that reserved them.
  void give_back(std::size_t bytes) {
    given_back_.store(given_back_.load(std::memory_order_relaxed) + bytes, std::memory_order_release);
  }

  [[nodiscard]] std::size_t used() const {
    // acquire: `reserved_` is then at least as new, and no less.
    const std::uint64_t given_back = given_back_.load(std::memory_order_acquire);
    return std::min<std::uint64_t>(reserved_.load(std::memory_order_relaxed) - given_back, max_);
  }
  [[nodiscard]] std::size_t room() const { return max_ - used(); }
  [[nodiscard]] std::size_t max() const { return max_; }

 private:
  using Word = typename Atomics::template Atomic<std::uint64_t>;

  /// A stale `given_back` only underestimates the room. A stale `reserved` may be less than `given_back`; the exchange
  /// fails then, and the caller tries again.
  [[nodiscard]] std::size_t open(std::uint64_t reserved, std::uint64_t given_back) const {
    return reserved <= given_back ? max_ : max_ - std::min<std::uint64_t>(reserved - given_back, max_);
  }

  const std::size_t max_;
  const base::Sharing reservers_;
  // On cache lines of their own, as each has other writers: a reservation seldom reads `given_back_`, which only grows,
  // and never beyond `reserved_`.
  alignas(64) Word reserved_{0};
  Word given_back_seen_{0};
  alignas(64) Word given_back_{0};
};

using ByteBudget = BasicByteBudget<base::StdAtomics>;

}  // namespace distflow::runtime
