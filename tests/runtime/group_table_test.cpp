// Who is in a group, by what the registry tells, with no node around it.
#include "runtime/group/group_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "runtime/group/group_handler_setting.hpp"
#include "runtime/group/own_groups.hpp"
#include "tests/base/seed.hpp"

namespace distflow::runtime {
namespace {

using base::PackedInfo;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

PeerInfo node(const std::string& id, std::vector<std::string> groups, const std::string& host = "h") {
  PeerInfo info;
  info.node_id = id;
  info.host = host;
  info.port = 1;
  info.groups = std::move(groups);
  return info;
}

class GroupTableTest : public ::testing::Test {
 protected:
  GroupStatePtr group(const std::string& name) {
    return table.of(name, [this](auto&& visit) {
      for (const auto& [id, info] : nodes) visit(PackedInfo(info));
    });
  }
  void set(const PeerInfo& info) {
    nodes[info.node_id] = info;
    table.on_node(PackedInfo(info));
  }
  void remove(const std::string& id) {
    const PackedInfo gone(nodes.at(id));
    nodes.erase(id);
    table.on_gone(gone);
  }
  /// In the order of their nodeIds.
  std::vector<std::string> members(const GroupStatePtr& state) {
    GroupMembers copy;
    EXPECT_EQ(table.copy_members(*state, copy), state->version.load());
    std::vector<std::string> ids;
    for (const GroupMemberPtr& member : copy) ids.push_back(member->node_id);
    std::sort(ids.begin(), ids.end());
    return ids;
  }
  void on_change(const GroupStatePtr& state, const PackedInfo& info, bool has_joined) {
    changes.push_back(state->name + (has_joined ? " +" : " -") + std::string(info.node_id()));
  }

