// System calls, and wakes among them, when there is always more to do: few for many messages.
#include <gtest/gtest.h>

#include "tests/guards/saturated_pair.hpp"
#include "tests/support/system_calls.hpp"

namespace distflow::test {
namespace {

constexpr std::size_t kRounds = 20;
constexpr std::size_t kMessages = kRounds * SaturatedPair::kMessagesPerRound;

/// Both ends together, sender and receiver: what one message costs the machine.
TEST(SystemCalls, are_at_most_one_for_two_hundred_messages) {
  const std::optional<std::uint64_t> calls = count_system_calls([](SystemCallWindow& window) {
    SaturatedPair pair;
    if (!pair.exchange(kRounds)) return false;
    window.start_counting();
    const bool is_well = pair.exchange(kRounds);
    window.stop_counting();
    return is_well;
  });
  ASSERT_TRUE(calls);
  std::printf("%zu system calls for %zu messages\n", static_cast<std::size_t>(*calls), kMessages);
  EXPECT_GE(*calls, 2U) << "sending and receiving take some";
  EXPECT_LE(*calls, kMessages / 200);
}

TEST(SystemCalls, are_counted_by_this_test_at_all) {
  const std::optional<std::uint64_t> calls = count_system_calls([](SystemCallWindow& window) {
    window.start_counting();
    for (int i = 0; i < 100; ++i) ::getppid();
    window.stop_counting();
    return true;
  });
  ASSERT_TRUE(calls);
  EXPECT_GE(*calls, 100U);
  EXPECT_LE(*calls, 103U);
}

TEST(Wakes, are_none_within_a_thread) {
  SaturatedPair pair;
  const std::uint64_t before = pair.cluster().reactor().wake_count();
  ASSERT_TRUE(pair.exchange(kRounds));
  EXPECT_EQ(pair.cluster().reactor().wake_count(), before);
}

}  // namespace
}  // namespace distflow::test
