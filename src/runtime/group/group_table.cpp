#include "runtime/group/group_table.hpp"

#include <algorithm>
#include <utility>

#include "base/room.hpp"
#include "runtime/group/pick.hpp"

namespace distflow::runtime {

GroupMember::GroupMember(std::string_view id, std::uint64_t number_in_group, bool is_on_host)
    : node_id(id), number(number_in_group), hash(hash_of(id)), is_local(is_on_host) {}

GroupStatePtr GroupTable::make(std::string_view name) {
  is_used_.store(true, std::memory_order_relaxed);
  if (by_name_.size() >= groups_max_) {
    for (auto group = by_name_.begin(); group != by_name_.end();) {
      const auto next = std::next(group);
      if (group->second.use_count() == 1 && !group->second->is_watched()) {
        forget(*group->second);
      }
      group = next;
    }
    if (by_name_.size() >= groups_max_) return nullptr;
  }
  return by_name_.emplace(name, std::make_shared<GroupState>(name)).first->second;
}

void GroupTable::forget(GroupState& state) noexcept {
  while (!state.members_.empty()) remove(state, state.members_.back()->node_id);
  by_name_.erase(by_name_.find(state.name));
}

std::uint64_t GroupTable::copy_members(const GroupState& state, GroupMembers& members) const {
  const std::scoped_lock lock(mutex_);
  members = state.members_;
  return state.version.load(std::memory_order_relaxed);
}

void GroupTable::tell_changes(GroupState& state, base::Delegate<void()> on_joined,
                              base::Delegate<void(std::size_t place, std::size_t last)> on_left) {
  const std::scoped_lock lock(mutex_);
  state.on_joined_ = on_joined;
  state.on_left_ = on_left;
}

/// Strong: the node is in the group afterwards, or nothing has changed.
void GroupTable::add(GroupState& state, const base::PackedInfo& node, std::uint64_t number) {
  const std::string node_id(node.node_id());
  auto member = std::make_shared<GroupMember>(node_id, number, is_local(node));
  Memberships& memberships = memberships_[node_id];
  try {
    base::make_room(memberships, memberships.size() + 1);
    base::make_room(state.members_, state.members_.size() + 1);
    state.places_.emplace(node_id, state.members_.size());
  } catch (...) {
    if (memberships.empty()) memberships_.erase(node_id);
    throw;
  }
  memberships.push_back(&state);
  state.members_.push_back(std::move(member));
  state.last_number_ = std::max(state.last_number_, number);
  state.version.fetch_add(1, std::memory_order_release);
  if (state.on_joined_) state.on_joined_();
}

/// The last one takes its place. `node_id` may be the member's own.
void GroupTable::remove(GroupState& state, std::string_view node_id) noexcept {
  const auto place = state.places_.find(node_id);
  const auto of_node = memberships_.find(node_id);
  const GroupMemberPtr removed = std::exchange(state.members_[place->second], std::move(state.members_.back()));
  state.members_.pop_back();
  const std::size_t at = place->second;
  if (at < state.members_.size()) {
    state.places_.find(state.members_[at]->node_id)->second = at;
  }
  state.places_.erase(place);
  std::erase(of_node->second, &state);
  if (of_node->second.empty()) memberships_.erase(of_node);
  state.version.fetch_add(1, std::memory_order_release);
  if (state.on_left_) state.on_left_(at, state.members_.size());
}

void GroupTable::on_node(const base::PackedInfo& node) {
  if (!is_used()) return;
  const std::scoped_lock lock(mutex_);
  const auto tell = [&](GroupState& state, bool has_joined) {
    if (state.is_watched()) on_change_(by_name_.find(state.name)->second, node, has_joined);
  };
  if (const auto known = memberships_.find(node.node_id()); known != memberships_.end()) {
    const Memberships before = known->second;
    for (GroupState* state : before) {
      const GroupMember& member = *state->members_[state->places_.find(node.node_id())->second];
      const bool stays = node.has_group(state->name);
      if (stays && member.is_local == is_local(node)) continue;
      const std::uint64_t number = member.number;
      const bool awaits_welcome = member.awaits_welcome;
      remove(*state, node.node_id());
      if (stays) {
        add(*state, node, number);  // it has moved to this host, or from it
        state->members_.back()->awaits_welcome = awaits_welcome;
      } else {
        tell(*state, false);
      }
    }
  }
  node.for_each_group([&](std::string_view name) {
    const auto group = by_name_.find(name);
    if (group == by_name_.end() || group->second->places_.contains(node.node_id())) return;
    add(*group->second, node, group->second->last_number_ + 1);
    tell(*group->second, true);
  });
}

void GroupTable::on_gone(const base::PackedInfo& node) noexcept {
  if (!is_used()) return;
  const std::scoped_lock lock(mutex_);
  for (auto known = memberships_.find(node.node_id()); known != memberships_.end();
       known = memberships_.find(node.node_id())) {
    GroupState& state = *known->second.back();
    remove(state, node.node_id());
    if (state.is_watched()) on_change_(by_name_.find(state.name)->second, node, false);
  }
}

void GroupTable::clear() noexcept {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, state] : by_name_) {
    while (!state->members_.empty()) remove(*state, state->members_.back()->node_id);
  }
}

/// Needs no memory. What the handlers hold may call anything as it goes: no lock is held.
void GroupTable::forget_handlers() {
  GroupStatePtr next;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [name, state] : by_name_) {
      if (!state->handler) continue;
      state->next_to_forget_ = std::exchange(next, state);
    }
  }
  while (next != nullptr) {
    const GroupStatePtr state = std::exchange(next, nullptr);
    next = std::move(state->next_to_forget_);
    const std::function<void(const GroupChange&)> handler = std::exchange(state->handler, nullptr);
    state->watchers.fetch_sub(1, std::memory_order_relaxed);
  }
}

}  // namespace distflow::runtime
