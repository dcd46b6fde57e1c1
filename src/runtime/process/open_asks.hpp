// What is known of requests through a group that have not ended: the members that each is with, and its callback.
//
//     Group::ask ──▶ take() ──▶ Asks ── next(), let_go(): another member ──▶ end() ──▶ the application's callback
//     any thread                loop                                         where handlers run
//
// OpenAsks: any thread. Ask: of one thread after the other, as drawn.
//   1. Each Ask is used again, so that asking allocates nothing in the steady state: a callback with one pointer in it
//      needs no memory.
//   2. A member's `asks` counts the requests that are with it.
// Use: OpenAsks::Ask* ask = open_asks->take({...}, callback); ... [ask](const Reply& reply) { OpenAsks::end(ask,
// reply); }
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <distflow/ask.hpp>

#include "base/time.hpp"
#include "runtime/ask/other_targets.hpp"
#include "runtime/group/group_table.hpp"
#include "runtime/group/other_member.hpp"

namespace distflow::runtime {

class NodeHost;

class OpenAsks : public std::enable_shared_from_this<OpenAsks> {
 public:
  struct Begin {
    NodeHost& host;
    const GroupStatePtr& group;
    const GroupMemberPtr& member;
    PickRule rule;
    bool has_others;  ///< another member would do as well, and there is one
    base::Duration backup_after;
  };
  class Ask;

  OpenAsks();
  ~OpenAsks();
  OpenAsks(const OpenAsks&) = delete;
  OpenAsks& operator=(const OpenAsks&) = delete;

  /// `callback` is moved from. May throw std::bad_alloc, and has taken nothing then.
  Ask* take(const Begin& begin, ReplyCallback& callback);
  /// The request was not taken; its callback is given back.
  static ReplyCallback give_back(Ask* taken);
  /// The request has ended: calls back.
  static void end(Ask* ask, const Reply& reply);

  /// Of the clock that members are busy by.
  [[nodiscard]] static std::int64_t now_ns();

 private:
  static constexpr std::size_t kKeptMax = 256;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Ask>> free_;
};

class OpenAsks::Ask final : public OtherTargets {
 public:
  TargetPtr next(std::uint64_t drawn) override;
  void let_go(const TargetState& target, AskError why) noexcept override;

 private:
  friend class OpenAsks;
  void pass_over(GroupMember& member) noexcept;

  NodeHost* host_ = nullptr;  // used by its own loop alone
  GroupStatePtr group_;
  AskedMembers asked_;
  PickRule rule_;
  ReplyCallback callback_;
  std::shared_ptr<OpenAsks> home_;
};

}  // namespace distflow::runtime
