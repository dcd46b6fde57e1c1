#include "tests/support/failing_allocations.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

constexpr std::size_t kNone = ~std::size_t{0};
thread_local std::size_t left = kNone;
thread_local bool has_one_failed = false;

void* maybe(std::size_t size, std::size_t alignment) noexcept {
  if (left != kNone && left-- == 0) {
    left = kNone;
    has_one_failed = true;
    return nullptr;
  }
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

namespace distflow::test {

FailingAllocation::FailingAllocation(std::size_t count) {
  left = count;
  has_one_failed = false;
}
FailingAllocation::~FailingAllocation() { left = kNone; }
bool FailingAllocation::has_failed() const { return has_one_failed; }

}  // namespace distflow::test
