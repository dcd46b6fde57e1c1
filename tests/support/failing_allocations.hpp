// Makes allocations of the calling thread fail, in a program that links failing_allocations.cpp.
//
// Each thread has its own. Operator new throws, or gives null where it is asked not to throw.
// Use: for (std::size_t n = 0;; ++n) { FailingAllocation nth(n); call(); if (!nth.has_failed()) break; }
#pragma once

#include <cstddef>

namespace distflow::test {

class FailingAllocation {
 public:
  /// After `count` more that succeed one fails; those behind it succeed.
  explicit FailingAllocation(std::size_t count);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;

  [[nodiscard]] bool has_failed() const;
};

}  // namespace distflow::test
