// How long a loop spins: in time that passes in its polls alone.
#include <gtest/gtest.h>

#include "io/reactor.hpp"
#include "io/scheduling.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/memory_backend.hpp"

namespace distflow::test {
namespace {

using std::chrono::microseconds;

base::Duration wake_cost{};
base::Duration current_wake_cost() { return wake_cost; }
std::uint64_t preemption_count = 0;
std::uint64_t current_preemptions() { return preemption_count; }

/// Time passes in polls alone: to the end of those that may wait, and a microsecond in those that may not.
struct TickingBackend final : MemoryBackend {
  using MemoryBackend::MemoryBackend;

  void poll(base::Instant deadline) override {
    MemoryBackend::poll(deadline);
    const bool may_wait = deadline > now();
    looks += may_wait ? 0 : 1;
    advance(may_wait ? deadline - now() : base::Duration(microseconds(1)));
  }

  int looks = 0;  // polls that may not wait: a microsecond each
};

class ReactorSpinTime : public ::testing::Test {
 protected:
  ReactorSpinTime() { preemption_count = 0; }

  void open(io::ReactorOptions options) { reactor_.emplace(std::make_unique<TickingBackend>(chunks_), options); }
  /// How many microseconds the loop spins in vain after it had work, before it sleeps.
  int spins_after_work() {
    auto& backend = static_cast<TickingBackend&>(reactor_->backend());
    EXPECT_TRUE(reactor_->post([] {}));
    turn_some(*reactor_, 1);
    const int before = backend.looks;
    sleep_for(base::seconds(1));
    return backend.looks - before;
  }
  /// Turns until so much time has passed.
  void sleep_for(base::Duration duration) {
    const base::Instant end = reactor_->now() + duration;
    while (reactor_->now() < end) reactor_->turn(end);
  }
  /// Has work come after so many sleeps, each of which is so short that spinning might have done instead.
  void sleep_shortly(int times) {
    for (int i = 0; i < times; ++i) {
      EXPECT_TRUE(reactor_->post([] {}));
      turn_some(*reactor_, 1);
      sleep_for(wake_cost * 3);
    }
  }
  /// Work that is found while spinning, so often, each time after so many preemptions.
  void find_work(int times, std::uint64_t preemptions_each) {
    for (int i = 0; i < times; ++i) {
      EXPECT_TRUE(reactor_->post([] {}));
      turn_some(*reactor_, 2);  // the second one looks in vain
      preemption_count += preemptions_each;
    }
  }

  base::ChunkPool chunks_{{}};
  std::optional<io::Reactor> reactor_;
};

TEST_F(ReactorSpinTime, a_loop_spins_for_twice_what_a_wake_up_costs) {
  for (const int cost : {15, 25, 65, 100}) {
    wake_cost = microseconds(cost);
    open({.wake_cost = &current_wake_cost});
    EXPECT_NEAR(spins_after_work(), 2 * cost, 2);
  }
}

TEST_F(ReactorSpinTime, a_loop_spins_neither_for_too_short_a_time_nor_for_long) {
  wake_cost = microseconds(1);
  open({.wake_cost = &current_wake_cost});
  EXPECT_NEAR(spins_after_work(), 20, 2);
  wake_cost = base::seconds(1);
  open({.wake_cost = &current_wake_cost});
  EXPECT_NEAR(spins_after_work(), 250, 2);
}

TEST_F(ReactorSpinTime, what_the_application_has_said_stays_as_it_is) {
  wake_cost = microseconds(100);
  open({.spin = microseconds(30)});
  EXPECT_NEAR(spins_after_work(), 30, 2);
}

TEST_F(ReactorSpinTime, a_wake_up_that_is_measured_while_the_loop_runs_is_heeded_at_the_next_trial) {
  wake_cost = microseconds(25);
  open({.wake_cost = &current_wake_cost});
  EXPECT_NEAR(spins_after_work(), 50, 2);
  wake_cost = microseconds(65);
  sleep_shortly(2);
  EXPECT_NEAR(spins_after_work(), 130, 2);
}

TEST_F(ReactorSpinTime, a_loop_whose_work_comes_only_when_it_leaves_its_processor_sleeps) {
  wake_cost = microseconds(25);
  open({.wake_cost = &current_wake_cost, .preemptions = &current_preemptions, .sleeps_if_shared = true});
  find_work(20, 1);
  EXPECT_LE(spins_after_work(), 1);
}

TEST_F(ReactorSpinTime, a_loop_that_gets_much_each_time_spins_on_although_others_have_its_processor) {
  wake_cost = microseconds(25);
  for (const std::size_t bytes : {std::size_t{128}, std::size_t{64} * 1024}) {
    open({.wake_cost = &current_wake_cost, .preemptions = &current_preemptions, .sleeps_if_shared = true});
    std::size_t brought = 0;
    auto look = [&] { return std::exchange(brought, 0); };
    auto sleep = [](bool) {};
    io::PollHook memory;
    memory.on_look = base::Delegate<std::size_t()>::of(look);
    memory.on_sleep = base::Delegate<void(bool)>::of(sleep);
    reactor_->watch(memory);
    for (int i = 0; i < 20; ++i) {
      brought = bytes;
      find_work(1, 1);
    }
    memory.unlink();
    EXPECT_NEAR(spins_after_work(), bytes > 1024 ? 50 : 0, 2) << bytes;
  }
}

TEST_F(ReactorSpinTime, what_a_loop_writes_itself_is_not_brought_to_it) {
  wake_cost = microseconds(25);
  open({.wake_cost = &current_wake_cost, .preemptions = &current_preemptions, .sleeps_if_shared = true});
  std::size_t written = 0;
  io::PollHook memory;
  auto look = [&] { return memory.written = std::exchange(written, 0); };
  auto sleep = [](bool) {};
  memory.on_look = base::Delegate<std::size_t()>::of(look);
  memory.on_sleep = base::Delegate<void(bool)>::of(sleep);
  reactor_->watch(memory);
  for (int i = 0; i < 20; ++i) {
    written = std::size_t{64} * 1024;
    find_work(1, 1);
  }
  memory.unlink();
  EXPECT_LE(spins_after_work(), 1);
}

TEST_F(ReactorSpinTime, a_byte_now_and_then_does_not_keep_a_loop_spinning_and_messages_do) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{40}}) {
    open({.spin = microseconds(50)});
    std::size_t brought = 0;
    auto look = [&] { return std::exchange(brought, 0); };
    auto sleep = [](bool) {};
    io::PollHook memory;
    memory.on_look = base::Delegate<std::size_t()>::of(look);
    memory.on_sleep = base::Delegate<void(bool)>::of(sleep);
    reactor_->watch(memory);
    const auto& backend = static_cast<const TickingBackend&>(reactor_->backend());
    const base::Instant begin = reactor_->now();
    for (int i = 0; i < 3000; ++i) {
      brought = bytes;
      sleep_for(microseconds(40));
    }
    const auto passed = std::chrono::duration_cast<microseconds>(reactor_->now() - begin).count();
    const auto spun = backend.looks * 100 / passed;
    if (bytes == 1) {
      EXPECT_LE(spun, 20);
    } else {
      EXPECT_GE(spun, 90);
    }
    memory.unlink();
  }
}

