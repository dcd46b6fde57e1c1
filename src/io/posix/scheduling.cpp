#include "io/scheduling.hpp"

#include <sys/resource.h>

#include <array>
#include <atomic>
#include <ctime>

#include "io/clock.hpp"
#include "io/posix/timer_slack.hpp"

namespace distflow::io {
namespace {

using std::chrono::microseconds;

constexpr base::Duration kUsualWakeCost = microseconds(25);
constexpr long kSleepNs = 20'000;

constinit std::atomic<base::Duration> measured_wake_cost{kUsualWakeCost};
constinit std::atomic<bool> has_measured{false};

/// Has this thread's timers expire when they are due: 50 us later is usual.
class ExactTimers {
 public:
  ExactTimers() = default;
  ~ExactTimers() { posix::set_timer_slack(before_); }
  ExactTimers(const ExactTimers&) = delete;
  ExactTimers& operator=(const ExactTimers&) = delete;

 private:
  const int before_ = posix::set_timer_slack(1);
};

/// How much longer than asked for a short sleep takes; cut short by a signal, it shows nothing.
base::Duration lateness_of_sleep() {
  const timespec asked{.tv_sec = 0, .tv_nsec = kSleepNs};
  const base::Instant begin = system_now();
  if (::nanosleep(&asked, nullptr) != 0) return base::Duration::max();
  return system_now() - begin - std::chrono::nanoseconds(kSleepNs);
}

}  // namespace

base::Duration wake_cost() { return measured_wake_cost.load(std::memory_order_relaxed); }

/// A timer's wake-up has the way out of idleness and the scheduler in common with that of another thread, and needs no
/// other thread, which might run on this very processor. The call and the interrupt to another processor are missing:
/// half as much again, as measured on virtual machines (16 us a timer, 23 us an eventfd). What else runs makes sleeps
/// longer, never shorter: the second shortest counts.
void measure_wake_cost() {
  if (has_measured.exchange(true, std::memory_order_relaxed)) return;
  std::array<base::Duration, 5> lateness{};
  {
    const ExactTimers exact;
    std::ranges::generate(lateness, lateness_of_sleep);
  }
  std::ranges::sort(lateness);
  if (lateness[1] == base::Duration::max()) return;
  measured_wake_cost.store(lateness[1] * 3 / 2, std::memory_order_relaxed);
}

std::uint64_t preemptions() {
#ifdef RUSAGE_THREAD
  rusage usage{};
  if (::getrusage(RUSAGE_THREAD, &usage) == 0) return static_cast<std::uint64_t>(usage.ru_nivcsw);
#endif
  return 0;
}

}  // namespace distflow::io
