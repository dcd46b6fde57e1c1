// StdAtomics: the atomics of lock-free classes, as the standard library has them.
//
// Each lock-free class takes its atomics as a parameter. With these it is what is shipped. A test gives others in their
// place, which stall a thread at an operation, or choose what a load returns (tests/schedules).
//   1. Other atomics have all members that are here, with the same meaning.
// Use: template <class Atomics = StdAtomics> class Queue { typename Atomics::template Atomic<int> size_{0}; };
#pragma once

#include <atomic>
#include <cstddef>

namespace distflow::base {

struct StdAtomics {
  template <class T>
  using Atomic = std::atomic<T>;

  /// How often a thread looks whether another one goes on, where it can do without, before it takes it for stalled.
  static constexpr int kPatience = 20'000;

  /// One word of a larger object that other threads may access meanwhile, by these two functions only; relaxed.
  template <class Word>
  static Word load_word(const Word* word) {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
  }
  template <class Word>
  static void store_word(Word* word, Word value) {
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
  }
  /// Called when what load_word() has returned is believed: no store_word() may come before that load any more.
  template <class Word>
  static void note_believed(const Word* /*word*/) {}

  /// Called before `n` objects are read or written that no other thread may write meanwhile. Nothing here; a test finds
  /// out whether that is so.
  template <class T>
  static void note_read(const T* /*first*/, std::size_t /*n*/) {}
  template <class T>
  static void note_write(const T* /*first*/, std::size_t /*n*/) {}
};

}  // namespace distflow::base
