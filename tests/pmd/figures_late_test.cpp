// Answers for the figures that come late, or from nodes that have left; and nodes that would have the others wait.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/figures_of_nodes.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class LateFigures : public FiguresOfNodes {
 protected:
  void TearDown() override { EXPECT_EQ(pmd.server().broken_invariant(), nullptr); }
  static std::string unregister(const std::string& id) {
    return R"({"type":"unregister","payload":{"nodeId":")" + id + "\"}}";
  }
  /// The one question that has come to the node.
  std::string question_to(PeerId node) {
    const std::vector<std::string> questions = asked(node);
    EXPECT_THAT(questions, SizeIs(1));
    return questions.empty() ? std::string() : questions.front();
  }
  /// The node is asked now.
  std::string look_and_ask(PeerId node) {
    web.get("/api/figures");
    pmd.advance(base::milliseconds(100));
    return question_to(node);
  }
  /// How often the node is asked while root looks for so long. `each_turn` comes each half second.
  template <class EachTurn>
  std::size_t rounds(PeerId node, int half_seconds, EachTurn each_turn) {
    std::size_t count = 0;
    for (int i = 0; i < half_seconds; ++i) {
      look_for(base::milliseconds(500));
      count += tell(node, stats(1, 1, 1));
      each_turn();
    }
    return count;
  }
  /// So many connections with 16 nodes each.
  std::vector<PeerId> add_connections(const std::string& prefix, std::size_t count,
                                      std::uint32_t user = MemoryWeb::kUser) {
    std::vector<PeerId> connections;
    for (std::size_t i = 0; i < count; ++i)
      connections.push_back(add_nodes(prefix + std::to_string(i) + '-', 16, user));
    return connections;
  }
};

TEST_F(LateFigures, an_answer_behind_its_time_is_passed_over) {
  const PeerId node = add_node("id1");
  const std::string question = look_and_ask(node);
  look_for(StatsRelay::kTimeout + base::milliseconds(300));
  EXPECT_THAT(web.get("/api/figures"), HasSubstr("untold"));
  asked(node);
  answer(node, question, stats(1000, 100, 10));
  EXPECT_EQ(pmd.server().counters().stats_unasked, 1u);
  EXPECT_EQ(counters().told, 0u);
  EXPECT_THAT(web.get("/api/figures"), HasSubstr("untold"));
}

TEST_F(LateFigures, an_answer_of_a_node_that_has_left_says_nothing_of_the_next_one_of_its_name) {
  const PeerId first = add_node("id1");
  const std::string question = look_and_ask(first);
  pmd.send(first, unregister("id1"));
  const PeerId second = add_node("id1");
  answer(first, question, stats(1000, 100, 10));
  EXPECT_THAT(web.get("/api/figures"), Not(HasSubstr("id1"))) << "it has not been asked yet";
  next_round();
  EXPECT_EQ(tell(second, stats(1000, 100, 10)), 1u);
  EXPECT_THAT(web.get("/api/figures"), HasSubstr(R"("queued":4)"));
  EXPECT_EQ(counters().told, 1u);
}

TEST_F(LateFigures, that_a_node_has_hung_up_says_nothing_of_the_next_one_of_its_name) {
  const PeerId first = add_node("id1");
  look_and_ask(first);
  pmd.hang_up(first);
  const PeerId second = add_node("id1");
  EXPECT_THAT(web.get("/api/figures"), Not(HasSubstr("id1"))) << "it has not been asked yet";
  next_round();
  EXPECT_EQ(tell(second, stats(1000, 100, 10)), 1u);
  EXPECT_THAT(web.get("/api/figures"), HasSubstr(R"("queued":4)"));
}

TEST_F(LateFigures, an_answer_from_before_a_node_registered_anew_says_nothing_of_it_now) {
  const PeerId node = add_node("id1");
  const std::string question = look_and_ask(node);
  pmd.send(node, unregister("id1"));
  pmd.ask(node, register_text("id1", "", kTells));
  answer(node, question, stats(1000, 100, 10));
  EXPECT_THAT(web.get("/api/figures"), Not(HasSubstr("id1")));
  next_round();
  EXPECT_EQ(tell(node, stats(2000, 200, 10)), 1u);
  EXPECT_THAT(web.get("/api/figures"), HasSubstr(R"("in":0,)")) << "its first answer";
}

TEST_F(LateFigures, what_a_node_has_told_goes_with_it_when_it_leaves_without_an_answer) {
  const PeerId node = add_node("id1");
  const std::string since = path_after_first_answer(node);
  next_round();
  EXPECT_THAT(asked(node), SizeIs(1));
  pmd.hang_up(node);
  EXPECT_THAT(web.get(since), AllOf(HasSubstr(R"("gone":["id1"])"), HasSubstr(R"("nodes":[])")));
}

