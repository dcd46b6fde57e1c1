// How fast simulated time passes: in time of the processor, which others on the machine do not change.
#include <gtest/gtest.h>

#include <ctime>

#include "tests/sim/world.hpp"

namespace distflow::test {
namespace {

TEST(SimulationSpeed, thousands_of_simulated_seconds_pass_in_one_of_the_processors) {
  double simulated = 0;
  const std::clock_t began = std::clock();
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const WorldOutcome outcome = World({.seed = seed}).run();
    ASSERT_EQ(outcome.failure, "");
    simulated += static_cast<double>(outcome.simulated / base::milliseconds(1)) / 1e3;
  }
  const double taken = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  RecordProperty("simulated_seconds_a_second", static_cast<int>(simulated / taken));
  EXPECT_GT(simulated / taken, 2000);
}

}  // namespace
}  // namespace distflow::test
