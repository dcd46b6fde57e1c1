#include "bench/director/host_facts.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <thread>

#include "bench/contestant/contestant.hpp"

namespace distflow::bench {
namespace {

constexpr int kBlocks = 8;
constexpr int kCalls = 2000;
constexpr int kWakes = 50;
constexpr int kLines = 1000;
constexpr std::uint64_t kLinePatienceNs = 200'000'000;

/// Drivers run on processor 0, responders on 1: so do the two threads of a measurement, which may else come to run on
/// one processor. Where that is refused, they run where they may.
class OnProcessor {
 public:
  explicit OnProcessor(std::size_t cpu) {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ::sched_setaffinity(0, sizeof set, &set);
  }
  ~OnProcessor() { ::sched_setaffinity(0, sizeof before_, &before_); }
  OnProcessor(const OnProcessor&) = delete;
  OnProcessor& operator=(const OnProcessor&) = delete;

 private:
  cpu_set_t before_{};
};

/// Nanoseconds for each of `count` calls of `once`, in the fastest block.
template <class Once>
double fastest(int count, Once once) {
  double least = std::numeric_limits<double>::max();
  for (int block = 0; block < kBlocks; ++block) {
    const std::uint64_t begin = monotonic_ns();
    for (int i = 0; i < count; ++i) once();
    least = std::min(least, static_cast<double>(monotonic_ns() - begin) / count);
  }
  return least;
}

/// A pipe: whoever waits sleeps until somebody rings.
class Doorbell {
 public:
  Doorbell() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) give_up("a pipe cannot be made");
  }
  ~Doorbell() {
    for (const int end : ends_) ::close(end);
  }
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;
  void ring() const {
    if (::write(ends_[1], "", 1) != 1) give_up("a pipe cannot be written");
  }
  void wait() const {
    char byte = 0;
    if (::read(ends_[0], &byte, 1) != 1) give_up("a pipe cannot be read");
  }

 private:
  std::array<int, 2> ends_{};
};

double wake_up() {
  const std::array<Doorbell, 2> doors;
  std::thread other([&doors] {
    const OnProcessor second(1);
    for (int i = 0; i < kBlocks * kWakes; ++i) {
      doors[1].wait();
      doors[0].ring();
    }
  });
  const OnProcessor first(0);
  const double round_trip = fastest(kWakes, [&doors] {
    doors[1].ring();
    doors[0].wait();
  });
  other.join();
  return round_trip / 2;
}

/// Handed to and fro until `is_over`. On a machine that is busy two threads seldom run at the same time: whoever has
/// waited for long looks at the clock, and gives up in time.
double cache_line() {
  if (std::thread::hardware_concurrency() < 2) return 0;
  alignas(128) std::atomic<int> turn{0};
  std::atomic<bool> is_over{false};
  const std::uint64_t give_up_at = monotonic_ns() + kLinePatienceNs;
  // acquire, with the release below: as with a line that hands something over.
  const auto wait_for = [&](int whose) {
    for (int looks = 1; turn.load(std::memory_order_acquire) != whose; ++looks) {
      if (looks % 10'000 == 0 && monotonic_ns() > give_up_at) is_over.store(true, std::memory_order_relaxed);
      if (is_over.load(std::memory_order_relaxed)) return false;
    }
    return true;
  };
  std::thread other([&] {
    const OnProcessor second(1);
    while (wait_for(1)) turn.store(0, std::memory_order_release);
  });
  const OnProcessor first(0);
  const double round_trip = fastest(kLines, [&] {
    turn.store(1, std::memory_order_release);
    wait_for(0);
  });
  const bool is_whole = !is_over.exchange(true, std::memory_order_relaxed);
  other.join();
  return is_whole ? round_trip : 0;
}

}  // namespace

HostFacts measure_host() {
  return {.system_call_ns = fastest(kCalls, [] { ::syscall(SYS_getppid); }),
          .wake_up_ns = wake_up(),
          .cache_line_ns = cache_line()};
}

}  // namespace distflow::bench
