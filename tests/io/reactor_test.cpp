#include "io/reactor.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/memory_backend.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

/// Calls a function at a turn's end.
struct AtTurnEnd {
  explicit AtTurnEnd(std::function<void()> what_) : what(std::move(what_)) {
    work.on_turn_end = base::Delegate<void()>::to<&AtTurnEnd::run>(*this);
  }
  void run() { what(); }

  std::function<void()> what;
  io::DeferredTask work;
};

struct Expiry {
  explicit Expiry(std::function<void()> what_)
      : what(std::move(what_)), timer(base::Delegate<void()>::to<&Expiry::run>(*this)) {}
  void run() { what(); }

  std::function<void()> what;
  base::Timer timer;
};

/// Has work whenever `finds` says so.
struct Watcher {
  explicit Watcher(std::function<bool()> finds_) : finds(std::move(finds_)) {
    hook.on_look = base::Delegate<std::size_t()>::to<&Watcher::look>(*this);
    hook.on_sleep = base::Delegate<void(bool)>::to<&Watcher::sleep>(*this);
  }
  ~Watcher() { hook.unlink(); }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  std::size_t look() {
    ++looks;
    said += sleeps ? "L" : "l";
    return finds() ? bytes : 0;
  }
  void sleep(bool is_about_to) {
    sleeps = is_about_to;
    said += sleeps ? "S" : "s";
  }

  std::function<bool()> finds;
  io::PollHook hook;
  std::size_t bytes = 1;  // that it has when it has work
  int looks = 0;
  bool sleeps = false;
  std::string said;  // l: looked, L: looked once it was told of a sleep, S and s: told of its beginning and its end
};

class ReactorTest : public ::testing::Test {
 protected:
  void SetUp() override { open({}); }
  void open(io::ReactorOptions options) {
    reactor_.reset();
    reactor_.emplace(make_backend(chunks_), options);
  }
  io::Reactor& reactor() { return *reactor_; }
  io::Backend& backend() { return reactor().backend(); }

  base::ChunkPool chunks_{{}};
  std::optional<io::Reactor> reactor_;
};

TEST_F(ReactorTest, a_turn_is_poll_then_timers_then_submissions_then_what_was_put_off) {
  std::vector<std::string> order;
  AtTurnEnd put_off([&] { order.emplace_back("put off"); });
  Expiry expiry([&] {
    order.emplace_back("timer");
    EXPECT_TRUE(reactor().post([&] { order.emplace_back("submission"); }));
    reactor().defer(put_off.work);
  });
  reactor().arm_after(expiry.timer, base::Duration::zero());
  ASSERT_TRUE(turn_until(reactor(), [&] { return !order.empty(); }));
  EXPECT_EQ(order, (std::vector<std::string>{"timer", "submission", "put off"}));
}

TEST_F(ReactorTest, work_put_off_twice_runs_once) {
  int runs = 0;
  AtTurnEnd put_off([&] { ++runs; });
  reactor().defer(put_off.work);
  reactor().defer(put_off.work);
  turn_some(reactor());
  EXPECT_EQ(runs, 1);
}

TEST_F(ReactorTest, work_put_off_at_a_turns_end_belongs_to_the_next_turn_and_keeps_the_loop_awake) {
  int runs = 0;
  AtTurnEnd put_off([&] {
    if (++runs < 5) reactor().defer(put_off.work);
  });
  reactor().defer(put_off.work);
  for (int turn = 1; turn <= 5; ++turn) {
    reactor().turn(base::kNever);  // would never return if the loop slept
    EXPECT_EQ(runs, turn);
  }
}

TEST_F(ReactorTest, work_that_was_put_off_may_be_destroyed_before_and_during_its_run) {
  auto gone = std::make_unique<AtTurnEnd>([] { FAIL(); });
  std::unique_ptr<AtTurnEnd> self = std::make_unique<AtTurnEnd>([&] { self.reset(); });
  auto killer = std::make_unique<AtTurnEnd>([&] { gone->work.unlink(); });
  reactor().defer(killer->work);
  reactor().defer(self->work);
  reactor().defer(gone->work);
  turn_some(reactor());
  EXPECT_EQ(self, nullptr);
}

TEST_F(ReactorTest, a_timer_ends_the_wait) {
  int expired = 0;
  Expiry expiry([&] { ++expired; });
  reactor().arm_after(expiry.timer, base::milliseconds(2));
  while (expired == 0) reactor().turn(base::kNever);
  EXPECT_EQ(expired, 1);
}

