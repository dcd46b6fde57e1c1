// What became of the requests of a node, and of those that came to it.
//
// Any thread, but where it says otherwise. Exact when nobody works on them.
//   1. asked = replied + the sum of failed + pending.
//   2. received = answered + the sum of words + waiting + in_handlers.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include <distflow/ask.hpp>
#include <distflow/stats.hpp>

#include "protocol/ask_members.hpp"
#include "runtime/counters/counters.hpp"

namespace distflow::runtime {

/// A counter of all threads, to which the loop's adds without a locked instruction.
class SplitCounter {
 public:
  void add(std::int64_t n) { others_.fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed); }
  /// Loop thread.
  void add_on_loop(std::int64_t n) { add_owned(loops_, static_cast<std::uint64_t>(n)); }
  void add(std::int64_t n, bool is_on_loop) { is_on_loop ? add_on_loop(n) : add(n); }
  /// What begins on one thread and ends on another may be seen to have ended only: that is none, and not less.
  [[nodiscard]] std::uint64_t value() const {
    const auto sum = static_cast<std::int64_t>(read(others_) + read(loops_));
    return static_cast<std::uint64_t>(std::max<std::int64_t>(sum, 0));
  }

 private:
  Counter loops_{0};
  Counter others_{0};
};

/// The places of requests that are pending: at most so many. Some that have become free on the loop's thread are kept
/// for it, and cost no locked instruction then; a node of few places keeps none.
class AskPlaces {
 public:
  explicit AskPlaces(std::uint32_t places_max) : max_(places_max), kept_max_(std::min(kKeptMax, places_max / kShare)) {}

  [[nodiscard]] bool take(bool is_on_loop) {
    if (is_on_loop && read(kept_) > 0) {
      add_owned(kept_, std::uint64_t{0} - 1);
      return true;
    }
    if (taken_.fetch_add(1, std::memory_order_relaxed) < max_) return true;
    taken_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  void leave(bool is_on_loop) {
    if (is_on_loop && read(kept_) < kept_max_) return add_owned(kept_, 1);
    taken_.fetch_sub(1, std::memory_order_relaxed);
  }
  /// How many requests have one.
  [[nodiscard]] std::uint64_t used() const {
    const std::uint64_t taken = read(taken_);
    return taken - std::min(taken, read(kept_));
  }

 private:
  static constexpr std::uint32_t kKeptMax = 64;
  static constexpr std::uint32_t kShare = 1024;  // one of so many is kept, at most

  const std::uint64_t max_;
  const std::uint64_t kept_max_;
  Counter taken_{0};  // those that are kept, too
  Counter kept_{0};   // written by the loop's thread
};

struct AskCounters {
  explicit AskCounters(std::uint32_t asks_max) : pending(asks_max) {}

  SplitCounter asked;
  SplitCounter replied;
  std::array<Counter, kAskErrorCount> failed{};  // by AskError; none of AskError::none
  AskPlaces pending;                             // no callback yet
  Counter late{0};
  Counter unasked{0};
  Counter retried{0};          // attempts after the first
  Counter retries_refused{0};  // for lack of budget

  Counter received{0};  // written by the loop's thread
  SplitCounter answered;
  std::array<Counter, protocol::kAskWords.size()> words{};  // by AskWord
  SplitCounter waiting;
  SplitCounter in_handlers;
  Counter cancels{0};
  Counter answers_lost{0};

  Counter calls_out_of_memory{0};  // of a Request or a Responder, which know no node

  [[nodiscard]] AskStats snapshot() const;
};

}  // namespace distflow::runtime
