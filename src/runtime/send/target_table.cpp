#include "runtime/send/target_table.hpp"

namespace distflow::runtime {

std::shared_ptr<TargetState> TargetTable::of(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
  if (by_name_.size() >= targets_max_) {
    // A name that is held by the table alone has nothing parked: it costs one look into the directory to have it again.
    std::erase_if(by_name_, [](const auto& entry) { return entry.second.use_count() == 1; });
    if (by_name_.size() >= targets_max_) return nullptr;
  }
  auto state = std::make_shared<TargetState>(name, instance_);
  by_name_.emplace(name, state);
  return state;
}

std::shared_ptr<TargetState> TargetTable::find(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

}  // namespace distflow::runtime
