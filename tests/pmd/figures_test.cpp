// The figures of nodes on the page of a PMD: when nodes are asked, who is told, and the bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/figures_of_nodes.hpp"
#include "tests/support/schema.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kNothing =
    "{\"next\":\"1\",\"isWhole\":true,\"isAnew\":true,\"leftOut\":0,\"gone\":[],\"nodes\":[]}\n";

class FiguresTest : public FiguresOfNodes {};

TEST_F(FiguresTest, a_node_is_asked_only_while_somebody_looks) {
  const PeerId node = add_node("id1");
  pmd.advance(base::seconds(10));
  EXPECT_THAT(asked(node), IsEmpty());

  EXPECT_EQ(web.get("/api/figures"), kNothing);
  pmd.advance(base::milliseconds(100));
  EXPECT_THAT(asked(node), SizeIs(1));
  pmd.advance(Figures::kLookTime + StatsRelay::kTimeout + base::seconds(1));
  asked(node);
  EXPECT_EQ(web.web().node_figures().kept_count(), 0u);
  pmd.advance(base::seconds(10));
  EXPECT_THAT(asked(node), IsEmpty());
}

TEST_F(FiguresTest, what_nodes_answer_is_no_request_to_the_pmd) {
  const PeerId node = add_node("id1");
  web.get("/api/figures");
  pmd.advance(base::milliseconds(100));
  const std::uint64_t before = pmd.server().counters().requests;
  tell(node, stats(1000, 100, 10));
  EXPECT_EQ(counters().told, 1u);
  EXPECT_EQ(pmd.server().counters().requests, before);
}

TEST_F(FiguresTest, when_nobody_looks_any_more_no_timer_runs) {
  EXPECT_EQ(pmd.reactor().timers().next_deadline(), base::kNever);
  web.get("/api/figures");
  EXPECT_NE(pmd.reactor().timers().next_deadline(), base::kNever);
  pmd.advance(Figures::kLookTime + Figures::kRoundInterval);
  EXPECT_EQ(pmd.reactor().timers().next_deadline(), base::kNever);
}

TEST_F(FiguresTest, an_answer_has_rates_depths_and_every_reason_of_a_drop) {
  const PeerId node = add_node("id1");
  web.get("/api/figures");
  pmd.advance(base::milliseconds(100));
  tell(node, stats(1000, 100, 10));
  const std::string first = web.get("/api/figures");
  EXPECT_THAT(first, HasSubstr(R"("nodes":[{"nodeId":"id1","in":0,"out":0,"queued":4,"mailbox":5,"lost":0,)"
                               R"("notSent":{},"dropped":{}}]})"));
  next_round();
  tell(node, stats(3000, 700, 15, "", R"(,"dropped_unreachable":3,"dropped_peer_left":0,"other":8)"));
  EXPECT_THAT(web.get("/api/figures?since=" + next_of(first)),
              HasSubstr(R"("nodes":[{"nodeId":"id1","in":300.0,"out":2.5,"queued":4,"mailbox":5,"lost":3,)"
                        R"("notSent":{"unreachable":3},"dropped":{}}]})"));
}

TEST_F(FiguresTest, what_a_node_has_told_is_not_told_to_the_next_user_of_its_name) {
  const PeerId first = add_node("id1");
  web.get("/api/figures", MemoryWeb::kUser);
  pmd.advance(base::milliseconds(100));
  tell(first, stats(1000, 100, 10));
  EXPECT_THAT(web.get("/api/figures", MemoryWeb::kUser), HasSubstr(R"("queued":4)"));
  pmd.hang_up(first);
  const PeerId second = add_node("id1", MemoryWeb::kOtherUser);
  EXPECT_EQ(web.get("/api/figures", MemoryWeb::kOtherUser).find("id1"), std::string::npos);
  next_round();
  EXPECT_EQ(web.get("/api/figures", MemoryWeb::kOtherUser).find("id1"), std::string::npos) << "before it has answered";
  tell(second, stats(3000, 700, 15));
  EXPECT_THAT(web.get("/api/figures", MemoryWeb::kOtherUser), HasSubstr(R"("in":0,"out":0,)"));
}

