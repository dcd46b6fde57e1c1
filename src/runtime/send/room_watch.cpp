#include "runtime/send/room_watch.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace distflow::runtime {

/// On the stack of the thread that waits.
struct RoomWatch::Waiter : base::ListNode<Waiter> {
  explicit Waiter(const Wanted& what) : wanted(what) {}

  const Wanted& wanted;
  Waited outcome = Waited::late;
  std::condition_variable served;
};

RoomWatch::~RoomWatch() {
  DF_ASSERT(waiters_.empty());
  while (refused_ != nullptr) refused_ = std::exchange(refused_->next_refused, nullptr);
}

RoomWatch::Waited RoomWatch::wait(const Wanted& wanted, base::Instant until, base::Delegate<void()> wake_loop) {
  Waiter self(wanted);
  std::unique_lock lock(mutex_);
  if (is_closed_) return Waited::closed;
  waiters_.push_back(self);
  if (wanted.credit != nullptr) wanted.credit->begin_waiting();
  count_.fetch_add(1, std::memory_order_seq_cst);
  if (wanted.credit != nullptr) {  // invariant 1
    serve_waiters();
  } else if (wake_loop) {
    wake_loop();
  }
  self.served.wait_until(lock, until, [&self] { return !self.is_linked(); });
  if (self.is_linked()) {
    self.unlink();
    if (wanted.credit != nullptr) wanted.credit->end_waiting();
    serve_waiters();  // those that came later may have waited for this one's turn alone
  }
  count_.fetch_sub(1, std::memory_order_relaxed);
  return self.outcome;
}

bool RoomWatch::note_refused(const TargetPtr& target, SendCredit::Amount missing) {
  const std::scoped_lock lock(mutex_);
  if (is_closed_) return false;
  if (target->is_refused) {
    SendCredit::Amount& least = target->refused;
    const bool is_less = missing.bytes < least.bytes || missing.messages < least.messages;
    least = {std::min(least.bytes, missing.bytes), std::min(least.messages, missing.messages)};
    return is_less && has_eased(*target);
  }
  target->is_refused = true;
  target->refused = missing;
  target->next_refused = std::exchange(refused_, target);
  count_.fetch_add(1, std::memory_order_seq_cst);
  return has_eased(*target);
}

void RoomWatch::close() {
  const std::scoped_lock lock(mutex_);
  is_closed_ = true;
  while (!waiters_.empty()) {
    Waiter& waiter = waiters_.pop_front();
    if (waiter.wanted.credit != nullptr) waiter.wanted.credit->end_waiting();
    waiter.outcome = Waited::closed;
    waiter.served.notify_one();
  }
}

std::size_t RoomWatch::serve_all(std::span<TargetPtr> eased) {
  const std::scoped_lock lock(mutex_);
  serve_waiters();
  return take_eased(eased);
}

void RoomWatch::serve_waiters() {
  base::IntrusiveList<Waiter, Waiter> waiting;
  waiting.take(waiters_);
  waiting.for_each([](const Waiter& waiter) {
    if (SendCredit* const credit = waiter.wanted.credit.get()) credit->serves_waiting = credit->is_eased();
  });
  while (!waiting.empty()) {
    Waiter& waiter = waiting.pop_front();
    if (serve(waiter)) {
      waiter.served.notify_one();
    } else {
      waiters_.push_back(waiter);
    }
  }
}

/// One that finds no room keeps those behind it from that of its peer.
bool RoomWatch::serve(Waiter& waiter) {
  const Wanted& wanted = waiter.wanted;
  waiter.outcome = Waited::has_room;
  if (wanted.credit == nullptr) return true;
  SendCredit& credit = *wanted.credit;
  if (wanted.target.version.load(std::memory_order_acquire) != wanted.version) {
    waiter.outcome = Waited::changed;
  } else if (!credit.serves_waiting || !credit.take_waiting(wanted.amount)) {
    credit.serves_waiting = false;
    waiter.outcome = Waited::late;  // unless it is served in time
    return false;
  }
  credit.end_waiting();
  return true;
}

/// As many as there is a place for; returns how many.
std::size_t RoomWatch::take_eased(std::span<TargetPtr> eased) {
  std::size_t count = 0;
  TargetPtr* link = &refused_;
  while (*link != nullptr && count < eased.size()) {
    TargetState& target = **link;
    if (has_eased(target)) {
      target.is_refused = false;
      count_.fetch_sub(1, std::memory_order_relaxed);
      eased[count++] = std::exchange(*link, std::exchange(target.next_refused, nullptr));
    } else {
      link = &target.next_refused;
    }
  }
  return count;
}

/// Or leads nowhere any more: what is sent to it then waits for its name, or is refused with another verdict.
bool RoomWatch::has_eased(TargetState& target) {
  const std::scoped_lock lock(target.mutex);
  return target.credit == nullptr || (target.credit->is_eased(target.refused) && !target.credit->is_waited_for());
}

}  // namespace distflow::runtime
