#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "pmd/launch/inherited_state.hpp"

namespace distflow::pmd {
namespace {

/// As many processors as any kernel is built for.
constexpr std::size_t kProcessorsMax = 8192;
/// ioprio_set(2): a process, this one; no priority of its own, so that it follows the niceness.
constexpr int kOneProcess = 1;
constexpr int kNoPriority = 0;
constexpr unsigned long kTimerSlackNs = 50'000;  // the kernel's default (prctl(2), PR_SET_TIMERSLACK)

bool reset_policy() {
  const sched_param none{};
  return ::sched_getscheduler(0) == SCHED_OTHER || ::sched_setscheduler(0, SCHED_OTHER, &none) == 0;
}

/// All that the control group allows: the kernel takes no others.
bool reset_processors() {
  std::array<unsigned long, kProcessorsMax / 8 / sizeof(unsigned long)> all{};
  all.fill(~0UL);
  return ::syscall(SYS_sched_setaffinity, 0, sizeof all, all.data()) == 0;
}

bool reset_oom_score() {
  const int file = ::open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
  if (file < 0) return false;
  std::array<char, 8> now{};
  const bool is_reset = (::read(file, now.data(), now.size() - 1) > 0 && std::strcmp(now.data(), "0\n") == 0) ||
                        ::write(file, "0", 1) == 1;
  ::close(file);
  return is_reset;
}

}  // namespace

KeptState reset_scheduling() noexcept {
  KeptState kept = 0;
  if (!reset_policy()) kept |= kKeptScheduling;
  if (!reset_processors()) kept |= kKeptProcessors;
  if (!reset_oom_score()) kept |= kKeptOomScore;
  ::syscall(SYS_ioprio_set, kOneProcess, 0, kNoPriority);
  ::prctl(PR_SET_TIMERSLACK, kTimerSlackNs, 0, 0, 0);
  return kept;
}

}  // namespace distflow::pmd
