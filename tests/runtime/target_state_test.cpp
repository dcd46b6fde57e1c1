// A name that the PMD does not know, as threads see it whose clock is coarser than the loop's.
#include <gtest/gtest.h>

#include "runtime/send/target_table.hpp"

namespace distflow::runtime {
namespace {

TEST(TargetStateTest, a_name_is_known_to_be_unknown_on_a_clock_that_is_a_tick_behind_or_ahead) {
  constexpr base::WallMs kAnswered = 1'700'000'000'000;
  constexpr base::WallMs kKnown = TargetState::kUnknownFor / base::milliseconds(1);
  constexpr base::WallMs kTick = 10;
  TargetState nobody("nobody", 1);
  EXPECT_FALSE(nobody.is_unknown_at(kAnswered)) << "nobody has asked";
  nobody.unknown_at = kAnswered;
  for (const base::WallMs now : {kAnswered - kTick, kAnswered, kAnswered + kKnown, kAnswered + kKnown + kTick}) {
    EXPECT_TRUE(nobody.is_unknown_at(now)) << now - kAnswered;
  }
  for (const base::WallMs now : {kAnswered - 1000, kAnswered + 2 * kKnown}) {
    EXPECT_FALSE(nobody.is_unknown_at(now)) << "the clock was set, or the time is over: " << now - kAnswered;
  }
}

}  // namespace
}  // namespace distflow::runtime
