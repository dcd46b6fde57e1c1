// How many requests may be sent again: a tenth of those that are made, so that a peer which is too busy, or a network
// that fails, does not get more work for it.
//
// A value; one thread at a time.
//   1. In each window of ten seconds at most kFree more than a tenth of the requests made in it.
// Use: budget.note_asked(now); ... if (budget.admit(now)) send_again();
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace distflow::runtime {

class RetryBudget {
 public:
  static constexpr base::Duration kWindow = base::seconds(10);
  static constexpr std::uint64_t kShare = 10;  // one for so many
  static constexpr std::uint64_t kFree = 10;   // so that who asks seldom may ask again

  void note_asked(base::Instant now) {
    begin_window(now);
    ++asked_;
  }
  /// Whether one more may be sent again; if so, it counts.
  bool admit(base::Instant now) {
    begin_window(now);
    if (retried_ >= kFree + asked_ / kShare) return false;
    ++retried_;
    return true;
  }

 private:
  void begin_window(base::Instant now) {
    if (now < window_end_) [[likely]]
      return;
    window_end_ = now + kWindow;
    asked_ = retried_ = 0;
  }

  base::Instant window_end_ = base::Instant::min();
  std::uint64_t asked_ = 0;
  std::uint64_t retried_ = 0;
};

}  // namespace distflow::runtime
