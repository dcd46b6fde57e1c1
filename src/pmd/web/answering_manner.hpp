// How a node answers questions for its figures: whether the rounds may wait for it.
//
// A value; loop thread only.
//   1. A node that has not answered in time is slow. It is so until it has answered twice in time, and twice as often
//      with each further time, kAnswersOwedMax at most: one that answers now and then is slow for most of the time.
//   2. A node is new until it has answered in time.
// Use: manner.note_in_time(); ... manner.note_late(); ... if (manner.is_slow()) ...
#pragma once

#include <algorithm>
#include <cstdint>

namespace distflow::pmd {

class AnsweringManner {
 public:
  static constexpr std::uint8_t kAnswersOwedMax = 32;

  void note_in_time() {
    has_answered_ = true;
    if (owed_ > 0) --owed_;
  }
  void note_late() { owed_ = trial_ = static_cast<std::uint8_t>(std::min(2 * trial_, int{kAnswersOwedMax})); }

  [[nodiscard]] bool is_slow() const { return owed_ > 0; }
  [[nodiscard]] bool is_new() const { return !has_answered_; }

 private:
  bool has_answered_ = false;
  std::uint8_t owed_ = 0;   // answers in time, until it is not slow any more
  std::uint8_t trial_ = 1;  // how many it owed when it was late last, or 1
};

}  // namespace distflow::pmd