TEST_F(FiguresTest, the_silence_of_a_node_is_not_taken_for_that_of_the_next_one_of_its_name) {
  const PeerId first = add_node("id1");
  web.get("/api/figures");
  pmd.advance(base::milliseconds(500));
  pmd.send(first, R"({"type":"unregister","payload":{"nodeId":"id1"}})");
  const PeerId second = add_node("id1", MemoryWeb::kOtherUser);
  next_round();
  web.get("/api/figures");
  pmd.advance(base::milliseconds(600));
  EXPECT_EQ(pmd.server().counters().stats_unanswered, 1u);
  EXPECT_THAT(web.get("/api/figures"), Not(HasSubstr("untold")));
  EXPECT_EQ(tell(second, stats(1, 1, 1)), 1u);
  EXPECT_THAT(web.get("/api/figures"), HasSubstr(R"("queued":4)"));
  EXPECT_EQ(counters().untold, 0u);
}

TEST_F(FiguresTest, a_p99_is_of_the_time_since_the_last_answer) {
  const PeerId node = add_node("id1");
  const auto latency = [](int slow, int fast) {
    return R"(,"latency":{"queue_wait":{"sum_ns":1,"buckets":[[4,)" + std::to_string(fast) + "],[1048576," +
           std::to_string(slow) + R"(]]},"handler":{"buckets":[]}})";
  };
  web.get("/api/figures");
  pmd.advance(base::milliseconds(100));
  tell(node, stats(1000, 1, 1, latency(1000, 1)));
  EXPECT_THAT(web.get("/api/figures"), AllOf(HasSubstr(R"("waitP99Ns":1179647)"), Not(HasSubstr("handlerP99Ns"))));
  next_round();
  tell(node, stats(2000, 2, 2, latency(1000, 500)));
  EXPECT_THAT(web.get("/api/figures"), HasSubstr(R"("waitP99Ns":4,)"));
}

TEST_F(FiguresTest, what_has_not_changed_is_told_once) {
  const PeerId node = add_node("id1");
  web.get("/api/figures");
  std::string since = "0";
  for (std::uint64_t round = 0; round < 3; ++round) {
    next_round();
    tell(node, stats(1000 * (round + 1), 100, 10));
    const std::string answer = web.get("/api/figures?since=" + since);
    EXPECT_EQ(answer.find("id1") != std::string::npos, round == 0) << answer;
    since = next_of(answer);
  }
  EXPECT_THAT(web.get("/api/figures"), HasSubstr("id1"));
}

TEST_F(FiguresTest, a_user_is_told_of_its_own_nodes_and_others_are_not_asked_for_it) {
  const PeerId own = add_node("id1", MemoryWeb::kUser);
  const PeerId strange = add_node("id2", MemoryWeb::kOtherUser);
  web.get("/api/figures", MemoryWeb::kUser);
  pmd.advance(base::milliseconds(100));
  EXPECT_THAT(asked(strange), IsEmpty());
  tell(own, stats(1, 1, 1));
  EXPECT_THAT(web.get("/api/figures", MemoryWeb::kUser), HasSubstr("id1"));
  EXPECT_THAT(web.get("/api/figures", MemoryWeb::kOtherUser), Not(HasSubstr("id1")));
  next_round();
  tell(strange, stats(1, 1, 1));
  EXPECT_THAT(web.get("/api/figures", MemoryWeb::kUser), AllOf(HasSubstr("id1"), Not(HasSubstr("id2"))));
  EXPECT_THAT(web.get("/api/figures"), AllOf(HasSubstr("id1"), HasSubstr("id2"))) << "root";
  EXPECT_THAT(web.get("/api/figures", 1003, "403"), Not(HasSubstr("id1")));
}

