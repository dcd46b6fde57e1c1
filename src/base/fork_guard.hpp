// Whether this process is a fork of the one that something was made in.
//
// Any thread. Costs one relaxed load: no system call.
// Use: const ForkGuard guard; ... if (guard.is_forked()) return SendVerdict::forked;
#pragma once

#include <atomic>
#include <cstdint>

namespace distflow::base {

class ForkGuard {
 public:
  ForkGuard();
  /// Whether fork() has been called since, and this is the child.
  [[nodiscard]] bool is_forked() const { return generation_.load(std::memory_order_relaxed) != made_in_; }

 private:
  static inline std::atomic<std::uint32_t> generation_{0};  // forks that led to this process
  std::uint32_t made_in_;
};

}  // namespace distflow::base
