#include "io/posix/owned_descriptors.hpp"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>

#include "io/clock.hpp"

namespace distflow::io::posix {
namespace {

constexpr int kBits = 64;

/// A bit for each descriptor. Pages that no descriptor has come to take no memory.
constinit std::array<std::atomic<std::uint64_t>, kOwnedDescriptorMax / kBits> noted{};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
constinit std::atomic<int> words_used{0};  // no bit lies beyond

/// Forks under way, and below them steps under way. In one number, so that neither begins unseen by the other.
constinit std::atomic<std::uint64_t> under_way{0};
constexpr std::uint64_t kFork = std::uint64_t{1} << 32;
constexpr std::uint64_t kStep = 1;

constinit std::atomic<std::uint64_t> waits_in_vain{0};

constinit thread_local std::uint64_t own_steps = 0;  // of this thread, among those under way
constinit thread_local std::uint64_t own_forks = 0;  // the same; more than one where a signal handler forks meanwhile

constexpr std::array<int, 2> kNone{-1, -1};
constinit thread_local std::array<int, 2> kept = kNone;

bool is_noted_by_number(int fd) { return fd >= 0 && fd < kOwnedDescriptorMax; }
std::atomic<std::uint64_t>& word_of(int fd) { return noted[static_cast<std::size_t>(fd / kBits)]; }
std::uint64_t bit_of(int fd) { return std::uint64_t{1} << (fd % kBits); }

/// Tries until it succeeds, for kForkWaitMax at most, and not again where `is_vain`.
template <class Try>
bool try_for_some_time(Try&& attempt, bool is_vain = false) {
  if (attempt()) return true;
  const base::Instant until = system_now() + kForkWaitMax;
  while (!is_vain && system_now() < until) {
    ::sched_yield();
    if (attempt()) return true;
  }
  waits_in_vain.fetch_add(1);
  return false;
}

/// Steps of this thread, which a signal handler has interrupted, are not under way meanwhile. A fork() of another
/// thread does not wait for them either, where handlers of two forks run at once: musl runs those of one at a time.
void before_fork() {
  under_way.fetch_add(kFork - (own_forks == 0 ? own_steps : 0) * kStep);
  ++own_forks;
  try_for_some_time([] { return under_way.load() % kFork == 0; });
}

void after_fork_in_parent() {
  --own_forks;
  under_way.fetch_sub(kFork - (own_forks == 0 ? own_steps : 0) * kStep);
}

void after_fork_in_child() {
  const int saved_errno = errno;
  under_way.store(0);  // other threads that were under way are not in this process
  own_steps = 0;
  own_forks = 0;
  const int count = words_used.load();
  for (int i = 0; i < count; ++i) {
    std::uint64_t bits = noted[static_cast<std::size_t>(i)].exchange(0);
    for (; bits != 0; bits &= bits - 1) {
      const int fd = i * kBits + std::countr_zero(bits);
      if (std::ranges::find(kept, fd) == kept.end()) ::close(fd);
    }
  }
  errno = saved_errno;
}

/// Without memory for it nothing is closed in children.
void heed_forks() {
  [[maybe_unused]] static const int registered =
      ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

}  // namespace

UnforkedStep::UnforkedStep() noexcept {
  heed_forks();
  const auto begin = [] {
    std::uint64_t seen = under_way.load();
    while (seen < kFork) {
      if (under_way.compare_exchange_weak(seen, seen + kStep)) return true;
    }
    return false;
  };
  const int saved_errno = errno;
  if (!try_for_some_time(begin, own_forks > 0)) under_way.fetch_add(kStep);
  ++own_steps;  // after it is counted, and less before it is not: a signal handler in between waits in vain
  errno = saved_errno;
}

UnforkedStep::~UnforkedStep() {
  // In a child that a signal handler made in the midst of this step, or of its beginning or end, it is not counted.
  if (own_steps == 0) return;
  --own_steps;
  std::uint64_t seen = under_way.load();
  while (seen % kFork != 0 && !under_way.compare_exchange_weak(seen, seen - kStep)) {
  }
}

std::uint64_t fork_waits_in_vain() noexcept { return waits_in_vain.load(); }

void note_owned(int fd) noexcept {
  if (!is_noted_by_number(fd)) return;
  const int words = fd / kBits + 1;
  int used = words_used.load();
  while (used < words && !words_used.compare_exchange_weak(used, words)) {
  }
  word_of(fd).fetch_or(bit_of(fd));
}

bool forget_owned(int fd) noexcept {
  if (!is_noted_by_number(fd)) return fd >= 0;
  return (word_of(fd).fetch_and(~bit_of(fd)) & bit_of(fd)) != 0;
}

KeptOverFork::KeptOverFork(int first, int second) noexcept {
  heed_forks();
  kept = {first, second};
}

KeptOverFork::~KeptOverFork() { kept = kNone; }

}  // namespace distflow::io::posix
