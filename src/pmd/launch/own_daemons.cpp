#include "pmd/launch/own_daemons.hpp"

#include <sys/wait.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "io/posix/process_identity.hpp"

namespace distflow::pmd {
namespace {

/// A process's number below, its start above; 0 for none. Numbers have 22 bits at most (proc(5), pid_max).
constexpr int kNumberBits = 22;
constexpr std::uint64_t kNumberMask = (std::uint64_t{1} << kNumberBits) - 1;

constinit std::array<std::atomic<std::uint64_t>, kOwnDaemonsMax> remembered{};

std::uint64_t entry_of(pid_t pid) {
  return io::platform::start_time_of(pid) << kNumberBits | (static_cast<std::uint64_t>(pid) & kNumberMask);
}
pid_t number_of(std::uint64_t entry) { return static_cast<pid_t>(entry & kNumberMask); }

bool is_running_child(pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) == 0; }

}  // namespace

void remember_own_daemon(pid_t pid) noexcept {
  const std::uint64_t entry = entry_of(pid);
  if (!is_running_child(pid)) return;
  for (std::atomic<std::uint64_t>& place : remembered) {
    std::uint64_t nothing = 0;
    if (place.compare_exchange_strong(nothing, entry)) return;
  }
}

void reap_own_daemons() noexcept {
  for (std::atomic<std::uint64_t>& place : remembered) {
    std::uint64_t entry = place.load();
    if (entry == 0) continue;
    const pid_t pid = number_of(entry);
    // A process that has ended has its start until it is waited for.
    if (entry == entry_of(pid) && is_running_child(pid)) continue;
    place.compare_exchange_strong(entry, 0);
  }
}

}  // namespace distflow::pmd
