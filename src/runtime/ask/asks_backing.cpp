// Asks' part in backups: a request to a group that has not ended in a while is sent to another member as well.
//
//     sent ── backup_after ──▶ two slots, each the other's twin ── one is answered ──▶ ended; the other is cancelled
//                                                                └─ one fails ──▶ the other goes on, alone
//
//   1. One of the two has the callback, and ends the request; which one may change.
//   2. Both have one deadline. Neither rests while the other is under way.
//   3. A request has one backup at most.
#include <algorithm>
#include <utility>

#include "base/give_back.hpp"
#include "runtime/ask/ask_slot.hpp"
#include "runtime/ask/asks.hpp"

namespace distflow::runtime {
namespace {

/// Whether it is the end of the request wherever else that is: its handler has spoken, or nobody waits any more.
bool ends_all(AskError why) {
  switch (why) {
    case AskError::none:
    case AskError::denied:
    case AskError::failed:
    case AskError::reply_lost:
    case AskError::deadline:
    case AskError::cancelled: return true;
    default: return false;
  }
}

}  // namespace

bool Asks::awaits_backup(const Slot& slot) {
  const OtherTargets* const others = slot.question.others;
  return others != nullptr && others->backup_after > base::Duration::zero() && !slot.has_backup;
}

/// For its deadline, or for its backup if that is earlier.
void Asks::set_first_due(Slot& slot) {
  base::Instant then = slot.question.deadline;
  if (awaits_backup(slot)) [[unlikely]]
    then = std::min(then, base::saturating_add(now_of(slot), slot.question.others->backup_after));
  set_due(slot, then);
}

/// Whatever keeps the backup from being sent, the first one goes on.
void Asks::send_backup(Slot& slot) {
  slot.has_backup = true;
  set_due(slot, slot.question.deadline);
  if (!slot.has_place) return;  // there was no room to keep its text
  TargetPtr target;
  Slot* backup = nullptr;
  SendVerdict verdict = SendVerdict::out_of_memory;
  static_cast<void>(parts_.reactor.has_memory_for([&] {
    target = slot.question.others->next(parts_.random.next());
    if (target == nullptr || target == slot.question.target) return;
    Link* const link = parts_.router.link_to(target);
    if (link == nullptr || !link->takes_asks()) return;
    if (group_of(*link).count >= parts_.asks_per_peer_max) return;
    if (!retries_.admit(parts_.reactor.now())) return add(way_->counters.retries_refused, 1);
    backup = take_slot();
    if (backup == nullptr) return;
    prepare_backup(*backup, slot, target);
    verdict = send(*backup, *link, slot.text);
  }));
  if (!is_under_way(verdict)) {
    if (target != nullptr) slot.question.others->let_go(*target, AskError::none);
    if (backup != nullptr) free_slot(*backup);
    return;
  }
  add(way_->counters.retried, 1);
  slot.twin = backup;
  backup->twin = &slot;
  if (!slot.may_retry) leave_place(slot);  // its text is not needed any more
  set_due(*backup, backup->question.deadline);
}

/// It counts as an attempt, so that one that goes on alone makes no more of them than are allowed.
void Asks::prepare_backup(Slot& backup, const Slot& first, const TargetPtr& target) {
  backup.question = {.target = target,
                     .begun = first.question.begun,
                     .deadline = first.question.deadline,
                     .others = first.question.others,
                     .attempts_max = first.question.attempts_max,
                     .is_direct = first.question.is_direct};
  backup.attempts = first.attempts;
  backup.was_sent = false;
  backup.may_retry = false;
  backup.has_backup = true;
  backup.may_have_run_elsewhere = false;
}

/// One of the two ends so; whether that is left to the other, which goes on.
bool Asks::is_left_to_twin(Slot& slot, const End& how) {
  if (is_closing_ || ends_all(how.error)) {
    drop_twin(slot, how.error);
    return false;
  }
  Slot& other = separate(slot);
  other.may_have_run_elsewhere |= how.may_have_run || slot.may_have_run_elsewhere;
  other.attempts = std::max(other.attempts, slot.attempts);
  if (other.attempts >= other.question.attempts_max) other.may_retry = false;
  if (slot.question.callback) {
    hand_over(slot, other);
    if (other.question.stop.stop_possible()) {
      other.stop.emplace(other.question.stop, Slot::Stop{.way = way_.get(), .id = other.id()});
    }
  }
  slot.question.others->let_go(*slot.question.target, how.error);
  forget(slot);
  return true;
}

/// This one ends the request. The node that has the other one is notified, for what may save it work.
void Asks::drop_twin(Slot& slot, AskError why) {
  Slot& other = separate(slot);
  slot.may_have_run_elsewhere |= other.state == Slot::State::sent || other.may_have_run_elsewhere;
  slot.was_sent |= other.was_sent;
  if (other.question.callback) hand_over(other, slot);
  slot.question.others->let_go(*other.question.target, AskError::none);
  const TargetPtr target = other.question.target;
  const std::uint64_t id = other.id();
  const bool is_told = why != AskError::deadline && !is_closing_ && leads_to_asked(other);
  forget(other);
  if (is_told) say_cancelled(target, id);
}

/// The other one of two, neither of which has a twin from then on.
Asks::Slot& Asks::separate(Slot& slot) {
  Slot& other = *std::exchange(slot.twin, nullptr);
  other.twin = nullptr;
  return other;
}

/// The callback, and what may stop the request.
void Asks::hand_over(Slot& from, Slot& to) {
  from.stop.reset();
  to.question.stop = std::move(from.question.stop);
  to.question.callback = std::exchange(from.question.callback, nullptr);
}

/// Of one whose end is nobody's business: the slot is free again.
void Asks::forget(Slot& slot) {
  leave_group(slot);
  leave_place(slot);
  slot.due = base::kNever;
  slot.state = Slot::State::free;
  slot.generation = generations_.next(parts_.reactor.backend(), slot.generation);
  slot.question = {};
  if (slot.text.capacity() > Slot::kTextKept) base::give_back(slot.text);
  free_.push_front(slot);
}

}  // namespace distflow::runtime
