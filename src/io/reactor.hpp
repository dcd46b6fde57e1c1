// The reactor: one thread's loop over a backend. Turns, timers, work posted by other threads, work put off to a turn's
// end.
//
// Loop thread only, except post(), notify() and stop(). The thread that calls run() or turn() is the loop's thread.
//   1. A turn is: poll, expired timers, submissions, deferred tasks (DeferredTask), in this order. Submissions and
//      memory are looked at before the poll, too. If they bring something, what it defers runs before the poll: an
//      answer does not wait for the kernel. Such a turn may then end without a poll, while polls have lately found
//      nothing: Reactor::may_pass_over_kernel().
//   2. The loop sleeps only when nothing is deferred and nothing is posted; post() wakes it only if it sleeps.
//   3. Nothing that may be on the call stack is destroyed: what ends inside a callback goes to destroy_later(), and is
//      destroyed at the turn's end, when no callback runs.
//   4. No callback throws: not an operation's, a timer's, a task's, nor one of what is put off. What it does that may
//      need memory it does inside has_memory_for(). Where there is none its owner gives up what the callback was for,
//      so that the other side learns of it and both can begin anew: a connection is closed, an accepted stream too, a
//      dial fails, what changed in the registry is read again, an optional speed-up is left out. What cannot be given
//      up (ends, answers that are owed, leases) has its memory from when it was begun.
// Use: Reactor reactor(std::move(backend), {}); reactor.run();
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>

#include "base/delegate.hpp"
#include "base/intrusive_list.hpp"
#include "base/sleep_flag.hpp"
#include "base/spin_advice.hpp"
#include "base/submission_queue.hpp"
#include "base/time.hpp"
#include "base/timer_wheel.hpp"
#include "io/backend.hpp"

namespace distflow::io {

/// A task that runs once at the end of the current turn, however often it was deferred.
class DeferredTask : public base::ListNode<DeferredTask> {
 public:
  base::Delegate<void()> on_turn_end;
};

/// A source of work that the kernel does not report, such as shared memory; polled every turn.
class PollHook : public base::ListNode<PollHook> {
 public:
  /// Does a bounded amount of work, and returns its bytes, or 1 for work without bytes; 0 when there was none.
  base::Delegate<std::size_t()> on_look;
  /// Set by on_look: how many of its bytes were written, and so brought by nobody.
  std::size_t written = 0;
  /// Called with true right before the loop blocks: producers must now wake it through the backend; it polls once more
  /// before it does. Called with false when it runs again.
  base::Delegate<void(bool)> on_sleep;
};

struct ReactorOptions {
  /// How long the loop goes on looking for work after the last it had, before it sleeps; while that pays
  /// (base/spin_advice.hpp).
  base::Duration spin{0};
  /// Says what a wake-up costs here: the loop then spins for spin_for() that (io/scheduling.hpp) instead of `spin`.
  base::Duration (*wake_cost)() = nullptr;
  /// Says how often this thread has left its processor to others. A loop whose work comes only then yields at once when
  /// it has none. If `sleeps_if_shared` it does not spin then, unless much comes each time: a processor that several
  /// receivers have is left to the next of them sooner than each is woken.
  std::uint64_t (*preemptions)() = nullptr;
  bool sleeps_if_shared = false;
  /// Tasks posted and not yet run, at most.
  std::size_t task_count_max = 65536;
};

class Reactor {
 public:
  Reactor(std::unique_ptr<Backend> backend, ReactorOptions options);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  [[nodiscard]] Backend& backend() { return *backend_; }
  [[nodiscard]] base::TimerWheel& timers() { return timers_; }

  /// Both clocks as of this turn.
  [[nodiscard]] base::Instant now() const { return backend_->now(); }
  [[nodiscard]] base::WallMs wall_ms() const { return backend_->wall_ms(); }

  /// Arms `timer` to expire `after` from now on.
  void arm_after(base::Timer& timer, base::Duration after) { timers_.arm(timer, base::saturating_add(now(), after)); }

