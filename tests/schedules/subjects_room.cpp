// Whether what is refused is refused for a reason, and whether sizes are those of something that was there.
//
// One thread. No store is waited for: each thread has its own work, and what it knows is what the class passes on.
#include <array>
#include <memory>
#include <string_view>

#include "base/bounded_queue.hpp"
#include "runtime/receive/byte_budget.hpp"
#include "tests/schedules/model_atomics.hpp"
#include "tests/schedules/subjects.hpp"

namespace distflow::test {
namespace {

using base::Sharing;

struct RoomOptions {
  base::BoundedQueueOptions queue;
  std::size_t inside = 0;                 // when the threads begin
  std::array<std::string_view, 3> steps;  // by thread: '+' pushes one, '-' pops one
  bool has_always_one = false;            // in no order of the steps is the queue empty when one is to be popped
};

/// Threads whose steps, in whatever order they are done, never find the queue full.
class RoomWorld {
 public:
  explicit RoomWorld(const RoomOptions& options) : options_(options), queue_(options.queue) {
    const std::uint64_t any = 1;
    for (std::size_t i = 0; i < options.inside; ++i) queue_.push_run(&any, 1);
  }

  std::vector<std::function<void()>> threads() {
    std::vector<std::function<void()>> threads;
    for (const std::string_view steps : options_.steps) {
      if (!steps.empty()) threads.emplace_back([this, steps] { go(steps); });
    }
    return threads;
  }
  void check_end() {}

 private:
  void go(std::string_view steps) {
    for (const char step : steps) step == '+' ? push() : pop();
  }
  void push() {
    const std::uint64_t any = 1;
    check(queue_.push_run(&any, 1) == 1, "a push is refused although there was room at each moment of it");
  }
  void pop() {
    std::uint64_t any = 0;
    while (queue_.pop_run(&any, 1) == 0) {
      check(!options_.has_always_one, "a pop finds nothing although something was there at each moment of it");
      Schedule::current()->yield();  // to a push that hides what came after it
    }
  }

  const RoomOptions options_;
  base::BoundedQueue<std::uint64_t, ModelAtomics> queue_;
};

/// A few messages in a queue with room for far more, and what it says of its size meanwhile.
class SizeWorld {
 public:
  std::vector<std::function<void()>> threads() {
    return {[this] { go(); }, [this] { go(); }};
  }
  void check_end() { check(queue_.size() == 0, "something is left"); }

 private:
  static constexpr std::size_t kMessages = 4;

  void go() {
    for (std::size_t i = 0; i < kMessages / 2; ++i) {
      std::uint64_t any = 1;
      queue_.push_run(&any, 1);
      check(queue_.size_beyond(0) <= kMessages, "a producer finds more inside than was ever pushed");
      while (queue_.pop_run(&any, 1) == 0) Schedule::current()->yield();
      check(queue_.size() <= kMessages, "more is inside than was ever pushed");
    }
  }

  base::BoundedQueue<std::uint64_t, ModelAtomics> queue_{{.max_size = 100}};
};

/// Two threads that reserve one byte at a time, of two: one gives it back, the other cancels it.
class BudgetRoomWorld {
 public:
  std::vector<std::function<void()>> threads() {
    return {[this] {
              for (int round = 0; round < 3; ++round) {
                reserve();
                budget_.give_back(1);
              }
            },
            [this] {
              for (int round = 0; round < 3; ++round) {
                reserve();
                budget_.cancel(1);
              }
            }};
  }
  void check_end() { check(budget_.used() == 0, "something is left"); }

 private:
  void reserve() { check(budget_.try_reserve(1), "bytes are refused although there was room at each moment of it"); }

  runtime::BasicByteBudget<ModelAtomics> budget_{2};
};

/// Bytes that one thread reserves and another one gives back, of far more, and what is said to be used meanwhile.
class BudgetSizeWorld {
 public:
  explicit BudgetSizeWorld(Sharing reservers) : budget_(100, reservers) {}

  std::vector<std::function<void()>> threads() {
    return {[this] { reserve_all(); }, [this] { give_all_back(); }, [this] { look(); }};
  }
  void check_end() { check(budget_.used() == 0, "something is left"); }

 private:
  static constexpr std::uint64_t kBytes = 3;

  void reserve_all() {
    for (std::uint64_t byte = 1; byte <= kBytes; ++byte) {
      budget_.try_reserve(2);
      budget_.cancel(1);
      reserved_.store(byte, std::memory_order_release);
      look();
    }
  }
  void give_all_back() {
    for (std::uint64_t given_back = 0; given_back < kBytes; Schedule::current()->yield()) {
      const std::uint64_t count = reserved_.load(std::memory_order_acquire) - given_back;
      if (count > 0) budget_.give_back(count);
      given_back += count;
      look();
    }
  }
  void look() { check(budget_.used() <= kBytes + 1, "more is used than was ever reserved"); }

  runtime::BasicByteBudget<ModelAtomics> budget_;
  ModelAtomics::Atomic<std::uint64_t> reserved_;
};

}  // namespace

std::vector<Subject> room_subjects() {
  const auto room = [](RoomOptions options) {
    return
        [=](Chooser& chooser, const Weakening* weakening) { return run_world<RoomWorld>(chooser, weakening, options); };
  };
  const auto budget = [](Sharing reservers) {
    return [=](Chooser& chooser, const Weakening* weakening) {
      return run_world<BudgetSizeWorld>(chooser, weakening, reservers);
    };
  };
  return {{"queue_with_room_for_each_thread",
           room({.queue = {.max_size = 2}, .inside = 0, .steps = {"+-+-", "+-+-", ""}, .has_always_one = false})},
          {"queue_with_room_beside_one_popper",
           room({.queue = {.max_size = 3, .producers = Sharing::several, .poppers = Sharing::one},
                 .inside = 1,
                 .steps = {"-+-+", "+", "+"},
                 .has_always_one = false})},
          {"queue_with_one_for_each_popper",
           room({.queue = {.max_size = 4, .producers = Sharing::one, .poppers = Sharing::several},
                 .inside = 3,
                 .steps = {"+-+-", "-", "-"},
                 .has_always_one = true})},
          {"queue_of_few_among_many_places",
           [](Chooser& chooser, const Weakening* weakening) { return run_world<SizeWorld>(chooser, weakening); }},
          {"budget_with_room_for_each_thread",
           [](Chooser& chooser, const Weakening* weakening) { return run_world<BudgetRoomWorld>(chooser, weakening); }},
          {"budget_that_one_reserves", budget(Sharing::one)},
          {"budget_that_several_reserve", budget(Sharing::several)}};
}

}  // namespace distflow::test
