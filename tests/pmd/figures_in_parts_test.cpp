// The figures of more nodes than one answer has room for: every viewer gets them all, whatever changes meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/figures_of_nodes.hpp"
#include "tests/support/schema.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

/// More nodes than one part has room for, all of which have figures.
class FiguresInParts : public FiguresOfNodes {
 protected:
  static constexpr std::size_t kStaying = 800;
  static constexpr std::size_t kLeaving = GoneFigures::kBytesMax / 280;  // more than are kept when they have gone
  static std::string id(std::size_t i) { return std::string(240, 'n') + std::to_string(i); }

  void SetUp() override {
    staying_ = add(0, kStaying);
    have_told(3);
  }
  /// The connections of so many nodes.
  std::vector<PeerId> add(std::size_t first, std::size_t count) {
    constexpr std::size_t together = StatsRelay::kPendingPerNodeMax / 2;
    std::vector<PeerId> connections;
    for (std::size_t i = first; i < first + count; ++i) {
      if ((i - first) % together == 0) connections.push_back(web.connect_as(MemoryWeb::kUser));
      pmd.ask(connections.back(), register_text(id(i), "", kTells));
    }
    return connections;
  }
  /// Rounds in which all of them report something new.
  void have_told(std::size_t rounds) {
    for (std::size_t i = 0; i < 12 * rounds; ++i) {
      web.get("/api/figures?since=1");
      ++told_;
      for (const std::vector<PeerId>* const nodes : {&staying_, &leaving_}) {
        for (const PeerId node : *nodes) tell(node, stats(told_ * 100, told_ * told_, 1));
      }
      pmd.advance(Figures::kTurnInterval);
    }
  }
  /// So many nodes get figures, and lose them again.
  void have_come_and_gone() {
    leaving_ = add(kStaying, kLeaving);
    have_told(3);
    EXPECT_EQ(kept_count(), kStaying + kLeaving);
    for (const PeerId node : leaving_) pmd.hang_up(node);
    leaving_.clear();
    have_told(2);
    EXPECT_EQ(kept_count(), kStaying);
  }
  static void add_names(const std::string& answer, std::set<std::string>& names) {
    constexpr std::string_view key = R"("nodeId":")";
    for (std::size_t at = answer.find(key); at != std::string::npos; at = answer.find(key, at)) {
      at += key.size();
      names.insert(answer.substr(at, answer.find('"', at) - at));
    }
  }
  /// The names of all parts from `since` on. `between` comes between two of them.
  std::set<std::string> read(std::string& since, const std::function<void()>& between) {
    std::set<std::string> names;
    for (std::size_t parts = 0; parts < 20; ++parts) {
      const std::string answer = web.get("/api/figures?since=" + since);
      EXPECT_EQ(complaint("page-figures.v1", answer), "");
      EXPECT_EQ(answer.find(R"("isAnew":true)") != std::string::npos, parts == 0) << "it began anew, once";
      add_names(answer, names);
      since = next_of(answer);
      if (is_whole(answer)) return names;
      between();
    }
    ADD_FAILURE() << "it has no end";
    return names;
  }

  std::vector<PeerId> staying_;
  std::vector<PeerId> leaving_;
  std::uint64_t told_ = 0;
};

TEST_F(FiguresInParts, when_more_have_lost_their_figures_than_are_kept_viewers_begin_anew_and_get_all_parts) {
  std::string since = next_of(web.get("/api/figures"));
  since = since.substr(0, since.find('.'));
  have_come_and_gone();
  EXPECT_GT(counters().gone_not_kept, 0u);
  EXPECT_THAT(web.get("/metrics"), Not(HasSubstr("\ndistflow_pmd_figures_gone_not_kept_total 0\n")));
  std::size_t betweens = 0;
  EXPECT_EQ(read(since, [&] { ++betweens; }).size(), kStaying);
  EXPECT_GT(betweens, 0u);
}

TEST_F(FiguresInParts, a_viewer_gets_to_the_end_although_more_lose_their_figures_between_two_parts_than_are_kept) {
  std::string since = "0";
  EXPECT_THAT(read(since, [&] { have_come_and_gone(); }), SizeIs(testing::Ge(kStaying)));
  EXPECT_THAT(web.get("/api/figures?since=" + since), HasSubstr(R"("isAnew":true)")) << "for its next reading";
}

TEST_F(FiguresInParts, a_viewer_gets_the_figures_of_all_nodes_although_all_change_between_two_parts) {
  std::string since = "0";
  EXPECT_THAT(read(since, [&] { have_told(1); }), SizeIs(kStaying));
  std::size_t parts = 1;
  for (std::string answer = web.get("/api/figures?since=" + since); !is_whole(answer); ++parts) {
    answer = web.get("/api/figures?since=" + next_of(answer));
  }
  EXPECT_GT(parts, 1u) << "what has changed meanwhile comes with the next reading";
}

TEST_F(FiguresInParts, a_viewer_that_keeps_up_does_not_begin_anew_however_many_lose_their_figures) {
  leaving_ = add(kStaying, kLeaving);
  have_told(3);
  std::string since = "0";
  read(since, [] {});
  std::size_t gone = 0;
  while (!leaving_.empty()) {
    const auto end = leaving_.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(leaving_.size(), 16));
    for (auto node = leaving_.begin(); node != end; ++node) pmd.hang_up(*node);
    leaving_.erase(leaving_.begin(), end);
    have_told(2);
    for (bool is_read = false; !is_read;) {
      const std::string answer = web.get("/api/figures?since=" + since);
      EXPECT_THAT(answer, HasSubstr(R"("isAnew":false)"));
      const std::size_t first = answer.find(R"("gone":[)");
      const std::string names = answer.substr(first, answer.find(']', first) - first);
      for (std::size_t at = names.find("\"n"); at != std::string::npos; at = names.find("\"n", at + 1)) ++gone;
      since = next_of(answer);
      is_read = is_whole(answer);
    }
  }
  EXPECT_EQ(gone, kLeaving);
  EXPECT_GT(counters().gone_not_kept, 0u);
}

}  // namespace
}  // namespace distflow::pmd