TEST_F(ReactorTest, a_timer_armed_for_ever_does_not_wrap) {
  Expiry expiry([] { FAIL(); });
  reactor().arm_after(expiry.timer, base::Duration::max());
  turn_some(reactor());
}

TEST_F(ReactorTest, a_turn_returns_at_its_deadline) {
  const base::Instant deadline = reactor().now() + base::milliseconds(2);
  while (reactor().now() < deadline) reactor().turn(deadline);
}

TEST_F(ReactorTest, a_task_posted_from_the_loop_runs_without_waking_anybody) {
  int runs = 0;
  EXPECT_TRUE(reactor().post([&] { EXPECT_TRUE(reactor().post([&] { ++runs; })); }));
  ASSERT_TRUE(turn_until(reactor(), [&] { return runs == 1; }));
  EXPECT_EQ(reactor().wake_count(), 0U);
}

TEST_F(ReactorTest, posting_to_a_loop_that_is_awake_wakes_nobody) {
  int runs = 0;
  std::atomic<bool> is_posted{false};
  EXPECT_TRUE(reactor().post([&] {
    std::thread poster([&] {
      for (int i = 0; i < 100; ++i) EXPECT_TRUE(reactor().post([&] { ++runs; }));
      is_posted = true;
    });
    poster.join();
  }));
  ASSERT_TRUE(turn_until(reactor(), [&] { return runs == 100; }));
  EXPECT_EQ(reactor().wake_count(), 0U);
}

TEST_F(ReactorTest, a_full_queue_refuses_a_task_and_goes_on) {
  open({.task_count_max = 3});
  int runs = 0;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(reactor().post([&] { ++runs; }));
  EXPECT_FALSE(reactor().post([&] { ++runs; }));
  turn_some(reactor());
  EXPECT_EQ(runs, 3);
  EXPECT_TRUE(reactor().post([&] { ++runs; }));
  turn_some(reactor());
  EXPECT_EQ(runs, 4);
}

// What it is destroyed from is one of its own calls.
TEST_F(ReactorTest, what_ends_inside_its_own_call_is_destroyed_at_the_turns_end) {
  struct Part {
    explicit Part(std::string& events) : events_(events) {}
    ~Part() { events_ += "destroyed "; }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    void end(io::Reactor& reactor) {
      reactor.destroy_later(std::unique_ptr<Part>(this), end_);
      events_ += "ended ";
    }
    std::string& events_;
    io::DeferredTask end_;
  };
  std::string events;
  auto* const part = new Part(events);
  io::DeferredTask last;
  auto note_end = [&] { events += "put off "; };
  last.on_turn_end = base::Delegate<void()>::of(note_end);
  EXPECT_TRUE(reactor().post([&] {
    part->end(reactor());
    reactor().defer(last);
  }));
  turn_some(reactor());
  EXPECT_EQ(events, "ended put off destroyed ");
}

TEST_F(ReactorTest, tasks_that_post_tasks_do_not_keep_a_turn_from_ending) {
  std::function<void()> again = [&] { EXPECT_TRUE(reactor().post(std::function<void()>(again))); };
  EXPECT_TRUE(reactor().post(std::function<void()>(again)));
  turn_some(reactor());
}

TEST_F(ReactorTest, every_task_of_every_thread_runs_once_and_in_its_threads_order) {
  constexpr int kThreads = 4;
  constexpr int kTasks = 2000;
  std::vector<std::vector<int>> seen(kThreads);
  std::vector<std::thread> posters;
  std::atomic<int> posted{0};
  for (int t = 0; t < kThreads; ++t) {
    posters.emplace_back([&, t] {
      for (int i = 0; i < kTasks; ++i) {
        while (!reactor().post([&seen, t, i] { seen[static_cast<std::size_t>(t)].push_back(i); })) {
          std::this_thread::yield();
        }
        ++posted;
      }
    });
  }
  const auto total = [&] {
    std::size_t sum = 0;
    for (const auto& tasks : seen) sum += tasks.size();
    return sum;
  };
  EXPECT_TRUE(turn_until([&] { reactor().turn(base::kNever); }, [&] { return total() == kThreads * kTasks; }));
  for (std::thread& poster : posters) poster.join();
  for (const auto& tasks : seen) {
    for (int i = 0; i < kTasks; ++i) EXPECT_EQ(tasks[static_cast<std::size_t>(i)], i);
  }
}

