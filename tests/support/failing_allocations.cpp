#include "tests/support/failing_allocations.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

namespace {

constexpr std::size_t kNone = ~std::size_t{0};
thread_local std::size_t left = kNone;
thread_local bool has_one_failed = false;

// Counts down through zero: those that take it from zero on fail.
constexpr std::int64_t kDisarmed = std::numeric_limits<std::int64_t>::max();
constinit std::atomic<bool> is_armed{false};
constinit std::atomic<std::int64_t> left_anywhere{kDisarmed};
constinit std::atomic<std::int64_t> failures_anywhere{0};
constinit std::atomic<bool> has_failed_anywhere{false};
constinit thread_local bool is_spared = false;

bool fails_anywhere() noexcept {
  if (!is_armed.load(std::memory_order_relaxed) || is_spared) return false;
  const std::int64_t before = left_anywhere.fetch_sub(1, std::memory_order_relaxed);
  if (before > 0 || before <= -failures_anywhere.load(std::memory_order_relaxed)) return false;
  has_failed_anywhere.store(true, std::memory_order_relaxed);
  return true;
}

bool fails() noexcept {
  if (left != kNone && left-- == 0) {
    left = kNone;
    has_one_failed = true;
    return true;
  }
  return fails_anywhere();
}

void* maybe(std::size_t size, std::size_t alignment) noexcept {
  if (fails()) return nullptr;
  void* memory = nullptr;
  return ::posix_memalign(&memory, std::max(alignment, sizeof(void*)), size) == 0 ? memory : nullptr;
}

void* maybe_or_throw(std::size_t size, std::size_t alignment) {
  void* const memory = maybe(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return maybe_or_throw(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return maybe_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return maybe(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return maybe(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

// The linker has this program's calls of malloc() come here (--wrap=malloc).
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
void* __real_malloc(std::size_t size);
void* __wrap_malloc(std::size_t size) { return fails() ? nullptr : __real_malloc(size); }
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
}

namespace distflow::test {

FailingAllocation::FailingAllocation(std::size_t count) {
  left = count;
  has_one_failed = false;
}
FailingAllocation::~FailingAllocation() { left = kNone; }
bool FailingAllocation::has_failed() const { return has_one_failed; }

FailingAnywhere::FailingAnywhere(std::size_t count, std::size_t failures) {
  has_failed_anywhere = false;
  failures_anywhere = static_cast<std::int64_t>(failures);
  left_anywhere = static_cast<std::int64_t>(count);
  is_armed = true;
}
FailingAnywhere::~FailingAnywhere() {
  is_armed = false;
  left_anywhere = kDisarmed;
}
bool FailingAnywhere::has_failed() const { return has_failed_anywhere; }

Sparing::Sparing(bool spares) : before_(std::exchange(is_spared, spares)) {}
Sparing::~Sparing() { is_spared = before_; }

}  // namespace distflow::test
