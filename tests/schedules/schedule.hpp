// Runs logical threads one operation at a time, in an order and with loads that a chooser picks.
//
// One thread of the system; each logical thread is a context of its own. It may be switched away from at each operation
// on an atomic of ModelAtomics (model_atomics.hpp) and at each wait.
//   1. What a schedule does depends on its choices alone, so that one that fails can be repeated.
//   2. It ends when all threads have ended, or at its first failure: a failed check, a race, threads that all wait, or
//      too many operations. The contexts of a failed one are abandoned as they are.
// Use: Schedule schedule(chooser); schedule.run({[&] { queue.push(1); }, [&] { queue.pop(); }});
//      if (!schedule.failure().empty()) ...
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/schedules/chooser.hpp"
#include "tests/schedules/memory_model.hpp"
#include "tests/schedules/source_place.hpp"

namespace distflow::test {

/// An operation in the code under test: where it stands, and its order.
struct Site {
  std::string function;
  const char* operation;
  std::uint32_t line;
  std::memory_order order;
  auto operator<=>(const Site&) const = default;
};

/// An order made weaker than it stands there.
struct Weakening {
  Site site;
  bool drops_acquire;  // else release
};

/// What wakes a thread that waits. It passes nothing on: the code under test has to order its data by itself.
class Bell {
 public:
  void ring() { is_rung_ = true; }

 private:
  friend class Schedule;
  bool is_rung_ = false;
};

class Schedule {
 public:
  explicit Schedule(Chooser& chooser, const Weakening* weakening = nullptr);
  ~Schedule();
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;

  void run(std::vector<std::function<void()>> threads);
  [[nodiscard]] const std::string& failure() const { return failure_; }

  /// The one there is; null outside of one.
  static Schedule* current();

  // For the threads.
  void check(bool holds, const char* what);
  void wait(Bell& bell);
  /// Lets others go on; for a thread that tries again.
  void yield();

  // For ModelAtomics.
  [[nodiscard]] Location make_location(std::uint64_t value) { return Location(value, running_, clock()); }
  std::uint64_t load(Location& location, std::memory_order order, const SourcePlace& where);
  void store(Location& location, std::uint64_t value, std::memory_order order, const SourcePlace& where);
  /// `change` makes the new value of the latest one; returns the latter.
  template <class Change>
  std::uint64_t exchange(Location& location, std::memory_order order, const SourcePlace& where, Change change) {
    order = pass("exchange", order, where);
    const std::uint64_t before = location.latest();
    location.exchange(change(before), running_, clock(), order);
    return before;
  }
  bool compare_exchange(Location& location, std::uint64_t& expected, std::uint64_t value, bool may_fail,
                        std::memory_order success, std::memory_order failure, const SourcePlace& where);
  std::uint64_t load_word(const void* address, const SourcePlace& where);
  void store_word(const void* address, std::uint64_t value, const SourcePlace& where);
  void note_believed(const void* address);
  void note(const void* address, bool writes);

  /// The sites that any schedule has come by, if this is set.
  static inline std::map<Site, std::uint64_t>* sites = nullptr;

 private:
  struct Thread {
    ucontext_t context{};
    std::function<void()> body;
    Clock clock;
    Bell* waits_for = nullptr;
    bool has_ended = true;
  };
  struct Word {
    Location location;
    Clock loaded;    // by thread: when it loaded this last
    Clock believed;  // the same of those loads whose value was believed
  };
  static constexpr std::size_t kStackSize = std::size_t{64} * 1024;
  static constexpr std::uint64_t kOperationsMax = 20000;

  static void enter();
  Clock& clock() { return threads_[running_].clock; }
  Word& word(const void* address);
  std::memory_order pass(const char* operation, std::memory_order order, const SourcePlace& where);
  std::memory_order order_at(const char* operation, std::memory_order order, const SourcePlace& where) const;
  void switch_point(bool is_voluntary);
  void switch_to(std::size_t thread);
  [[noreturn]] void fail(std::string what);
  std::vector<std::size_t> others() const;

  Chooser& chooser_;
  const Weakening* weakening_;
  std::vector<Thread> threads_;
  std::size_t running_ = 0;
  std::uint64_t operations_ = 0;
  std::string failure_;
  std::unordered_map<const void*, Word> words_;
  std::unordered_map<const void*, PlainAccesses> plain_;
};

/// Whether something holds, in a thread of a schedule.
inline void check(bool holds, const char* what) { Schedule::current()->check(holds, what); }

}  // namespace distflow::test
