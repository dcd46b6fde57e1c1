// What became of the requests of a node, and of those that came to it.
//
// Any thread. Exact when nobody works on them.
//   1. asked = replied + the sum of failed + pending.
//   2. received = answered + the sum of words + waiting + in_handlers.
#pragma once

#include <array>

#include <distflow/ask.hpp>
#include <distflow/stats.hpp>

#include "protocol/ask_members.hpp"
#include "runtime/counters/counters.hpp"

namespace distflow::runtime {

struct AskCounters {
  Counter asked{0};
  Counter replied{0};
  std::array<Counter, kAskErrorCount> failed{};  // by AskError; none of AskError::none
  Counter pending{0};                            // no callback yet
  Counter late{0};
  Counter unasked{0};
  Counter retried{0};          // attempts after the first
  Counter retries_refused{0};  // for want of budget

  Counter received{0};
  Counter answered{0};
  std::array<Counter, protocol::kAskWords.size()> words{};  // by AskWord
  Counter waiting{0};
  Counter in_handlers{0};
  Counter cancels{0};
  Counter answers_lost{0};

  [[nodiscard]] AskStats snapshot() const;
};

}  // namespace distflow::runtime
