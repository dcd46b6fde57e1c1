// The atomics of a schedule, for lock-free classes that take theirs as a parameter.
//
// Made, used and destroyed while a Schedule is there.
//   1. Each operation is one of its switch points.
// Use: BoundedQueue<int, ModelAtomics> queue({.max_size = 3});
#pragma once

#include <cstring>
#include <type_traits>

#include "tests/schedules/schedule.hpp"

namespace distflow::test {

struct ModelAtomics {
  using Where = SourcePlace;

  template <class T>
  class Atomic {
   public:
    Atomic() : Atomic(T{}) {}
    Atomic(T value) : location_(here().make_location(word(value))) {}  // NOLINT(google-explicit-constructor)

    T load(std::memory_order order, Where where = Where::current()) const {
      return value(here().load(location_, order, where));
    }
    void store(T value, std::memory_order order, Where where = Where::current()) {
      here().store(location_, word(value), order, where);
    }
    T exchange(T value, std::memory_order order, Where where = Where::current()) {
      return Atomic::value(here().exchange(location_, order, where, [&](std::uint64_t) { return word(value); }));
    }
    T fetch_add(T n, std::memory_order order, Where where = Where::current()) {
      return value(here().exchange(location_, order, where,
                                   [&](std::uint64_t before) { return word(static_cast<T>(value(before) + n)); }));
    }
    T fetch_sub(T n, std::memory_order order, Where where = Where::current()) {
      return value(here().exchange(location_, order, where,
                                   [&](std::uint64_t before) { return word(static_cast<T>(value(before) - n)); }));
    }
    T fetch_or(T n, std::memory_order order, Where where = Where::current()) {
      return value(here().exchange(location_, order, where,
                                   [&](std::uint64_t before) { return word(static_cast<T>(value(before) | n)); }));
    }
    bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure,
                               Where where = Where::current()) {
      return compare_exchange(expected, value, true, success, failure, where);
    }
    bool compare_exchange_strong(T& expected, T value, std::memory_order success, std::memory_order failure,
                                 Where where = Where::current()) {
      return compare_exchange(expected, value, false, success, failure, where);
    }

   private:
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
    static Schedule& here() { return *Schedule::current(); }
    static std::uint64_t word(T value) {
      std::uint64_t word = 0;
      std::memcpy(&word, &value, sizeof value);
      return word;
    }
    static T value(std::uint64_t word) {
      T value;
      std::memcpy(&value, &word, sizeof value);
      return value;
    }
    bool compare_exchange(T& expected, T value, bool may_fail, std::memory_order success, std::memory_order failure,
                          const Where& where) {
      std::uint64_t seen = word(expected);
      const bool done = here().compare_exchange(location_, seen, word(value), may_fail, success, failure, where);
      if (!done) expected = Atomic::value(seen);
      return done;
    }

    mutable Location location_;
  };

  static constexpr int kPatience = 2;

  template <class Word>
  static Word load_word(const Word* word, Where where = Where::current()) {
    return static_cast<Word>(Schedule::current()->load_word(word, where));
  }
  template <class Word>
  static void store_word(Word* word, Word value, Where where = Where::current()) {
    Schedule::current()->store_word(word, value, where);
  }
  template <class Word>
  static void note_believed(const Word* word) {
    Schedule::current()->note_believed(word);
  }
  template <class T>
  static void note_read(const T* first, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) Schedule::current()->note(first + i, false);
  }
  template <class T>
  static void note_write(const T* first, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) Schedule::current()->note(first + i, true);
  }
};

}  // namespace distflow::test
