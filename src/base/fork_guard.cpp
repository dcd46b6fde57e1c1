#include "base/fork_guard.hpp"

#include <pthread.h>

namespace distflow::base {

ForkGuard::ForkGuard() {
  static const int registered =
      ::pthread_atfork(nullptr, nullptr, [] { generation_.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
  made_in_ = generation_.load(std::memory_order_relaxed);
}

}  // namespace distflow::base
