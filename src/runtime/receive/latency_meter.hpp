// How long messages wait for their handler and how long handlers take, from a sample of them.
//
// The thread that handlers run on; any thread takes a snapshot.
//   1. A message in kEveryMax is timed at most while they come fast, and each one while they come slowly: the mean
//      distance is such that a message is timed every kLeastInterval or less often. Only those cost reads of the clock.
//   2. A timed message stands for all since the one before it. The distance is random, so that no pattern in the
//      messages, such as runs of equal length, decides which are timed.
//   3. A handler that runs within another, which is timed, is part of that one, and is not timed itself.
//   4. Without a clock nothing is timed, and nothing is counted.
// Use: const bool is_timed = meter.is_due(); if (is_timed) meter.begin(mail); handler(mail); if (is_timed) meter.end();
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <distflow/stats.hpp>

#include "base/live_histogram.hpp"
#include "base/random.hpp"
#include "base/time.hpp"

namespace distflow::runtime {

class LatencyMeter {
 public:
  using Clock = base::Instant (*)();
  static constexpr std::uint64_t kEveryMax = 256;
  static constexpr base::Duration kLeastInterval = std::chrono::microseconds(100);

  /// `clock` is that of the loop; null: nothing is timed.
  explicit LatencyMeter(Clock clock) : clock_(clock), left_(clock == nullptr ? UINT64_MAX : 1) {}

  /// Of a message that came now: a 32-bit clock of microseconds, for Mail::came_at.
  [[nodiscard]] static std::uint32_t stamp_us(base::Instant now) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count());
  }
  /// The same in milliseconds, of a request.
  [[nodiscard]] static std::uint32_t stamp_ms(base::Instant now) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  }

  /// How many of the next `count` messages are not timed: all, or those before one that is. Counts them. Without a
  /// clock none is timed before 2^64 of them.
  [[nodiscard]] std::size_t untimed(std::size_t count) {
    if (count >= left_) return static_cast<std::size_t>(std::exchange(left_, 1) - 1);
    left_ -= count;
    return count;
  }
  /// Whether the next message is to be timed: then begin() and end() are called for it.
  [[nodiscard]] bool is_due() { return untimed(1) == 0; }

  /// A handler is about to be called with a message that came at `came_at_us`.
  [[gnu::noinline]] void begin(std::uint32_t came_at_us) {
    if (++depth_ > 1) return;
    begin_ = clock_();
    waited_ns_ = std::uint64_t{elapsed(stamp_us(begin_), came_at_us)} * 1000;
  }
  /// The same for a request. The milliseconds that it has waited for certain: two clocks of whole ones are less than
  /// one apart without any wait.
  [[gnu::noinline]] void begin_request(std::uint32_t came_at_ms) {
    if (++depth_ > 1) return;
    begin_ = clock_();
    const std::uint32_t waited_ms = elapsed(stamp_ms(begin_), came_at_ms);
    waited_ns_ = waited_ms <= 1 ? 0 : (std::uint64_t{waited_ms} - 1) * 1'000'000;
  }
  /// The handler has returned, or thrown.
  [[gnu::noinline]] void end() {
    if (--depth_ > 0) return;
    queue_wait_.record(waited_ns_, distance_);
    handler_.record(nanoseconds(clock_() - begin_), distance_);
    // As many at this rate as come within the interval.
    const std::uint64_t since_last = nanoseconds(begin_ - last_begin_);
    const std::uint64_t wanted = distance_ * nanoseconds(kLeastInterval);
    const std::uint64_t every = since_last == 0 ? kEveryMax : std::min(kEveryMax, wanted / since_last);
    last_begin_ = begin_;
    distance_ = every <= 1 ? 1 : 1 + random_.uniform(2 * every - 1);
    left_ = distance_;
  }

  /// Any thread.
  [[nodiscard]] LatencyStats snapshot() const {
    return {.queue_wait = queue_wait_.snapshot(), .handler = handler_.snapshot()};
  }

 private:
  static std::uint64_t nanoseconds(base::Duration duration) {
    const auto count = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
    return count < 0 ? 0 : static_cast<std::uint64_t>(count);
  }
  /// Between two of a clock that begins anew. A second thread may read its clock a little before the loop's.
  static std::uint32_t elapsed(std::uint32_t now, std::uint32_t then) {
    const std::uint32_t difference = now - then;
    return difference > UINT32_MAX / 2 ? 0 : difference;
  }

  const Clock clock_;
  std::uint64_t left_;          // messages up to the next one that is timed
  std::uint64_t distance_ = 1;  // of that one from the last
  unsigned depth_ = 0;          // calls of begin() without their end(): the outermost is timed
  base::Instant begin_{};
  base::Instant last_begin_{};
  std::uint64_t waited_ns_ = 0;
  base::Random random_{1};
  base::LiveHistogram queue_wait_;
  base::LiveHistogram handler_;
};

}  // namespace distflow::runtime
