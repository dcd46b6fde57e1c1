#include "io/reactor.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/relax.hpp"
#include "io/scheduling.hpp"

namespace distflow::io {

Reactor::Reactor(std::unique_ptr<Backend> backend, ReactorOptions options)
    : options_(options),
      backend_(std::move(backend)),
      timers_(backend_->now()),
      tasks_(options.task_count_max),
      spin_advice_(options.wake_cost == nullptr ? options.spin : spin_for(options.wake_cost())),
      asleep_since_(backend_->now()) {}

Reactor::~Reactor() {
  while (!put_off_.empty()) put_off_.pop_front();
  destroy_ended();
}

void Reactor::turn(base::Instant deadline) {
  if (std::exchange(is_left_to_watcher_, false)) sleep_.retract();
  if (has_told_lookouts_) tell_lookouts(false);
  has_looked_in_vain_ = false;
  bool has_work = take_work();
  const bool spins = !has_work && put_off_.empty() && is_spinning();
  if (spins) has_work = looks_on();
  if (has_work) {
    run_put_off();  // what it has led to does not wait for the kernel
    if (may_pass_over_kernel()) return end_turn();
    ask_kernel(base::Instant::min());
  } else if (spins) {
    ask_kernel(base::Instant::min());
    has_looked_in_vain_ = activity() == activity_seen_ && put_off_.empty();
  } else if (!put_off_.empty()) {
    ask_kernel(base::Instant::min());
  } else {
    poll_asleep(deadline);
  }
  timers_.advance(now());
  has_looked_in_vain_ &= !take_work() && put_off_.empty();
  run_put_off();
  end_turn();
  if (has_looked_in_vain_) std::this_thread::yield();  // to the thread that brings work, if it shares this processor
}

void Reactor::end_turn() {
  if (!ended_.empty()) [[unlikely]]
    destroy_ended();
  if (is_watched_) leave_to_watcher();
}

/// After a turn's work: whether the kernel can wait. It has its say after a bounded number of turns and bytes, and at
/// once when the backend has something to do, or clocks to read.
bool Reactor::may_pass_over_kernel() {
  if (turns_passed_over_ + 1 >= turns_between_ || bytes_passed_over_ >= kBytesPassedOverMax) return false;
  if (!backend_->may_be_passed_over()) return false;
  ++turns_passed_over_;
  return true;
}

void Reactor::ask_kernel(base::Instant deadline) {
  const std::uint64_t before = kernel_activity();
  backend_->poll(deadline);
  turns_passed_over_ = 0;
  bytes_passed_over_ = 0;
  turns_between_ = kernel_activity() == before ? std::min(kTurnsPassedOverMax, turns_between_ * 2) : 1;
}

void Reactor::run() {
  while (!is_stopped()) turn(base::kNever);
}

base::Pushed Reactor::post(std::function<void()>&& task) {
  const base::Pushed pushed = tasks_.push(std::move(task));
  if (pushed) notify();
  return pushed;
}

void Reactor::discard_tasks() {
  for (std::function<void()> task; tasks_.pop(task);) task = nullptr;
}

void Reactor::stop() {
  is_stopped_.store(true, std::memory_order_relaxed);
  notify();
}

void Reactor::notify() {
  if (!sleep_.take()) return;
  wakes_.fetch_add(1, std::memory_order_relaxed);
  backend_->wake();
}

int Reactor::pollable_fd() {
  const int fd = backend_->pollable_fd();
  if (std::exchange(is_watched_, true)) return fd;
  is_left_to_watcher_ = true;
  sleep_.announce();
  tell_lookouts(true);
  backend_->wake();  // there may be work from before
  return fd;
}

/// Between turns a watched loop counts as asleep, and whatever the next turn has to do at once makes its descriptor
/// readable.
void Reactor::leave_to_watcher() {
  is_left_to_watcher_ = true;
  sleep_.announce();
  tell_lookouts(true);
  if (take_work() || !put_off_.empty()) backend_->wake();
}

/// Rises with all that the kernel brings.
std::uint64_t Reactor::kernel_activity() {
  const BackendCounters& counters = backend_->counters();
  return counters.recvs + counters.sends + counters.accepts;
}

/// Rises with all that a loop is there for.
std::uint64_t Reactor::activity() { return kernel_activity() + work_taken_; }

bool Reactor::is_spinning() {
  if (options_.spin == base::Duration::zero() && options_.wake_cost == nullptr) return false;
  const std::uint64_t latest = activity();
  if (std::exchange(activity_seen_, latest) != latest) {
    note_work();
    if (spin_advice_.spin() > base::Duration::zero()) return true;
  }
  if (!std::exchange(has_begun_spinning_, true)) {
    // From the first look in vain on: before it the clocks may be as old as the last question to the kernel.
    spin_until_ = base::saturating_add(now(), spin_advice_.spin());
  }
  if (now() < spin_until_) return true;
  if (std::exchange(wait_, Wait::sleeping) == Wait::spinning) {
    if (spin_advice_.spin() > base::Duration::zero()) spin_advice_.note_vain();
    asleep_since_ = now();
  }
  return false;
}

void Reactor::note_work() {
  has_begun_spinning_ = false;
  if (std::exchange(wait_, Wait::spinning) == Wait::spinning) {
    if (!is_spin_paid_for()) return spin_advice_.note_poor();
    spin_advice_.note_found();
    if (options_.preemptions != nullptr && --finds_until_look_ == 0) look_for_sharing();
    return;
  }
  if (options_.wake_cost != nullptr) spin_advice_.set_spin_max(spin_for(options_.wake_cost()));
  spin_advice_.note_slept(now() - asleep_since_);
  begin_paying();
  if (options_.preemptions == nullptr) return;
  finds_until_look_ = finds_looked_at_ = kFindsAtFirst;
  if (spin_advice_.spin() == base::Duration::zero()) return;
  preemptions_seen_ = options_.preemptions();
  bytes_seen_ = bytes_brought();
}

void Reactor::begin_paying() {
  spin_credit_ = std::min(spin_advice_.spin_max(), kSpinReckonedMax) * kSpinsInAdvance;
  paid_at_ = now();
  bytes_paid_ = bytes_brought();
  own_work_paid_ = own_work_ + backend_->counters().sends;
}

/// Whether what was found while spinning was worth the time. A peer that sends a byte now and then is not to have the
/// processor for itself.
bool Reactor::is_spin_paid_for() {
  const base::Duration spin = std::min(spin_advice_.spin_max(), kSpinReckonedMax);
  const std::uint64_t own_work = own_work_ + backend_->counters().sends;
  const bool is_own = std::exchange(own_work_paid_, own_work) != own_work;
  const std::uint64_t brought = bytes_brought();
  const std::uint64_t bytes = brought - std::exchange(bytes_paid_, brought);
  // No more than was spun: what the work itself took, or another process in between, says nothing against spinning.
  const base::Duration spent = std::min(now() - std::exchange(paid_at_, now()), spin);
  const auto paid = static_cast<int>(is_own ? kBytesOfSpin * kSpinsInAdvance
                                            : std::min<std::uint64_t>(bytes, kBytesOfSpin * kSpinsInAdvance));
  spin_credit_ = std::min(spin * kSpinsInAdvance, spin_credit_ + spin * paid / kBytesOfSpin - spent);
  return spin_credit_ >= base::Duration::zero();
}

/// Where both ends have one processor, each finds work because it has just left it to the other.
void Reactor::look_for_sharing() {
  const std::uint64_t before = std::exchange(preemptions_seen_, options_.preemptions());
  const bool is_shared = (preemptions_seen_ - before) * 2 >= finds_looked_at_;
  const std::uint64_t bytes_before = std::exchange(bytes_seen_, bytes_brought());
  const bool is_stream = bytes_seen_ - bytes_before >= finds_looked_at_ * kBytesOfStream;
  looks_per_question_ = is_shared ? 0 : kLooksPerQuestion;
  if (is_shared && options_.sleeps_if_shared && !is_stream) spin_advice_.note_shared();
  finds_until_look_ = finds_looked_at_ = kFindsLater;
}

void Reactor::poll_asleep(base::Instant deadline) {
  sleep_.announce();
  tell_lookouts(true);
  const bool has_work = take_work() || is_stopped() || !put_off_.empty();
  // The look may have armed a timer, too.
  ask_kernel(has_work ? base::Instant::min() : std::min(deadline, timers_.next_deadline()));
  sleep_.retract();
}

bool Reactor::take_work() {
  bool any = drain_inbox_ && drain_inbox_();
  std::function<void()> task;
  for (std::size_t count = tasks_.size(); count > 0 && tasks_.pop(task); --count) {
    any = true;
    task();
  }
  if (any) ++own_work_;
  any |= look_out();
  if (any) ++work_taken_;
  return any;
}

/// Each hook looks once. A hook may end itself, or another one.
bool Reactor::look_out() {
  if (poll_hooks_.empty()) return false;
  std::size_t bytes = 0;
  std::size_t written = 0;
  base::IntrusiveList<PollHook, PollHook> waiting;
  waiting.take(poll_hooks_);
  while (!waiting.empty()) {
    PollHook& hook = waiting.pop_front();
    poll_hooks_.push_back(hook);
    bytes += hook.on_look();
    written += std::exchange(hook.written, 0);
  }
  bytes_passed_over_ += bytes;
  memory_bytes_ += bytes - written;
  return bytes > 0;
}

/// For a loop that spins: looks at memory, and now and then at what other threads have submitted, for as long as a few
/// system calls take.
bool Reactor::looks_on() {
  for (int i = 1; i <= looks_per_question_ && !poll_hooks_.empty(); ++i) {
    if (i % kLooksAtMemory == 0) {
      if (take_work()) return true;
    } else if (look_out()) {
      ++work_taken_;
      return true;
    }
    base::relax_processor();
  }
  return false;
}

void Reactor::tell_lookouts(bool sleeps) {
  has_told_lookouts_ = sleeps;
  base::IntrusiveList<PollHook, PollHook> waiting;
  waiting.take(poll_hooks_);
  while (!waiting.empty()) {
    PollHook& hook = waiting.pop_front();
    poll_hooks_.push_back(hook);
    hook.on_sleep(sleeps);
  }
}

/// An object that is destroyed may end others.
void Reactor::destroy_ended() {
  while (!ended_.empty()) {
    const base::Delegate<void()> destroy = ended_.pop_front().on_turn_end;  // a copy: the member goes with its object
    destroy();
  }
}

void Reactor::run_put_off() {
  base::IntrusiveList<DeferredTask, DeferredTask> work;  // what is put off meanwhile belongs to the next turn
  work.take(put_off_);
  while (!work.empty()) work.pop_front().on_turn_end();
}

}  // namespace distflow::io
