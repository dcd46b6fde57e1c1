// Turning a loop until something has happened, for tests: never by sleeping, never for ever.
//
// Use: ASSERT_TRUE(poll_until(backend, [&] { return receiving.has_ended(); }));
#pragma once

#include <chrono>

#include "io/reactor.hpp"

namespace distflow::test {

/// After this a test has hung: far beyond what any machine needs.
inline constexpr std::chrono::seconds kPatience{30};

template <class Turn, class Condition>
bool turn_until(Turn turn, Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    turn();
  }
  return true;
}

template <class Condition>
bool poll_until(io::Backend& backend, Condition condition) {
  return turn_until([&] { backend.poll(backend.now() + base::milliseconds(20)); }, condition);
}

template <class Condition>
bool turn_until(io::Reactor& reactor, Condition condition) {
  return turn_until([&] { reactor.turn(reactor.now() + base::milliseconds(20)); }, condition);
}

/// Turns until nothing more happens of itself: `count` turns that do not wait.
inline void turn_some(io::Reactor& reactor, int count = 10) {
  for (int i = 0; i < count; ++i) reactor.turn(base::Instant::min());
}

}  // namespace distflow::test
