// Delivery's part in events that are no messages: their handlers, and when those are called.
#include <utility>

#include "runtime/receive/delivery.hpp"

namespace distflow::runtime {
namespace {

/// The argument of a handler. May throw std::bad_alloc.
template <class Event>
const Event& event_of(const Event& event) {
  return event;
}
PeerInfo event_of(const base::PackedInfo& peer) { return peer.unpack(); }
Writable event_of(std::string_view name) { return {std::string(name)}; }

}  // namespace

std::function<void()> Delivery::setting(MessageHandler handler) {
  return [this, handler = std::move(handler)]() mutable {
    handler_ = std::move(handler);
    drain_mailbox();
  };
}

std::function<void()> Delivery::setting_join(PeerHandler handler) {
  return [this, handler = std::move(handler)]() mutable { join_handler_ = std::move(handler); };
}

std::function<void()> Delivery::setting_leave(PeerHandler handler) {
  return [this, handler = std::move(handler)]() mutable { leave_handler_ = std::move(handler); };
}

std::function<void()> Delivery::setting(RegistrationHandler handler) {
  return [this, handler = std::move(handler)]() mutable { registration_handler_ = std::move(handler); };
}

std::function<void()> Delivery::setting(WritableHandler handler) {
  return [this, handler = std::move(handler)]() mutable { writable_handler_ = std::move(handler); };
}

void Delivery::tell_join(const PeerInfo& peer) { tell(&Delivery::join_handler_, peer); }
void Delivery::tell_leave(const base::PackedInfo& peer) { tell(&Delivery::leave_handler_, peer); }
void Delivery::tell_registration(const RegistrationChange& change) { tell(&Delivery::registration_handler_, change); }
void Delivery::tell_writable(std::string_view name) { tell(&Delivery::writable_handler_, name); }

template <class Event, class Source>
void Delivery::tell(std::function<void(const Event&)> Delivery::*handler, const Source& source) {
  if (!reactor_.has_memory_for([&] { begin_telling(handler, source); })) add(tasks_lost_, 1);
}

/// With a second thread the handler belongs to that thread, and must not be read here.
template <class Event, class Source>
void Delivery::begin_telling(std::function<void(const Event&)> Delivery::*handler, const Source& source) {
  if (!has_thread_ && !(this->*handler) && !may_be_setting()) return;
  run_later_where_handlers_run([this, handler, event = event_of(source)] {
    if (!(this->*handler)) return;
    is_in_handler_ = true;
    guarded([&] { (this->*handler)(event); });
    is_in_handler_ = false;
  });
}

/// A handler that another thread has set before the event came may still be a task of this turn, or one that is put
/// off: the event is reported after it.
void Delivery::run_later_where_handlers_run(std::function<void()> task) {
  if (has_thread_ && !may_be_setting()) return run_where_handlers_run(std::move(task));
  put_off([this, task = std::move(task)] { tell_put_off(task); });
}

/// What is to be set behind it, because a handler has set something before, is waited for.
void Delivery::tell_put_off(const std::function<void()>& call) {
  if (!has_thread_ && tasks_put_off_ == 0) return call();
  const bool has_memory = reactor_.has_memory_for(
      [&] { has_thread_ ? run_where_handlers_run(call) : put_off([this, call] { tell_put_off(call); }); });
  if (!has_memory) add(tasks_lost_, 1);
}

void Delivery::put_off(std::function<void()> task) {
  put_off_.push_back(std::move(task));
  reactor_.defer(run_put_off_);
}

/// A handler may defer more, which waits for the next turn, or shut the node down: then no other is called.
void Delivery::run_put_off() {
  std::vector<std::function<void()>> tasks;
  tasks.swap(put_off_);
  for (std::function<void()>& task : tasks) {
    if (!is_stopping_.load(std::memory_order_relaxed)) task();
    task = nullptr;
  }
}

}  // namespace distflow::runtime