// The loop sleeps without a deadline each time: one lost wake-up, and this test hangs.
TEST_F(ReactorTest, no_wake_is_lost_between_the_last_look_and_the_sleep) {
  constexpr int kRounds = 5000;
  std::atomic<int> handled{0};
  std::thread poster([&] {
    for (int i = 0; i < kRounds; ++i) {
      EXPECT_TRUE(reactor().post([&] { handled.fetch_add(1, std::memory_order_release); }));
      while (handled.load(std::memory_order_acquire) <= i) std::this_thread::yield();
    }
    reactor().stop();
  });
  reactor().run();
  poster.join();
  EXPECT_EQ(handled.load(), kRounds);
  EXPECT_LE(reactor().wake_count(), kRounds + 1U);
}

TEST_F(ReactorTest, what_an_inbox_holds_is_taken_before_the_loop_sleeps_and_after_a_notify) {
  std::atomic<int> submitted{0};
  int taken = 0;
  auto drain = [&] {
    const int count = submitted.exchange(0, std::memory_order_acquire);
    taken += count;
    return count > 0;
  };
  reactor().set_inbox(base::Delegate<bool()>::of(drain));
  std::thread submitter([&] {
    for (int i = 0; i < 1000; ++i) {
      submitted.fetch_add(1, std::memory_order_release);
      reactor().notify();
    }
  });
  EXPECT_TRUE(turn_until([&] { reactor().turn(base::kNever); }, [&] { return taken == 1000; }));
  submitter.join();
}

TEST_F(ReactorTest, what_the_last_look_before_a_sleep_puts_off_or_arms_is_not_slept_over) {
  int runs = 0;
  int looks = 0;
  AtTurnEnd put_off([&] { ++runs; });
  Expiry expiry([&] { ++runs; });
  auto drain = [&] {
    // The first look of a turn finds nothing, so that the second is that before the sleep.
    if (++looks == 2) reactor().defer(put_off.work);
    return false;
  };
  reactor().set_inbox(base::Delegate<bool()>::of(drain));
  reactor().turn(base::kNever);  // would never return if the loop slept
  EXPECT_EQ(runs, 1);
  looks = 0;
  auto arm = [&] {
    if (++looks == 2) reactor().arm_after(expiry.timer, base::milliseconds(1));
    return false;
  };
  reactor().set_inbox(base::Delegate<bool()>::of(arm));
  reactor().turn(base::kNever);
  EXPECT_EQ(runs, 2);
}

TEST_F(ReactorTest, stop_ends_run_from_another_thread_and_before_it_began) {
  std::thread stopper([&] { reactor().stop(); });
  reactor().run();
  stopper.join();
  EXPECT_TRUE(reactor().is_stopped());
  reactor().run();
}

TEST_F(ReactorTest, a_spinning_loop_looks_for_work_without_sleeping) {
  open({.spin = base::seconds(60)});
  EXPECT_TRUE(reactor().post([] {}));
  turn_some(reactor(), 1);
  // One turn that sleeps would last until the deadline.
  const base::Instant deadline = reactor().now() + base::seconds(10);
  for (int i = 0; i < 100; ++i) reactor().turn(deadline);
  EXPECT_LT(reactor().now(), deadline);
  EXPECT_EQ(reactor().wake_count(), 0U);
}

/// Its time passes in polls alone: to the end of those that may wait, and a little in those that may not.
struct SpunBackend final : MemoryBackend {
  using MemoryBackend::MemoryBackend;

  void poll(base::Instant deadline) override {
    MemoryBackend::poll(deadline);
    const bool may_wait = deadline > now();
    looks += may_wait ? 0 : 1;
    advance(may_wait ? deadline - now() : std::chrono::microseconds(100));
  }

  int looks = 0;  // polls that may not wait
};

TEST(ReactorSpin, a_loop_that_has_spun_in_vain_sleeps_at_once_the_next_time) {
  base::ChunkPool chunks{{}};
  io::Reactor reactor{std::make_unique<SpunBackend>(chunks), {.spin = base::milliseconds(10)}};
  auto& backend = static_cast<SpunBackend&>(reactor.backend());
  const auto looks_after_work = [&] {
    EXPECT_TRUE(reactor.post([] {}));
    turn_some(reactor, 1);
    const int before = backend.looks;
    const base::Instant deadline = reactor.now() + base::milliseconds(15);
    while (reactor.now() < deadline) reactor.turn(deadline);
    return backend.looks - before;
  };
  EXPECT_GT(looks_after_work(), 50);
  EXPECT_EQ(looks_after_work(), 0);
}

