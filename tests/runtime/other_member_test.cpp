// Which other member gets a request that one has had, with no node around it.
#include "runtime/group/other_member.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "runtime/group/pick.hpp"
#include "tests/base/seed.hpp"

namespace distflow::runtime {
namespace {

constexpr std::int64_t kNow = 1000;

GroupMemberPtr member(std::size_t number, bool is_local = false) {
  return std::make_shared<GroupMember>("node" + std::to_string(number), number, is_local);
}
GroupMembers members(std::size_t count) {
  GroupMembers all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(member(i));
  return all;
}
/// The nodeIds of those that come out, whatever is drawn.
std::set<std::string> chosen(const GroupMembers& all, const AskedMembers& asked, PickRule rule = {}) {
  std::set<std::string> ids;
  for (std::uint64_t drawn = 0; drawn < 4 * all.size() + 4; ++drawn) {
    const GroupMemberPtr other = other_member(all, asked, rule, drawn, kNow);
    ids.insert(other == nullptr ? "none" : other->node_id);
  }
  return ids;
}
using Ids = std::set<std::string>;

TEST(OtherMember, is_none_that_has_the_request_now) {
  const GroupMembers all = members(3);
  EXPECT_EQ(chosen(all, {.now = {all[0]}}), (Ids{"node1", "node2"}));
  EXPECT_EQ(chosen(all, {.now = {all[0], all[2]}}), Ids{"node1"});
  EXPECT_EQ(chosen({all[0]}, {.now = {all[0]}}), Ids{"none"});
  EXPECT_EQ(chosen({}, {}), Ids{"none"});
  EXPECT_EQ(chosen(all, {.now = {member(1)}}), (Ids{"node0", "node2"})) << "one that has joined again is the same";
}

TEST(OtherMember, is_one_that_has_just_failed_only_if_there_is_no_other) {
  const GroupMembers all = members(3);
  EXPECT_EQ(chosen(all, {.failed = all[1]}), (Ids{"node0", "node2"}));
  EXPECT_EQ(chosen({all[1]}, {.failed = all[1]}), Ids{"node1"});
}

TEST(OtherMember, is_better_not_busy_then_of_this_host_then_with_fewer_requests) {
  const GroupMembers all = {member(0), member(1, true), member(2, true), member(3)};
  const PickRule local{.way = Pick::Way::local};
  EXPECT_EQ(chosen(all, {}, local), (Ids{"node1", "node2"}));
  all[1]->busy_until_ns = kNow + 1;
  EXPECT_EQ(chosen(all, {}, local), Ids{"node2"});
  all[2]->busy_until_ns = kNow + 1;
  EXPECT_EQ(chosen(all, {}, local), (Ids{"node0", "node3"}));
  all[3]->asks = 1;
  EXPECT_EQ(chosen(all, {}, local), Ids{"node0"});
  all[1]->busy_until_ns = kNow;
  EXPECT_EQ(chosen(all, {}, local), Ids{"node1"}) << "it is over";
}

TEST(OtherMember, is_the_one_that_sticky_and_first_name_while_it_is_there) {
  const test::Seed seed;
  const GroupMembers all = members(20);
  const PickRule first{.way = Pick::Way::first};
  EXPECT_EQ(chosen(all, {.failed = all[0]}, first), Ids{"node0"});
  EXPECT_EQ(chosen(all, {.now = {all[0]}}, first), Ids{"none"});
  const PickRule sticky{.way = Pick::Way::sticky, .key_hash = hash_of("user-" + std::to_string(seed.value()))};
  const GroupMemberPtr named = other_member(all, {}, sticky, 0, kNow);
  EXPECT_EQ(chosen(all, {.failed = named}, sticky), Ids{named->node_id});
  EXPECT_EQ(chosen(all, {.now = {named}}, sticky), Ids{"none"});
  GroupMembers left = all;
  std::erase(left, named);
  EXPECT_EQ(chosen(left, {.failed = named}, sticky).count(named->node_id), 0U);
}

TEST(OtherMember, takes_a_bounded_look) {
  GroupMembers all = members(10 * kOthersLookedAtMax);
  for (const GroupMemberPtr& busy : all) busy->busy_until_ns = kNow + 1;
  all[kOthersLookedAtMax]->busy_until_ns = 0;
  EXPECT_NE(other_member(all, {}, {}, 0, kNow), all[kOthersLookedAtMax]);
  EXPECT_EQ(other_member(all, {}, {}, 1, kNow), all[kOthersLookedAtMax]);
}

}  // namespace
}  // namespace distflow::runtime
