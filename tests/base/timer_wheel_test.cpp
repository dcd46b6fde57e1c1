#include "base/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/random.hpp"
#include "tests/base/seed.hpp"

namespace distflow::base {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

constexpr Instant kStart{seconds(1000)};

/// A timer that runs a function and counts.
struct Alarm {
  explicit Alarm(std::function<void()> then = [] {}) : on_ring(std::move(then)) {}
  void ring() {
    ++rings;
    on_ring();
  }
  std::function<void()> on_ring;
  int rings = 0;
  Timer timer{Delegate<void()>::to<&Alarm::ring>(*this)};
};

TEST(TimerWheel, fires_at_the_first_tick_after_the_deadline_never_before) {
  TimerWheel wheel(kStart);
  Alarm alarm;
  wheel.arm(alarm.timer, kStart + microseconds(1500));
  EXPECT_TRUE(alarm.timer.is_armed());
  wheel.advance(kStart + microseconds(1500) - Duration(1));
  EXPECT_EQ(alarm.rings, 0);
  wheel.advance(kStart + milliseconds(2));
  EXPECT_EQ(alarm.rings, 1);
  EXPECT_FALSE(alarm.timer.is_armed());
  wheel.advance(kStart + hours(1));
  EXPECT_EQ(alarm.rings, 1);
}

TEST(TimerWheel, a_deadline_in_the_past_fires_in_the_next_advance) {
  TimerWheel wheel(kStart);
  wheel.advance(kStart + seconds(10));
  Alarm past, before_start;
  wheel.arm(past.timer, kStart + seconds(3));
  wheel.arm(before_start.timer, Instant::min());
  EXPECT_LE(wheel.next_deadline(), kStart + seconds(10));
  wheel.advance(kStart + seconds(10));
  EXPECT_EQ(past.rings, 1);
  EXPECT_EQ(before_start.rings, 1);
}

TEST(TimerWheel, every_distance_fires_at_its_own_tick) {
  for (const std::int64_t offset : {0, 1, 62, 63, 64, 4095, 4096, 262143, 16777215}) {
    for (const std::int64_t distance : {1, 63, 64, 65, 4095, 4096, 4097, 262144, 16777216, 1073741824}) {
      Alarm alarm;
      const Instant at = kStart + milliseconds(offset) + milliseconds(distance);
      TimerWheel wheel(kStart);
      wheel.advance(kStart + milliseconds(offset));
      wheel.arm(alarm.timer, at);
      wheel.advance(at - Duration(1));
      EXPECT_EQ(alarm.rings, 0) << offset << " + " << distance;
      wheel.advance(at);
      EXPECT_EQ(alarm.rings, 1) << offset << " + " << distance;
    }
  }
}

TEST(TimerWheel, fires_in_the_order_of_ticks_in_one_advance) {
  TimerWheel wheel(kStart);
  std::vector<int> order;
  std::deque<Alarm> alarms;
  for (const int ms : {5000, 1, 70, 64, 300000, 63, 4096}) {
    alarms.emplace_back([&order, ms] { order.push_back(ms); });
    wheel.arm(alarms.back().timer, kStart + milliseconds(ms));
  }
  wheel.advance(kStart + hours(1));
  EXPECT_EQ(order, (std::vector<int>{1, 63, 64, 70, 4096, 5000, 300000}));
}

TEST(TimerWheel, arming_again_replaces_the_deadline) {
  TimerWheel wheel(kStart);
  Alarm alarm;
  wheel.arm(alarm.timer, kStart + seconds(1));
  wheel.arm(alarm.timer, kStart + seconds(5));
  wheel.advance(kStart + seconds(2));
  EXPECT_EQ(alarm.rings, 0);
  wheel.arm(alarm.timer, kStart + seconds(3));
  wheel.advance(kStart + seconds(3));
  EXPECT_EQ(alarm.rings, 1);
}

TEST(TimerWheel, a_cancelled_or_destroyed_timer_does_not_fire) {
  TimerWheel wheel(kStart);
  Alarm cancelled;
  auto destroyed = std::make_unique<Alarm>();
  wheel.arm(cancelled.timer, kStart + seconds(1));
  wheel.arm(destroyed->timer, kStart + seconds(1));
  wheel.cancel(cancelled.timer);
  wheel.cancel(cancelled.timer);
  destroyed.reset();
  EXPECT_EQ(wheel.next_deadline(), kNever);
  wheel.advance(kStart + seconds(2));
  EXPECT_EQ(cancelled.rings, 0);
}

TEST(TimerWheel, a_callback_may_cancel_and_destroy_others_of_the_same_tick) {
  TimerWheel wheel(kStart);
  Alarm third;
  auto second = std::make_unique<Alarm>();
  Alarm first([&] {
    wheel.cancel(third.timer);
    second.reset();
  });
  for (Alarm* alarm : {&first, second.get(), &third}) wheel.arm(alarm->timer, kStart + seconds(1));
  wheel.advance(kStart + seconds(1));
  EXPECT_EQ(first.rings, 1);
  EXPECT_EQ(second, nullptr);
  EXPECT_EQ(third.rings, 0);
}

TEST(TimerWheel, a_callback_may_destroy_its_own_timer) {
  TimerWheel wheel(kStart);
  struct Suicidal {
    explicit Suicidal(bool& gone) : gone_(gone) {}
    ~Suicidal() { gone_ = true; }
    void ring() { delete this; }
    bool& gone_;
    Timer timer{Delegate<void()>::to<&Suicidal::ring>(*this)};
  };
  bool gone = false;
  wheel.arm((new Suicidal(gone))->timer, kStart + milliseconds(1));
  wheel.advance(kStart + milliseconds(1));
  EXPECT_TRUE(gone);
}

TEST(TimerWheel, what_a_callback_arms_that_is_due_already_waits_for_the_next_advance) {
  TimerWheel wheel(kStart);
  Alarm again;
  again.on_ring = [&] { wheel.arm(again.timer, kStart); };
  wheel.arm(again.timer, kStart + milliseconds(1));
  wheel.advance(kStart + seconds(1));
  EXPECT_EQ(again.rings, 1);
  EXPECT_LE(wheel.next_deadline(), kStart + seconds(1));
  wheel.advance(kStart + seconds(1));
  EXPECT_EQ(again.rings, 2);
  wheel.cancel(again.timer);
}

TEST(TimerWheel, what_a_callback_arms_for_later_fires_then) {
  TimerWheel wheel(kStart);
  Alarm later;
  Alarm first([&] { wheel.arm(later.timer, kStart + seconds(2)); });
  wheel.arm(first.timer, kStart + milliseconds(1));
  wheel.advance(kStart + seconds(1));
  EXPECT_EQ(later.rings, 0);
  wheel.advance(kStart + seconds(2));
  EXPECT_EQ(later.rings, 1);
}

TEST(TimerWheel, following_next_deadline_reaches_every_timer_in_few_steps) {
  for (const Duration after : {Duration(milliseconds(1)), Duration(seconds(59)), Duration(hours(1)),
                               Duration(hours(24 * 365)), Duration(hours(24 * 365 * 200))}) {
    TimerWheel wheel(kStart);
    Alarm alarm;
    wheel.arm(alarm.timer, kStart + after);
    int steps = 0;
    while (alarm.rings == 0) {
      const Instant next = wheel.next_deadline();
      ASSERT_LE(next, kStart + after);
      wheel.advance(next);
      ASSERT_LE(++steps, 8);
    }
  }
}

TEST(TimerWheel, the_deadline_that_never_comes_does_not_come) {
  TimerWheel wheel(kStart);
  Alarm alarm;
  wheel.arm(alarm.timer, kNever);
  EXPECT_GT(wheel.next_deadline(), kStart + hours(24 * 365));
  wheel.advance(kStart + hours(24 * 365 * 250));
  EXPECT_EQ(alarm.rings, 0);
  EXPECT_TRUE(alarm.timer.is_armed());
}

TEST(TimerWheel, a_clock_that_steps_back_does_nothing) {
  TimerWheel wheel(kStart);
  Alarm alarm;
  wheel.advance(kStart + seconds(10));
  wheel.arm(alarm.timer, kStart + seconds(11));
  wheel.advance(kStart + seconds(5));
  EXPECT_EQ(alarm.rings, 0);
  wheel.advance(kStart + seconds(11));
  EXPECT_EQ(alarm.rings, 1);
}

/// What the wheel is to do, done the slow way.
class Model {
 public:
  explicit Model(std::size_t count) : deadlines_(count) {}

