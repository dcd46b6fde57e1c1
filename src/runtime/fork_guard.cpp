#include "runtime/fork_guard.hpp"

#include <pthread.h>

namespace distflow::runtime {

std::atomic<std::uint32_t>& ForkGuard::generation() {
  static std::atomic<std::uint32_t> forks{0};
  return forks;
}

ForkGuard::ForkGuard() {
  static const int registered =
      ::pthread_atfork(nullptr, nullptr, [] { generation().fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
  made_in_ = generation().load(std::memory_order_relaxed);
}

}  // namespace distflow::runtime
