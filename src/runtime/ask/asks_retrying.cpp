// Asks' part in requests that are sent again, where their asker allows it: what has surely not run may run once yet.
//
//     sent ── busy, or connection_lost before it was handed over ──▶ resting ── its pause is over ──▶ sent, or
//     resolving
//                                                                       └── its deadline, its end ──▶ ended
#include <algorithm>
#include <functional>
#include <string_view>

#include "runtime/ask/ask_slot.hpp"
#include "runtime/ask/asks.hpp"

namespace distflow::runtime {
namespace {

constexpr base::Duration kFirstPause = base::milliseconds(20);
constexpr int kDoublingsMax = 6;

bool is_passing(AskError why) { return why == AskError::busy || why == AskError::connection_lost; }

}  // namespace

/// Half of a pause that doubles with each attempt, and a random part of the other half: those that failed together do
/// not come back together.
base::Duration Asks::pause_before_retry(const Slot& slot) {
  const int doublings = std::min(slot.attempts - 1, kDoublingsMax);
  const auto half = static_cast<std::uint64_t>((kFirstPause * (1 << doublings)).count() / 2);
  return base::Duration(static_cast<base::Duration::rep>(half + parts_.random.uniform(half + 1)));
}

/// Keeps what another attempt needs. Without room for it there is none.
void Asks::prepare_retries(Slot& slot, std::string_view json) {
  slot.may_retry = false;
  if (slot.attempts >= slot.question.attempts_max) return;
  if (json.data() != slot.text.data()) slot.text.assign(json);
  slot.may_retry = slot.has_place || take_place(slot);
}

/// Whether it is sent again later, instead of ending so.
bool Asks::rests_after(Slot& slot, const End& how) {
  if (!slot.may_retry || how.may_have_run || !is_passing(how.error) || is_closing_) return false;
  const base::Instant now = parts_.reactor.now();
  const base::Instant then = now + pause_before_retry(slot);
  if (then >= slot.question.deadline) return false;
  if (!retries_.admit(now)) {
    add(way_->counters.retries_refused, 1);
    return false;
  }
  add(way_->counters.retried, 1);
  slot.asked = std::hash<std::string_view>{}(slot.group->name);
  leave_group(slot);
  slot.state = Slot::State::resting;
  join(slot, *resting_);
  parts_.reactor.timers().arm(slot.timer, then);
  return true;
}

void Asks::send_again(Slot& slot) {
  leave_group(slot);
  slot.state = Slot::State::free;
  parts_.reactor.timers().arm(slot.timer, slot.question.deadline);
  SendVerdict verdict = SendVerdict::out_of_memory;
  static_cast<void>(parts_.reactor.has_memory_for([&] {
    Link* const link = parts_.router.link_to(slot.question.target);
    verdict = link == nullptr ? wait_for_name(slot, slot.text) : send(slot, *link, slot.text);
  }));
  if (is_under_way(verdict)) return;  // or it has ended
  close_slot(slot, {.error = AskError::not_sent, .verdict = verdict});
}

/// For an attempt at another node than the last: that one knows the id, and could answer for this one.
void Asks::renew_id(Slot& slot, const Link& link) {
  if (slot.asked == std::hash<std::string_view>{}(link.node_id())) return;
  slot.generation = generations_.next(parts_.reactor.backend(), slot.generation);
  if (!slot.stop) return;
  slot.stop.reset();
  slot.stop.emplace(slot.question.stop, Slot::Stop{.way = way_.get(), .id = slot.id()});
}

}  // namespace distflow::runtime
