// NodeHost's groups: joined on any thread, reported to the registry by the loop.
#include <utility>

#include "runtime/group/group_handler_setting.hpp"
#include "runtime/process/node_host.hpp"

namespace distflow::runtime {

Result<void> NodeHost::join_group(std::string_view name) {
  constexpr const char* joining = "joining a group";
  if (is_forked()) return Error{Errc::forked, joining};
  if (!is_running()) return Error{Errc::shut_down, joining};
  if (!OwnGroups::is_name(name)) return Error{Errc::invalid_option, "joining a group: a name of 1 to 256 bytes"};
  if (name.starts_with(protocol::kTopicPrefix)) {
    return Error{Errc::invalid_option, "joining a group: subscribe() is for names that begin with topic:"};
  }
  OwnGroups& groups = node_->own_groups();
  if (groups.join(name) == OwnGroups::Outcome::too_many) {
    return Error{Errc::invalid_option, "joining a group: at most 64 of one node"};
  }
  have_groups_told();
  if (!groups.are_kept()) return Error{Errc::unsupported, joining};
  return {};
}

Result<void> NodeHost::leave_group(std::string_view name) {
  constexpr const char* leaving = "leaving a group";
  if (is_forked()) return Error{Errc::forked, leaving};
  if (!is_running()) return Error{Errc::shut_down, leaving};
  node_->own_groups().leave(name);
  have_groups_told();
  return {};
}

void NodeHost::have_groups_told() {
  if (!node_->own_groups().has_changed()) return;
  if (is_loop_thread()) return node_->update_groups();
  loop_.reactor().notify();  // the inbox looks for it: drain_inbox()
}

GroupStatePtr NodeHost::group(std::string_view name) {
  if (is_forked() || !is_running() || name.empty() || name.size() > protocol::kGroupSizeMax) return nullptr;
  return node_->group(name);
}

std::uint64_t NodeHost::copy_members(const GroupState& group, GroupMembers& members) const {
  return node_->groups().copy_members(group, members);
}

void NodeHost::set_group_handler(GroupStatePtr group, std::function<void(const GroupChange&)> handler) {
  if (is_forked()) return;
  run_where_handlers_run(
      [setting = std::make_shared<GroupHandlerSetting>(std::move(group), std::move(handler))] { setting->apply(); });
}

std::uint64_t NodeHost::queued_to(const TargetState* target, const SendCredit* credit) const {
  if (target == nullptr) return 0;
  if (!is_loop_thread()) return credit == nullptr ? 0 : credit->used().messages;
  if (!target->way) return 0;
  const SendCounters& out = target->way.link().traffic().out;
  const std::uint64_t gone = read(out.written) + read(out.dropped_unreachable) + read(out.dropped_connection_lost) +
                             read(out.dropped_peer_left) + read(out.dropped_queue_full) + read(out.dropped_shutdown);
  return read(out.accepted) - gone;
}

}  // namespace distflow::runtime
