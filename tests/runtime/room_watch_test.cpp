#include "runtime/send/room_watch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "io/clock.hpp"
#include "tests/support/loop.hpp"

namespace distflow::runtime {
namespace {

using Waited = RoomWatch::Waited;
using Names = std::vector<std::string>;

/// Threads that wait, of which each has signed up before the next one begins.
class RoomWatchTest : public ::testing::Test {
 protected:
  ~RoomWatchTest() override {
    watch_.close();
    join();
  }
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  /// A thread that waits for the amount, and writes its name and what came of it when it goes on.
  void wait(const std::string& name, SendCredit::Amount amount, const TargetPtr& target) {
    const std::uint32_t before = credit_->waiting_count();
    threads_.emplace_back([this, name, amount, target] {
      const RoomWatch::Wanted wanted{*target, target->version, credit_, amount};
      const Waited waited = watch_.wait(wanted, base::kNever);
      const std::scoped_lock lock(mutex_);
      gone_on_.push_back(name);
      outcomes_.push_back(waited);
    });
    EXPECT_TRUE(eventually([&] { return credit_->waiting_count() == before + 1; }));
  }
  void wait(const std::string& name, SendCredit::Amount amount = {10, 1}) { wait(name, amount, target_); }

  static bool eventually(const std::function<bool()>& condition) {
    return test::turn_until([] { std::this_thread::yield(); }, condition);
  }
  /// Those that have gone on, once they are so many.
  Names gone_on(std::size_t count) {
    Names names;
    EXPECT_TRUE(eventually([&] {
      const std::scoped_lock lock(mutex_);
      names = gone_on_;
      return names.size() >= count;
    }));
    return names;
  }
  Names look() {
    Names told;
    while (watch_.look([&](const TargetPtr& target) { told.push_back(target->name); })) {
    }
    return told;
  }
  void fill() { ASSERT_TRUE(credit_->take({credit_max_.bytes, credit_max_.messages})); }
  TargetPtr target_named(const std::string& name) {
    auto target = std::make_shared<TargetState>(name, 1);
    target->publish("prefix", credit_);
    return target;
  }

