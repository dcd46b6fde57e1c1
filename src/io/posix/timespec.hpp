// How long to wait, as kernels take it.
//
// Stateless; any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>

#include "base/time.hpp"

namespace distflow::io::posix {

/// At most a day: macOS refuses waits of more than 100,000,000 seconds (EINVAL), and who waits for longer waits again.
inline timespec to_timespec(base::Duration timeout) {
  timeout = std::clamp<base::Duration>(timeout, base::Duration::zero(), std::chrono::hours(24));
  const auto whole = std::chrono::floor<std::chrono::seconds>(timeout);
  return {static_cast<time_t>(whole.count()), static_cast<long>((timeout - whole).count())};
}

}  // namespace distflow::io::posix