TEST_F(FiguresTest, a_silent_node_is_named_with_its_reason_and_asked_again_when_its_time_is_over) {
  const PeerId node = add_node("id1");
  const PeerId deaf = add_node("id2", MemoryWeb::kUser, "");
  for (int i = 0; i < 5; ++i) {
    web.get("/api/figures");
    pmd.advance(base::milliseconds(500));
  }
  EXPECT_THAT(web.get("/api/figures"), HasSubstr(R"({"nodeId":"id1","untold":"The node did not answer in time"})"));
  EXPECT_THAT(asked(node), SizeIs(2)) << "one question at a time";
  EXPECT_THAT(asked(deaf), IsEmpty()) << "it does not have the cap";
  EXPECT_EQ(counters().untold, 1u);
}

TEST_F(FiguresTest, a_node_that_has_left_is_forgotten_and_owes_nothing) {
  const PeerId node = add_node("id1");
  web.get("/api/figures");
  pmd.advance(base::milliseconds(100));
  tell(node, stats(1, 1, 1));
  next_round();
  pmd.hang_up(node);
  web.get("/api/figures");
  pmd.advance(base::seconds(2));
  EXPECT_THAT(web.get("/api/figures"), HasSubstr(R"("nodes":[])"));
  EXPECT_EQ(web.web().node_figures().kept_count(), 0u);
}

TEST_F(FiguresTest, what_a_liar_tells_is_json_still) {
  const PeerId node = add_node("id1");
  const std::string long_name(Figures::kPartSizeMax / 16, 'x');
  const std::vector<std::string> lies = {
      R"({})", R"({"node":7})",
      R"({"at":-1,"queued":1e99,"node":{"sent":[],"received":"x","mailbox_size":null,"latency":[[]]},"peers":{}})",
      R"({"at":9,"node":{"sent":{"dropped_\u0022<b>":1,"dropped_a":9223372036854775807,"dropped_b":9223372036854775807},)"
      R"("received":{"dropped_)" +
          long_name + R"(":1},"latency":{"queue_wait":{"buckets":[7,[1],[1,2,3],[]]}}}})"};
  for (const std::string& lie : lies) {
    web.get("/api/figures");
    next_round();
    tell(node, lie);
    const std::string answer = web.get("/api/figures");
    EXPECT_EQ(complaint("page-figures.v1", answer), "");
    EXPECT_THAT(answer, AllOf(HasSubstr(R"({"nodeId":"id1",)"), Not(HasSubstr("<b>")), Not(HasSubstr("xxx")))) << lie;
    EXPECT_LT(answer.size(), 1000u);
  }
  EXPECT_THAT(web.get("/api/figures"), HasSubstr(R"("a":9223372036854775807)"));
}

TEST_F(FiguresTest, a_round_asks_in_turns_and_at_the_bound_of_a_connection_the_rest_is_counted) {
  std::vector<PeerId> nodes;
  const std::size_t count = Figures::kAskedPerTurnMax + 10;
  for (std::size_t i = 0; i < count; ++i) nodes.push_back(add_node("id" + std::to_string(i)));
  web.get("/api/figures");
  EXPECT_EQ(counters().asked, Figures::kAskedPerTurnMax);
  for (const PeerId node : nodes) tell(node, stats(1, 1, 1));
  pmd.advance(Figures::kTurnInterval);
  EXPECT_EQ(counters().asked, count);

  const PeerId together = web.connect_as(MemoryWeb::kUser);
  for (std::uint32_t i = 0; i < StatsRelay::kPendingPerNodeMax + 3; ++i)
    pmd.ask(together, register_text("t" + std::to_string(i), "", kTells));
  next_round();
  pmd.advance(Figures::kTurnInterval * 2);
  EXPECT_EQ(counters().not_asked, 3u);
}