  const SendCredit::Amount credit_max_{800, 80};
  std::shared_ptr<SendCredit> credit_ = std::make_shared<SendCredit>(credit_max_.bytes, credit_max_.messages);
  TargetPtr target_ = target_named("pong");
  RoomWatch watch_;
  std::mutex mutex_;
  Names gone_on_;
  std::vector<Waited> outcomes_;
  std::vector<std::thread> threads_;
};

TEST_F(RoomWatchTest, who_waits_goes_on_with_the_credit_once_an_eighth_of_the_room_is_free) {
  fill();
  wait("one");
  credit_->give_back({90, 9});
  look();
  EXPECT_EQ(credit_->waiting_count(), 1U) << "room for the message, and no eighth";
  credit_->give_back({10, 1});
  look();
  EXPECT_EQ(gone_on(1), Names{"one"});
  EXPECT_EQ(outcomes_, std::vector{Waited::has_room});
  EXPECT_EQ(credit_->used().bytes, 710U);
  EXPECT_EQ(credit_->used().messages, 71U);
}

TEST_F(RoomWatchTest, one_look_serves_all_that_there_is_room_for_in_the_order_in_which_they_came) {
  fill();
  for (const char* name : {"one", "two", "three", "four"}) wait(name, {40, 1});
  credit_->give_back({120, 20});
  look();
  EXPECT_EQ(credit_->waiting_count(), 1U);
  EXPECT_EQ(gone_on(3).size(), 3U);
  credit_->give_back({120, 20});
  look();
  EXPECT_EQ(gone_on(4).back(), "four");
}

TEST_F(RoomWatchTest, a_small_message_does_not_pass_a_large_one_that_came_first) {
  fill();
  wait("large", {500, 1});
  wait("small", {10, 1});
  credit_->give_back({400, 40});
  look();
  EXPECT_EQ(credit_->waiting_count(), 2U);
  credit_->give_back({100, 10});
  look();
  EXPECT_EQ(gone_on(1), Names{"large"});
  credit_->give_back({100, 10});
  look();
  EXPECT_EQ(gone_on(2), (Names{"large", "small"}));
}

TEST_F(RoomWatchTest, who_does_not_wait_leaves_the_room_to_those_who_do) {
  fill();
  wait("one");
  credit_->give_back({50, 5});
  EXPECT_FALSE(credit_->take({10, 1}));
  EXPECT_FALSE(credit_->seems_to_have({10, 1}));
  EXPECT_EQ(credit_->advance({10, 1}, {10, 1}).messages, 0U);
  credit_->give_back({50, 5});
  look();
  EXPECT_EQ(gone_on(1), Names{"one"});
  EXPECT_TRUE(credit_->take({10, 1}));
}

TEST_F(RoomWatchTest, room_that_was_made_before_anybody_signed_up_is_found_without_the_loop) {
  const RoomWatch::Wanted wanted{*target_, target_->version, credit_, {10, 1}};
  EXPECT_EQ(watch_.wait(wanted, base::kNever), Waited::has_room);
  EXPECT_EQ(credit_->used().messages, 1U);
  EXPECT_EQ(credit_->waiting_count(), 0U);
}

TEST_F(RoomWatchTest, a_wait_whose_time_is_over_takes_nothing_and_lets_those_behind_it_on) {
  fill();
  wait("behind", {10, 1});
  const RoomWatch::Wanted wanted{*target_, target_->version, credit_, {10, 1}};
  EXPECT_EQ(watch_.wait(wanted, io::system_now()), Waited::late);
  EXPECT_EQ(credit_->waiting_count(), 1U);
  EXPECT_EQ(credit_->used().messages, 80U);
  credit_->give_back({100, 10});
  EXPECT_EQ(watch_.wait(wanted, io::system_now()), Waited::has_room) << "and whoever signs up serves all";
  EXPECT_EQ(gone_on(1), Names{"behind"});
}

TEST_F(RoomWatchTest, a_name_that_leads_elsewhere_ends_the_waiting_for_it) {
  fill();
  wait("one");
  target_->publish({}, nullptr);
  look();
  EXPECT_EQ(gone_on(1), Names{"one"});
  EXPECT_EQ(outcomes_, std::vector{Waited::changed});
  EXPECT_EQ(credit_->waiting_count(), 0U);
  EXPECT_EQ(credit_->used().messages, 80U);
}

TEST_F(RoomWatchTest, an_end_ends_all_waiting_and_none_begins_after_it) {
  fill();
  wait("one");
  wait("two");
  watch_.close();
  EXPECT_EQ(gone_on(2).size(), 2U);
  EXPECT_EQ(outcomes_, (std::vector{Waited::closed, Waited::closed}));
  const RoomWatch::Wanted wanted{*target_, target_->version, credit_, {10, 1}};
  EXPECT_EQ(watch_.wait(wanted, base::kNever), Waited::closed);
  EXPECT_FALSE(watch_.note_refused(target_));
}

TEST_F(RoomWatchTest, a_refused_name_is_told_of_once_when_there_is_room) {
  fill();
  EXPECT_FALSE(watch_.note_refused(target_));
  EXPECT_FALSE(watch_.note_refused(target_));
  const TargetPtr other = target_named("another name of it");
  watch_.note_refused(other);
  EXPECT_EQ(look(), Names{});
  credit_->give_back({100, 10});
  Names told = look();
  std::ranges::sort(told);
  EXPECT_EQ(told, (Names{"another name of it", "pong"}));
  EXPECT_EQ(look(), Names{});
  EXPECT_TRUE(watch_.note_refused(target_)) << "there is room already: the loop has to look";
  EXPECT_EQ(look(), Names{"pong"});
}

TEST_F(RoomWatchTest, a_message_of_more_than_an_eighth_of_the_room_is_told_of_when_it_fits) {
  ASSERT_TRUE(credit_->take({500, 1}));
  EXPECT_FALSE(watch_.note_refused(target_, {400, 1})) << "an eighth is free, and it was refused all the same";
  EXPECT_EQ(look(), Names{});
  credit_->give_back({99, 0});
  EXPECT_EQ(look(), Names{});
  credit_->give_back({1, 0});
  EXPECT_EQ(look(), Names{"pong"});
  EXPECT_FALSE(watch_.note_refused(target_, {5000, 1}));
  credit_->give_back({400, 1});
  EXPECT_EQ(look(), Names{"pong"}) << "more room than all of it there never is";
}

TEST_F(RoomWatchTest, the_least_of_what_was_refused_to_a_name_is_told_of) {
  ASSERT_TRUE(credit_->take({500, 1}));
  EXPECT_FALSE(watch_.note_refused(target_, {400, 1}));
  EXPECT_FALSE(watch_.note_refused(target_, {600, 1}));
  EXPECT_TRUE(watch_.note_refused(target_, {300, 1})) << "which there is room for by now";
  EXPECT_EQ(look(), Names{"pong"});
}

TEST_F(RoomWatchTest, what_the_loop_was_refused_needs_more_than_what_is_free) {
  ASSERT_TRUE(credit_->take({500, 1}));
  EXPECT_FALSE(watch_.note_refused(target_, credit_->beyond_free()));
  EXPECT_EQ(look(), Names{});
  credit_->give_back({1, 0});
  EXPECT_EQ(look(), Names{"pong"});
  ASSERT_TRUE(credit_->take({1, 79}));
  EXPECT_FALSE(watch_.note_refused(target_, credit_->beyond_free()));
  credit_->give_back({0, 10});
  EXPECT_EQ(look(), Names{"pong"});
  credit_->give_back({0, 69});
}

TEST_F(RoomWatchTest, one_look_tells_of_many_names) {
  fill();
  constexpr std::size_t count = RoomWatch::kToldAtOnce + 1;
  for (std::size_t i = 0; i < count; ++i) watch_.note_refused(target_named(std::to_string(i)));
  credit_->give_back({100, 10});
  std::size_t told = 0;
  const auto tell = [&](const TargetPtr&) { ++told; };
  EXPECT_TRUE(watch_.look(tell));
  EXPECT_EQ(told, RoomWatch::kToldAtOnce);
  EXPECT_TRUE(watch_.look(tell));
  EXPECT_EQ(told, count);
  EXPECT_FALSE(watch_.look(tell));
}

TEST_F(RoomWatchTest, a_refused_name_that_leads_nowhere_any_more_is_told_of) {
  fill();
  watch_.note_refused(target_);
  target_->publish({}, nullptr);
  EXPECT_EQ(look(), Names{"pong"});
}

TEST_F(RoomWatchTest, names_are_told_of_behind_those_who_wait) {
  fill();
  wait("large", {500, 1});
  watch_.note_refused(target_);
  credit_->give_back({400, 40});
  EXPECT_EQ(look(), Names{}) << "the room is for the one who waits";
  credit_->give_back({200, 20});
  EXPECT_EQ(look(), Names{"pong"});
  EXPECT_EQ(gone_on(1), Names{"large"});
}

}  // namespace
}  // namespace distflow::runtime
