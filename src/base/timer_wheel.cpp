#include "base/timer_wheel.hpp"

#include <algorithm>
#include <bit>

#include "base/assert.hpp"

namespace distflow::base {
namespace {

constexpr Duration kTick = milliseconds(1);

}  // namespace

TimerWheel::TimerWheel(Instant start) : start_(start) { DF_ASSERT(start >= Instant{}); }

void TimerWheel::arm(Timer& timer, Instant at) {
  cancel(timer);
  timer.tick_ = std::max(tick_, tick_at_or_after(at));
  timer.wheel_ = this;
  if (is_advancing_ && timer.tick_ <= target_) {
    timer.slot_ = kLateSlot;
    slots_[kLateSlot].push_back(timer);
  } else {
    insert(timer);
  }
}

void TimerWheel::cancel(Timer& timer) {
  if (!timer.is_armed()) return;
  DF_ASSERT(timer.wheel_ == this);
  remove(timer);
}

void TimerWheel::advance(Instant now) {
  DF_ASSERT(!is_advancing_);
  const std::uint64_t target = tick_at_or_before(now);
  if (target < tick_) return;
  target_ = target;
  is_advancing_ = true;
  Next next{};
  while (find_next(next) && next.tick <= target) {
    tick_ = next.tick;
    if (next.slot < kSlotsPerLevel) {
      fire(slots_[next.slot]);
    } else {
      cascade(slots_[next.slot]);
    }
  }
  tick_ = target;
  is_advancing_ = false;
  cascade(slots_[kLateSlot]);
}

Instant TimerWheel::next_deadline() const {
  Next next{};
  if (!find_next(next)) return kNever;
  const Duration room = kNever - start_;
  const auto tick = static_cast<Duration::rep>(next.tick);
  return tick > room / kTick ? kNever : start_ + tick * kTick;
}

std::uint64_t TimerWheel::tick_at_or_after(Instant at) const {
  if (at <= start_) return 0;
  const Duration since = at - start_;
  return static_cast<std::uint64_t>(since / kTick) + (since % kTick == Duration::zero() ? 0 : 1);
}

std::uint64_t TimerWheel::tick_at_or_before(Instant at) const {
  return at <= start_ ? 0 : static_cast<std::uint64_t>((at - start_) / kTick);
}

/// The slot whose turn is next. A lower level's timers all come before those of a higher one.
bool TimerWheel::find_next(Next& next) const {
  for (std::size_t level = 0; level < kLevelCount; ++level) {
    if (occupied_[level] == 0) continue;
    const auto index = static_cast<std::size_t>(std::countr_zero(occupied_[level]));
    const std::size_t shift = level * kBitsPerLevel;
    const std::uint64_t block = tick_ >> shift >> kBitsPerLevel;
    next = {level * kSlotsPerLevel + index, ((block << kBitsPerLevel) | index) << shift};
    return true;
  }
  return false;
}

/// The level is that of the highest digit, to the base of 64, in which the timer's tick and the wheel's differ; hence
/// the digits above are equal, and a level's occupied slots all lie ahead of the wheel's own digit.
void TimerWheel::insert(Timer& timer) {
  const std::uint64_t difference = (timer.tick_ ^ tick_) | 1;
  const auto highest_bit = static_cast<std::size_t>(std::bit_width(difference)) - 1;
  const std::size_t level = highest_bit / kBitsPerLevel;
  DF_ASSERT(level < kLevelCount);
  const std::size_t index = (timer.tick_ >> (level * kBitsPerLevel)) % kSlotsPerLevel;
  timer.slot_ = level * kSlotsPerLevel + index;
  slots_[timer.slot_].push_back(timer);
  occupied_[level] |= std::uint64_t{1} << index;
}

void TimerWheel::remove(Timer& timer) {
  timer.unlink();
  timer.wheel_ = nullptr;
  if (timer.slot_ == kLateSlot || !slots_[timer.slot_].empty()) return;
  occupied_[timer.slot_ / kSlotsPerLevel] &= ~(std::uint64_t{1} << (timer.slot_ % kSlotsPerLevel));
}

void TimerWheel::fire(Slot& slot) {
  while (!slot.empty()) {
    Timer& timer = slot.front();
    remove(timer);
    const Delegate<void()> on_expire = timer.on_expire_;  // the callback may destroy the timer
    on_expire();
  }
}

/// Spreads a slot's timers over the lower levels, as the wheel stands now.
void TimerWheel::cascade(Slot& slot) {
  Slot timers;
  timers.take(slot);
  while (!timers.empty()) {
    Timer& timer = timers.front();
    remove(timer);
    timer.wheel_ = this;
    timer.tick_ = std::max(timer.tick_, tick_);
    insert(timer);
  }
}

}  // namespace distflow::base