  /// Runs `work` at the end of this turn, or of the next one between turns. Nothing happens when it is put off already.
  void defer(DeferredTask& work) {
    if (work.is_linked()) return;
    if (is_left_to_watcher_ && put_off_.empty()) backend_->wake();
    put_off_.push_back(work);
  }

  /// Destroys `object` at the end of this turn, or of the next one between turns, behind all that is put off.
  /// `member` is a part of the object that nothing else uses any more: it costs no memory, and cannot fail.
  template <class T>
  void destroy_later(std::unique_ptr<T> object, DeferredTask& member) {
    member.unlink();
    member.on_turn_end = base::Delegate<void()>::destroying(object.release());
    ended_.push_back(member);
  }
  /// Destroys now what waits for the turn's end. Between turns only, where no callback of the objects is on the stack.
  void destroy_ended();

  /// Looks there in each turn, until the hook is unlinked.
  void watch(PollHook& hook) { poll_hooks_.push_back(hook); }

  /// One turn. Waits for something to do until `deadline` at the latest; or looks once for work, while it spins.
  void turn(base::Instant deadline);
  /// Whether the last turn looked for work, found none, and did not wait.
  [[nodiscard]] bool has_looked_in_vain() const { return has_looked_in_vain_; }
  /// Turns until stop().
  void run();

  /// Has the loop's thread run `task`, which is untouched when the queue is full or memory is exhausted. Any thread.
  base::Pushed post(std::function<void()>&& task);
  /// Destroys the tasks that wait, without running them. Loop thread, or when there is none any more.
  void discard_tasks();
  /// Runs `call`, which may run out of memory; false, and counted, if it has.
  template <class Call>
  [[nodiscard]] bool has_memory_for(Call&& call) {
    try {
      call();
      return true;
    } catch (const std::bad_alloc&) {
      note_out_of_memory();
      return false;
    }
  }
  void note_out_of_memory() { out_of_memory_.fetch_add(1, std::memory_order_relaxed); }
  /// How often a callback has run out of memory. Any thread.
  [[nodiscard]] std::uint64_t out_of_memory_count() const { return out_of_memory_.load(std::memory_order_relaxed); }

  /// Makes run() return after its turn. Any thread.
  void stop();
  /// Wakes the loop if it sleeps, so that it looks at what was submitted before. Any thread.
  void notify();

  /// A descriptor that polls readable when a turn has something to do, for a program that turns the loop itself; -1
  /// where the backend has none. From this call on, post(), notify() and defer() reach it between turns, too. It does
  /// not report timers: the program wakes for timers().next_deadline() by itself.
  [[nodiscard]] int pollable_fd();

  /// Called each turn, and once more before the loop sleeps: takes what other threads have submitted. Returns whether
  /// there was anything. Set before the first turn.
  void set_inbox(base::Delegate<bool()> drain) { drain_inbox_ = drain; }

  [[nodiscard]] bool is_stopped() const { return is_stopped_.load(std::memory_order_relaxed); }
  /// Whether posted tasks wait for their turn. Any thread; a task of another thread counts before post() returns.
  [[nodiscard]] bool has_tasks() const { return tasks_.size() > 0; }
  /// Wake-ups by notify(): how often another thread found the loop asleep.
  [[nodiscard]] std::uint64_t wake_count() const { return wakes_.load(std::memory_order_relaxed); }

