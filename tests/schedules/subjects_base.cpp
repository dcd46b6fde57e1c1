#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "base/bounded_queue.hpp"
#include "base/sleep_flag.hpp"
#include "base/slot_stack.hpp"
#include "tests/schedules/model_atomics.hpp"
#include "tests/schedules/subjects.hpp"

namespace distflow::test {
namespace {

/// Two producers and two poppers, or one of each, at a queue of two places.
class QueueWorld {
 public:
  QueueWorld(base::Sharing producers, base::Sharing poppers)
      : producers_(producers), poppers_(poppers), queue_({.max_size = 2, .producers = producers, .poppers = poppers}) {
    // Places that have been used: what they held before shows when it is popped too early.
    for (std::uint64_t old = 900; old < 903; ++old) {
      queue_.push_run(&old, 1);
      std::uint64_t popped = 0;
      queue_.pop_run(&popped, 1);
    }
  }

  std::vector<std::function<void()>> threads() {
    std::vector<std::function<void()>> threads;
    for (std::size_t i = 0; i < (producers_ == base::Sharing::one ? 1 : 2); ++i) {
      threads.emplace_back([this, i] { push(i); });
    }
    for (std::size_t i = 0; i < (poppers_ == base::Sharing::one ? 1 : 2); ++i) {
      threads.emplace_back([this] { pop(); });
    }
    return threads;
  }

  void check_end() {
    std::array<std::uint64_t, 4> rest{};
    const std::size_t count = queue_.pop_run(rest.data(), rest.size());
    popped_.insert(popped_.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(count));
    std::sort(pushed_.begin(), pushed_.end());
    std::sort(popped_.begin(), popped_.end());
    check(pushed_ == popped_, "what came out is not what went in");
    check(queue_.size() == 0, "something is left");
  }

 private:
  void push(std::size_t producer) {
    std::uint64_t next = producer * 100 + 1;
    for (const std::size_t size : {2U, 1U, 2U}) {
      const std::array<std::uint64_t, 2> run = {next, next + 1};
      const std::size_t done = queue_.push_run(run.data(), size);
      pushed_.insert(pushed_.end(), run.begin(), run.begin() + static_cast<std::ptrdiff_t>(done));
      next += done;
    }
  }
  void pop() {
    std::array<std::uint64_t, 2> last{};
    for (const std::size_t size : {1U, 2U, 2U}) {
      std::array<std::uint64_t, 2> run{};
      const std::size_t count = queue_.pop_run(run.data(), size);
      check(queue_.size() <= 2, "more is inside than the bound");
      for (std::size_t i = 0; i < count; ++i) {
        std::uint64_t& previous = last[run[i] / 100 % 2];
        check(run[i] > previous, "a producer's messages leave in another order");
        previous = run[i];
        popped_.push_back(run[i]);
      }
    }
  }

  const base::Sharing producers_;
  const base::Sharing poppers_;
  base::BoundedQueue<std::uint64_t, ModelAtomics> queue_;
  std::vector<std::uint64_t> pushed_;
  std::vector<std::uint64_t> popped_;
};

/// A thread that sleeps whenever there is no work, and two that have some. Only the flag orders what they do.
template <class Flag>
class SleepWorld {
 public:
  std::vector<std::function<void()>> threads() {
    return {[this] { sleep_until_all_is_done(); }, [this] { hand_over(0); }, [this] { hand_over(1); }};
  }
  void check_end() {}

 private:
  static constexpr int kPieces = 2;

  void hand_over(std::size_t waker) {
    for (int piece = 1; piece <= kPieces; ++piece) {
      work_[waker].store(piece, std::memory_order_relaxed);
      if (flag_.take()) bell_.ring();
    }
  }
  bool take_work() {
    bool any = false;
    for (std::size_t i = 0; i < work_.size(); ++i) {
      const int seen = work_[i].load(std::memory_order_relaxed);
      any |= seen > done_[i];
      done_[i] = seen;
    }
    return any;
  }
  void sleep_until_all_is_done() {
    while (done_[0] < kPieces || done_[1] < kPieces) {
      if (take_work()) continue;
      flag_.announce();
      if (!take_work()) Schedule::current()->wait(bell_);
      flag_.retract();
    }
  }

  Flag flag_;
  Bell bell_;
  std::array<ModelAtomics::Atomic<int>, 2> work_;
  std::array<int, 2> done_{};
};

/// Each call of a flag is to have what was done before all earlier ones, whoever made them.
class FlagOrderWorld {
 public:
  std::vector<std::function<void()>> threads() {
    const auto sleep_twice = [this] {
      for (int round = 0; round < 2; ++round) {
        call([this] { flag_.announce(); });
        call([this] { (void)flag_.is_announced(); });
        call([this] { flag_.retract(); });
        call([this] { flag_.tell(true); });
        call([this] { flag_.tell(false); });
      }
    };
    const auto take_twice = [this] {
      for (int round = 0; round < 2; ++round) call([this] { (void)flag_.take(); });
    };
    return {sleep_twice, take_twice, [this] { call([this] { (void)flag_.is_announced(); }); }};
  }
  void check_end() {}

 private:
  template <class Call>
  void call(Call&& call) {
    const std::size_t own = begun_++;
    ModelAtomics::note_write(&before_[own], 1);
    call();
    for (const std::size_t earlier : order_) ModelAtomics::note_read(&before_[earlier], 1);
    order_.push_back(own);
  }

