// Which other member of a group gets a request that one of them has, or had.
//
//   1. sticky and first name one member, and that again while it is in the group; of a request that this one has now
//      there is no other.
//   2. Of the others, from a random one on: better one that did not fail last, one that is not busy, one of this host
//      if that is asked for, the one with fewer requests.
//   3. No pick but sticky and first looks at more than kOthersLookedAtMax members.
// Use: GroupMemberPtr other = other_member(members, asked, rule, random.next(), now_ns);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <distflow/group.hpp>

#include "runtime/group/group_table.hpp"

namespace distflow::runtime {

inline constexpr std::size_t kOthersLookedAtMax = 64;

/// How it was picked at first.
struct PickRule {
  Pick::Way way = Pick::Way::least;
  std::uint64_t key_hash = 0;  ///< of the key of sticky
};

/// The members that a request is with, or was last.
struct AskedMembers {
  std::array<GroupMemberPtr, 2> now{};  ///< any of them may be null
  GroupMemberPtr failed{};

  /// A node that has left the group and joined it again is the same one.
  [[nodiscard]] bool has(const GroupMember& member) const;
  [[nodiscard]] bool has_failed(const GroupMember& member) const;
};

/// Null: there is none.
[[nodiscard]] GroupMemberPtr other_member(const GroupMembers& members, const AskedMembers& asked, PickRule rule,
                                          std::uint64_t drawn, std::int64_t now_ns);

}  // namespace distflow::runtime
