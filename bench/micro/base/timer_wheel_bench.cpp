// Timers, with up to a million of them armed.
#include "base/timer_wheel.hpp"

#include <benchmark/benchmark.h>

#include <deque>
#include <memory>

#include "base/random.hpp"

namespace distflow::bench {
namespace {

constexpr base::Instant kStart{base::seconds(1)};

/// As many timers as asked for, at random within an hour.
class ArmedWheel {
 public:
  explicit ArmedWheel(std::int64_t count) : wheel_(kStart) {
    for (std::int64_t i = 0; i < count; ++i)
      timers_.emplace_back(base::Delegate<void()>::to<&ArmedWheel::expire>(*this));
    arm_all(kStart);
  }
  ~ArmedWheel() {
    for (base::Timer& timer : timers_) wheel_.cancel(timer);
  }
  ArmedWheel(const ArmedWheel&) = delete;
  ArmedWheel& operator=(const ArmedWheel&) = delete;

  void arm_all(base::Instant from) {
    for (base::Timer& timer : timers_) wheel_.arm(timer, within_an_hour(from));
  }
  [[nodiscard]] base::Instant within_an_hour(base::Instant from) {
    return from + base::milliseconds(static_cast<std::int64_t>(random_.uniform(3'600'000)));
  }
  [[nodiscard]] base::TimerWheel& wheel() { return wheel_; }
  [[nodiscard]] std::uint64_t expired() const { return expired_; }
  void expire() { ++expired_; }

 private:
  base::Random random_{1};
  base::TimerWheel wheel_;
  std::deque<base::Timer> timers_;
  std::uint64_t expired_ = 0;
};

void arm_and_cancel(benchmark::State& state) {
  ArmedWheel armed(state.range(0));
  base::Timer timer(base::Delegate<void()>::to<&ArmedWheel::expire>(armed));
  for (auto _ : state) {
    armed.wheel().arm(timer, armed.within_an_hour(kStart));
    armed.wheel().cancel(timer);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(arm_and_cancel)->Name("arm a timer and cancel it, beside timers")->Arg(0)->Arg(1000)->Arg(1'000'000);

void find_next_deadline(benchmark::State& state) {
  const auto armed = std::make_unique<ArmedWheel>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(armed->wheel().next_deadline());
}
BENCHMARK(find_next_deadline)->Name("find the next deadline of timers")->Arg(1)->Arg(1'000'000);

void expire_all(benchmark::State& state) {
  ArmedWheel armed(state.range(0));
  base::Instant now = kStart;
  for (auto _ : state) {
    // An hour, a millisecond at a time.
    for (int ms = 0; ms < 3'600'000; ++ms) armed.wheel().advance(now += base::milliseconds(1));
    state.PauseTiming();
    armed.arm_all(now);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(armed.expired()));
}
BENCHMARK(expire_all)
    ->Name("an hour of milliseconds, in which timers expire")
    ->Arg(1000)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace distflow::bench
