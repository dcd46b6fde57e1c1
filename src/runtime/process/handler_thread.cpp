#include "runtime/process/handler_thread.hpp"

#include <new>
#include <system_error>
#include <utility>

#include <distflow/node_options.hpp>

#include "base/relax.hpp"
#include "io/clock.hpp"
#include "io/scheduling.hpp"

namespace distflow::runtime {
namespace {

/// Few: the loop's thread may share this processor, and have nothing until it gets it.
constexpr int kLooksPerYield = 16;

}  // namespace

HandlerThread::HandlerThread(base::Duration spin) : spin_(spin), spin_advice_(spin_max()) {}

Result<void> HandlerThread::start(Delivery& delivery) {
  constexpr const char* starting = "starting the handlers' thread";
  delivery_ = &delivery;
  try {
    thread_ = std::thread(&HandlerThread::run, this);
  } catch (const std::system_error& error) {
    return Error{error.code(), starting};
  } catch (const std::bad_alloc&) {
    return Error{Errc::out_of_memory, starting};
  }
  return {};
}

void HandlerThread::stop() {
  if (!thread_.joinable()) return;
  delivery_->request_stop();
  thread_.join();
  delivery_ = nullptr;
}

void HandlerThread::run() {
  running_on_this_thread_ = this;
  for (;;) {
    switch (delivery_->handle_some()) {
      case Delivery::Next::go_on: break;
      case Delivery::Next::yield: std::this_thread::yield(); break;
      case Delivery::Next::rest:
        if (!finds_work_spinning()) wait_for_work();
        break;
      case Delivery::Next::end: return;
    }
  }
}

void HandlerThread::wake() {
  if (!sleep_.take()) return;
  {
    const std::scoped_lock lock(mutex_);
    is_woken_ = true;
  }
  condition_.notify_one();  // without the lock, which the thread that wakes up would have to wait for
}

bool HandlerThread::has_work_within(int looks) const {
  for (int i = 0; i < looks; ++i) {
    if (delivery_->has_work()) return true;
    base::relax_processor();
  }
  return false;
}

bool HandlerThread::finds_work_spinning() {
  const base::Duration spin = spin_advice_.spin();
  if (spin == base::Duration::zero()) return false;
  const base::Instant end = base::saturating_add(io::system_now(), spin);
  while (!has_work_within(kLooksPerYield)) {
    if (io::system_now() >= end) {
      spin_advice_.note_vain();
      return false;
    }
    std::this_thread::yield();  // to the loop's thread, which may share this processor
  }
  spin_advice_.note_found();
  return true;
}

void HandlerThread::wait_for_work() {
  sleep_.announce();
  const bool is_needed = delivery_->has_work();
  const base::Instant since = io::system_now();
  std::unique_lock lock(mutex_);
  if (!is_needed) condition_.wait(lock, [this] { return is_woken_; });
  is_woken_ = false;
  sleep_.retract();
  spin_advice_.set_spin_max(spin_max());  // what a wake-up costs may have been measured meanwhile
  spin_advice_.note_slept(io::system_now() - since);
}

base::Duration HandlerThread::spin_max() const {
  return spin_ == NodeOptions::kSpinMeasured ? io::spin_for(io::wake_cost()) : spin_;
}

}  // namespace distflow::runtime
