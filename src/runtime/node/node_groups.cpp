// A node's groups: those that it has joined, and the members of those that it sends to.
#include "runtime/node/node.hpp"

#include <utility>

namespace distflow::runtime {

/// Twice where a group was left and joined again; what other threads change meanwhile is reported in the next turn.
void Node::update_groups() {
  if (!own_groups_.has_changed() || !is_registry_started_ || is_closing()) return;
  for (int times = 0; times < 2 && own_groups_.has_changed(); ++times) {
    const auto tell = [this] { parts_.registry.set_groups(own_groups_.take_changed()); };
    if (!parts_.reactor.has_memory_for(tell)) {
      own_groups_.note_changed();
      break;
    }
    own_groups_.note_told();
  }
  say_if_groups_are_not_kept();
}

/// The groups of topics that nobody uses any more give their places up.
GroupStatePtr Node::group(std::string_view name) {
  const auto look = [&] { return groups_.of(name, [this](auto&& visit) { directory_.for_each_node(visit); }); };
  GroupStatePtr found = look();
  return found == nullptr && publications_.forget_idle() ? look() : found;
}

void Node::on_groups_kept(bool are_kept) {
  own_groups_.set_kept(are_kept);
  if (are_kept) has_said_not_kept_ = false;
  say_if_groups_are_not_kept();
}

/// Once, until a PMD is there that keeps them.
void Node::say_if_groups_are_not_kept() {
  if (own_groups_.are_kept() || has_said_not_kept_) return;
  bool has_any = false;
  static_cast<void>(parts_.reactor.has_memory_for([&] { has_any = !own_groups_.list().empty(); }));
  if (!has_any) return;
  has_said_not_kept_ = true;
  parts_.log.write(base::LogLevel::warn,
                   "the PMD does not know groups: no node will find this one in a group until another PMD is there");
}

void Node::on_groups_refused(std::string_view text) {
  parts_.log.write(base::LogLevel::warn, "the PMD refused a change of this node's groups (%.*s); asking again later",
                   static_cast<int>(text.size()), text.data());
}

/// Another node may have this one's nodeId for its alias: messages to that name go there, and this one is no member.
void Node::on_groups(const base::PackedInfo& node) {
  const Peer* const found = directory_.find(node.node_id());
  const bool is_found = found != nullptr && &found->info == &node;
  is_found ? groups_.on_node(node) : groups_.on_gone(node);
}
void Node::on_name_bound(std::string_view name) {
  if (!groups_.is_used()) return;
  const Peer* const node = directory_.find_id(name);
  if (node != nullptr) static_cast<void>(parts_.reactor.has_memory_for([&] { on_groups(node->info); }));
}

void Node::on_gone(const base::PackedInfo& node) { groups_.on_gone(node); }

void Node::tell_group_change(const GroupStatePtr& group, const base::PackedInfo& node, bool has_joined) {
  const auto tell = [&] {
    delivery_.run_later_where_handlers_run(
        [this, group, change = GroupChange{.node = node.unpack(), .has_joined = has_joined}] {
          if (group->handler) delivery_.run_handler([&] { group->handler(change); });
        });
  };
  if (!parts_.reactor.has_memory_for(tell)) delivery_.note_task_lost();
}

}  // namespace distflow::runtime
