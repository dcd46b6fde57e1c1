#include "runtime/node/waits.hpp"

#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>

#include "io/clock.hpp"
#include "protocol/envelope.hpp"

namespace distflow::runtime {
namespace {

/// That the second thread hands out before it looks for requests and replies.
constexpr std::size_t kMessagesAtOnce = 64;

Errc why_not(base::Pushed posted) { return posted.lacks_memory() ? Errc::out_of_memory : Errc::queue_full; }

}  // namespace

struct Waits::Wait : base::ListNode<Wait> {
  Wait() : timer(base::Delegate<void()>::to<&Wait::on_timer>(*this)) {}
  void on_timer() { owner->on_deadline(*this); }

  Waits* owner = nullptr;
  // Of a wait for a message, under the lock.
  bool is_listed = false;   // on for_message_
  bool is_stopped = false;  // it is to end once it is on for_message_ again
  std::string name{};       // empty: waits for a turn, or for a message
  base::Instant begun{};    // by the system's clock, which the loop's need not be
  base::Duration patience{};
  StopToken stop_token{};
  OnEnd on_end{};
  OnMessage on_message{};  // set: waits for a message
  base::Timer timer;

  // While it is open.
  ByName::iterator place{};
  std::uint64_t id = 0;
  std::optional<StopCallback<Stop>> stop{};