TEST_F(LateFigures, an_answer_behind_the_last_viewer_is_kept_for_nobody) {
  const PeerId node = add_node("id1");
  look_and_ask(node);
  for (int i = 0; i < 4; ++i) {
    pmd.advance(base::seconds(1));
    asked(node);
  }
  web.get("/api/figures");
  pmd.advance(base::milliseconds(100));
  const std::string question = question_to(node);  // the last one before nobody looks
  pmd.advance(base::milliseconds(1800));
  EXPECT_THAT(asked(node), IsEmpty()) << "it owes an answer";
  pmd.advance(Figures::kLookTime - base::milliseconds(1800));
  EXPECT_EQ(kept_count(), 0u);
  asked(node);
  answer(node, question, stats(1000, 100, 10));
  EXPECT_EQ(kept_count(), 0u);
  EXPECT_THAT(web.get("/api/figures"), HasSubstr(R"("nodes":[])"));
}

TEST_F(LateFigures, an_answer_to_a_question_of_earlier_viewers_is_not_taken_for_that_to_later_ones) {
  const PeerId node = add_node("id1");
  look_and_ask(node);
  std::vector<std::string> last;
  for (int i = 0; i < 60 && kept_count() > 0; ++i) {
    pmd.advance(base::milliseconds(100));
    for (std::string& question : asked(node)) last.push_back(std::move(question));
  }
  ASSERT_EQ(kept_count(), 0u);
  ASSERT_FALSE(last.empty());
  const std::string question = look_and_ask(node);
  answer(node, last.back(), stats(7000, 700, 70));  // within its time
  EXPECT_EQ(pmd.server().counters().stats_unasked, 0u);
  EXPECT_THAT(web.get("/api/figures"), HasSubstr(R"("nodes":[])"));
  answer(node, question, stats(8000, 800, 80));
  EXPECT_THAT(web.get("/api/figures"), HasSubstr(R"("in":0,)"));
  EXPECT_EQ(counters().told, 1u);
}

TEST_F(LateFigures, nodes_that_answer_every_other_time_do_not_lengthen_the_rounds_of_the_others) {
  const std::vector<PeerId> others = add_connections("o", 94);  // 1504 nodes
  const PeerId node = add_node("id1", MemoryWeb::kOtherUser);
  std::map<std::string, int> times;
  const auto play = [&](int half_seconds) {
    return rounds(node, half_seconds, [&] {
      for (const PeerId other : others) {
        for (const std::string& question : asked(other)) {
          const std::size_t at = question.find("nodeId");
          if (times[question.substr(at, question.find(',', at) - at)]++ % 2 == 0)
            answer(other, question, stats(1, 1, 1));
        }
      }
    });
  };
  play(120);
  EXPECT_GE(play(40), 11u) << "a round takes 1.5 s";
}

TEST_F(LateFigures, nodes_that_never_answer_and_register_anew_do_not_lengthen_the_rounds_of_the_others) {
  const std::vector<PeerId> others = add_connections("o", 94);
  const PeerId node = add_node("id1", MemoryWeb::kOtherUser);
  int turn = 0;
  const auto play = [&](int half_seconds) {
    return rounds(node, half_seconds, [&] {
      if (++turn % 4 != 0) return;
      for (std::size_t i = 0; i < others.size(); ++i) {
        for (int k = 0; k < 16; ++k) {
          const std::string id = "o" + std::to_string(i) + '-' + std::to_string(k);
          pmd.send(others[i], unregister(id));
          pmd.ask(others[i], register_text(id, "", kTells));
        }
        asked(others[i]);
      }
    });
  };
  play(40);
  EXPECT_GE(play(40), 11u) << "a round takes 1.5 s";
}

TEST_F(LateFigures, nodes_with_ever_new_names_that_never_answer_do_not_lengthen_the_rounds_of_the_others) {
  const std::vector<PeerId> others = add_connections("o", 94);
  const PeerId node = add_node("id1", MemoryWeb::kOtherUser);
  int turn = 0;
  std::string suffix;
  const auto play = [&](int half_seconds) {
    return rounds(node, half_seconds, [&] {
      if (++turn % 4 != 0) return;
      const std::string next = "-" + std::to_string(turn);
      for (std::size_t i = 0; i < others.size(); ++i) {
        for (int k = 0; k < 16; ++k) {
          const std::string id = "o" + std::to_string(i) + '-' + std::to_string(k);
          pmd.send(others[i], unregister(id + suffix));
          pmd.ask(others[i], register_text(id + next, "", kTells));
        }
        asked(others[i]);
      }
      suffix = next;
    });
  };
  play(40);
  EXPECT_GE(play(40), 11u) << "a round takes 1.5 s";
}

}  // namespace
}  // namespace distflow::pmd