TEST_F(ReactorTest, the_pollable_descriptor_tells_of_tasks_notifications_and_work_put_off) {
  const int fd = reactor().pollable_fd();
  if (fd < 0) GTEST_SKIP() << "this backend has none";
  turn_some(reactor());
  EXPECT_FALSE(is_readable(fd));

  std::thread poster([&] { EXPECT_TRUE(reactor().post([] {})); });
  poster.join();
  EXPECT_TRUE(is_readable(fd));
  turn_some(reactor());
  EXPECT_FALSE(is_readable(fd));

  int runs = 0;
  AtTurnEnd put_off([&] {
    if (++runs < 2) reactor().defer(put_off.work);
  });
  reactor().defer(put_off.work);
  reactor().turn(base::Instant::min());
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(is_readable(fd));
  turn_some(reactor());
  EXPECT_EQ(runs, 2);
  EXPECT_FALSE(is_readable(fd));
  EXPECT_EQ(reactor().pollable_fd(), fd);
  EXPECT_FALSE(is_readable(fd)) << "asking again is no work";
}

TEST_F(ReactorTest, the_pollable_descriptor_tells_of_work_that_is_put_off_between_turns) {
  const int fd = reactor().pollable_fd();
  if (fd < 0) GTEST_SKIP() << "this backend has none";
  turn_some(reactor());
  ASSERT_FALSE(is_readable(fd));
  int runs = 0;
  AtTurnEnd put_off([&runs] { ++runs; });
  reactor().defer(put_off.work);
  EXPECT_TRUE(is_readable(fd));
  turn_some(reactor());
  EXPECT_EQ(runs, 1);
  EXPECT_FALSE(is_readable(fd));
}

TEST_F(ReactorTest, a_reactor_may_die_with_tasks_and_work_left) {
  AtTurnEnd put_off([] { FAIL(); });
  reactor().defer(put_off.work);
  EXPECT_TRUE(reactor().post([] { FAIL(); }));
  reactor_.reset();
}

TEST_F(ReactorTest, a_lookout_is_told_of_a_sleep_looks_once_more_and_is_told_when_the_next_turn_begins) {
  Watcher watcher([] { return false; });
  reactor().watch(watcher.hook);
  reactor().turn(base::Instant::min());
  EXPECT_EQ(watcher.said, "lSLL");  // before the poll, and behind it
  reactor().turn(base::Instant::min());
  EXPECT_EQ(watcher.said, "lSLLslSLL");
}

TEST_F(ReactorTest, a_lookout_with_work_keeps_the_loop_from_sleeping) {
  int work = 3;
  Watcher watcher([&] { return work > 0 && --work >= 0; });
  reactor().watch(watcher.hook);
  while (work > 0) reactor().turn(base::kNever);  // or it would never return
  EXPECT_EQ(work, 0);
}

TEST_F(ReactorTest, a_lookout_that_ends_itself_or_another_is_not_looked_at_again) {
  Watcher third([] { return false; });
  Watcher first([&] {
    first.hook.unlink();
    third.hook.unlink();
    return false;
  });
  Watcher second([] { return false; });
  for (Watcher* watcher : {&first, &second, &third}) reactor().watch(watcher->hook);
  reactor().turn(base::Instant::min());
  EXPECT_EQ(first.looks, 1);
  EXPECT_GT(second.looks, 1);
  EXPECT_EQ(third.looks, 0);
}

TEST_F(ReactorTest, a_turn_that_found_work_after_its_poll_has_not_looked_in_vain) {
  open({.spin = base::seconds(60)});
  bool has_spun = false;
  int looks = 0;
  Watcher watcher([&] { return has_spun ? ++looks == 2 : true; });
  reactor().watch(watcher.hook);
  reactor().turn(base::Instant::min());  // there was work: the loop spins from now on
  has_spun = true;
  reactor().turn(base::Instant::min());
  EXPECT_EQ(looks, 2) << "before the poll, and behind it";
  EXPECT_FALSE(reactor().has_looked_in_vain());
  reactor().turn(base::Instant::min());
  EXPECT_TRUE(reactor().has_looked_in_vain());
}

}  // namespace
}  // namespace distflow::test
