// How a thread that sleeps is woken by those that have work for it, and never for nothing; also between processes.
//
//     the sleeper: announce(); has it work? if not: sleep. When it is awake: retract().
//     a waker: hands over work; if (take()) wake the sleeper.
//
// All calls: any thread; one of them sleeps.
//   1. Work handed over before take() is seen by the look after announce(), or take() returns true: the sleeper
//      announced itself and is to be woken.
//   2. take() returns true for one of several wakers.
//   3. The calls have one order, seems_announced() aside. Each has what was done before all earlier ones.
//
// The proof of 3: each of these calls is an exchange, which acquires and releases. Exchanges of one flag have an order,
// and between two of them are exchanges only, of which each passes on what it has acquired. A plain store to the flag
// would break that: what came before it would not be passed on.
// The proof of 1: if take() comes later than announce(), it finds the flag set, or another take() has found it, and
// that one wakes. If it comes earlier, announce() has what was done before it, and so has the look that follows.
//
// Use: flag.announce(); if (!has_work()) sleep(); flag.retract();   ...   submit(work); if (flag.take()) wake();
#pragma once

#include <atomic>
#include <cstdint>

#include "base/std_atomics.hpp"

namespace distflow::base {

template <class Atomics = StdAtomics>
class SleepFlag {
 public:
  /// The sleeper is about to sleep, and looks for work once more before it does.
  void announce() { flag_.exchange(1, std::memory_order_seq_cst); }
  /// The sleeper is awake.
  void retract() { flag_.exchange(0, std::memory_order_seq_cst); }
  /// One of these two.
  void tell(bool sleeps) { flag_.exchange(sleeps ? 1 : 0, std::memory_order_seq_cst); }
  /// For who has handed work over: whether the sleeper is to be woken. Says so once for each announcement.
  bool take() { return flag_.exchange(0, std::memory_order_seq_cst) != 0; }
  /// As take() does, whether there is an announcement, and leaves it.
  [[nodiscard]] bool is_announced() { return flag_.fetch_add(0, std::memory_order_seq_cst) != 0; }
  /// Cheaper, and maybe out of date: orders nothing.
  [[nodiscard]] bool seems_announced() const { return flag_.load(std::memory_order_relaxed) != 0; }

 private:
  typename Atomics::template Atomic<std::uint32_t> flag_{0};
};

}  // namespace distflow::base
