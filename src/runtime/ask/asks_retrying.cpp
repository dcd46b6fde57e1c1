// Asks' part in requests that are sent again, where their asker allows it: what has surely not run may run once yet.
//
//     sent ── busy, or connection_lost before it was handed over ──▶ resting ── its pause is over ──▶ sent, or
//     resolving
//                                                                       └── its deadline, its end ──▶ ended
//
// One to a group rests as well when the member has left before it was handed over, or cannot be connected to. It is
// sent to another member then, if there is one.
#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "runtime/ask/ask_slot.hpp"
#include "runtime/ask/asks.hpp"

namespace distflow::runtime {
namespace {

constexpr base::Duration kFirstPause = base::milliseconds(20);
constexpr int kDoublingsMax = 6;

/// Whether a later attempt may end better; `elsewhere`: with another node.
bool is_passing(AskError why, bool elsewhere) {
  switch (why) {
    case AskError::busy:
    case AskError::connection_lost: return true;
    case AskError::peer_left:
    case AskError::unresolved:
    case AskError::not_sent: return elsewhere;
    default: return false;
  }
}

}  // namespace

/// Half of a pause that doubles with each attempt, and a random part of the other half: those that failed together do
/// not come back together. Another member of a group has not failed: the first time it is asked at once.
base::Duration Asks::pause_before_retry(const Slot& slot) {
  const OtherTargets* const others = slot.question.others;
  if (others != nullptr && others->is_another_at_once && slot.attempts == 1) return base::Duration::zero();
  const int doublings = std::min(slot.attempts - 1, kDoublingsMax);
  const auto half = static_cast<std::uint64_t>((kFirstPause * (1 << doublings)).count() / 2);
  return base::Duration(static_cast<base::Duration::rep>(half + parts_.random.uniform(half + 1)));
}

/// Keeps what another attempt needs, or a backup. Without room for it there is none.
void Asks::prepare_retries(Slot& slot, std::string_view json) {
  const bool may_retry = slot.attempts < slot.question.attempts_max;
  slot.may_retry = false;
  if (!may_retry && !awaits_backup(slot)) return;
  if (json.data() != slot.text.data()) slot.text.assign(json);
  slot.may_retry = (slot.has_place || take_place(slot)) && may_retry;
}

/// Whether it is sent again later, instead of ending so.
bool Asks::rests_after(Slot& slot, const End& how) {
  OtherTargets* const others = slot.question.others;
  if (slot.twin != nullptr) return false;  // that one goes on meanwhile
  if (!slot.may_retry || how.may_have_run || !is_passing(how.error, others != nullptr) || is_closing_) return false;
  const base::Instant now = now_of(slot);
  const base::Instant then = now + pause_before_retry(slot);
  if (then >= slot.question.deadline) return false;
  if (!retries_.admit(now)) {
    add(way_->counters.retries_refused, 1);
    return false;
  }
  add(way_->counters.retried, 1);
  if (slot.state == Slot::State::sent) slot.asked = std::hash<std::string_view>{}(slot.group->name);
  if (others != nullptr) others->let_go(*slot.question.target, how.error);
  leave_group(slot);
  slot.state = Slot::State::resting;
  join(slot, *resting_);
  set_due(slot, then);
  return true;
}

void Asks::send_again(Slot& slot) {
  leave_group(slot);
  slot.state = Slot::State::free;
  set_first_due(slot);
  SendVerdict verdict = SendVerdict::out_of_memory;
  static_cast<void>(parts_.reactor.has_memory_for([&] {
    if (slot.question.others != nullptr) choose_anew(slot);
    Link* const link = parts_.router.link_to(slot.question.target);
    verdict = link == nullptr ? wait_for_name(slot, slot.text) : send(slot, *link, slot.text);
  }));
  if (is_under_way(verdict)) return;  // or it has ended
  close_slot(slot, {.error = AskError::not_sent, .verdict = verdict});
}

/// Another member of the group, if there is one; else the one that has failed, again.
void Asks::choose_anew(Slot& slot) {
  TargetPtr next = slot.question.others->next(parts_.random.next());
  if (next == nullptr || next == slot.question.target) return;
  leave_place(slot);  // it is one of that name's
  slot.question.target = std::move(next);
}

/// For an attempt at another node than the last: that one knows the id, and could answer for this one.
void Asks::renew_id(Slot& slot, const Link& link) {
  if (slot.asked == std::hash<std::string_view>{}(link.node_id())) return;
  slot.generation = generations_.next(parts_.reactor.backend(), slot.generation);
  if (!slot.stop) return;
  slot.stop.emplace(slot.question.stop, Slot::Stop{.way = way_.get(), .id = slot.id()});
}

}  // namespace distflow::runtime