 private:
  // While memory brings work, the kernel is asked after so many turns at the latest, or so many bytes. Each question in
  // vain doubles the turns until the next; one that was not brings them back to one.
  static constexpr std::uint32_t kTurnsPassedOverMax = 64;
  static constexpr std::size_t kBytesPassedOverMax = std::size_t{128} * 1024;
  // While a loop spins, it looks at memory so often between two questions to the kernel.
  static constexpr int kLooksPerQuestion = 100;
  // So many of those are at memory alone, before one at what other threads have submitted.
  static constexpr int kLooksAtMemory = 8;
  // After so many finds of work the loop checks whether the thread that brings it shares this processor: soon at first,
  // and seldom once it knows, as a check costs a system call.
  static constexpr std::uint32_t kFindsAtFirst = 16;
  static constexpr std::uint32_t kFindsLater = 256;
  // So many bytes pay for one spin: fewer than any message has. What is done for this process alone pays for all.
  static constexpr int kBytesOfSpin = 32;
  // So many spins are paid for in advance, and no more than these are saved.
  static constexpr int kSpinsInAdvance = 16;
  static constexpr base::Duration kSpinReckonedMax = base::seconds(1);  // who wishes for more spins for ever
  // A find of so many bytes comes from a thread on a processor of its own: that thread has not waited for this one.
  static constexpr std::uint64_t kBytesOfStream = std::uint64_t{4} * 1024;

  bool take_work();
  bool look_out();
  bool looks_on();
  [[nodiscard]] bool may_pass_over_kernel();
  void ask_kernel(base::Instant deadline);
  void end_turn();
  void tell_lookouts(bool sleeps);
  void run_put_off();
  [[nodiscard]] std::uint64_t activity();
  [[nodiscard]] std::uint64_t kernel_activity();
  bool is_spinning();
  void note_work();
  void begin_paying();
  [[nodiscard]] bool is_spin_paid_for();
  void look_for_sharing();
  [[nodiscard]] std::uint64_t bytes_brought() { return backend_->counters().received_bytes + memory_bytes_; }
  void leave_to_watcher();
  void poll_asleep(base::Instant deadline);

  const ReactorOptions options_;
  std::unique_ptr<Backend> backend_;
  base::TimerWheel timers_;
  base::IntrusiveList<DeferredTask, DeferredTask> put_off_;
  base::IntrusiveList<DeferredTask, DeferredTask> ended_;  // members of objects to be destroyed
  base::IntrusiveList<PollHook, PollHook> poll_hooks_;
  base::Delegate<bool()> drain_inbox_;
  base::SubmissionQueue<std::function<void()>> tasks_;
  std::uint64_t work_taken_ = 0;  // that no backend counts
  std::uint64_t activity_seen_ = 0;
  bool has_looked_in_vain_ = false;
  std::uint32_t turns_passed_over_ = 0;                   // since the kernel was asked
  std::uint32_t turns_between_ = 1;                       // two questions, while memory brings work
  std::size_t bytes_passed_over_ = 0;                     // that memory has brought since
  enum class Wait : std::uint8_t { spinning, sleeping };  // for work, since the last there was
  Wait wait_ = Wait::sleeping;
  base::SpinAdvice spin_advice_;
  std::uint32_t finds_until_look_ = 0;  // for sharing
  std::uint32_t finds_looked_at_ = 0;   // at that look
  std::uint64_t preemptions_seen_ = 0;
  std::uint64_t bytes_seen_ = 0;
  std::uint64_t memory_bytes_ = 0;  // that memory has brought
  std::uint64_t own_work_ = 0;      // of work_taken_: tasks, and what other threads have submitted
  base::Duration spin_credit_{};    // paid for, and not spun yet
  base::Instant paid_at_{};         // up to when that is reckoned, and these two:
  std::uint64_t bytes_paid_ = 0;
  std::uint64_t own_work_paid_ = 0;
  int looks_per_question_ = kLooksPerQuestion;
  bool has_begun_spinning_ = true;
  base::Instant spin_until_ = base::Instant::min();  // once it has begun
  base::Instant asleep_since_;
  bool has_told_lookouts_ = false;   // that the loop sleeps
  bool is_watched_ = false;          // a program sleeps on pollable_fd() between turns
  bool is_left_to_watcher_ = false;  // and may be sleeping there now

  // Any thread.
  alignas(64) base::SleepFlag<> sleep_;
  std::atomic<bool> is_stopped_{false};
  std::atomic<std::uint64_t> wakes_{0};
  std::atomic<std::uint64_t> out_of_memory_{0};
};

}  // namespace distflow::io