TEST_F(FiguresTest, nodes_that_do_not_answer_do_not_lengthen_the_rounds_of_the_others_and_have_their_turns) {
  constexpr std::size_t kSilent = 1500;
  std::vector<PeerId> silent;
  for (std::size_t i = 0; i < kSilent; i += StatsRelay::kPendingPerNodeMax)
    silent.push_back(add_nodes("silent" + std::to_string(i) + '-', StatsRelay::kPendingPerNodeMax));
  const PeerId node = add_node("id1");
  const auto look_and_tell = [&](int seconds) {
    std::size_t count = 0;
    for (int i = 0; i < 2 * seconds; ++i) {
      look_for(base::milliseconds(500));
      count += tell(node, stats(1, 1, 1));
    }
    return count;
  };
  look_and_tell(15);  // until each has left a question unanswered
  for (const PeerId one : silent) asked(one);
  EXPECT_GE(look_and_tell(20), 12u) << "a round takes 1.5 s: 6.7 s would be the time of so many that do not answer";
  for (const PeerId one : silent) EXPECT_THAT(asked(one), SizeIs(testing::Ge(StatsRelay::kPendingPerNodeMax)));
}

TEST_F(FiguresTest, nodes_that_do_not_answer_leave_half_of_the_questions_of_their_connection_to_its_others) {
  const PeerId node = web.connect_as(MemoryWeb::kUser);
  for (int i = 0; i < 60; ++i) pmd.ask(node, register_text("silent" + std::to_string(i), "", kTells));
  for (int i = 0; i < 8; ++i) pmd.ask(node, register_text("told" + std::to_string(i), "", kTells));
  std::uint64_t before = 0;
  for (int i = 0; i < 200; ++i) {
    if (i == 100) before = counters().told;
    web.get("/api/figures");
    pmd.advance(base::milliseconds(100));
    for (const std::string& question : asked(node)) {
      if (question.find("\"told") != std::string::npos) answer(node, question, stats(1, 1, 1));
    }
  }
  EXPECT_GE(counters().told - before, 8u * 8u) << "in ten rounds";
}

TEST_F(FiguresTest, nodes_that_always_answer_late_do_not_lengthen_the_rounds_of_the_others) {
  constexpr std::size_t kLate = 1504;
  constexpr std::size_t kLateBy = 2;  // half seconds
  std::vector<PeerId> late;
  for (std::size_t i = 0; i < kLate; i += StatsRelay::kPendingPerNodeMax)
    late.push_back(add_nodes("late" + std::to_string(i) + '-', StatsRelay::kPendingPerNodeMax));
  const PeerId node = add_node("id1");
  std::vector<std::vector<std::vector<std::string>>> owed(kLateBy, std::vector<std::vector<std::string>>(late.size()));
  const auto look_and_tell = [&](std::size_t seconds) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < 2 * seconds; ++i) {
      look_for(base::milliseconds(500));
      count += tell(node, stats(1, 1, 1));
      std::vector<std::vector<std::string>>& now = owed[i % owed.size()];
      for (std::size_t k = 0; k < late.size(); ++k) {
        for (const std::string& question : now[k]) answer(late[k], question, stats(1, 1, 1));
        now[k] = asked(late[k]);
      }
    }
    return count;
  };
  look_and_tell(15);
  EXPECT_GE(look_and_tell(18), 11u);
  EXPECT_EQ(pmd.server().counters().stats_unanswered, 0u);
}

TEST_F(FiguresTest, a_node_that_did_not_answer_once_has_figures_again) {
  const PeerId node = add_node("id1");
  look_for(base::milliseconds(2500));
  EXPECT_THAT(web.get("/api/figures"), HasSubstr("untold"));
  for (std::uint64_t i = 0; i < 4; ++i) {
    tell(node, stats(1000 + i, 1, 1));
    look_for(base::seconds(1));
  }
  EXPECT_THAT(web.get("/api/figures"), HasSubstr(R"("queued":4)"));
  EXPECT_GE(counters().told, 3u);
}

