// The public Group: its own copy of the members, with what sending to each takes.
#include <algorithm>
#include <chrono>
#include <new>
#include <unordered_map>
#include <utility>

#include <distflow/ask.hpp>
#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>

#include "protocol/json_grammar.hpp"
#include "runtime/group/pick.hpp"
#include "runtime/process/held_elsewhere.hpp"
#include "runtime/process/node_host.hpp"
#include "runtime/process/open_asks.hpp"
#include "runtime/process/unless_out_of_memory.hpp"

namespace distflow {
namespace {

using namespace std::chrono_literals;
using runtime::GroupMember;
using runtime::GroupMemberPtr;
using runtime::GroupMembers;
using runtime::GroupStatePtr;
using runtime::NodeHost;
using runtime::OpenAsks;

/// Members that are tried in place of one that takes nothing now.
constexpr std::size_t kOthersMax = 8;

bool passes_over(Pick::Way way) { return way != Pick::Way::sticky && way != Pick::Way::first; }

}  // namespace

struct Group::Impl {
  Impl(NodeRuntime runtime, std::string_view group_name)
      : node(std::move(runtime)), name(group_name), picker(static_cast<std::uint64_t>(OpenAsks::now_ns())) {}

  struct Member {
    GroupMemberPtr known;
    Target target;  // made by the first message
  };

  [[nodiscard]] NodeHost& host() const { return *node.host_; }

  void refresh() {
    if (state == nullptr) state = host().group(name);
    if (state == nullptr || state->version.load(std::memory_order_acquire) == version) return;
    if (host().is_forked()) return;  // a thread of the parent's may have had the lock
    GroupMembers known;
    const std::uint64_t fresh = host().copy_members(*state, known);
    std::stable_partition(known.begin(), known.end(), [](const GroupMemberPtr& member) { return member->is_local; });
    std::unordered_map<const GroupMember*, std::size_t> places;
    for (std::size_t i = 0; i < members.size(); ++i) places.emplace(members[i].known.get(), i);
    std::vector<Member> next(known.size());
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (const auto place = places.find(known[i].get()); place != places.end()) {
        next[i].target = std::move(members[place->second].target);
      }
      next[i].known = std::move(known[i]);
    }
    members = std::move(next);
    version = fresh;
    first = 0;
    local_count = 0;
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (members[i].known->node_id < members[first].known->node_id) first = i;
      if (members[i].known->is_local) ++local_count;
    }
  }

  [[nodiscard]] std::uint64_t load_of(std::size_t i) const {
    const Member& member = members[i];
    const std::uint64_t asks = member.known->asks.load(std::memory_order_relaxed);
    return asks + host().queued_to(member.target.state_.get(), member.target.credit_.get());
  }
  /// Of how many members, from the first on, a pick of that kind is one.
  [[nodiscard]] std::size_t range_of(Pick::Way way) const {
    return way == Pick::Way::local && local_count > 0 ? local_count : members.size();
  }

  std::size_t choose(const Pick& pick) {
    const std::size_t count = range_of(pick.way());
    switch (pick.way()) {
      case Pick::Way::sticky:
        return runtime::GroupPicker::sticky(count, pick.key(),
                                            [this](std::size_t i) { return members[i].known->hash; });
      case Pick::Way::first: return first;
      case Pick::Way::round_robin: return not_busy(picker.round_robin(count), count);
      case Pick::Way::least:
      case Pick::Way::local: break;
    }
    return not_busy(picker.least(count, [this](std::size_t i) { return load_of(i); }), count);
  }

  /// That member, or another of the first `count` if it has just said that it is busy.
  std::size_t not_busy(std::size_t chosen, std::size_t count) {
    std::int64_t until = state->busy_until_ns.load(std::memory_order_relaxed);
    if (until == 0) [[likely]]
      return chosen;
    const std::int64_t now = OpenAsks::now_ns();
    // One that comes meanwhile stays.
    if (until <= now) state->busy_until_ns.compare_exchange_strong(until, 0, std::memory_order_relaxed);
    for (std::size_t i = 0; i < std::min(count, kOthersMax + 1); ++i) {
      const std::size_t other = (chosen + i) % count;
      if (members[other].known->busy_until_ns.load(std::memory_order_relaxed) <= now) return other;
    }
    return chosen;
  }

  /// Calls `send(member)` for the one chosen, and for others while that returns that there is no room.
  template <class Send>
  SendVerdict send_to_one(const Pick& pick, Send&& send) try {
    refresh();
    if (members.empty()) return without_members();
    const std::size_t chosen = choose(pick);
    SendVerdict verdict = send(members[chosen]);
    if (verdict != SendVerdict::queue_full || !passes_over(pick.way())) return verdict;
    const std::size_t count = range_of(pick.way());
    for (std::size_t i = 1; i < std::min(count, kOthersMax + 1) && verdict == SendVerdict::queue_full; ++i) {
      verdict = send(members[(chosen + i) % count]);
    }
    return verdict;
  } catch (const std::bad_alloc&) {
    host().note_out_of_memory();
    return SendVerdict::out_of_memory;
  }

  [[nodiscard]] SendVerdict without_members() const {
    if (host().is_forked()) return SendVerdict::forked;
    if (!host().is_running()) return SendVerdict::shut_down;
    return state == nullptr ? SendVerdict::invalid_target : host().note_unresolved();
  }

  SendVerdict send(Member& member, RawJson json) { return node.send(target_of(member), json); }

  /// May throw std::bad_alloc: NodeRuntime::target() would give a Target without a name, which is another verdict.
  Target& target_of(Member& member) {
    if (member.target.state_ == nullptr) [[unlikely]] {
      Target made;
      made.name_ = member.known->node_id;
      made.state_ = host().target(made.name_);
      member.target = std::move(made);
    }
    return member.target;
  }

  NodeRuntime node;
  const std::string name;
  GroupStatePtr state;
  std::uint64_t version = 0;
  std::vector<Member> members;  // those of this host first
  std::size_t first = 0;        // the one with the smallest nodeId
  std::size_t local_count = 0;
  runtime::GroupPicker picker;
  std::shared_ptr<OpenAsks> open_asks = std::make_shared<OpenAsks>();
};

