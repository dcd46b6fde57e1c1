// Makes allocations fail, in a program that links failing_allocations.cpp.
//
// Operator new throws, or gives null where it is asked not to throw; malloc() gives null where this program calls it.
// Use: for (std::size_t n = 0;; ++n) { FailingAllocation nth(n); call(); if (!nth.has_failed()) break; }
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace distflow::test {

/// Of the calling thread. Each thread has its own.
class FailingAllocation {
 public:
  /// After `count` more that succeed one fails; those behind it succeed.
  explicit FailingAllocation(std::size_t count);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;

  [[nodiscard]] bool has_failed() const;
};

/// How a call went, one of whose allocations was to fail.
struct FailedCall {
  bool has_thrown;
  bool has_failed;  ///< it came to that allocation
};

/// Calls it, and the allocation after `count` more fails. What it throws beside std::bad_alloc is passed on.
template <class Call>
FailedCall call_with_failing_allocation(std::size_t count, Call&& call) {
  const FailingAllocation nth(count);
  try {
    std::forward<Call>(call)();
  } catch (const std::bad_alloc&) {
    return {.has_thrown = true, .has_failed = nth.has_failed()};
  }
  return {.has_thrown = false, .has_failed = nth.has_failed()};
}

/// Of all threads together that are not spared. One at a time; any thread.
class FailingAnywhere {
 public:
  /// After `count` more that succeed `failures` of them fail; those behind them succeed.
  explicit FailingAnywhere(std::size_t count, std::size_t failures = 1);
  ~FailingAnywhere();
  FailingAnywhere(const FailingAnywhere&) = delete;
  FailingAnywhere& operator=(const FailingAnywhere&) = delete;

  [[nodiscard]] bool has_failed() const;
};

/// What the calling thread allocates is spared by FailingAnywhere for as long as this lives, or is not.
class Sparing {
 public:
  explicit Sparing(bool is_spared = true);
  ~Sparing();
  Sparing(const Sparing&) = delete;
  Sparing& operator=(const Sparing&) = delete;

 private:
  const bool before_;
};

}  // namespace distflow::test
