#include "pmd/server/departures.hpp"

#include <algorithm>
#include <utility>

namespace distflow::pmd {
namespace {

/// How soon to try again what there was no memory for.
constexpr base::Duration kAgainAfter = base::milliseconds(10);

}  // namespace

Departures::Departures(io::Reactor& reactor, const ServerOptions& options, ServerCounters& counters, Registry& registry,
                       RegistryStore& store, Announcer& announcer, base::Delegate<void()> on_names_freed)
    : reactor_(reactor),
      options_(options),
      counters_(counters),
      registry_(registry),
      store_(store),
      announcer_(announcer),
      on_names_freed_(on_names_freed),
      expiry_timer_(base::Delegate<void()>::to<&Departures::on_expiry_timer>(*this)) {
  go_on_.on_turn_end = base::Delegate<void()>::to<&Departures::go_on>(*this);
}

void Departures::stop() {
  is_stopped_ = true;
  reactor_.timers().cancel(expiry_timer_);
  go_on_.unlink();
}

void Departures::note(std::span<const Registry::Departure> departures) {
  announcer_.tell_leaves(departures);
  if (departures.empty() || is_stopped_) return;
  arm_expiry();
  on_names_freed_();
}

void Departures::arm_expiry() {
  const base::Instant next = registry_.next_expiry();
  const base::Instant at = next == base::kNever ? next : std::max(next, no_expiry_before_);
  if (std::exchange(expiry_armed_at_, at) == at) return;
  if (at == base::kNever) {
    reactor_.timers().cancel(expiry_timer_);
  } else {
    reactor_.timers().arm(expiry_timer_, at);
  }
}

void Departures::on_expiry_timer() {
  const base::Instant now = reactor_.now();
  const base::Duration lateness = now - std::exchange(expiry_armed_at_, base::kNever);
  std::vector<Registry::Departure> expired;
  if (lateness > options_.stall_max) {
    // This process stood still. Heartbeats may be waiting to be read: nobody expires before they have been.
    ++counters_.stalls;
    no_expiry_before_ = base::saturating_add(now, options_.stall_grace);
  } else {
    const bool had_memory = reactor_.has_memory_for([&] { expired = registry_.expire(now, kLeavesPerTurn); });
    no_expiry_before_ = had_memory ? now : now + kAgainAfter;  // what is left is not late because of that
    counters_.expiries += expired.size();
  }
  for (const Registry::Departure& gone : expired) store_.release(gone.owner, gone.node.node_id);
  arm_expiry();
  note(expired);
  for (const Registry::Departure& gone : expired) {
    announcer_.tell_loss(gone.owner, gone.node.node_id, protocol::LossReason::expired, nullptr);
  }
}

void Departures::take_off_gone() {
  if (!registry_.has_gone() || is_stopped_) return;
  std::vector<Registry::Departure> departures;
  static_cast<void>(reactor_.has_memory_for([&] { departures = registry_.drop_gone(leaves_left_); }));
  leaves_left_ -= departures.size();
  note(departures);
  reactor_.defer(go_on_);
}

void Departures::go_on() {
  leaves_left_ = kLeavesPerTurn;
  take_off_gone();
}

}  // namespace distflow::pmd
