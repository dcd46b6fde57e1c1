// Whether looking for work for some time beats going to sleep at once, judged by how it went lately.
//
// One thread. Told how each wait ended, it says how the next one should begin:
//   1. It advises to spin while spinning finds work in time.
//   2. After a time spent in vain it advises to sleep, until enough sleeps in a row were so short that spinning might
//      have done instead. How many are enough doubles each time in vain, up to kSleepsMax, and halves after kFoundRow
//      successes in a row: where spinning pays by chance only, it is seldom tried.
//   3. If the thread that brings the work shares this processor, or each spin finds next to nothing, it advises to
//      sleep. It advises to spin again after kSharedSleeps, as the two threads may have been moved apart.
// So a thread that is seldom needed sleeps, and one whose work always comes soon is never woken.
//
// Use: const Duration spin = advice.spin();   // zero: sleep
//      ... advice.note_found() or advice.note_vain(); or advice.note_slept(how_long);
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"

namespace distflow::base {

class SpinAdvice {
 public:
  /// Spins for `spin_max` at most; zero: never.
  explicit SpinAdvice(Duration spin_max) : spin_max_(spin_max) {}

  /// From now on for so long at most.
  void set_spin_max(Duration spin_max) { spin_max_ = spin_max; }

  [[nodiscard]] Duration spin_max() const { return spin_max_; }
  /// How long to look for work before sleeping, now that there is none.
  [[nodiscard]] Duration spin() const { return short_sleeps_ >= sleeps_needed_ ? spin_max_ : Duration::zero(); }

  /// Work came while spinning.
  void note_found() {
    if (++found_ < kFoundRow) return;
    found_ = 0;
    sleeps_needed_ = std::max(1U, sleeps_needed_ / 2);
  }
  /// spin() was spent in vain.
  void note_vain() {
    sleeps_needed_ = std::max(sleeps_needed_, std::min(kSleepsMax, sleeps_needed_ * 2));
    short_sleeps_ = 0;
    found_ = 0;
  }
  /// Work came while spinning, and the thread that brought it shares this processor.
  void note_shared() {
    sleeps_needed_ = kSharedSleeps;
    short_sleeps_ = 0;
    found_ = 0;
  }
  /// Work came while spinning, and was not worth it.
  void note_poor() { note_shared(); }
  /// Work came after sleeping for `slept`.
  void note_slept(Duration slept) {
    // With both ends asleep, two wake-ups are in the time; without them it is a fraction.
    const bool is_short = slept / kShort < spin_max_;
    short_sleeps_ = is_short ? std::min(kSharedSleeps, short_sleeps_ + 1) : 0;
  }

 private:
  // One trial in vain for so many sleeps costs a hundredth of a processor at most, and a thread whose spinning was
  // disturbed tries again within some milliseconds.
  static constexpr std::uint32_t kSleepsMax = 64;
  static constexpr std::uint32_t kSharedSleeps = 1024;
  static constexpr std::uint32_t kFoundRow = 16;
  static constexpr int kShort = 4;

  Duration spin_max_;
  std::uint32_t sleeps_needed_ = 1;
  std::uint32_t short_sleeps_ = 1;  // in a row; the first wait is a trial
  std::uint32_t found_ = 0;         // in a row
};

}  // namespace distflow::base
