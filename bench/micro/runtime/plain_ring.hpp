// The least that carries messages from one thread to another: a ring without bytes, leases, counters or policies.
//
// One thread pushes, one pops. What the mailbox is measured against.
// Use: PlainRing ring; pushed = ring.push_run(mails, n); popped = ring.pop_run(out, n);
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>

#include "runtime/receive/mail.hpp"

namespace distflow::bench {

class PlainRing {
 public:
  static constexpr std::size_t kSize = 1024;

  std::size_t push_run(const runtime::Mail* mails, std::size_t count) {
    const std::size_t end = end_.load(std::memory_order_relaxed);
    // acquire: pairs with pop_run()'s release; the place is free once its message is copied out.
    count = std::min(count, kSize - (end - begin_.load(std::memory_order_acquire)));
    for (std::size_t i = 0; i < count; ++i) places_[(end + i) % kSize] = mails[i];
    end_.store(end + count, std::memory_order_release);
    return count;
  }

  std::size_t pop_run(runtime::Mail* out, std::size_t count) {
    const std::size_t begin = begin_.load(std::memory_order_relaxed);
    // acquire: pairs with push_run()'s release; the message is there once its place is counted.
    count = std::min(count, end_.load(std::memory_order_acquire) - begin);
    for (std::size_t i = 0; i < count; ++i) out[i] = places_[(begin + i) % kSize];
    begin_.store(begin + count, std::memory_order_release);
    return count;
  }

 private:
  alignas(64) std::atomic<std::size_t> end_{0};
  alignas(64) std::atomic<std::size_t> begin_{0};
  alignas(64) std::array<runtime::Mail, kSize> places_;
};

}  // namespace distflow::bench
