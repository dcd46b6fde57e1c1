#include "runtime/group/other_member.hpp"

#include <algorithm>
#include <utility>

#include "runtime/group/pick.hpp"

namespace distflow::runtime {
namespace {

/// The one member that the pick is for.
const GroupMemberPtr& named_member(const GroupMembers& members, PickRule rule) {
  if (rule.way == Pick::Way::sticky) {
    return members[GroupPicker::sticky_of_hash(members.size(), rule.key_hash,
                                               [&](std::size_t i) { return members[i]->hash; })];
  }
  return *std::min_element(members.begin(), members.end(),
                           [](const auto& a, const auto& b) { return a->node_id < b->node_id; });
}

}  // namespace

bool AskedMembers::has(const GroupMember& member) const {
  return std::any_of(now.begin(), now.end(),
                     [&](const auto& asked) { return asked != nullptr && asked->node_id == member.node_id; });
}

bool AskedMembers::has_failed(const GroupMember& member) const {
  return failed != nullptr && failed->node_id == member.node_id;
}

GroupMemberPtr other_member(const GroupMembers& members, const AskedMembers& asked, PickRule rule, std::uint64_t drawn,
                            std::int64_t now_ns) {
  if (members.empty()) return nullptr;
  if (rule.way == Pick::Way::sticky || rule.way == Pick::Way::first) {
    const GroupMemberPtr& named = named_member(members, rule);
    return asked.has(*named) ? nullptr : named;
  }
  constexpr int enough = 2;  // with nothing against them: as of least, the one with fewer requests
  const std::size_t start = static_cast<std::size_t>(drawn % members.size());
  const GroupMemberPtr* best = nullptr;
  std::pair<int, std::uint32_t> best_rank{};  // what is against it, and its requests
  int found = 0;
  for (std::size_t i = 0; i < std::min(members.size(), kOthersLookedAtMax) && found < enough; ++i) {
    const GroupMemberPtr& member = members[(start + i) % members.size()];
    if (asked.has(*member)) continue;
    const int against = (asked.has_failed(*member) ? 4 : 0) +
                        (member->busy_until_ns.load(std::memory_order_relaxed) > now_ns ? 2 : 0) +
                        (rule.way == Pick::Way::local && !member->is_local ? 1 : 0);
    if (against == 0) ++found;
    const std::pair<int, std::uint32_t> rank{against, member->asks.load(std::memory_order_relaxed)};
    if (best != nullptr && best_rank <= rank) continue;
    best = &member;
    best_rank = rank;
  }
  return best == nullptr ? nullptr : *best;
}

}  // namespace distflow::runtime
