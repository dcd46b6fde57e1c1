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

OwnGroups::Outcome OwnGroups::join(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  if (std::find(names_.begin(), names_.end(), name) != names_.end()) return Outcome::done;
  if (names_.size() >= protocol::kGroupCountMax) return Outcome::too_many;
  names_.emplace_back(name);
  note_changed();
  return Outcome::done;
}

void OwnGroups::leave(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  if (std::erase(names_, name) > 0) note_changed();
}

protocol::Groups OwnGroups::list() const {
  const std::scoped_lock lock(mutex_);
  return names_;
}

protocol::Groups OwnGroups::take_changed() {
  const std::scoped_lock lock(mutex_);
  protocol::Groups names = names_;
  has_changed_.store(false, std::memory_order_relaxed);
  return names;
}

}  // namespace distflow::runtime
