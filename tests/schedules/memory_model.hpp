// What an atomic load may return, by the rules of C++: a history of each location's stores, and a clock of each thread.
//
// One schedule at a time. Threads are numbered from 0, which is the one that prepares and checks.
//   1. A load may return each store that no later store of the location, known to the thread, hides. So the orders in
//      the code under test decide what it sees, and not those of the processor that runs the test.
//   2. A store is known to a thread if it happened before: in the same thread, or passed on by a release that an
//      acquire has read. An exchange passes on what the store that it replaces did.
//   3. Plain objects: two accesses, one of them a write, of which none happened before the other, are a race.
// Stores take effect in the order in which the schedule makes them, so that no load returns a value of the future. That
// leaves executions out which the standard allows; none is in that it forbids. For words of objects, where it matters,
// Schedule::store_word() refuses what could be such a value.
// Use: see schedule.hpp, which calls this.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace distflow::test {

constexpr std::size_t kThreadsMax = 5;  // with the one that prepares

/// How far each thread had come, as one of them knows.
struct Clock {
  std::array<std::uint32_t, kThreadsMax> at{};

  void join(const Clock& other) {
    for (std::size_t i = 0; i < kThreadsMax; ++i) at[i] = std::max(at[i], other.at[i]);
  }
};

inline bool has_acquire(std::memory_order order) {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}
inline bool has_release(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}

/// The stores of one atomic object, the oldest first; very old ones are forgotten.
class Location {
 public:
  explicit Location(std::uint64_t value, std::size_t thread, Clock& clock) { store(value, thread, clock, {}); }

  /// How many stores a load may return.
  [[nodiscard]] std::size_t choices(const Clock& clock, std::memory_order order) const {
    std::size_t count = 1;
    for (std::size_t i = stores_.size() - 1; i > 0; --i, ++count) {
      if (is_known(stores_[i], clock) || (order == std::memory_order_seq_cst && stores_[i].is_in_total_order)) break;
    }
    return count;
  }
  /// The store that is `age` stores older than the latest.
  std::uint64_t load(std::size_t age, std::size_t thread, Clock& clock, std::memory_order order) {
    Store& store = stores_[stores_.size() - 1 - age];
    ++clock.at[thread];
    if (store.seen.at[thread] == 0) store.seen.at[thread] = clock.at[thread];
    if (order == std::memory_order_seq_cst) store.is_in_total_order = true;
    if (has_acquire(order)) clock.join(store.passes_on);
    return store.value;
  }
  void store(std::uint64_t value, std::size_t thread, Clock& clock, std::memory_order order) {
    ++clock.at[thread];
    put({.value = value, .passes_on = has_release(order) ? clock : Clock{}}, thread, clock, order);
  }
  /// Replaces the latest store by `value`.
  void exchange(std::uint64_t value, std::size_t thread, Clock& clock, std::memory_order order) {
    load(0, thread, clock, order);
    Clock passes_on = stores_.back().passes_on;
    if (has_release(order)) passes_on.join(clock);
    put({.value = value, .passes_on = passes_on}, thread, clock, order);
  }
  [[nodiscard]] std::uint64_t latest() const { return stores_.back().value; }

 private:
  struct Store {
    std::uint64_t value = 0;
    Clock passes_on;
    Clock seen{};  // by thread: when it first wrote or read this; 0: never
    bool is_in_total_order = false;
  };
  static constexpr std::size_t kHistory = 6;

  static bool is_known(const Store& store, const Clock& clock) {
    for (std::size_t i = 0; i < kThreadsMax; ++i) {
      if (store.seen.at[i] != 0 && store.seen.at[i] <= clock.at[i]) return true;
    }
    return false;
  }
  void put(Store store, std::size_t thread, const Clock& clock, std::memory_order order) {
    store.seen.at[thread] = clock.at[thread];
    store.is_in_total_order = order == std::memory_order_seq_cst;
    if (stores_.size() == kHistory) stores_.erase(stores_.begin());
    stores_.push_back(store);
  }

  std::vector<Store> stores_;
};

/// The latest accesses of an object that is not atomic.
struct PlainAccesses {
  std::size_t writer = 0;
  std::uint32_t written_at = 0;
  Clock read_at;

  /// False: a race.
  bool read(std::size_t thread, Clock& clock) {
    read_at.at[thread] = ++clock.at[thread];
    return written_at <= clock.at[writer];
  }
  bool write(std::size_t thread, Clock& clock) {
    bool is_ordered = written_at <= clock.at[writer];
    for (std::size_t i = 0; i < kThreadsMax; ++i) is_ordered &= read_at.at[i] <= clock.at[i];
    writer = thread;
    written_at = ++clock.at[thread];
    return is_ordered;
  }
};

}  // namespace distflow::test