TEST_F(FiguresTest, so_many_users_look_at_the_same_time) {
  static_assert(Figures::kViewersMax < MemoryWeb::kUserCount);
  std::uint32_t user = MemoryWeb::kUser;
  for (std::size_t i = 0; i < Figures::kViewersMax; ++i) EXPECT_EQ(web.get("/api/figures", user++), kNothing);
  EXPECT_THAT(web.get("/api/figures", user, "503"), HasSubstr("too many users"));
  EXPECT_EQ(counters().viewers_refused, 1u);
  EXPECT_EQ(web.get("/api/figures", MemoryWeb::kUser), kNothing) << "who looks already goes on";
  pmd.advance(Figures::kLookTime + base::seconds(1));
  EXPECT_EQ(web.get("/api/figures", user), kNothing);
}

TEST_F(FiguresTest, of_more_nodes_than_a_round_asks_the_rest_is_counted_and_told) {
  add_nodes("id", Figures::kNodesMax + 1);
  web.get("/api/figures", MemoryWeb::kUser);
  pmd.turn();
  EXPECT_EQ(counters().left_out, 1u);
  EXPECT_THAT(web.get("/api/figures", MemoryWeb::kUser), HasSubstr(R"("leftOut":1)"));
}

TEST_F(FiguresTest, nodes_of_one_user_leave_places_to_those_of_others_that_register_later) {
  add_nodes("id", Figures::kNodesMax + 1);
  look_for(base::seconds(1));
  EXPECT_EQ(kept_count(), Figures::kNodesMax);
  constexpr std::size_t kOthers = 3;
  std::vector<PeerId> others;
  for (std::size_t i = 0; i < kOthers; ++i)
    others.push_back(add_node("other" + std::to_string(i), MemoryWeb::kOtherUser));
  look_for(2 * kFullRound);
  for (const PeerId other : others) EXPECT_THAT(asked(other), SizeIs(testing::Ge(1u)));
  EXPECT_EQ(kept_count(), Figures::kNodesMax);
  EXPECT_EQ(counters().displaced, kOthers);
  look_for(2 * kFullRound);
  EXPECT_EQ(counters().displaced, kOthers) << "each node keeps its place then";
  EXPECT_THAT(web.get("/api/figures"), HasSubstr(R"("leftOut":4)"));
}

TEST_F(FiguresTest, users_with_more_nodes_than_places_have_equal_shares) {
  add_nodes("of1-", Figures::kNodesMax);
  look_for(base::seconds(1));
  add_nodes("of2-", Figures::kNodesMax, MemoryWeb::kOtherUser);
  look_for(kFullRound);
  EXPECT_EQ(counters().displaced, Figures::kNodesMax / 2);
  add_nodes("of3-", Figures::kNodesMax, MemoryWeb::kUser + 2);
  look_for(kFullRound);
  EXPECT_EQ(counters().displaced, Figures::kNodesMax / 2 + Figures::kNodesMax / 3);
  look_for(kFullRound);
  EXPECT_EQ(counters().displaced, Figures::kNodesMax / 2 + Figures::kNodesMax / 3);
  EXPECT_EQ(kept_count(), Figures::kNodesMax);
}

TEST_F(FiguresTest, places_of_nodes_that_have_left_are_given_to_others) {
  const PeerId first = add_nodes("id", Figures::kNodesMax);
  look_for(base::seconds(1));
  const PeerId second = add_node("other");
  look_for(2 * kFullRound);
  EXPECT_THAT(asked(second), IsEmpty());
  pmd.send(first, R"({"type":"unregister","payload":{"nodeId":"id7"}})");
  look_for(3 * kFullRound);
  EXPECT_THAT(asked(second), SizeIs(testing::Ge(1u)));
  EXPECT_EQ(kept_count(), Figures::kNodesMax);
  EXPECT_EQ(counters().displaced, 0u);
}

