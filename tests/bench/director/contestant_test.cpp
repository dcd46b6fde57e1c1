#include "bench/director/contestant.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bench/director/fake_contestant.hpp"

namespace distflow::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr seconds kPatience{20};

TEST(Contestant, a_solo_tells_how_long_it_took) {
  const ContestantDescription description = fake_solo("solo", {"--ns", "250"});
  RunningContestant running(description);
  ASSERT_TRUE(running.is_ready()) << running.failure();
  for (int i = 0; i < 3; ++i) {
    const auto result = running.run({.count = 1000}, kPatience);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->count, 1000U);
    EXPECT_EQ(result->ns, 250'000U);
    EXPECT_EQ(result->lost, 0U);
  }
  EXPECT_GT(running.memory_bytes(), 0U);
}

TEST(Contestant, round_trips_come_from_a_file_that_is_deleted) {
  const ContestantDescription description = fake_pair(Work::round_trip);
  RunningContestant running(description);
  const auto result = running.run({.count = 50, .interval_ns = 7}, kPatience);
  ASSERT_TRUE(result) << running.failure();
  EXPECT_EQ(result->round_trips_ns, std::vector<std::uint64_t>(50, 107));
  EXPECT_EQ(result->lost, 0U);
}

TEST(Contestant, one_way_lasts_from_the_first_sent_to_the_last_done) {
  const ContestantDescription description = fake_pair(Work::one_way);
  RunningContestant running(description);
  const auto result = running.run({.count = 1'000'000}, kPatience);
  ASSERT_TRUE(result) << running.failure();
  EXPECT_GT(result->ns, 0U);
  EXPECT_LT(result->ns, 20'000'000'000U);
  EXPECT_EQ(result->lost, 0U);
}

TEST(Contestant, messages_that_a_sink_did_not_count_are_lost) {
  const ContestantDescription description = fake_pair(Work::one_way, {"--lose", "3"});
  RunningContestant running(description);
  const auto result = running.run({.count = 1000}, kPatience);
  ASSERT_TRUE(result) << running.failure();
  EXPECT_EQ(result->lost, 3U);
}

TEST(Contestant, several_sources_and_sinks_share_a_block) {
  for (const auto& [sources, sinks] : {std::pair<std::size_t, std::size_t>{3, 1}, {1, 3}, {2, 2}}) {
    ContestantDescription description = fake_pair(Work::one_way, {"--lose", "1"});
    description.driver_count = sources;
    description.responder_count = sinks;
    RunningContestant running(description);
    const auto result = running.run({.count = 1000}, kPatience);
    ASSERT_TRUE(result) << running.failure();
    EXPECT_EQ(result->lost, sources * sinks);
  }
}

TEST(Contestant, what_goes_to_all_sinks_counts_at_each) {
  ContestantDescription description = fake_pair(Work::one_way, {"--lose", "2"});
  description.driver.options.emplace_back("--to-all");
  description.responder_count = 3;
  description.is_to_all = true;
  RunningContestant running(description);
  const auto result = running.run({.count = 1000}, kPatience);
  ASSERT_TRUE(result) << running.failure();
  EXPECT_EQ(result->count, 999U);
  EXPECT_EQ(result->lost, 6U);
}

TEST(Contestant, one_way_lasts_from_the_first_of_several_sources) {
  ContestantDescription description = fake_pair(Work::one_way);
  description.driver = fake_part({"--ns", "1000000000"});
  description.driver_count = 2;
  RunningContestant running(description);
  // The first one's two were sent, by what it says, 2 s before it says so; the second one's one 1 s before.
  const auto result = running.run({.count = 3}, kPatience);
  ASSERT_TRUE(result) << running.failure();
  EXPECT_GT(result->ns, 1'900'000'000U);
}

TEST(Contestant, a_broker_starts_first_and_its_address_goes_to_the_others) {
  ContestantDescription description = fake_pair(Work::round_trip);
  description.broker = fake_part();
  description.driver = fake_part({"--reach", "the broker"});  // as the echo was told it, and tells it on
  RunningContestant running(description);
  EXPECT_TRUE(running.run({.count = 10}, kPatience)) << running.failure();
}

TEST(Contestant, one_that_dies_has_failed_and_says_so) {
  const ContestantDescription description = fake_solo("mortal", {"--die-at", "2"});
  RunningContestant running(description);
  EXPECT_TRUE(running.run({.count = 10}, kPatience));
  EXPECT_FALSE(running.run({.count = 10}, kPatience));
  EXPECT_FALSE(running.is_ready());
  EXPECT_THAT(running.failure(), HasSubstr("ended before it said 'took'"));
  EXPECT_FALSE(running.run({.count = 10}, kPatience));
}

TEST(Contestant, one_that_never_answers_has_failed_when_the_patience_ends) {
  const ContestantDescription description = fake_solo("mute", {"--mute-at", "1"});
  RunningContestant running(description);
  EXPECT_FALSE(running.run({.count = 10}, milliseconds(20)));
  EXPECT_THAT(running.failure(), HasSubstr("never said 'took'"));
}

TEST(Contestant, one_that_cannot_be_started_has_failed) {
  const ContestantDescription description{.name = "missing", .driver = {.program = "/nowhere/at/all"}};
  const RunningContestant running(description);
  EXPECT_FALSE(running.is_ready());
  EXPECT_THAT(running.failure(), HasSubstr("ended before it said 'ready'"));
}

TEST(Contestant, one_that_says_something_else_has_failed) {
  const ContestantDescription description{.name = "stranger", .driver = {.program = "/bin/echo"}};
  const RunningContestant running(description);
  EXPECT_THAT(running.failure(), HasSubstr("instead of 'ready ...'"));
}

}  // namespace
}  // namespace distflow::bench