  Result<PeerInfo> outcome{PeerInfo{}};
};

void Waits::Stop::operator()() const noexcept { wait->owner->stop(*wait); }

Waits::Waits(io::Reactor& reactor, Directory& directory, Delivery& delivery, base::Instant (*clock)())
    : reactor_(reactor),
      directory_(directory),
      delivery_(delivery),
      clock_(clock != nullptr ? clock : &io::system_now) {
  call_back_.on_turn_end = base::Delegate<void()>::to<&Waits::call_back_later>(*this);
}

Waits::~Waits() {
  finish();
  call_back_.unlink();
}

Result<void> Waits::wait_for(std::string_view name, const WaitOptions& options, OnEnd on_end) {
  if (name.empty() || name.size() > protocol::kIdSizeMax) return Error{Errc::invalid_option, "waiting for a node"};
  auto wait = std::make_unique<Wait>();
  wait->name = name;
  wait->begun = clock_();
  wait->patience = std::clamp(options.deadline, std::chrono::milliseconds::zero(), kDeadlineMax);
  wait->stop_token = options.stop;
  wait->on_end = std::move(on_end);
  return begin(std::move(wait));
}

Result<void> Waits::next_turn(std::function<void(const Result<void>&)> on_end) {
  auto wait = std::make_unique<Wait>();
  wait->on_end = [on_end = std::move(on_end)](const Result<PeerInfo>& outcome) {
    on_end(outcome ? Result<void>() : Result<void>(outcome.error()));
  };
  return begin(std::move(wait));
}

Result<void> Waits::begin(std::unique_ptr<Wait> wait) {
  constexpr const char* waiting = "beginning to wait";
  wait->owner = this;
  const std::scoped_lock lock(mutex_);
  if (is_closed_) return Error{Errc::shut_down, waiting};
  if (count_ >= kWaitsMax) return Error{Errc::queue_full, waiting};
  if (const base::Pushed posted = post_drain(); !posted) return Error{why_not(posted), waiting};
  ++count_;
  inbox_.push_back(*wait.release());
  return {};
}

Result<void> Waits::next_message(OnMessage on_message, StopToken stop_token) {
  constexpr const char* waiting = "waiting for a message";
  auto wait = std::make_unique<Wait>();
  wait->owner = this;
  wait->on_message = std::move(on_message);
  wait->stop_token = std::move(stop_token);
  if (wait->stop_token.stop_possible()) wait->stop.emplace(wait->stop_token, Stop{.wait = wait.get()});
  const std::scoped_lock lock(mutex_);
  if (is_closed_) return Error{Errc::shut_down, waiting};
  // This thread looks again as it hands out; else the loop has somebody look.
  if (count_ >= kWaitsMax) return Error{Errc::queue_full, waiting};
  if (handing_out_ != this) {
    if (const base::Pushed posted = post_drain(); !posted) return Error{why_not(posted), waiting};
  }
  ++count_;
  list_or_end(*wait.release(), false);
  return {};
}

/// Under the lock. One that was stopped while it was on no list ends.
void Waits::list_or_end(Wait& wait, bool is_first) {
  wait.is_listed = !wait.is_stopped;
  if (wait.is_stopped) {
    wait.outcome = Error{Errc::canceled, "waiting for a message"};
    add_ended(wait);
    have_drained();
    return;
  }
  message_count_.fetch_add(1, std::memory_order_release);
  List behind;
  if (is_first) behind.take(for_message_);
  for_message_.push_back(wait);
  for_message_.take(behind);
}

/// Under the lock: one that is on for_message_.
void Waits::end_message_wait(Wait& wait, Errc why) {
  wait.unlink();
  wait.is_listed = false;
  message_count_.fetch_sub(1, std::memory_order_relaxed);
  wait.outcome = Error{why, "waiting for a message"};
  add_ended(wait);
}

/// Under the lock.
void Waits::add_ended(Wait& wait) {
  ended_.push_back(wait);
  has_ended_.store(true, std::memory_order_relaxed);
}

/// Under the lock.
base::Pushed Waits::post_drain() {
  if (is_posted_) return base::Pushed::Outcome::taken;
  const base::Pushed posted = reactor_.post([this] { drain(); });
  is_posted_ = static_cast<bool>(posted);
  return posted;
}

/// Under the lock. What ends has no other end to wait for: it needs no room for a task.
void Waits::have_drained() {
  if (post_drain()) return;
  is_drain_due_.store(true, std::memory_order_relaxed);
  reactor_.notify();
}

/// One that waits for a node, and that there is no memory to note, is ended by its deadline.
void Waits::stop(Wait& wait) noexcept try {
  const std::scoped_lock lock(mutex_);
  if (is_closed_) return;
  if (!wait.on_message) {
    stopped_.push_back(wait.id);
  } else if (wait.is_listed) {
    end_message_wait(wait, Errc::canceled);
  } else {
    wait.is_stopped = true;
  }
  have_drained();
} catch (const std::bad_alloc&) {
  reactor_.note_out_of_memory();
}

void Waits::drain() {
  List begun;
  std::vector<std::uint64_t> stopped;
  {
    const std::scoped_lock lock(mutex_);
    is_posted_ = false;
    is_drain_due_.store(false, std::memory_order_relaxed);
    while (!inbox_.empty()) begun.push_back(inbox_.pop_front());
    stopped.swap(stopped_);
  }
  while (!begun.empty()) open(std::unique_ptr<Wait>(&begun.pop_front()));
  for (const std::uint64_t id : stopped) {
    const auto found = stoppable_.find(id);
    if (found != stoppable_.end()) end_open(*found->second, Error{Errc::canceled, "waiting for a node"});
  }
  if (is_closing_) end_message_waits();
  // Whatever was done on other threads meanwhile is seen to by the thread that handlers run on.
  if (delivery_.has_thread()) return delivery_.wake_for_callbacks();
  hand_out();
  reactor_.defer(call_back_);
}

void Waits::end_message_waits() {
  const std::scoped_lock lock(mutex_);
  while (!for_message_.empty()) end_message_wait(for_message_.front(), Errc::shut_down);
}

void Waits::hand_out() {
  const Waits* const before = std::exchange(handing_out_, this);
  for (std::size_t left = delivery_.has_thread() ? kMessagesAtOnce : SIZE_MAX; left > 0 && may_hand_out(); --left) {
    {
      const std::scoped_lock lock(mutex_);
      if (for_message_.empty()) break;
      receiving_.reset(&for_message_.pop_front());
      receiving_->is_listed = false;
      message_count_.fetch_sub(1, std::memory_order_relaxed);
    }
    if (delivery_.hand_out(base::Delegate<void(const Message&)>::to<&Waits::give>(*this))) continue;
    const std::scoped_lock lock(mutex_);  // the mailbox has dropped the message: the wait keeps its turn
    list_or_end(*receiving_.release(), true);
  }
  handing_out_ = before;
}

void Waits::give(const Message& message) {
  const std::unique_ptr<Wait> wait = std::move(receiving_);
  {
    const std::scoped_lock lock(mutex_);
    --count_;
  }
  wait->on_message(message);
}

void Waits::open(std::unique_ptr<Wait> wait) {
  constexpr const char* waiting = "waiting for a node";
  if (is_closing_) return end(std::move(wait), Error{Errc::shut_down, waiting});
  if (wait->name.empty()) return end(std::move(wait), PeerInfo{});
  Wait& opened = *wait;
  std::optional<PeerInfo> known;
  const auto look_and_enter = [&] {
    known = directory_.find_info(opened.name);
    if (known) return;
    opened.id = ++last_id_;
    const bool is_stoppable = opened.stop_token.stop_possible();
    if (is_stoppable) stoppable_.emplace(opened.id, &opened);
    try {
      opened.place = by_name_.emplace(opened.name, nullptr);
    } catch (...) {
      stoppable_.erase(opened.id);
      throw;
    }
  };
  if (!reactor_.has_memory_for(look_and_enter)) return end(std::move(wait), Error{Errc::out_of_memory, waiting});
  if (known) return end(std::move(wait), *std::move(known));
  opened.place->second = std::move(wait);
  const base::Duration waited = clock_() - opened.begun;
  reactor_.arm_after(opened.timer, std::max(base::Duration::zero(), opened.patience - waited));
  if (opened.stop_token.stop_possible()) {
    opened.stop.emplace(opened.stop_token, Stop{.wait = &opened});
  }
}

void Waits::on_deadline(Wait& wait) { end_open(wait, Error{Errc::timed_out, "waiting for a node"}); }

void Waits::end_open(Wait& wait, Result<PeerInfo> outcome) {
  stoppable_.erase(wait.id);
  std::unique_ptr<Wait> ended = std::move(wait.place->second);
  by_name_.erase(wait.place);
  end(std::move(ended), std::move(outcome));
}

/// Puts the callback off to where handlers run.
void Waits::end(std::unique_ptr<Wait> wait, Result<PeerInfo> outcome) {
  reactor_.timers().cancel(wait->timer);
  wait->stop.reset();
  wait->outcome = std::move(outcome);
  {
    const std::scoped_lock lock(mutex_);
    add_ended(*wait.release());
  }
  delivery_.has_thread() ? delivery_.wake_for_callbacks() : reactor_.defer(call_back_);
}

void Waits::on_binding(std::string_view name) {
  for (auto found = by_name_.find(name); found != by_name_.end(); found = by_name_.find(name)) {
    Result<PeerInfo> outcome = Error{Errc::out_of_memory, "waiting for a node"};
    const auto look = [&] {
      std::optional<PeerInfo> known = directory_.find_info(name);
      if (known) outcome = *std::move(known);
    };
    static_cast<void>(reactor_.has_memory_for(look));
    end_open(*found->second, std::move(outcome));
  }
}

void Waits::begin_shutdown() {
  is_closing_ = true;
  while (!by_name_.empty()) end_open(*by_name_.begin()->second, Error{Errc::shut_down, "waiting for a node"});
  end_message_waits();
  delivery_.has_thread() ? delivery_.wake_for_callbacks() : reactor_.defer(call_back_);
}

void Waits::finish() {
  begin_shutdown();
  {
    const std::scoped_lock lock(mutex_);
    is_closed_ = true;
  }
  drain();
  while (call_back()) {
  }
}

/// What ends meanwhile waits for the next time.
bool Waits::call_back() {
  if (!has_ended()) return false;
  List ended;
  {
    const std::scoped_lock lock(mutex_);
    has_ended_.store(false, std::memory_order_relaxed);
    while (!ended_.empty()) ended.push_back(ended_.pop_front());
  }
  if (ended.empty()) return false;
  while (!ended.empty()) {
    const std::unique_ptr<Wait> wait(&ended.pop_front());
    {
      const std::scoped_lock lock(mutex_);
      --count_;
    }
    delivery_.run_handler(
        [&] { wait->on_message ? wait->on_message(wait->outcome.error()) : wait->on_end(wait->outcome); });
  }
  return true;
}

}  // namespace distflow::runtime