TEST_F(FiguresTest, a_viewer_learns_that_a_node_has_lost_its_figures_with_its_place) {
  add_nodes("id", Figures::kNodesMax - 1, MemoryWeb::kUser);
  const PeerId last = add_node("victim");
  for (int i = 0; i < 12; ++i) {
    look_for(base::milliseconds(500));
    tell(last, stats(1000, 100, 10));
  }
  const std::string first = web.get("/api/figures");
  ASSERT_THAT(first, HasSubstr(R"("nodeId":"victim")"));
  add_node("other", MemoryWeb::kOtherUser);
  look_for(kFullRound * 2);
  ASSERT_EQ(counters().displaced, 1u);
  EXPECT_THAT(web.get("/api/figures"), AllOf(Not(HasSubstr("victim")), HasSubstr(R"("isAnew":true)")));
  const std::string since = "/api/figures?since=" + next_of(first);
  const std::string later = web.get(since);
  EXPECT_EQ(complaint("page-figures.v1", later), "");
  EXPECT_THAT(later, AllOf(HasSubstr(R"("isAnew":false)"), HasSubstr(R"("gone":["victim"])")));
  EXPECT_THAT(web.get(since, MemoryWeb::kUser), HasSubstr(R"("gone":["victim"])"));
  EXPECT_THAT(web.get(since, MemoryWeb::kOtherUser), Not(HasSubstr("victim")));
  EXPECT_THAT(web.get("/api/figures?since=" + next_of(later)), HasSubstr(R"("gone":[])")) << "it is told once";
}

TEST_F(FiguresTest, a_viewer_that_has_not_looked_for_long_begins_anew) {
  const PeerId node = add_node("id1");
  web.get("/api/figures");
  pmd.advance(base::milliseconds(100));
  tell(node, stats(1000, 100, 10));
  const std::string since = "/api/figures?since=" + next_of(web.get("/api/figures"));
  EXPECT_THAT(web.get(since), HasSubstr(R"("isAnew":false)"));
  pmd.advance(Figures::kLookTime + Figures::kRoundInterval);
  ASSERT_EQ(kept_count(), 0u);
  EXPECT_THAT(web.get(since), HasSubstr(R"("isAnew":true)"));
  EXPECT_THAT(web.get("/api/figures?since=99999"), HasSubstr(R"("isAnew":true)")) << "another PMD's number";
}

TEST_F(FiguresTest, a_node_that_is_back_at_once_is_shown_again_although_its_figures_are_the_same) {
  const PeerId first = add_node("id1");
  const std::string since = path_after_first_answer(first);
  pmd.hang_up(first);
  const PeerId second = add_node("id1");
  next_round();
  EXPECT_EQ(tell(second, stats(1000, 100, 10)), 1u);
  EXPECT_THAT(web.get(since), AllOf(HasSubstr(R"("gone":["id1"])"), HasSubstr(R"({"nodeId":"id1","in":0)")));
}

TEST_F(FiguresTest, a_node_that_takes_anothers_place_in_the_registry_is_its_users_and_shown_anew) {
  const std::string caps = std::string(kTells) + R"(,"secret":"s")";
  const PeerId first = add_node("id1", MemoryWeb::kUser, caps);
  const std::string since = path_after_first_answer(first);
  const PeerId second = add_node("id1", MemoryWeb::kOtherUser, caps);
  next_round();
  EXPECT_EQ(tell(second, stats(1000, 100, 10)), 1u);
  EXPECT_THAT(web.get(since), AllOf(HasSubstr(R"("gone":["id1"])"), HasSubstr(R"({"nodeId":"id1","in":0)")));
  EXPECT_THAT(web.get("/api/figures", MemoryWeb::kOtherUser), HasSubstr(R"("queued":4)"));
  EXPECT_THAT(web.get("/api/figures", MemoryWeb::kUser), Not(HasSubstr("id1")));
}

