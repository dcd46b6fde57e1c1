// What a suspended coroutine and the callback that resumes it share: included by coroutine.hpp, not by programs.
//
//     taken ─▶ suspended ─┬─▶ resumed ──▶ given back by the coroutine
//                         └─▶ abandoned ─▶ given back by the callback
//
// Any thread. The coroutine's frame may be destroyed while the callback is on its way, so that nothing of the frame is
// touched by it: the outcome lies in the cell, which lives until both are done with it.
//   1. One exchange of state_ decides who was first: the callback, or the destructor of the awaiter.
//   2. Given back, a cell is used again. In the steady state none is allocated; at most kCellsKept are kept.
//   3. With an executor it is not the coroutine's handle that waits there, but that of a hop of the cell's own. It
//      looks at state_ when it runs. A coroutine may thus be destroyed while its resumption is queued.
//   4. With an executor the callback has the cell until the executor has returned or thrown, even if another thread
//      runs the hop meanwhile. The last to be done with it puts it back: each gives it back once.
// Use: AwaitCell<KeptReply>* cell = AwaitCell<KeptReply>::take(); ...; cell->finish();
#pragma once

#include <distflow/version.hpp>  // first: before C++20 it says so

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include <distflow/wait_stop.hpp>

namespace distflow {

/// Resumes coroutines: called once with each handle, which it resumes, then or later, on whatever thread. It is kept in
/// a std::function: one of at most two pointers, trivially copyable, costs no allocation.
/// It may throw instead of resuming: the coroutine then stays suspended until it is destroyed. It may also let an
/// exception out that came of the coroutine which it has resumed. It must not throw and resume the handle later.
using ResumeOn = std::function<void(std::coroutine_handle<>)>;

/// @cond
namespace detail {

template <class Outcome>
class AwaitCell {
 public:
  static constexpr std::size_t kCellsKept = 1024;

  AwaitCell() = default;
  AwaitCell(const AwaitCell&) = delete;
  AwaitCell& operator=(const AwaitCell&) = delete;
  ~AwaitCell() {
    if (hop_) hop_.destroy();
  }

  /// For a coroutine that is about to be suspended. May throw std::bad_alloc.
  static AwaitCell* take(std::coroutine_handle<> awaiting, ResumeOn&& resume_on) {
    AwaitCell* cell = nullptr;
    {
      Pool& pool = the_pool();
      const std::scoped_lock lock(pool.mutex);
      if (pool.first != nullptr) {
        cell = std::exchange(pool.first, pool.first->next_);
        --pool.count;
      }
    }
    if (cell == nullptr) cell = new AwaitCell;
    try {
      cell->stop.renew();
      if (resume_on && !cell->hop_) cell->hop_ = hop(*cell).handle;
    } catch (...) {
      cell->give_back();
      throw;
    }
    cell->awaiting_ = awaiting;
    cell->resume_on_ = std::move(resume_on);
    cell->state_.store(State::suspended, std::memory_order_relaxed);
    return cell;
  }

  /// The outcome is there: resumes the coroutine if there still is one. The callback's last use of the cell.
  void finish() {
    if (!resume_on_) {
      if (const std::coroutine_handle<> awaiting = claim()) awaiting.resume();
      return;
    }
    if (state_.load(std::memory_order_acquire) == State::abandoned) return static_cast<void>(claim());
    // The hop may run, and the coroutine be done with the cell, before resume_on has returned.
    has_two_users_.store(true, std::memory_order_relaxed);
    const ResumeOn resume_on = std::exchange(resume_on_, nullptr);
    try {
      resume_on(hop_);
    } catch (...) {
      // The exception may be the coroutine's, which has gone on. Else the hop has not run, and never will.
      if (!leave(State::stranded) && state_.load(std::memory_order_acquire) == State::abandoned) drop_abandoned();
      give_back();
      throw;
    }
    give_back();
  }

  /// Not suspended any more, or not to be: the last use of the cell by the coroutine, or on its behalf; with
  /// an executor also the callback's.
  void give_back() noexcept {
    // Of two the first only reports that it is done.
    if (has_two_users_.load(std::memory_order_acquire) && has_two_users_.exchange(false, std::memory_order_acq_rel)) {
      return;
    }
    if (stop.is_requested()) stop.drop();
    outcome.reset();
    resume_on_ = nullptr;
    Pool& pool = the_pool();
    {
      const std::scoped_lock lock(pool.mutex);
      if (pool.count < kCellsKept) {
        next_ = std::exchange(pool.first, this);
        ++pool.count;
        return;
      }
    }
    delete this;
  }