Group::Group(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Group::Group(Group&& other) noexcept = default;
Group& Group::operator=(Group&& other) noexcept = default;
Group::~Group() = default;

const std::string& Group::name() const {
  static const std::string none;
  return impl_ == nullptr ? none : impl_->name;
}

SendVerdict Group::send(std::string_view json, Pick pick) {
  if (!protocol::is_json(json)) return SendVerdict::invalid_json;
  return send(raw_json(json), pick);
}

SendVerdict Group::send(RawJson json, Pick pick) {
  if (impl_ == nullptr) return SendVerdict::out_of_memory;
  return impl_->send_to_one(pick, [&](Impl::Member& member) { return impl_->send(member, json); });
}

SendVerdict Group::ask(std::string_view json, const AskOptions& options, std::function<void(const Reply&)> callback,
                       Pick pick) {
  if (impl_ == nullptr) return SendVerdict::out_of_memory;
  if (!protocol::is_json(json)) return SendVerdict::invalid_json;
  const bool has_backup = options.idempotent && options.backup_after.count() > 0 && passes_over(pick.way());
  const bool may_go_elsewhere = has_backup || (options.idempotent && options.attempts > 1);
  const bool has_key = may_go_elsewhere && pick.way() == Pick::Way::sticky;
  const runtime::PickRule rule{.way = pick.way(), .key_hash = has_key ? runtime::hash_of(pick.key()) : 0};
  const auto backup_after = has_backup ? std::min(options.backup_after, runtime::AskWay::kDeadlineMax) : 0ms;
  const runtime::HeldElsewhere held(impl_->node.host_);  // what the callback holds may be this Group, too
  NodeHost& host = *held;
  return impl_->send_to_one(pick, [&](Impl::Member& member) {
    const bool has_others = passes_over(pick.way()) && impl_->members.size() > 1;
    Target& target = impl_->target_of(member);
    OpenAsks::Ask* const ask =
        impl_->open_asks->take({host, impl_->state, member.known, rule, has_others, backup_after}, callback);
    const SendVerdict verdict = runtime::unless_out_of_memory(host, SendVerdict::out_of_memory, [&] {
      return host.ask(
          target.state_, target.version_, json, options, [ask](const Reply& reply) { OpenAsks::end(ask, reply); },
          may_go_elsewhere ? ask : nullptr);
    });
    if (!is_under_way(verdict)) callback = OpenAsks::give_back(ask);
    return verdict;
  });
}

SentToAll Group::send_all(std::string_view json) {
  SentToAll sent;
  if (impl_ == nullptr) return sent;
  const bool is_json = protocol::is_json(json);
  NodeHost& host = impl_->host();
  // A first look for the members; each is sent to by itself from then on.
  static_cast<void>(impl_->send_to_one(Pick::first(), [&](Impl::Member&) {
    for (Impl::Member& member : impl_->members) {
      const SendVerdict verdict =
          is_json ? runtime::unless_out_of_memory(host, SendVerdict::out_of_memory,
                                                  [&] { return impl_->send(member, raw_json(json)); })
                  : SendVerdict::invalid_json;
      ++(is_under_way(verdict) ? sent.under_way : sent.refused);
    }
    return SendVerdict::queued;
  }));
  return sent;
}

std::vector<PeerInfo> Group::members() try {
  std::vector<PeerInfo> infos;
  if (impl_ == nullptr) return infos;
  impl_->refresh();
  for (const Impl::Member& member : impl_->members) {
    if (std::optional<PeerInfo> info = impl_->host().info_of(member.known->node_id)) infos.push_back(*std::move(info));
  }
  return infos;
} catch (const std::bad_alloc&) {
  impl_->host().note_out_of_memory();
  return {};
}

void Group::on_change(std::function<void(const GroupChange&)> handler) {
  if (impl_ == nullptr) return;
  const std::shared_ptr<NodeHost> handle = impl_->node.host_;  // what the handler holds may be this Group
  runtime::unless_out_of_memory(*handle, false, [&] {
    impl_->refresh();
    if (impl_->state != nullptr) handle->set_group_handler(impl_->state, std::move(handler));
    return true;
  });
}

Result<void> NodeRuntime::join(std::string_view group) try {
  return host_->join_group(group);
} catch (const std::bad_alloc&) {
  host_->note_out_of_memory();
  return Error{Errc::out_of_memory, "joining a group"};
}

Result<void> NodeRuntime::leave(std::string_view group) { return host_->leave_group(group); }

Group NodeRuntime::group(std::string_view name) try {
  auto impl = std::make_unique<Group::Impl>(*this, name);
  impl->refresh();
  return Group(std::move(impl));
} catch (const std::bad_alloc&) {
  host_->note_out_of_memory();
  return Group(nullptr);
}

}  // namespace distflow
