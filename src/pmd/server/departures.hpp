// Takes nodes off the registry whose time is over: those of connections that have ended, and those whose TTL has.
//
// Loop thread only.
//   1. What one end causes is done over turns: a connection may have had many nodes, and many may end at once. A turn
//      takes kLeavesPerTurn off.
//   2. Nobody expires because this process stood still: what has come meanwhile is read first.
//   3. What leaves is announced, and on_names_freed is called.
// Use: departures.arm_expiry(); ... departures.take_off_gone(); ... departures.note(left);
#pragma once

#include <cstddef>
#include <span>

#include "pmd/server/announcer.hpp"
#include "pmd/server/registry_store.hpp"

namespace distflow::pmd {

class Departures {
 public:
  /// All must outlive it.
  Departures(io::Reactor& reactor, const ServerOptions& options, ServerCounters& counters, Registry& registry,
             RegistryStore& store, Announcer& announcer, base::Delegate<void()> on_names_freed);
  ~Departures() { go_on_.unlink(); }
  Departures(const Departures&) = delete;
  Departures& operator=(const Departures&) = delete;

  /// Something may expire earlier than before, or later.
  void arm_expiry();
  /// An owner may have gone.
  void take_off_gone();
  /// They have left the registry.
  void note(std::span<const Registry::Departure> departures);
  void stop();

 private:
  static constexpr std::size_t kLeavesPerTurn = 128;

  void on_expiry_timer();
  void go_on();

  io::Reactor& reactor_;
  const ServerOptions& options_;
  ServerCounters& counters_;
  Registry& registry_;
  RegistryStore& store_;
  Announcer& announcer_;
  const base::Delegate<void()> on_names_freed_;
  bool is_stopped_ = false;
  base::Timer expiry_timer_;
  base::Instant expiry_armed_at_ = base::kNever;
  base::Instant no_expiry_before_ = base::Instant::min();
  std::size_t leaves_left_ = kLeavesPerTurn;  // in this turn
  io::DeferredTask go_on_;
};

}  // namespace distflow::pmd
