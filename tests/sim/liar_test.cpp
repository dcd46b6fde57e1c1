// What liars say, and that honest nodes and PMDs hold it. Replays are printed by simulation_test's means.
#include <gtest/gtest.h>

#include "tests/sim/world.hpp"
#include "tests/support/sanitized.hpp"

namespace distflow::test {
namespace {

using io::sim::Fault;

constexpr std::uint64_t kSeeds = kIsSanitized ? 12 : 60;

/// The first failure of some seeds, in each of which all of `faults` strike.
void expect_nothing_fails_under(const std::vector<Fault>& faults) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const WorldOutcome outcome = World({.seed = seed, .forced = faults}).run();
    std::string replay = "replay: tools/simulate --seeds 1 --from " + std::to_string(seed);
    for (const Fault fault : faults) (replay += " --fault ") += to_string(fault);
    ASSERT_EQ(outcome.failure, "") << replay << " --trace";
    for (const Fault fault : faults) EXPECT_GT(outcome.faults[fault], 0U) << to_string(fault);
  }
}

TEST(Liars, among_nodes_harm_no_honest_node) {
  expect_nothing_fails_under({Fault::lying_node, Fault::false_answer, Fault::broken_ring});
}

TEST(Liars, among_the_clients_of_the_pmd_harm_no_honest_node) {
  expect_nothing_fails_under({Fault::lying_client, Fault::takeover});
}

TEST(Liars, in_the_pmds_place_harm_nobody_for_longer_than_they_are_there) {
  expect_nothing_fails_under({Fault::lying_pmd});
}

TEST(Liars, and_handlers_that_call_their_node_harm_nobody) {
  expect_nothing_fails_under({Fault::lying_node, Fault::busy_handler, Fault::end_in_handler});
}

TEST(Liars, are_told_from_honest_nodes_by_what_they_write) {
  Ledger ledger;
  EXPECT_FALSE(is_false_payload(true, ledger.write(1, "n2", 10)));
  EXPECT_TRUE(is_false_payload(true, R"({"false":1,"x":""})"));
  EXPECT_TRUE(is_false_payload(false, {}));
}

}  // namespace
}  // namespace distflow::test
