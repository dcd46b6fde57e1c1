// A hierarchical timer wheel: 1 ms ticks, O(1) arm and cancel, cheap over any jump of the clock.
//
// One thread, the loop's. It reads no clock: its caller gives it the time.
//   1. A timer never fires before its deadline, and fires in the first advance() at or after the tick that follows it.
//   2. Callbacks run inside advance() only, in the order of their deadlines' ticks; the timer is idle by then, and the
//      callback may arm, cancel or destroy any timer, its own too.
//   3. What a callback arms fires in a later advance() at the earliest, so that each advance() ends.
//   4. next_deadline() is never later than the next firing, and an advance() to it makes progress.
//   5. A timer that is destroyed is cancelled; the wheel outlives its armed timers (asserted).
// Use: Timer timer(Delegate<void()>::to<&Link::on_timeout>(link)); wheel.arm(timer, now + 5s); wheel.advance(now);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/delegate.hpp"
#include "base/intrusive_list.hpp"
#include "base/time.hpp"

namespace distflow::base {

class TimerWheel;
struct TimerTag;

class Timer : public ListNode<TimerTag> {
 public:
  explicit Timer(Delegate<void()> on_expire) : on_expire_(on_expire) {}
  ~Timer();

  [[nodiscard]] bool is_armed() const { return wheel_ != nullptr; }

 private:
  friend class TimerWheel;
  const Delegate<void()> on_expire_;
  TimerWheel* wheel_ = nullptr;  // the wheel it is armed on
  std::uint64_t tick_ = 0;       // when it fires, in ticks of that wheel
  std::size_t slot_ = 0;         // which of the wheel's lists it is on
};

class TimerWheel {
 public:
  /// `start` is the earliest time the wheel will be given; not before the clock's epoch.
  explicit TimerWheel(Instant start);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Fires `timer` at `at`, instead of when it was to fire before. A deadline in the past means the next advance().
  void arm(Timer& timer, Instant at);

  /// Nothing happens when it is idle. An armed timer must be of this wheel.
  void cancel(Timer& timer);

  /// Runs what has expired by `now`. A time before the last one given does nothing. Not to be called by a callback.
  void advance(Instant now);

  /// When advance() next has something to do; kNever when nothing is armed.
  [[nodiscard]] Instant next_deadline() const;

 private:
  using Slot = IntrusiveList<Timer, TimerTag>;
  struct Next {
    std::size_t slot;
    std::uint64_t tick;  // the first tick that the slot stands for
  };

  // A level's slot stands for 64 times the ticks of the level below; the levels together for every Instant there is.
  static constexpr std::size_t kBitsPerLevel = 6;
  static constexpr std::size_t kSlotsPerLevel = std::size_t{1} << kBitsPerLevel;
  static constexpr std::size_t kLevelCount = 8;
  static constexpr std::size_t kLateSlot = kLevelCount * kSlotsPerLevel;

  [[nodiscard]] std::uint64_t tick_at_or_after(Instant at) const;
  [[nodiscard]] std::uint64_t tick_at_or_before(Instant at) const;
  [[nodiscard]] bool find_next(Next& next) const;
  void insert(Timer& timer);
  void remove(Timer& timer);
  void fire(Slot& slot);
  void cascade(Slot& slot);

  const Instant start_;
  std::uint64_t tick_ = 0;    // how far the wheel has turned; every armed timer's tick is at or after it
  std::uint64_t target_ = 0;  // how far the present advance() goes
  bool is_advancing_ = false;
  std::array<std::uint64_t, kLevelCount> occupied_{};  // one bit a slot with timers
  // The levels' slots, then the one for what callbacks arm that is due already.
  std::array<Slot, kLevelCount * kSlotsPerLevel + 1> slots_;
};

inline Timer::~Timer() {
  if (is_armed()) wheel_->cancel(*this);
}

}  // namespace distflow::base