TEST_F(FiguresTest, nodes_behind_those_that_a_round_looks_at_have_their_turn) {
  add_nodes("mute", Figures::kLookedAtMax, MemoryWeb::kUser, "");
  const PeerId node = add_node("last", MemoryWeb::kOtherUser);
  look_for(base::milliseconds(500));
  EXPECT_THAT(asked(node), IsEmpty());
  EXPECT_EQ(counters().left_out, 1u);
  look_for(base::seconds(4));
  EXPECT_THAT(asked(node), SizeIs(testing::Ge(2u))) << "it keeps its place";
}

TEST_F(FiguresTest, large_answers_of_one_user_leave_room_to_those_of_others) {
  const std::string large = R"(,"latency":{"x":")" + std::string(31 * 1024, 'x') + "\"}";
  constexpr std::size_t kLarge = Figures::kBytesMax / (31 * 1024) + 1;
  std::vector<PeerId> connections;
  for (std::size_t i = 0; i < kLarge; i += StatsRelay::kPendingPerNodeMax)
    connections.push_back(add_nodes("of" + std::to_string(i) + '-', StatsRelay::kPendingPerNodeMax));
  const auto tell_all = [&](const std::string& more) {
    for (const PeerId node : connections) tell(node, stats(1, 1, 1, more));
  };
  for (int i = 0; i < 12; ++i) {
    web.get("/api/figures");
    tell_all(large);
    pmd.advance(base::milliseconds(500));
  }
  ASSERT_GT(counters().not_kept, 0u);
  const PeerId other = add_node("other", MemoryWeb::kOtherUser);
  for (int i = 0; i < 6; ++i) {
    web.get("/api/figures");
    tell_all(large);
    tell(other, stats(1, 1, 1, large));
    pmd.advance(base::milliseconds(500));
  }
  EXPECT_THAT(web.get("/api/figures", MemoryWeb::kOtherUser), HasSubstr(R"("nodeId":"other")"));
  EXPECT_THAT(web.get("/api/figures", MemoryWeb::kUser), HasSubstr(R"("nodeId":"of)"));
}

TEST_F(FiguresTest, an_answer_ends_at_its_bound_and_leads_to_all_of_it) {
  const PeerId node = web.connect_as(MemoryWeb::kUser);
  const std::string long_id(250, 'n');
  std::size_t told = 0;
  constexpr std::size_t count = 1000;
  for (std::size_t i = 0; i < count; ++i) pmd.ask(node, register_text(long_id + std::to_string(i), "", kTells));
  for (int i = 0; i < 80; ++i) {
    web.get("/api/figures");
    tell(node, stats(1, 1, 1));
    pmd.advance(base::milliseconds(500));
  }
  std::string since = "0";
  for (bool is_whole = false; !is_whole;) {
    const std::string answer = web.get("/api/figures?since=" + since);
    ASSERT_LE(answer.size(), Figures::kPartSizeMax + 4096);
    for (std::size_t at = answer.find("nodeId"); at != std::string::npos; at = answer.find("nodeId", at + 1)) ++told;
    is_whole = answer.find(R"("isWhole":true)") != std::string::npos;
    ASSERT_NE(next_of(answer), since);
    since = next_of(answer);
  }
  EXPECT_EQ(told, count) << "a round asks 32 of them, and each one others";
}

TEST_F(FiguresTest, a_query_that_cannot_be_read_is_refused_and_counters_are_metrics) {
  EXPECT_THAT(web.get("/api/figures?since=x", 0, "400"), HasSubstr("since"));
  EXPECT_THAT(web.get("/api/figures?since=-1", 0, "400"), HasSubstr("since"));
  EXPECT_THAT(web.get("/metrics"), HasSubstr("\ndistflow_pmd_figures_asked_total 0\n"));
}

}  // namespace
}  // namespace distflow::pmd
