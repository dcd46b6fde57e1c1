// A handler of a group's on its way from the thread that sets it to where handlers run.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "runtime/group/group_table.hpp"

namespace distflow::runtime {

/// The group is watched from the call on, so that no change that comes behind it is missed, and no longer than this
/// lives if it is never applied: the task that has it may be dropped for lack of memory.
class GroupHandlerSetting {
 public:
  GroupHandlerSetting(GroupStatePtr group, std::function<void(const GroupChange&)> handler)
      : group_(std::move(group)), handler_(std::move(handler)) {
    group_->watchers.fetch_add(1, std::memory_order_relaxed);
  }
  GroupHandlerSetting(const GroupHandlerSetting&) = delete;
  GroupHandlerSetting& operator=(const GroupHandlerSetting&) = delete;
  ~GroupHandlerSetting() { group_->watchers.fetch_sub(1, std::memory_order_relaxed); }

  /// Once, where handlers run. The handler before it goes with this object.
  void apply() {
    if (handler_) group_->watchers.fetch_add(1, std::memory_order_relaxed);
    if (group_->handler) group_->watchers.fetch_sub(1, std::memory_order_relaxed);
    group_->handler.swap(handler_);
  }

 private:
  const GroupStatePtr group_;
  std::function<void(const GroupChange&)> handler_;
};

}  // namespace distflow::runtime
