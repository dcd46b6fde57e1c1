#include "runtime/group/own_groups.hpp"

#include <algorithm>
#include <string>

#include "protocol/json_grammar.hpp"
#include "protocol/json_write.hpp"

namespace distflow::runtime {

bool OwnGroups::is_name(std::string_view name) {
  if (name.empty() || name.size() > protocol::kGroupSizeMax) return false;
  // Escaped, a control character takes six bytes: a node's groups would not fit into a frame to the PMD.
  if (std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; })) return false;
  std::string json;
  protocol::append_json_string(json, name);
  return protocol::is_json(json);
}

std::vector<OwnGroups::Joined>::iterator OwnGroups::find(std::string_view name) {
  return std::find_if(all_.begin(), all_.end(), [name](const Joined& group) { return group.name == name; });
}

OwnGroups::Outcome OwnGroups::join(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  const auto found = find(name);
  if (found != all_.end() && found->is_in) return Outcome::done;
  const auto count = std::count_if(all_.begin(), all_.end(), [](const Joined& group) { return group.is_in; });
  if (static_cast<std::size_t>(count) >= protocol::kGroupCountMax) return Outcome::too_many;
  if (found != all_.end()) {
    found->is_in = true;
  } else {
    all_.push_back({.name = std::string(name)});
  }
  note_changed();
  return Outcome::done;
}

void OwnGroups::leave(std::string_view name) noexcept {
  const std::scoped_lock lock(mutex_);
  const auto found = find(name);
  if (found == all_.end() || !found->is_in) return;
  found->is_in = false;
  if (found->is_told) found->has_left = true;
  if (!found->has_left) all_.erase(found);  // nobody knows of it
  note_changed();
}

protocol::Groups OwnGroups::list() const {
  const std::scoped_lock lock(mutex_);
  protocol::Groups names;
  names.reserve(all_.size());
  for (const Joined& group : all_) {
    if (group.is_in) names.push_back(group.name);
  }
  return names;
}

protocol::Groups OwnGroups::take_changed() {
  const std::scoped_lock lock(mutex_);
  protocol::Groups names;
  names.reserve(all_.size());
  for (const Joined& group : all_) {
    if (group.is_in && !group.has_left) names.push_back(group.name);
  }
  for (Joined& group : all_) group.is_told = group.is_in && !group.has_left;
  has_changed_.store(false, std::memory_order_relaxed);
  return names;
}

/// Other threads may have joined and left meanwhile: a group that was taken as left stays so until here.
void OwnGroups::note_told() noexcept {
  const std::scoped_lock lock(mutex_);
  for (Joined& group : all_) {
    if (group.is_told) continue;
    group.has_left = false;
    if (group.is_in) note_changed();
  }
  std::erase_if(all_, [](const Joined& group) { return !group.is_in && !group.has_left; });
}

}  // namespace distflow::runtime
