// Who else may be asked: a request to a group may go to another member than the one that it was made to.
//
// An interface of the loop's thread. The request's callback owns what implements it: the loop calls it no more once the
// request has ended.
//   1. A target that next() gave, and the first one, count as asked until let_go().
// Use: if (question.others != nullptr) question.others->let_go(*question.target, AskError::busy);
#pragma once

#include <cstdint>

#include <distflow/ask.hpp>

#include "base/time.hpp"
#include "runtime/send/target_table.hpp"

namespace distflow::runtime {

class OtherTargets {
 public:
  /// Whether another will do at once, when the first one has failed; else it may be the same again, after a pause.
  bool is_another_at_once = false;

  /// After that time another is asked as well; zero: none is.
  base::Duration backup_after{};

  /// One that is not asked now, and another than the last that was let go, if there is one; null: there is none.
  /// `drawn` is random. May throw std::bad_alloc, and has chosen nobody then.
  virtual TargetPtr next(std::uint64_t drawn) = 0;
  /// It is asked no more: it has failed so; `none`: its answer is not needed any more.
  virtual void let_go(const TargetState& target, AskError why) noexcept = 0;

 protected:
  ~OtherTargets() = default;
};

}  // namespace distflow::runtime