  void arm(std::size_t index, Instant at) { deadlines_[index] = at; }
  void cancel(std::size_t index) { deadlines_[index].reset(); }

  /// Those that fire by `now`, which is a whole tick, as indices in the order of their ticks, then of the index.
  std::vector<std::pair<std::int64_t, std::size_t>> advance(Instant now) {
    std::vector<std::pair<std::int64_t, std::size_t>> fired;
    for (std::size_t index = 0; index < deadlines_.size(); ++index) {
      if (!deadlines_[index] || *deadlines_[index] > now) continue;
      fired.emplace_back(tick(*deadlines_[index]), index);
      deadlines_[index].reset();
    }
    std::sort(fired.begin(), fired.end());
    return fired;
  }

  [[nodiscard]] Instant earliest() const {
    Instant earliest = kNever;
    for (const auto& deadline : deadlines_) earliest = std::min(earliest, deadline.value_or(kNever));
    return earliest;
  }

  static std::int64_t tick(Instant at) {
    return std::chrono::ceil<milliseconds>(std::max(at, kStart) - kStart).count();
  }

 private:
  std::vector<std::optional<Instant>> deadlines_;
};

TEST(TimerWheel, agrees_with_a_naive_model_over_random_operations) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  Random random(seed.value());
  constexpr std::size_t kCount = 50;
  TimerWheel wheel(kStart);
  Model model(kCount);
  std::vector<std::size_t> fired;
  std::deque<Alarm> alarms;
  for (std::size_t index = 0; index < kCount; ++index) alarms.emplace_back([&fired, index] { fired.push_back(index); });
  Instant now = kStart;
  const auto distance = [&random] { return Duration(random.uniform(std::uint64_t{1} << (10 + random.uniform(36)))); };

