#include "runtime/process/open_asks.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/assert.hpp"
#include "runtime/process/node_host.hpp"
#include "runtime/process/node_world.hpp"

namespace distflow::runtime {
namespace {

/// How long a member that was busy, or could not be asked, is passed over.
constexpr auto kBusyFor = std::chrono::milliseconds(100);

}  // namespace

std::int64_t OpenAsks::now_ns() {
  return std::chrono::nanoseconds(NodeWorld::now_of_this_thread().time_since_epoch()).count();
}

OpenAsks::OpenAsks() { free_.reserve(kKeptMax); }
OpenAsks::~OpenAsks() = default;

OpenAsks::Ask* OpenAsks::take(const Begin& begin, ReplyCallback& callback) {
  std::unique_ptr<Ask> ask;
  {
    const std::scoped_lock lock(mutex_);
    if (!free_.empty()) {
      ask = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (ask == nullptr) ask = std::make_unique<Ask>();
  begin.member->asks.fetch_add(1, std::memory_order_relaxed);
  ask->host_ = &begin.host;
  ask->group_ = begin.group;
  ask->asked_.now.front() = begin.member;
  ask->rule_ = begin.rule;
  ask->is_another_at_once = begin.has_others;
  ask->backup_after = begin.backup_after;
  ask->callback_ = std::move(callback);
  ask->home_ = shared_from_this();
  return ask.release();
}

ReplyCallback OpenAsks::give_back(Ask* taken) {
  std::unique_ptr<Ask> ask(taken);
  for (GroupMemberPtr& member : ask->asked_.now) {
    if (member != nullptr) member->asks.fetch_sub(1, std::memory_order_relaxed);
    member.reset();
  }
  ask->asked_.failed.reset();
  ask->group_.reset();
  ReplyCallback callback = std::exchange(ask->callback_, nullptr);
  const std::shared_ptr<OpenAsks> home = std::exchange(ask->home_, nullptr);
  const std::scoped_lock lock(home->mutex_);
  if (home->free_.size() < home->free_.capacity()) home->free_.push_back(std::move(ask));
  return callback;
}

void OpenAsks::end(Ask* ask, const Reply& reply) {
  if (reply.error == AskError::busy) {
    for (const GroupMemberPtr& member : ask->asked_.now) {
      if (member != nullptr && member->node_id == reply.target) ask->pass_over(*member);
    }
  }
  const ReplyCallback callback = give_back(ask);
  if (callback) callback(reply);
}

void OpenAsks::Ask::pass_over(GroupMember& member) noexcept {
  const std::int64_t until = now_ns() + std::chrono::nanoseconds(kBusyFor).count();
  member.busy_until_ns.store(until, std::memory_order_relaxed);
  group_->busy_until_ns.store(until, std::memory_order_relaxed);
}

TargetPtr OpenAsks::Ask::next(std::uint64_t drawn) {
  GroupMemberPtr member;
  host_->look_at_members(
      *group_, [&](const GroupMembers& members) { member = other_member(members, asked_, rule_, drawn, now_ns()); });
  if (member == nullptr) return nullptr;
  TargetPtr target = host_->target(member->node_id);
  if (target == nullptr) return nullptr;
  const auto place = std::find(asked_.now.begin(), asked_.now.end(), nullptr);
  DF_ASSERT(place != asked_.now.end());  // the loop lets go of one before it asks for a third
  member->asks.fetch_add(1, std::memory_order_relaxed);
  *place = std::move(member);
  return target;
}

void OpenAsks::Ask::let_go(const TargetState& target, AskError why) noexcept {
  for (GroupMemberPtr& member : asked_.now) {
    if (member == nullptr || member->node_id != target.name) continue;
    member->asks.fetch_sub(1, std::memory_order_relaxed);
    if (why != AskError::none) {
      pass_over(*member);
      asked_.failed = std::move(member);
    }
    member.reset();
    return;
  }
}

}  // namespace distflow::runtime
