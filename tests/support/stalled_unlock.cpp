#include "tests/support/stalled_unlock.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <utility>

namespace {

thread_local std::size_t unlocks = 0;
thread_local std::size_t stall_at = 0;  // 0: nowhere
thread_local distflow::base::Delegate<void()> meanwhile_of_this_thread;

using Unlock = int (*)(pthread_mutex_t*);

}  // namespace

/// Stands before the system's.
extern "C" int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  static const auto unlock = reinterpret_cast<Unlock>(::dlsym(RTLD_NEXT, "pthread_mutex_unlock"));
  const int result = unlock(mutex);
  if (++unlocks == stall_at) {
    stall_at = 0;
    meanwhile_of_this_thread();
  }
  return result;
}

namespace distflow::test {

CountedUnlocks::CountedUnlocks() { unlocks = 0; }
CountedUnlocks::~CountedUnlocks() = default;
std::size_t CountedUnlocks::count() const { return unlocks; }

StalledUnlock::StalledUnlock(std::size_t number, base::Delegate<void()> meanwhile) {
  meanwhile_of_this_thread = meanwhile;
  unlocks = 0;
  stall_at = number;
}
StalledUnlock::~StalledUnlock() { stall_at = 0; }

}  // namespace distflow::test