  for (int step = 0; step < 20000; ++step) {
    const std::size_t index = random.uniform(kCount);
    const std::uint64_t choice = random.uniform(10);
    if (choice < 5) {
      // Not in the past: for those the wheel keeps no order among each other.
      const Instant at = now + distance();
      wheel.arm(alarms[index].timer, at);
      model.arm(index, at);
    } else if (choice < 7) {
      wheel.cancel(alarms[index].timer);
      model.cancel(index);
    } else {
      now = std::chrono::floor<milliseconds>(now + distance());
      fired.clear();
      wheel.advance(now);
      const auto expected = model.advance(now);
      ASSERT_EQ(fired.size(), expected.size()) << "step " << step;
      std::vector<std::pair<std::int64_t, std::size_t>> given;
      for (std::size_t i = 0; i < fired.size(); ++i) given.emplace_back(expected[i].first, fired[i]);
      std::sort(given.begin(), given.end());
      ASSERT_EQ(given, expected) << "step " << step;
    }
    if (model.earliest() == kNever) {
      ASSERT_EQ(wheel.next_deadline(), kNever);
    } else {
      ASSERT_LE(wheel.next_deadline(), kStart + milliseconds(Model::tick(model.earliest())));
    }
  }
  for (Alarm& alarm : alarms) wheel.cancel(alarm.timer);
}

}  // namespace
}  // namespace distflow::base