TEST_F(ReactorSpinTime, handlers_that_take_long_do_not_make_a_loop_sleep_whose_work_comes_soon) {
  open({.spin = microseconds(50)});
  auto& backend = static_cast<TickingBackend&>(reactor_->backend());
  std::size_t brought = 0;
  base::Duration handled_for{};
  auto handle = [&] {
    if (brought > 0) backend.advance(handled_for);
    return std::exchange(brought, 0);
  };
  auto sleep = [](bool) {};
  io::PollHook memory;
  memory.on_look = base::Delegate<std::size_t()>::of(handle);
  memory.on_sleep = base::Delegate<void(bool)>::of(sleep);
  reactor_->watch(memory);
  constexpr int messages = 1000;
  for (int i = 0; i < messages; ++i) {
    brought = 128;
    sleep_for(microseconds(40) + handled_for);
    handled_for = std::chrono::milliseconds(1);
  }
  EXPECT_GE(backend.looks, messages * 40 / 2);
  memory.unlink();
}

TEST_F(ReactorSpinTime, a_loop_that_is_to_spin_on_a_shared_processor_leaves_it_after_one_look_in_vain) {
  open({.spin = microseconds(30), .preemptions = &current_preemptions});
  int looks = 0;
  auto look = [&]() -> std::size_t { return ++looks, 0; };
  auto sleep = [](bool) {};
  io::PollHook memory;
  memory.on_look = base::Delegate<std::size_t()>::of(look);
  memory.on_sleep = base::Delegate<void(bool)>::of(sleep);
  reactor_->watch(memory);
  const auto looks_in_vain = [&] {
    find_work(1, 0);
    const int before = looks;
    turn_some(*reactor_, 1);
    return looks - before;
  };
  find_work(2, 0);
  EXPECT_GT(looks_in_vain(), 90);
  find_work(20, 1);
  EXPECT_LE(looks_in_vain(), 3) << "before the question to the kernel, and behind it";
  find_work(1000, 0);
  EXPECT_GT(looks_in_vain(), 90);
  memory.unlink();
}

TEST_F(ReactorSpinTime, a_loop_that_leaves_its_processor_now_and_then_spins_on) {
  wake_cost = microseconds(25);
  open({.wake_cost = &current_wake_cost, .preemptions = &current_preemptions, .sleeps_if_shared = true});
  for (int i = 0; i < 100; ++i) {
    find_work(9, 0);
    find_work(1, 1);
  }
  EXPECT_NEAR(spins_after_work(), 50, 2);
}

TEST(Scheduling, a_wake_up_costs_some_time_once_it_was_measured) {
  io::measure_wake_cost();
  EXPECT_GT(io::wake_cost(), base::Duration::zero());
  const base::Duration measured = io::wake_cost();
  io::measure_wake_cost();
  EXPECT_EQ(io::wake_cost(), measured) << "once a process";
}

}  // namespace
}  // namespace distflow::test
