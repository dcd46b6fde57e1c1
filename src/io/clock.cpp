#include "io/clock.hpp"

#include <chrono>
#include <ctime>

namespace distflow::io {

base::Instant system_now() noexcept { return std::chrono::steady_clock::now(); }

base::Instant system_now_coarse() noexcept {
#if defined(CLOCK_MONOTONIC_COARSE)
  // steady_clock is CLOCK_MONOTONIC on Linux, with both standard libraries.
  timespec time{};
  if (::clock_gettime(CLOCK_MONOTONIC_COARSE, &time) == 0) {
    return base::Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
  }
#endif
  return system_now();
}

base::WallMs system_wall_ms() noexcept {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
}

base::Duration process_cpu_time() noexcept {
  timespec time{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) != 0) return {};
  return std::chrono::duration_cast<base::Duration>(std::chrono::seconds(time.tv_sec) +
                                                    std::chrono::nanoseconds(time.tv_nsec));
}

base::WallMs system_wall_ms_coarse() noexcept {
#if defined(CLOCK_REALTIME_COARSE)
  timespec time{};
  if (::clock_gettime(CLOCK_REALTIME_COARSE, &time) == 0) {
    return base::WallMs{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
  }
#endif
  return system_wall_ms();
}

}  // namespace distflow::io
