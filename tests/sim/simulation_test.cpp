// Whole systems under faults, some hundreds of seeds of them; tools/simulate runs more. docs/reactor.md says what is
// checked.
#include <gtest/gtest.h>

#include "tests/sim/world.hpp"
#include "tests/support/sanitized.hpp"

namespace distflow::test {
namespace {

using io::sim::Fault;

constexpr std::uint64_t kSeeds = kIsSanitized ? 40 : 200;

std::string trace_of(std::uint64_t seed) {
  std::string trace;
  World world({.seed = seed, .trace = [&trace](std::string_view line) { (trace += line) += '\n'; }});
  static_cast<void>(world.run());
  return trace;
}

TEST(Simulation, what_must_hold_does_under_any_faults) {
  io::sim::FaultCounts faults;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const WorldOutcome outcome = World({.seed = seed}).run();
    ASSERT_EQ(outcome.failure, "") << "replay: tools/simulate --seeds 1 --from " << seed << " --trace";
    for (std::size_t i = 0; i < io::sim::kFaultCount; ++i) {
      faults[static_cast<Fault>(i)] += outcome.faults[static_cast<Fault>(i)];
    }
  }
  for (std::size_t i = 0; i < io::sim::kFaultCount; ++i) {
    EXPECT_GT(faults[static_cast<Fault>(i)], 0U) << io::sim::kFaultNames[i] << " never struck";
  }
}

TEST(Simulation, the_same_seed_gives_the_same_trace_byte_for_byte) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::string first = trace_of(seed);
    EXPECT_GT(first.size(), 10'000U);
    EXPECT_TRUE(first == trace_of(seed)) << "seed " << seed;
  }
}

TEST(Simulation, another_seed_gives_another_run) { EXPECT_NE(trace_of(1), trace_of(2)); }

TEST(Simulation, each_fault_that_is_asked_for_strikes_in_the_run_itself) {
  for (std::size_t i = 0; i < io::sim::kFaultCount; ++i) {
    const auto fault = static_cast<Fault>(i);
    const WorldOutcome outcome = World({.seed = 3, .forced = {fault}}).run();
    EXPECT_EQ(outcome.failure, "") << to_string(fault);
    EXPECT_TRUE(outcome.wanted[fault]);
    EXPECT_GT(outcome.faults[fault], 0U) << to_string(fault);
  }
}

TEST(Simulation, a_run_whose_fault_never_struck_fails) {
  const WorldOutcome outcome = World({.seed = 1, .chaos = {}, .forced = {Fault::crash}}).run();
  EXPECT_EQ(outcome.failure, "the fault crash never struck");
}

}  // namespace
}  // namespace distflow::test
