// What a PMD has of a node's groups, beside a PMD that takes or refuses each change in its order.
#include "pmd/client/told_groups.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "pmd/client/client_messages.hpp"
#include "tests/base/seed.hpp"

namespace distflow::pmd {
namespace {

using protocol::Groups;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ToldGroups, has_those_of_the_registration_and_each_change_that_was_not_refused) {
  ToldGroups told;
  EXPECT_FALSE(told.is_begun());
  told.begin({"a"});
  EXPECT_TRUE(told.is_begun());
  const ToldGroups::Number first = told.note({{"b"}, {}});
  const ToldGroups::Number second = told.note({{"c"}, {"a"}});
  EXPECT_THAT(told.groups(), ElementsAre("b", "c"));
  EXPECT_TRUE(told.on_answer(first, false));
  EXPECT_THAT(told.groups(), ElementsAre("c"));
  EXPECT_TRUE(told.on_answer(second, false));
  EXPECT_THAT(told.groups(), ElementsAre("a"));
  told.end();
  EXPECT_FALSE(told.is_begun());
  EXPECT_THAT(told.groups(), IsEmpty());
}

TEST(ToldGroups, of_a_later_registration_are_not_changed_by_answers_to_what_was_told_before) {
  ToldGroups told;
  told.begin({});
  const ToldGroups::Number joined = told.note({{"a"}, {}});
  const ToldGroups::Number left = told.note({{}, {"a"}});
  told.begin({"a"});
  EXPECT_FALSE(told.on_answer(joined, false));
  EXPECT_FALSE(told.on_answer(left, true));
  EXPECT_THAT(told.groups(), ElementsAre("a"));
}

TEST(ToldGroups, has_a_group_that_was_joined_anew_while_a_change_of_before_was_refused) {
  ToldGroups told;
  told.begin({});
  const ToldGroups::Number refused = told.note({{"a"}, {}});
  static_cast<void>(told.note({{}, {"a"}}));
  static_cast<void>(told.note({{"a"}, {}}));
  EXPECT_TRUE(told.on_answer(refused, false));
  EXPECT_THAT(told.groups(), ElementsAre("a"));
}

/// A PMD, without a network.
struct Pmd {
  void take(const protocol::GroupChange& change) {
    groups.insert(change.join.begin(), change.join.end());
    for (const std::string& name : change.leave) groups.erase(name);
  }
  std::set<std::string> groups;
};

TEST(ToldGroups, are_in_the_end_those_of_a_pmd_that_refuses_at_random_and_answers_in_any_order) {
  const test::Seed seed;
  base::Random random(seed.value());
  for (int round = 0; round < 200; ++round) {
    ToldGroups told;
    Pmd pmd;
    struct Answer {
      ToldGroups::Number number;
      bool is_taken;
    };
    std::vector<Answer> under_way;
    told.begin({});
    for (int step = 0; step < 100; ++step) {
      if (random.uniform(3) != 0) {
        Groups wanted;
        for (const char* const name : {"a", "b", "c"}) {
          if (random.uniform(2) == 0) wanted.emplace_back(name);
        }
        const protocol::GroupChange change = change_between(told.groups(), wanted);
        if (change.empty()) continue;
        const bool is_taken = random.uniform(3) != 0;
        if (is_taken) pmd.take(change);
        under_way.push_back({told.note(change), is_taken});
      } else if (!under_way.empty()) {
        const auto some = under_way.begin() + static_cast<std::ptrdiff_t>(random.uniform(under_way.size()));
        EXPECT_TRUE(told.on_answer(some->number, some->is_taken)) << seed.replay();
        under_way.erase(some);
      }
    }
    for (const Answer& answer : under_way) EXPECT_TRUE(told.on_answer(answer.number, answer.is_taken));
    const Groups& groups = told.groups();
    EXPECT_EQ(std::set<std::string>(groups.begin(), groups.end()), pmd.groups)
        << "round " << round << ", " << seed.replay();
    EXPECT_EQ(groups.size(), pmd.groups.size());
  }
}

}  // namespace
}  // namespace distflow::pmd
