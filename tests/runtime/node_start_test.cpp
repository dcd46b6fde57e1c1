// What keeps a node from starting, and what is tried again until its deadline.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/node/pmd_starter.hpp"
#include "tests/support/cluster.hpp"

namespace distflow::test {
namespace {

using runtime::PmdStart;

/// Far beyond what any test takes: what fails before it fails at once.
constexpr std::chrono::milliseconds kNoDeadline = std::chrono::hours(1);

/// Answers each call with the next of its answers, the last one ever again.
class ScriptedStarter final : public runtime::PmdStarter {
 public:
  explicit ScriptedStarter(std::vector<Result<PmdStart>> answers) : answers_(std::move(answers)) {}

  void start_pmd(std::function<void(Result<PmdStart>)> on_outcome) override {
    const Result<PmdStart> answer = answers_[std::min(calls, answers_.size() - 1)];
    ++calls;
    if (answer && on_start) on_start();
    on_outcome(answer);
  }

  std::size_t calls = 0;
  std::function<void()> on_start;

 private:
  std::vector<Result<PmdStart>> answers_;
};

TEST(NodeStart, a_node_that_finds_no_pmd_starts_when_one_comes_before_its_deadline) {
  Cluster cluster;
  cluster.stop_pmd();
  TestNode& node = cluster.add_node_without_waiting({.alias = "early", .start_deadline = kNoDeadline});
  turn_some(cluster.reactor(), 50);
  EXPECT_FALSE(node.started) << "it goes on trying";
  cluster.start_pmd();
  ASSERT_TRUE(cluster.turn_until([&] { return node.started.has_value(); }));
  EXPECT_TRUE(*node.started) << node.started->error().message();
}

TEST(NodeStart, a_pmd_that_ends_at_any_turn_of_a_start_and_comes_again_fails_none) {
  constexpr int kTurns = 12;
  Cluster cluster;
  for (int turns = 0; turns < kTurns; ++turns) {
    SCOPED_TRACE(turns);
    TestNode& node =
        cluster.add_node_without_waiting({.alias = "n" + std::to_string(turns), .start_deadline = kNoDeadline});
    turn_some(cluster.reactor(), turns);
    cluster.stop_pmd();
    turn_some(cluster.reactor(), 20);
    cluster.start_pmd();
    ASSERT_TRUE(cluster.turn_until([&] { return node.started.has_value(); }));
    EXPECT_TRUE(*node.started) << node.started->error().message();
  }
}

TEST(NodeStart, a_pmd_that_could_not_be_started_for_a_reason_that_passes_is_started_again) {
  Cluster cluster;
  cluster.stop_pmd();
  ScriptedStarter starter(
      {Error{Errc::timed_out, "starting distflow-pmd"}, Error{Errc::pmd_not_started, "starting distflow-pmd"},
       Error{std::make_error_code(std::errc::too_many_files_open), "starting distflow-pmd"}, PmdStart::started});
  starter.on_start = [&cluster] { cluster.start_pmd(); };
  TestNode& node = cluster.add_node_without_waiting({.alias = "patient", .start_deadline = kNoDeadline}, &starter);
  ASSERT_TRUE(cluster.turn_until([&] { return node.started.has_value(); }));
  EXPECT_TRUE(*node.started) << node.started->error().message();
  EXPECT_EQ(starter.calls, 4U);
}

TEST(NodeStart, a_pmd_whose_program_is_not_there_is_told_at_once) {
  Cluster cluster;
  cluster.stop_pmd();
  ScriptedStarter starter({Error{Errc::pmd_not_found, "looking for distflow-pmd"}});
  TestNode& node = cluster.add_node_without_waiting({.alias = "lost", .start_deadline = kNoDeadline}, &starter);
  ASSERT_TRUE(cluster.turn_until([&] { return node.started.has_value(); }));
  EXPECT_EQ(node.started->error(), Errc::pmd_not_found);
  EXPECT_EQ(starter.calls, 1U);
  cluster.start_pmd();
}

TEST(NodeStart, at_the_deadline_it_says_why_no_pmd_could_be_started) {
  Cluster cluster;
  cluster.stop_pmd();
  ScriptedStarter starter({Error{Errc::pmd_not_started, "starting distflow-pmd"}});
  TestNode& node =
      cluster.add_node_without_waiting({.alias = "late", .start_deadline = std::chrono::milliseconds(200)}, &starter);
  ASSERT_TRUE(cluster.turn_until([&] { return node.started.has_value(); }));
  EXPECT_EQ(node.started->error(), Errc::pmd_not_started);
  EXPECT_GE(starter.calls, 1U);
  cluster.start_pmd();
}

TEST(NodeStart, an_alias_that_another_node_holds_is_told_at_once) {
  Cluster cluster;
  cluster.add_node({.alias = "held"});
  TestNode& node = cluster.add_node_without_waiting({.alias = "held", .start_deadline = kNoDeadline});
  ASSERT_TRUE(cluster.turn_until([&] { return node.started.has_value(); }));
  EXPECT_EQ(node.started->error(), Errc::alias_in_use);
}

}  // namespace
}  // namespace distflow::test
