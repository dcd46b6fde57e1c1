// Which of some questions have no answer yet, by their numbers.
//
// A value of fixed size; loop thread only. It allocates nothing.
//   1. A question is in it from when it was asked until its answer or its error has come, even if the node that it is
//      for has been forgotten meanwhile.
// Use: if (!questions.is_full()) questions.add(relay.ask_inside(...)); ... if (questions.remove(answer.question)) ...
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace distflow::pmd {

template <std::size_t kMax>
class QuestionsUnderWay {
 public:
  /// There must be room. Numbers rise from one to the next.
  void add(std::uint64_t question) { numbers_[count_++] = question; }
  /// Whether it was among them.
  bool remove(std::uint64_t question) {
    const auto end = numbers_.begin() + static_cast<std::ptrdiff_t>(count_);
    const auto found = std::lower_bound(numbers_.begin(), end, question);
    if (found == end || *found != question) return false;
    std::copy(found + 1, end, found);
    --count_;
    return true;
  }

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] bool is_full() const { return count_ == kMax; }

 private:
  std::array<std::uint64_t, kMax> numbers_{};  // in order
  std::size_t count_ = 0;
};

}  // namespace distflow::pmd
