// Stops a thread where it has unlocked a mutex, in a program that links stalled_unlock.cpp.
//
// Of the calling thread; one of the two at a time.
// Use: std::size_t count = 0; { const CountedUnlocks unlocks; call(); count = unlocks.count(); }
//      { const StalledUnlock last(count, base::Delegate<void()>::of(meanwhile)); call(); }
#pragma once

#include <cstddef>

#include "base/delegate.hpp"

namespace distflow::test {

/// Counts how often the calling thread unlocks a mutex.
class CountedUnlocks {
 public:
  CountedUnlocks();
  ~CountedUnlocks();
  CountedUnlocks(const CountedUnlocks&) = delete;
  CountedUnlocks& operator=(const CountedUnlocks&) = delete;

  [[nodiscard]] std::size_t count() const;
};

/// Calls `meanwhile` behind the unlock of that number, from 1 on.
class StalledUnlock {
 public:
  StalledUnlock(std::size_t number, base::Delegate<void()> meanwhile);
  ~StalledUnlock();
  StalledUnlock(const StalledUnlock&) = delete;
  StalledUnlock& operator=(const StalledUnlock&) = delete;
};

}  // namespace distflow::test
