// Atomics for lock-free classes under test: a call stalls at a chosen atomic operation, while others run to their end.
//
// One thread. The others' calls are made by that thread itself, in the middle of the call that stalls.
//   1. A weak compare-exchange does not fail by itself.
// Use: Stall::intrusion = [&] { queue.push(1); }; Stall::at = 3; queue.pop(); Stall::at = -1;
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

namespace distflow::test {

/// Runs `intrusion` before the `at`-th atomic operation from now on, once.
struct Stall {
  static inline int at = -1;
  static inline std::function<void()> intrusion;

  static void pass() {
    if (at >= 0 && at-- == 0) intrusion();
  }
};

/// Makes `call` stall at each of its atomic operations in turn, in a state that `prepare` makes anew each time;
/// `check(at)` looks at what came of it.
template <class Prepare, class Call, class Intrusion, class Check>
void stall_at_each_operation(Prepare prepare, Call call, Intrusion intrusion, Check check) {
  bool has_stalled = true;
  for (int at = 0; has_stalled; ++at) {
    prepare();
    has_stalled = false;
    Stall::intrusion = [&] {
      has_stalled = true;
      intrusion();
    };
    Stall::at = at;
    call();
    Stall::at = -1;
    if (has_stalled) check(at);
  }
}

struct StallingAtomics {
  template <class T>
  class Atomic {
   public:
    Atomic() : Atomic(T{}) {}
    Atomic(T value) : value_(value) {}  // NOLINT(google-explicit-constructor): as std::atomic
    T load(std::memory_order order) const {
      Stall::pass();
      return value_.load(order);
    }
    void store(T value, std::memory_order order) {
      Stall::pass();
      value_.store(value, order);
    }
    T exchange(T value, std::memory_order order) {
      Stall::pass();
      return value_.exchange(value, order);
    }
    T fetch_add(T value, std::memory_order order) {
      Stall::pass();
      return value_.fetch_add(value, order);
    }
    T fetch_sub(T value, std::memory_order order) {
      Stall::pass();
      return value_.fetch_sub(value, order);
    }
    T fetch_or(T value, std::memory_order order) {
      Stall::pass();
      return value_.fetch_or(value, order);
    }
    bool compare_exchange_strong(T& expected, T value, std::memory_order success, std::memory_order failure) {
      Stall::pass();
      return value_.compare_exchange_strong(expected, value, success, failure);
    }
    bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure) {
      return compare_exchange_strong(expected, value, success, failure);
    }

   private:
    std::atomic<T> value_;
  };

  static constexpr int kPatience = 2;

  template <class Word>
  static Word load_word(const Word* word) {
    Stall::pass();
    return *word;
  }
  template <class Word>
  static void store_word(Word* word, Word value) {
    Stall::pass();
    *word = value;
  }
  template <class Word>
  static void note_believed(const Word* /*word*/) {}
  template <class T>
  static void note_read(const T* /*first*/, std::size_t /*n*/) {
    Stall::pass();
  }
  template <class T>
  static void note_write(const T* /*first*/, std::size_t /*n*/) {
    Stall::pass();
  }
};

}  // namespace distflow::test