  base::SleepFlag<ModelAtomics> flag_;
  std::array<int, 16> before_{};  // by call: stands for what its thread did before it
  std::size_t begun_ = 0;
  std::vector<std::size_t> order_;  // of the calls, as their exchanges came
};

/// A flag whose end of sleep is a plain store: it breaks the chain of exchanges.
class FlagWithStore {
 public:
  void announce() { flag_.exchange(1, std::memory_order_seq_cst); }
  void retract() { flag_.store(0, std::memory_order_relaxed); }
  bool take() { return flag_.exchange(0, std::memory_order_seq_cst) != 0; }

 private:
  ModelAtomics::Atomic<std::uint32_t> flag_;
};

/// A pool that counts before it looks, so that two threads that fail can each take the other for a leaseholder.
class CountedSlot {
 public:
  explicit CountedSlot(std::uint32_t count) : count_(count) {}
  std::uint32_t take() {
    if (try_take()) return 1;
    is_wanted_.store(1, std::memory_order_seq_cst);
    return try_take() ? 1 : 0;
  }
  bool put(std::uint32_t /*slot*/) {
    taken_.fetch_sub(1, std::memory_order_seq_cst);
    return is_wanted_.load(std::memory_order_seq_cst) != 0 && is_wanted_.exchange(0, std::memory_order_seq_cst) != 0;
  }

 private:
  bool try_take() {
    if (taken_.fetch_add(1, std::memory_order_seq_cst) < count_) return true;
    taken_.fetch_sub(1, std::memory_order_seq_cst);
    return false;
  }

  const std::uint32_t count_;
  ModelAtomics::Atomic<std::uint32_t> taken_;
  ModelAtomics::Atomic<std::uint32_t> is_wanted_;
};

/// Three threads that want fewer slots than they are, each of which waits to be told when it finds none.
template <class Slots>
class SlotWorld {
 public:
  explicit SlotWorld(std::uint32_t slots) : slots_(slots) {}

  std::vector<std::function<void()>> threads() {
    std::vector<std::function<void()>> threads;
    for (std::size_t i = 0; i < bells_.size(); ++i) threads.emplace_back([this, i] { use(i); });
    return threads;
  }
  void check_end() {}

 private:
  void use(std::size_t thread) {
    for (int round = 0; round < 2; ++round) {
      std::uint32_t slot = 0;
      while ((slot = take(thread)) == 0) Schedule::current()->wait(bells_[thread]);
      check(!is_taken_[slot], "a slot is taken twice");
      is_taken_[slot] = true;
      ModelAtomics::note_write(&contents_[slot], 1);
      Schedule::current()->yield();
      is_taken_[slot] = false;
      if (slots_.put(slot)) {
        for (const int* before : std::exchange(in_vain_, {})) ModelAtomics::note_read(before, 1);
        for (Bell& bell : bells_) bell.ring();
      }
    }
  }
  std::uint32_t take(std::size_t thread) {
    int& before = before_[thread].emplace_back();
    ModelAtomics::note_write(&before, 1);
    const std::uint32_t slot = slots_.take();
    if (slot == 0) in_vain_.push_back(&before);
    return slot;
  }

  Slots slots_;
  std::array<std::deque<int>, 3> before_;  // by thread and attempt: stands for what was done before it
  std::vector<const int*> in_vain_;        // of attempts that found nothing, since somebody was last told
  std::array<Bell, 3> bells_;
  std::array<int, 4> contents_{};
  std::array<bool, 4> is_taken_{};
};

}  // namespace

std::vector<Subject> base_subjects() {
  using base::Sharing;
  const auto queue = [](Sharing producers, Sharing poppers) {
    return [=](Chooser& chooser, const Weakening* weakening) {
      return run_world<QueueWorld>(chooser, weakening, producers, poppers);
    };
  };
  const auto slots = [](std::uint32_t count) {
    return [=](Chooser& chooser, const Weakening* weakening) {
      return run_world<SlotWorld<base::SlotStack<ModelAtomics>>>(chooser, weakening, count);
    };
  };
  return {{"queue_of_one_and_one", queue(Sharing::one, Sharing::one)},
          {"queue_of_several_and_one", queue(Sharing::several, Sharing::one)},
          {"queue_of_several_and_several", queue(Sharing::several, Sharing::several)},
          {"sleep_flag",
           [](Chooser& chooser, const Weakening* weakening) {
             return run_world<SleepWorld<base::SleepFlag<ModelAtomics>>>(chooser, weakening);
           }},
          {"order_of_a_sleep_flags_calls",
           [](Chooser& chooser, const Weakening* weakening) { return run_world<FlagOrderWorld>(chooser, weakening); }},
          {"one_slot", slots(1)},
          {"two_slots", slots(2)}};
}

std::vector<Subject> wrong_base_subjects() {
  return {{"a_flag_with_a_plain_store",
           [](Chooser& chooser, const Weakening*) { return run_world<SleepWorld<FlagWithStore>>(chooser, nullptr); }},
          {"a_pool_that_counts_before_it_looks",
           [](Chooser& chooser, const Weakening*) { return run_world<SlotWorld<CountedSlot>>(chooser, nullptr, 1U); }}};
}

}  // namespace distflow::test
