// The groups that this node sends to, and who is in them, kept by what the registry reports.
//
//     Directory ── on_groups(), on_gone() ──▶ GroupTable ──▶ GroupState: members, version ──▶ a Group's own copy
//
// on_node(), on_gone(), clear(): the loop's thread. All else: any thread.
//   1. Only groups that somebody has asked for are kept, at most `groups_max`; at the bound those that nobody holds any
//      more are forgotten.
//   2. A member is a node of the directory whose registration has the group's name, this node included; each once.
//   3. `version` rises with each change of the members, after it.
//   4. What a node's change costs depends on its own groups, and not on the number of nodes.
//   5. on_gone() and clear() need no memory. The others may throw std::bad_alloc; a member is there or not then, and
//      the same call again makes up for the rest.
// Use: auto state = table.of("workers", [&](auto&& visit) { directory.for_each_node(visit); });
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <distflow/group.hpp>

#include "base/delegate.hpp"
#include "base/packed_info.hpp"
#include "base/string_map.hpp"

namespace distflow::runtime {

/// One node in one group. Any thread.
struct GroupMember {
  GroupMember(std::string_view id, std::uint64_t number_in_group, bool is_on_host);

  const std::string node_id;
  const std::uint64_t number;                  // the greater the later it has joined, of the members of its group
  const std::uint64_t hash;                    // of the nodeId, the same at every node
  const bool is_local;                         // its host is this node's
  std::atomic<std::uint32_t> asks{0};          // made through the group, and not ended
  std::atomic<std::int64_t> busy_until_ns{0};  // of the monotonic clock: it has answered "busy"
  // Of a topic, for its publisher; loop thread.
  bool awaits_welcome = true;  // with what is retained
  bool is_put_off = false;     // and is sent nothing before that
};
using GroupMemberPtr = std::shared_ptr<GroupMember>;
using GroupMembers = std::vector<GroupMemberPtr>;

struct GroupState {
  explicit GroupState(std::string_view group_name) : name(group_name) {}

  const std::string name;
  std::atomic<std::uint64_t> version{1};
  std::atomic<std::uint32_t> watchers{0};           // its handler, and each call that is setting one
  std::atomic<std::int64_t> busy_until_ns{0};       // until then a member may be busy; 0: none is
  std::function<void(const GroupChange&)> handler;  // touched where handlers run

  [[nodiscard]] bool is_watched() const { return watchers.load(std::memory_order_relaxed) != 0; }

 private:
  friend class GroupTable;
  GroupMembers members_;                                                 // under the table's mutex; in any order
  std::uint64_t last_number_ = 0;                                        // of a member; under it, too
  base::Delegate<void()> on_joined_{};                                   // as on_left_
  base::Delegate<void(std::size_t place, std::size_t last)> on_left_{};  // under it, too
  base::StringMap<std::size_t> places_;                                  // of each nodeId, in members_
  std::shared_ptr<GroupState> next_to_forget_;                           // of those whose handlers are let go of
};
using GroupStatePtr = std::shared_ptr<GroupState>;

class GroupTable {
 public:
  /// Told of each change of a watched group, under the table's mutex: it must not call the table. Loop thread.
  using OnChange = base::Delegate<void(const GroupStatePtr& group, const base::PackedInfo& node, bool has_joined)>;

  /// `host` is this node's, as it is registered.
  GroupTable(std::size_t groups_max, std::string host, OnChange on_change)
      : groups_max_(groups_max), host_(std::move(host)), on_change_(on_change) {}

  /// The group of that name, with the members that it has now; null beyond groups_max. `for_each_node(visit)` calls
  /// `visit` with the PackedInfo of each node of the directory.
  template <class ForEachNode>
  GroupStatePtr of(std::string_view name, ForEachNode&& for_each_node) {
    const std::scoped_lock lock(mutex_);
    if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
    GroupStatePtr state = make(name);
    if (state == nullptr) return nullptr;
    try {
      for_each_node([&](const base::PackedInfo& node) {
        if (node.has_group(name)) add(*state, node, state->last_number_ + 1);
      });
    } catch (...) {
      forget(*state);
      throw;
    }
    return state;
  }

  /// The members, and the version that they are of.
  std::uint64_t copy_members(const GroupState& state, GroupMembers& members) const;

  /// Calls `look` with the members, under the table's mutex: it must not call the table.
  template <class Look>
  void look_at_members(const GroupState& state, Look&& look) const {
    const std::scoped_lock lock(mutex_);
    look(std::as_const(state.members_));
  }

  /// From now on a member of that group joins with a call of `on_joined`, and leaves with one of `on_left`: its place
  /// among copy_members() is that of the last one from then on. Called under the table's mutex, on the loop's thread:
  /// they must not call the table. Empty: nobody is notified. One pair for each group; the caller holds the group.
  void tell_changes(GroupState& state, base::Delegate<void()> on_joined,
                    base::Delegate<void(std::size_t place, std::size_t last)> on_left);

  /// The directory has the node; its groups may have changed.
  void on_node(const base::PackedInfo& node);
  /// The directory has it no more.
  void on_gone(const base::PackedInfo& node) noexcept;
  /// Whether somebody has ever asked for a group.
  [[nodiscard]] bool is_used() const { return is_used_.load(std::memory_order_relaxed); }
  /// Nobody is in any group any more.
  void clear() noexcept;
  /// Lets go of the handlers, where handlers run, when none runs.
  void forget_handlers();

 private:
  using Memberships = std::vector<GroupState*>;

  GroupStatePtr make(std::string_view name);
  void forget(GroupState& state) noexcept;
  void add(GroupState& state, const base::PackedInfo& node, std::uint64_t number);
  void remove(GroupState& state, std::string_view node_id) noexcept;
  [[nodiscard]] bool is_local(const base::PackedInfo& node) const { return node.host() == host_; }

  const std::size_t groups_max_;
  const std::string host_;
  const OnChange on_change_;
  // Most nodes send to no group, and take no lock for any. The thread that asks for the first sets this before it reads
  // the directory. The loop reads it after it has changed the directory. By the directory's mutex one sees the other.
  std::atomic<bool> is_used_{false};
  mutable std::mutex mutex_;
  base::StringMap<GroupStatePtr> by_name_;
  base::StringMap<Memberships> memberships_;  // of each node that is a member of one of them
};

}  // namespace distflow::runtime
