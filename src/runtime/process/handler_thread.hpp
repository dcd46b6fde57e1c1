// The second thread of Threading::dispatcher: it runs handlers, and sleeps while there is nothing to handle.
//
//     [handles] ── nothing waits ──▶ [spins] ── for long enough ──▶ [sleeps]
//         ▲──────────── work ────────────┘                             │
//         └────────────────────────── wake() ──────────────────────────┘
//
// Any thread may call wake() and ask; the owner's threads start and stop it, one at a time.
//   1. Work that is handed over before wake() is not slept over (base::SleepFlag).
//   2. It runs no handler once Delivery::request_stop() has been called, except the rest of the batch in hand.
//   3. It is stopped before the delivery is destroyed, and outlives it: the delivery wakes it until its end.
// Use: HandlerThread handlers(options.spin); Delivery delivery(..., handlers.waker(), ...);
//      handlers.start(delivery); ... handlers.stop();
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include <distflow/result.hpp>

#include "base/delegate.hpp"
#include "base/sleep_flag.hpp"
#include "base/spin_advice.hpp"
#include "base/time.hpp"
#include "runtime/receive/delivery.hpp"

namespace distflow::runtime {

class HandlerThread {
 public:
  /// `spin` as in NodeOptions. The thread is not started yet.
  explicit HandlerThread(base::Duration spin);
  ~HandlerThread() { stop(); }
  HandlerThread(const HandlerThread&) = delete;
  HandlerThread& operator=(const HandlerThread&) = delete;

  /// From now on a thread calls `delivery.handle_some()`, until stop(). Errors: the system's, for lack of a thread, and
  /// out_of_memory.
  Result<void> start(Delivery& delivery);
  /// Waits for the handler that runs; nothing if it was not started. Not from a handler.
  void stop();

  /// What the delivery is given to wake the thread by, once there is work.
  [[nodiscard]] base::Delegate<void()> waker() { return base::Delegate<void()>::to<&HandlerThread::wake>(*this); }
  /// Wakes the thread if it sleeps, or is about to.
  void wake();

  /// Whether it found nothing to do at its last look, and sleeps unless it is woken.
  [[nodiscard]] bool is_asleep() const { return sleep_.seems_announced(); }
  /// Whether the caller is this thread.
  [[nodiscard]] bool is_this_thread() const { return running_on_this_thread_ == this; }
  /// Whether the caller is the second thread of any node.
  [[nodiscard]] static bool is_any() { return running_on_this_thread_ != nullptr; }

 private:
  void run();
  [[nodiscard]] bool has_work_within(int looks) const;
  bool finds_work_spinning();
  void wait_for_work();
  [[nodiscard]] base::Duration spin_max() const;

  static inline constinit thread_local const HandlerThread* running_on_this_thread_ = nullptr;

  const base::Duration spin_;
  base::SpinAdvice spin_advice_;
  Delivery* delivery_ = nullptr;  // from start() to stop()
  base::SleepFlag<> sleep_;
  std::mutex mutex_;
  std::condition_variable condition_;
  bool is_woken_ = false;
  std::thread thread_;
};

}  // namespace distflow::runtime
