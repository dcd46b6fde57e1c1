// What it costs to wake another thread: two threads that sleep in turn, each woken by the other.
//
//     bench_wake solo --by eventfd|futex|condition|line [--pin CPU] [--other-cpu CPU]
//
// `line` wakes nobody: one cache line goes back and forth between two threads that look at it without sleeping.
// Without --other-cpu the second thread runs where the first may.
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "bench/contestant/contestant.hpp"

namespace distflow::bench {
namespace {

// Each way has a sleeper for either thread: sleep(i) returns once wake(i) was called, one for one.

class Eventfds {
 public:
  void wake(std::size_t who) const {
    const std::uint64_t one = 1;
    if (::write(fds_[who], &one, sizeof one) != sizeof one) give_up("an eventfd cannot be written");
  }
  void sleep(std::size_t who) const {
    std::uint64_t count = 0;
    if (::read(fds_[who], &count, sizeof count) != sizeof count) give_up("an eventfd cannot be read");
  }

 private:
  const std::array<int, 2> fds_{::eventfd(0, EFD_CLOEXEC), ::eventfd(0, EFD_CLOEXEC)};  // open as long as the process
};

class Futexes {
 public:
  void wake(std::size_t who) {
    // release: pairs with sleep()'s acquire, as with a wake that hands something over.
    words_[who].is_awake.store(1, std::memory_order_release);
    call(who, FUTEX_WAKE_PRIVATE, 1);
  }
  void sleep(std::size_t who) {
    // acquire: pairs with wake()'s release.
    while (words_[who].is_awake.exchange(0, std::memory_order_acquire) == 0) call(who, FUTEX_WAIT_PRIVATE, 0);
  }

 private:
  struct alignas(64) Word {
    std::atomic<std::uint32_t> is_awake{0};
  };
  void call(std::size_t who, int operation, std::uint32_t value) {
    ::syscall(SYS_futex, &words_[who].is_awake, operation, value, nullptr, nullptr, 0);
  }

  std::array<Word, 2> words_;
};

class Conditions {
 public:
  void wake(std::size_t who) {
    {
      const std::lock_guard lock(sleepers_[who].mutex);
      sleepers_[who].is_awake = true;
    }
    sleepers_[who].condition.notify_one();
  }
  void sleep(std::size_t who) {
    Sleeper& sleeper = sleepers_[who];
    std::unique_lock lock(sleeper.mutex);
    sleeper.condition.wait(lock, [&] { return sleeper.is_awake; });
    sleeper.is_awake = false;
  }

 private:
  struct alignas(64) Sleeper {
    std::mutex mutex;
    std::condition_variable condition;
    bool is_awake = false;
  };
  std::array<Sleeper, 2> sleepers_;
};

class Line {
 public:
  // release, acquire: pair with each other.
  void wake(std::size_t who) { turn_.store(who, std::memory_order_release); }
  void sleep(std::size_t who) const {
    while (turn_.load(std::memory_order_acquire) != who) {
    }
  }

 private:
  alignas(64) std::atomic<std::size_t> turn_{0};
};

/// How long `count` round trips take, after one that both threads have begun by.
template <typename Way>
std::uint64_t go_round(std::uint64_t count, const std::string& other_cpu) {
  Way way;
  std::thread other([&] {
    if (!other_cpu.empty()) bind_to(std::atoi(other_cpu.c_str()));
    for (std::uint64_t i = 0; i <= count; ++i) {
      way.sleep(1);
      way.wake(0);
    }
  });
  std::uint64_t begin = 0;
  for (std::uint64_t i = 0; i <= count; ++i) {
    way.wake(1);
    way.sleep(0);
    if (i == 0) begin = monotonic_ns();
  }
  const std::uint64_t took = monotonic_ns() - begin;
  other.join();
  return took;
}

using GoRound = std::uint64_t (*)(std::uint64_t count, const std::string& other_cpu);

GoRound way_of(const Setup& setup) {
  const std::string name = setup.other("--by", "eventfd");
  if (name == "eventfd") return go_round<Eventfds>;
  if (name == "futex") return go_round<Futexes>;
  if (name == "condition") return go_round<Conditions>;
  if (name == "line") return go_round<Line>;
  give_up("--by takes eventfd, futex, condition or line");
}

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  using namespace distflow::bench;
  const Setup setup = set_up(argc, argv);
  if (setup.role != Role::solo) give_up("wake plays solo");
  const GoRound go = way_of(setup);
  const std::string other_cpu = setup.other("--other-cpu", "");
  tell_ready("-");
  while (const auto block = next_block()) tell_took(go(block->count, other_cpu));
}
