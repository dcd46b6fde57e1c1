#include "pmd/launch/inherited_state.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

namespace distflow::pmd {
namespace {

constexpr mode_t kUmask = 022;
/// What macOS takes at most as a soft limit of descriptors where the hard one is none (OPEN_MAX, setrlimit(2)).
constexpr rlim_t kDescriptorsOfMac = 10240;

void raise_soft_limit(int resource) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  if (::setrlimit(resource, &limit) == 0 || resource != RLIMIT_NOFILE || before >= kDescriptorsOfMac) return;
  limit.rlim_cur = kDescriptorsOfMac;
  ::setrlimit(resource, &limit);
}

void reset_signals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

KeptState reset_niceness() {
  errno = 0;
  const int niceness = ::getpriority(PRIO_PROCESS, 0);
  if (niceness == 0 || (niceness == -1 && errno != 0)) return 0;
  return ::setpriority(PRIO_PROCESS, 0, 0) == 0 ? 0 : kKeptNiceness;
}

}  // namespace

std::string names_of(KeptState kept) {
  constexpr std::array<std::pair<KeptState, const char*>, 4> names{{{kKeptNiceness, "niceness"},
                                                                    {kKeptScheduling, "scheduling policy"},
                                                                    {kKeptProcessors, "processors"},
                                                                    {kKeptOomScore, "OOM score"}}};
  std::string text;
  for (const auto& [bit, name] : names) {
    if ((kept & bit) != 0) text.append(text.empty() ? "" : ", ").append(name);
  }
  return text;
}

void raise_soft_limits() noexcept {
  for (const int resource : {RLIMIT_NOFILE, RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_AS}) {
    raise_soft_limit(static_cast<int>(resource));
  }
}

KeptState reset_inherited_state() noexcept {
  reset_signals();
  ::umask(kUmask);
  raise_soft_limits();
  return reset_scheduling() | reset_niceness();
}

}  // namespace distflow::pmd