  /// The coroutine is destroyed where it is suspended: its last use of the cell.
  void abandon() noexcept {
    WaitStop wait_stop = stop;  // the cell may be another coroutine's in a moment
    leave(State::abandoned) ? wait_stop.request() : give_back();
  }

  std::optional<Outcome> outcome{};
  WaitStop stop{};

 private:
  enum class State : std::uint8_t { suspended, resumed, abandoned, dropped, stranded };
  struct Pool {
    std::mutex mutex;
    AwaitCell* first = nullptr;
    std::size_t count = 0;
  };

  /// A coroutine that resumes the cell's, each time that it is resumed itself. It is suspended by then: the next one
  /// who uses the cell may have it resumed at once.
  struct Hop {
    struct promise_type {
      Hop get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
      std::suspend_always initial_suspend() noexcept { return {}; }
      std::suspend_always final_suspend() noexcept { return {}; }
      void return_void() noexcept {}
      void unhandled_exception() noexcept {}
    };
    std::coroutine_handle<promise_type> handle;
  };
  struct Next {
    AwaitCell& cell;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    // Not inline: clang before 17 may keep what an inlined one computes in the frame, which may be another's by then.
    [[gnu::noinline]] std::coroutine_handle<> await_suspend(std::coroutine_handle<>) noexcept {
      const std::coroutine_handle<> awaiting = cell.claim();
      return awaiting ? awaiting : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };
  static Hop hop(AwaitCell& cell) {
    while (true) co_await Next{cell};
  }

  /// Never destroyed: callbacks may come while the process exits.
  static Pool& the_pool() {
    static Pool* const pool = new Pool;
    return *pool;
  }

  /// False when the other side was first.
  bool leave(State how) noexcept {
    State expected = State::suspended;
    return state_.compare_exchange_strong(expected, how, std::memory_order_acq_rel);
  }

  /// The coroutine, to be resumed by the caller; null when it has been destroyed, and the cell is given back.
  std::coroutine_handle<> claim() noexcept {
    const std::coroutine_handle<> awaiting = awaiting_;
    if (leave(State::resumed)) return awaiting;
    if (state_.load(std::memory_order_acquire) == State::abandoned) drop_abandoned();
    return nullptr;
  }
  void drop_abandoned() noexcept {
    state_.store(State::dropped, std::memory_order_release);
    stop.drop();
    give_back();
  }

  std::coroutine_handle<> awaiting_{};
  ResumeOn resume_on_{};
  std::coroutine_handle<> hop_{};
  std::atomic<State> state_{State::suspended};
  std::atomic<bool> has_two_users_{false};  // the coroutine, and the callback inside the executor
  AwaitCell* next_ = nullptr;               // of those that are kept
};

/// An awaiter over a cell, of Derived::node_. Derived::begin(cell) begins what is awaited; false: it has an outcome
/// already.
template <class Derived, class Outcome>
class Awaiter {
 public:
  using Cell = AwaitCell<Outcome>;

  Awaiter(const Awaiter&) = delete;
  Awaiter& operator=(const Awaiter&) = delete;
  Awaiter& operator=(Awaiter&&) = delete;

  // By value, and not a reference to itself: g++ 12 copies an awaiter that co_await is given as a reference.
  [[nodiscard]] Derived via(ResumeOn resume_on) && {
    resume_on_ = std::move(resume_on);
    return std::move(static_cast<Derived&>(*this));
  }

  [[nodiscard]] bool await_ready() const noexcept { return false; }

  /// The frame may be gone once begin() has begun: nothing of it is used any more then. Not inline, as Next's.
  [[gnu::noinline]] bool await_suspend(std::coroutine_handle<> awaiting) {
    try {
      cell_ = Cell::take(awaiting, std::move(resume_on_));
    } catch (const std::bad_alloc&) {
      static_cast<Derived*>(this)->node_->note_out_of_memory();
      return false;
    }
    return static_cast<Derived*>(this)->begin(*cell_);
  }

  Outcome await_resume() {
    relay_.disconnect();
    if (cell_ == nullptr) return Derived::without_memory();
    Cell& cell = *std::exchange(cell_, nullptr);
    Outcome outcome = *std::move(cell.outcome);
    cell.give_back();
    return outcome;
  }

 protected:
  Awaiter() = default;
  /// Before it is awaited.
  Awaiter(Awaiter&& other) noexcept : resume_on_(std::move(other.resume_on_)) {}
  ~Awaiter() {
    if (cell_ == nullptr) return;
    relay_.disconnect();
    cell_->abandon();
  }

  StopRelay relay_{};

 private:
  ResumeOn resume_on_;
  Cell* cell_ = nullptr;
};

}  // namespace detail
/// @endcond

}  // namespace distflow
