#include "runtime/peers/send_credit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/random.hpp"
#include "tests/base/seed.hpp"

namespace distflow::runtime {
namespace {

transport::EncodedRun run_of(std::string_view bytes, std::uint32_t count = 1) { return {nullptr, bytes, count}; }

TEST(SendCredit, gives_so_many_messages_and_so_many_bytes_and_no_more) {
  SendCredit credit(100, 3);
  EXPECT_TRUE(credit.take({40, 1}));
  EXPECT_TRUE(credit.take({60, 1}));
  EXPECT_FALSE(credit.take({1, 1}));
  credit.give_back({60, 1});
  EXPECT_TRUE(credit.take({1, 1}));
  EXPECT_TRUE(credit.take({1, 1}));
  EXPECT_FALSE(credit.take({1, 1}));
  EXPECT_EQ(credit.used().bytes, 42U);
  EXPECT_EQ(credit.used().messages, 3U);
}

TEST(SendCredit, that_was_taken_against_another_bound_has_to_leave_before_there_is_room) {
  SendCredit credit(100, 10);
  credit.take_anyway({150, 1});
  EXPECT_FALSE(credit.seems_to_have({1, 1}));
  EXPECT_FALSE(credit.take({1, 1}));
  credit.give_back({150, 1});
  EXPECT_TRUE(credit.take({100, 1}));
}

TEST(SendCredit, of_an_option_beyond_what_it_can_count_is_what_it_can_count) {
  SendCredit credit(SIZE_MAX, UINT32_MAX);
  EXPECT_TRUE(credit.take({SendCredit::kBytesMax, SendCredit::kMessagesMax}));
  EXPECT_FALSE(credit.take({0, 1}));
  EXPECT_FALSE(credit.take({1, 0}));
}

TEST(SendCredit, that_is_reserved_for_replies_is_an_eighth_and_passes_those_who_wait) {
  SendCredit credit(800, 80);
  ASSERT_TRUE(credit.take({800, 80}));
  credit.begin_waiting();
  EXPECT_TRUE(credit.take_reserved({60, 6}));
  EXPECT_FALSE(credit.take_reserved({41, 1}));
  EXPECT_TRUE(credit.take_reserved({40, 4}));
  EXPECT_FALSE(credit.take_reserved({0, 1}));
  credit.give_back({200, 20});
  EXPECT_FALSE(credit.take({1, 1})) << "it is left to who waits";
  EXPECT_TRUE(credit.take_reserved({1, 1}));
  credit.end_waiting();
}

TEST(LoopCredit, lets_the_loop_have_all_of_the_bound_one_by_one) {
  const auto shared = std::make_shared<SendCredit>(1000, 7);
  LoopCredit loop(shared);
  for (int i = 0; i < 7; ++i) EXPECT_TRUE(loop.spend(run_of("0123456789")));
  EXPECT_FALSE(loop.spend(run_of("0123456789")));
  loop.give_back({.sent = 7, .dropped = 0, .bytes = 70});
  EXPECT_EQ(shared->used().bytes, 0U);
  EXPECT_EQ(shared->used().messages, 0U);
}

TEST(LoopCredit, that_was_taken_in_advance_leaves_most_of_the_room_to_others_and_goes_back_with_what_leaves) {
  const auto shared = std::make_shared<SendCredit>(1600, 1600);
  LoopCredit loop(shared);
  EXPECT_TRUE(loop.spend(run_of("0123456789")));
  EXPECT_LE(shared->used().bytes, 110U);
  EXPECT_TRUE(shared->take({1490, 1}));
  loop.give_back({.sent = 1, .dropped = 0, .bytes = 10});
  EXPECT_EQ(shared->used().bytes, 1490U);
}

TEST(LoopCredit, of_a_run_that_was_not_taken_is_room_again) {
  const auto shared = std::make_shared<SendCredit>(10, 1);
  LoopCredit loop(shared);
  EXPECT_TRUE(loop.spend(run_of("0123456789")));
  loop.take_back(run_of("0123456789"));
  EXPECT_TRUE(shared->take({10, 1}));
}

TEST(SendCredit, is_never_more_than_the_bound_whatever_threads_and_the_loop_take_and_give_back) {
  constexpr std::uint64_t kBytes = 5000;
  constexpr std::uint64_t kMessages = 40;
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  const auto shared = std::make_shared<SendCredit>(kBytes, kMessages);
  std::atomic<std::uint64_t> held_bytes = 0;
  std::atomic<std::uint64_t> held_messages = 0;
  // What a thread holds is raised after it is taken, and lowered before it is given back: it is never less than said.
  const auto hold = [&](SendCredit::Amount amount) {
    EXPECT_LE(held_bytes.fetch_add(amount.bytes) + amount.bytes, kBytes);
    EXPECT_LE(held_messages.fetch_add(amount.messages) + amount.messages, kMessages);
  };
  const auto let_go = [&](SendCredit::Amount amount) {
    held_bytes.fetch_sub(amount.bytes);
    held_messages.fetch_sub(amount.messages);
  };
  const auto send = [&](std::uint64_t number) {
    base::Random random(seed.value() + number);
    std::vector<SendCredit::Amount> held;
    for (int i = 0; i < 20000; ++i) {
      const SendCredit::Amount amount{1 + random.uniform(600), 1};
      if (random.chance(0.6) && shared->take(amount)) {
        hold(amount);
        held.push_back(amount);
      } else if (!held.empty()) {
        let_go(held.back());
        shared->give_back(held.back());
        held.pop_back();
      }
    }
    for (const SendCredit::Amount amount : held) {
      let_go(amount);
      shared->give_back(amount);
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t number = 1; number <= 3; ++number) threads.emplace_back(send, number);
  {
    LoopCredit loop(shared);
    base::Random random(seed.value());
    const std::string bytes(600, 'x');
    std::vector<transport::EncodedRun> queued;
    for (int i = 0; i < 20000; ++i) {
      const transport::EncodedRun run = run_of(std::string_view(bytes).substr(0, 1 + random.uniform(600)));
      if (random.chance(0.6) && loop.spend(run)) {
        hold({run.bytes.size(), 1});
        queued.push_back(run);
      } else if (!queued.empty()) {
        let_go({queued.back().bytes.size(), 1});
        loop.give_back({.sent = 1, .dropped = 0, .bytes = queued.back().bytes.size()});
        queued.pop_back();
      }
    }
    for (const transport::EncodedRun& run : queued) {
      let_go({run.bytes.size(), 1});
      loop.give_back({.sent = 1, .dropped = 0, .bytes = run.bytes.size()});
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shared->used().bytes, 0U);
  EXPECT_EQ(shared->used().messages, 0U);
}

}  // namespace
}  // namespace distflow::runtime