  std::map<std::string, PeerInfo> nodes;
  std::vector<std::string> changes;
  GroupTable table{3, "h", GroupTable::OnChange::to<&GroupTableTest::on_change>(*this)};
};

TEST_F(GroupTableTest, a_group_has_the_nodes_that_were_there_and_those_that_come) {
  set(node("a", {"workers", "other"}));
  set(node("b", {}));
  const GroupStatePtr workers = group("workers");
  EXPECT_THAT(members(workers), ElementsAre("a"));
  set(node("b", {"workers"}));
  set(node("c", {"workers"}));
  EXPECT_THAT(members(workers), ElementsAre("a", "b", "c"));
  set(node("a", {"other"}));
  EXPECT_THAT(members(workers), ElementsAre("b", "c"));
  remove("c");
  EXPECT_THAT(members(workers), ElementsAre("b"));
  table.clear();
  EXPECT_THAT(members(workers), IsEmpty());
}

TEST_F(GroupTableTest, the_version_rises_with_each_change_and_with_nothing_else) {
  const GroupStatePtr workers = group("workers");
  const std::uint64_t before = workers->version;
  set(node("a", {"other"}));
  remove("a");
  EXPECT_EQ(workers->version, before);
  set(node("a", {"workers"}));
  EXPECT_GT(workers->version, before);
  const std::uint64_t with_a = workers->version;
  set(node("a", {"workers", "other"}));
  EXPECT_EQ(workers->version, with_a);
}

TEST_F(GroupTableTest, a_member_stays_the_same_object_as_long_as_it_is_one) {
  const GroupStatePtr workers = group("workers");
  set(node("a", {"workers"}));
  GroupMembers before;
  table.copy_members(*workers, before);
  set(node("b", {"workers"}));
  set(node("a", {"workers", "more"}));
  GroupMembers after;
  table.copy_members(*workers, after);
  EXPECT_NE(std::find(after.begin(), after.end(), before.front()), after.end());
}

TEST_F(GroupTableTest, members_of_this_host_are_known_as_such_also_when_they_move) {
  const GroupStatePtr workers = group("workers");
  set(node("a", {"workers"}, "h"));
  GroupMembers copy;
  table.copy_members(*workers, copy);
  EXPECT_TRUE(copy.front()->is_local);
  set(node("a", {"workers"}, "elsewhere"));
  table.copy_members(*workers, copy);
  ASSERT_EQ(copy.size(), 1U);
  EXPECT_FALSE(copy.front()->is_local);
}

TEST_F(GroupTableTest, a_group_is_watched_while_it_has_a_handler_or_one_is_being_set) {
  const GroupStatePtr workers = group("workers");
  const auto setting = [&](std::function<void(const GroupChange&)> handler) {
    return std::make_unique<GroupHandlerSetting>(workers, std::move(handler));
  };
  auto dropped = setting([](const GroupChange&) {});
  EXPECT_TRUE(workers->is_watched());
  dropped.reset();
  EXPECT_FALSE(workers->is_watched()) << "it could not be set";
  dropped = setting([](const GroupChange&) {});
  for (int i = 0; i < 2; ++i) setting([](const GroupChange&) {})->apply();
  dropped.reset();
  EXPECT_TRUE(workers->is_watched());
  EXPECT_TRUE(workers->handler);
  setting(nullptr).reset();
  EXPECT_TRUE(workers->is_watched()) << "the handler is still there";
  setting(nullptr)->apply();
  EXPECT_FALSE(workers->is_watched());
}

TEST_F(GroupTableTest, only_a_watched_group_tells_of_its_changes_each_once) {
  const GroupStatePtr workers = group("workers");
  set(node("a", {"workers"}));
  EXPECT_THAT(changes, IsEmpty());
  workers->watchers = 1;
  set(node("a", {"workers", "more"}, "elsewhere"));
  set(node("b", {"workers"}));
  set(node("b", {}));
  remove("a");
  EXPECT_THAT(changes, ElementsAre("workers +b", "workers -b", "workers -a"));
}

TEST_F(GroupTableTest, beyond_the_bound_there_are_no_more_groups_until_one_is_let_go) {
  set(node("a", {"one", "four"}));
  GroupStatePtr one = group("one");
  const GroupStatePtr two = group("two");
  const GroupStatePtr three = group("three");
  EXPECT_EQ(group("four"), nullptr);
  EXPECT_EQ(group("two"), two);
  one.reset();
  const GroupStatePtr four = group("four");
  ASSERT_NE(four, nullptr);
  EXPECT_THAT(members(four), ElementsAre("a"));
  remove("a");
  EXPECT_THAT(members(four), IsEmpty());
}

TEST_F(GroupTableTest, whatever_changes_the_members_are_those_whose_registration_names_the_group) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  base::Random random(seed.value());
  const std::vector<std::string> names = {"g0", "g1", "g2", "unasked"};
  const std::vector<GroupStatePtr> groups = {group("g0"), group("g1"), group("g2")};
  for (int step = 0; step < 3000; ++step) {
    const std::string id = "n" + std::to_string(random.uniform(20));
    if (random.chance(0.2)) {
      if (nodes.contains(id)) remove(id);
    } else {
      std::vector<std::string> joined;
      for (const std::string& name : names) {
        if (random.chance(0.5)) joined.push_back(name);
      }
      set(node(id, joined, random.chance(0.5) ? "h" : "elsewhere"));
    }
    for (const GroupStatePtr& state : groups) {
      std::vector<std::string> expected;
      for (const auto& [each, info] : nodes) {
        if (std::count(info.groups.begin(), info.groups.end(), state->name) > 0) expected.push_back(each);
      }
      std::sort(expected.begin(), expected.end());
      ASSERT_EQ(members(state), expected);
    }
  }
}

TEST(OwnGroups, are_joined_once_left_once_and_told_when_they_have_changed) {
  OwnGroups groups;
  EXPECT_FALSE(groups.has_changed());
  EXPECT_EQ(groups.join("a"), OwnGroups::Outcome::done);
  EXPECT_EQ(groups.join("b"), OwnGroups::Outcome::done);
  EXPECT_THAT(groups.take_changed(), ElementsAre("a", "b"));
  EXPECT_EQ(groups.join("a"), OwnGroups::Outcome::done);
  groups.leave("never");
  EXPECT_FALSE(groups.has_changed());
  groups.leave("a");
  EXPECT_THAT(groups.take_changed(), ElementsAre("b"));
}

TEST(OwnGroups, one_that_was_left_and_joined_again_is_told_as_left_first) {
  OwnGroups groups;
  EXPECT_EQ(groups.join("a"), OwnGroups::Outcome::done);
  EXPECT_EQ(groups.join("b"), OwnGroups::Outcome::done);
  EXPECT_THAT(groups.take_changed(), ElementsAre("a", "b"));
  groups.note_told();
  groups.leave("a");
  EXPECT_EQ(groups.join("a"), OwnGroups::Outcome::done);
  EXPECT_THAT(groups.list(), ElementsAre("a", "b"));
  EXPECT_THAT(groups.take_changed(), ElementsAre("b"));
  groups.note_changed();  // that could not be told
  EXPECT_THAT(groups.take_changed(), ElementsAre("b"));
  groups.note_told();
  ASSERT_TRUE(groups.has_changed());
  EXPECT_THAT(groups.take_changed(), ElementsAre("a", "b"));
  groups.note_told();
  EXPECT_FALSE(groups.has_changed());
}

TEST(OwnGroups, are_64_at_most) {
  OwnGroups groups;
  for (int i = 0; i < 64; ++i) EXPECT_EQ(groups.join("g" + std::to_string(i)), OwnGroups::Outcome::done);
  EXPECT_EQ(groups.join("more"), OwnGroups::Outcome::too_many);
  EXPECT_EQ(groups.join("g0"), OwnGroups::Outcome::done);
  static_cast<void>(groups.take_changed());
  groups.leave("g0");
  EXPECT_EQ(groups.join("more"), OwnGroups::Outcome::done) << "one that was left takes no place, told or not";
  EXPECT_EQ(groups.join("g0"), OwnGroups::Outcome::too_many);
}

TEST(OwnGroups, a_name_is_1_to_256_bytes_of_text_without_control_characters) {
  EXPECT_TRUE(OwnGroups::is_name("w"));
  EXPECT_TRUE(OwnGroups::is_name(std::string(256, 'x')));
  EXPECT_TRUE(OwnGroups::is_name("arbeiter-ä \"1\""));
  for (const std::string& name : {std::string(), std::string(257, 'x'), std::string("a\nb"), std::string("\xff")}) {
    EXPECT_FALSE(OwnGroups::is_name(name));
  }
}

}  // namespace
}  // namespace distflow::runtime
