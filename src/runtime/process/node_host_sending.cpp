// NodeHost's sending: from the loop's thread straight to the router, from others through the cross-thread sends.
#include <algorithm>
#include <cinttypes>
#include <thread>
#include <utility>

#include "base/relax.hpp"
#include "io/clock.hpp"
#include "protocol/envelope.hpp"
#include "runtime/process/node_host.hpp"
#include "runtime/process/unless_out_of_memory.hpp"

namespace distflow::runtime {
SendVerdict NodeHost::count(SendVerdict verdict) {
  if (verdict == SendVerdict::queue_full) add(refused_queue_full_, 1);
  if (verdict == SendVerdict::unresolved) add(refused_unresolved_, 1);
  if (verdict == SendVerdict::out_of_memory) note_out_of_memory();
  return verdict;
}

/// On the loop's thread, where nothing has left since, what is missing is more than what is free.
[[gnu::noinline]] SendVerdict NodeHost::count_refused(SendVerdict verdict, const std::shared_ptr<TargetState>& target) {
  return count_refused(verdict, target,
                       target->credit != nullptr ? target->credit->beyond_free() : SendCredit::Amount{});
}

SendVerdict NodeHost::count_refused(SendVerdict verdict, const std::shared_ptr<TargetState>& target,
                                    SendCredit::Amount missing) {
  if (verdict == SendVerdict::queue_full) watch_for_room(target, missing);
  return count(verdict);
}

/// A look of the loop reports room for that name. A sender that was refused for more than an eighth of the room
/// is notified when that fits. If notified before, it would be refused again at once, turn after turn.
void NodeHost::watch_for_room(const std::shared_ptr<TargetState>& target, SendCredit::Amount missing) {
  if (!tells_writable_.load(std::memory_order_relaxed)) return;
  if (room_watch_.note_refused(target, missing)) loop_.reactor().notify();
}

std::shared_ptr<TargetState> NodeHost::target(std::string_view name) {
  if (is_forked() || name.empty() || name.size() > protocol::kIdSizeMax) return nullptr;
  return targets_.of(name);
}

// What is rarely needed, or costs more than a call, has a function of its own: send() is short on the loop's thread,
// and saves few registers.

SendVerdict NodeHost::send_on_loop(const std::shared_ptr<TargetState>& target, const OutgoingMessage& message) {
  return message.is_written_in_place() ? send_in_writer(target, message) : node_->send(target, message);
}

/// What writes the payload may call the node: it must not be waited for then, as in a handler.
[[gnu::noinline]] SendVerdict NodeHost::send_in_writer(const std::shared_ptr<TargetState>& target,
                                                       const OutgoingMessage& message) {
  const NodeLoop::Inside inside(loop_);
  return node_->send(target, message);
}

SendVerdict NodeHost::send(std::string_view name, const OutgoingMessage& message) {
  if (is_forked()) return SendVerdict::forked;
  if (!is_running()) return SendVerdict::shut_down;
  if (name.empty() || name.size() > protocol::kIdSizeMax) return SendVerdict::invalid_target;
  std::shared_ptr<TargetState> target = targets_.of(name);
  if (target == nullptr) return SendVerdict::invalid_target;
  if (is_loop_thread()) return count(send_on_loop(target, message), target);
  thread_local std::string prefix;
  std::shared_ptr<SendCredit> credit;
  std::uint64_t version = 0;
  return send(target, {version, prefix, credit}, message);
}

SendVerdict NodeHost::send(std::shared_ptr<TargetState>& target, PublishedCopy copy, const OutgoingMessage& message) {
  if (is_forked()) return SendVerdict::forked;
  if (!is_running()) return SendVerdict::shut_down;
  if (target == nullptr) return SendVerdict::invalid_target;
  if (target->instance != instance_) [[unlikely]]
    return renew_and_send(target, copy, message);
  if (is_loop_thread()) return count(send_on_loop(target, message), target);
  return send_from_other_thread(target, copy, message);
}

/// For a target of a host before this one.
[[gnu::noinline]] SendVerdict NodeHost::renew_and_send(std::shared_ptr<TargetState>& target, PublishedCopy copy,
                                                       const OutgoingMessage& message) {
  target = targets_.of(target->name);
  copy.version = 0;
  return send(target, copy, message);
}

[[gnu::noinline]] SendVerdict NodeHost::send_from_other_thread(const std::shared_ptr<TargetState>& target,
                                                               PublishedCopy copy, const OutgoingMessage& message) {
  const Submissions::Outcome outcome = submit(target, copy, message);
  return is_under_way(outcome.verdict) ? outcome.verdict : count_refused(outcome.verdict, target, outcome.missing);
}

Submissions::Outcome NodeHost::submit(const std::shared_ptr<TargetState>& target, PublishedCopy copy,
                                      const OutgoingMessage& message, HeldCredit* held) {
  const Submissions::Outcome outcome = submissions_.submit(
      target, copy, message, is_at_place() ? loop_.place()->wall_ms() : io::system_wall_ms_coarse(), held);
  if (outcome.verdict != SendVerdict::queued) return outcome;
  if (outcome.is_announced) loop_.reactor().notify();
  // ... or this sees that the loop has ended: end_loop().
  if (phase_.load(std::memory_order_seq_cst) == Phase::closed) [[unlikely]]
    discard_late();
  return outcome;
}

SendVerdict NodeHost::send_wait(std::shared_ptr<TargetState>& target, PublishedCopy copy,
                                const OutgoingMessage& message, base::Duration deadline) {
  if (is_forked()) return SendVerdict::forked;
  if (is_loop_thread()) return SendVerdict::would_block;
  if (!is_running()) return SendVerdict::shut_down;
  if (target != nullptr && target->instance != instance_) {
    target = targets_.of(target->name);
    copy.version = 0;
  }
  if (target == nullptr) return SendVerdict::invalid_target;
  if (is_at_place()) return send_wait_at_place(target, copy, message, deadline);
  const Submissions::Outcome first = submit(target, copy, message);
  if (first.verdict != SendVerdict::queue_full) [[likely]]
    return count(first.verdict);
  return wait_and_send(target, copy, message, first, deadline);
}

[[gnu::noinline]] SendVerdict NodeHost::wait_and_send(const std::shared_ptr<TargetState>& target, PublishedCopy copy,
                                                      const OutgoingMessage& message, Submissions::Outcome outcome,
                                                      base::Duration deadline) {
  const std::shared_ptr<NodeHost> self = shared_from_this();  // another thread may let go of it meanwhile
  const auto wait = [&] { return wait_and_send_held(target, copy, message, outcome, deadline); };
  return unless_out_of_memory(*this, SendVerdict::out_of_memory, wait);
}

SendVerdict NodeHost::wait_and_send_held(const std::shared_ptr<TargetState>& target, PublishedCopy copy,
                                         const OutgoingMessage& message, Submissions::Outcome outcome,
                                         base::Duration deadline) {
  const base::Instant until = base::saturating_add(io::system_now(), std::max(deadline, base::Duration::zero()));
  HeldCredit held;
  while (is_running()) {
    std::shared_ptr<SendCredit> credit;
    if (outcome.missing.messages > 0) credit = copy.credit;
    auto look = [this] { loop_.reactor().notify(); };
    switch (
        room_watch_.wait({*target, copy.version, credit, outcome.missing}, until, base::Delegate<void()>::of(look))) {
      case RoomWatch::Waited::has_room:
        if (credit != nullptr) held = HeldCredit(std::move(credit), outcome.missing);
        break;
      case RoomWatch::Waited::changed: break;
      case RoomWatch::Waited::late: return count_refused(SendVerdict::queue_full, target, outcome.missing);
      case RoomWatch::Waited::closed: return SendVerdict::shut_down;
    }
    if (!is_running()) break;
    outcome = submit(target, copy, message, &held);
    if (std::exchange(held, HeldCredit())) loop_.reactor().notify();  // others may wait for what went back
    if (outcome.verdict != SendVerdict::queue_full) return count(outcome.verdict);
  }
  return SendVerdict::shut_down;
}

/// Counts messages that the loop did not take before it ended.
void NodeHost::discard_late() {
  std::uint64_t discarded = 0;
  {
    const std::scoped_lock lock(mutex_);
    discarded = discard_cross_thread_sends();
    if (discarded == 0 || std::exchange(has_told_late_, true)) return;
  }
  log_.write(base::LogLevel::warn,
             "%" PRIu64
             " messages dropped: another thread sent them while the node ended; "
             "stats() counts more as dropped_shutdown",
             discarded);
}

SendVerdict NodeHost::ask(std::string_view name, std::string_view json, const AskOptions& options,
                          ReplyCallback&& callback, AskWay::Callback whose) {
  if (is_forked()) return SendVerdict::forked;
  if (!is_running()) return SendVerdict::shut_down;
  AskWay& way = node_->ask_way();
  if (!is_loop_thread()) return count(way.ask(name, json, options, std::move(callback), whose));
  const AskWay::OnLoop on_loop(way);
  return count(way.ask(name, json, options, std::move(callback), whose));
}

SendVerdict NodeHost::ask(std::shared_ptr<TargetState>& target, std::uint64_t& version, std::string_view json,
                          const AskOptions& options, ReplyCallback&& callback, OtherTargets* others) {
  if (is_forked()) return SendVerdict::forked;
  if (!is_running()) return SendVerdict::shut_down;
  if (target == nullptr) return SendVerdict::invalid_target;
  if (target->instance != instance_) [[unlikely]] {
    version = 0;
    target = targets_.of(target->name);
    if (target == nullptr) return SendVerdict::invalid_target;
  }
  AskWay& way = node_->ask_way();
  constexpr auto whose = AskWay::Callback::of_application;
  if (!is_loop_thread()) return count(way.ask(target, json, options, std::move(callback), whose, others));
  const AskWay::OnLoop on_loop(way);
  return count(way.ask(target, json, options, std::move(callback), whose, others));
}

Result<void> NodeHost::wait_for(std::string_view name, const WaitOptions& options, Waits::OnEnd on_end) {
  if (is_forked()) return Error{Errc::forked, "waiting for a node"};
  return count(node_->waits().wait_for(name, options, std::move(on_end)));
}

Result<void> NodeHost::next_turn(std::function<void(const Result<void>&)> on_end) {
  if (is_forked()) return Error{Errc::forked, "waiting for a turn"};
  return count(node_->waits().next_turn(std::move(on_end)));
}

Result<void> NodeHost::next_message(Waits::OnMessage on_message, StopToken stop) {
  if (is_forked()) return Error{Errc::forked, "waiting for a message"};
  return count(node_->waits().next_message(std::move(on_message), std::move(stop)));
}

bool NodeHost::drain_inbox() {
  node_->publish_gauges();
  node_->update_groups();
  node_->end_subscriptions();
  node_->waits().drain_if_due();
  const bool is_ending = end_if_asked();
  keep_pace();
  const bool has_drained = drain_cross_thread_sends();
  return tell_room() || has_drained || is_ending;
}

/// Each look at what a thread fills costs it a transfer of what both write: fewer looks bring more each.
void NodeHost::keep_pace() {
  constexpr int moment = 32;
  switch (submissions_.pace()) {
    case Submissions::Pace::at_once: return;
    case Submissions::Pace::after_a_moment:
      for (int i = 0; i < moment; ++i) base::relax_processor();
      return;
    case Submissions::Pace::after_others: return std::this_thread::yield();
  }
}

/// What the turn before has sent may have left room. Returns whether there is more to report.
bool NodeHost::tell_room() {
  return room_watch_.look([this](const TargetPtr& target) { node_->delivery().tell_writable(target->name); });
}

bool NodeHost::drain_cross_thread_sends() {
  return submissions_.drain(node_->is_closing() ? nullptr : &node_->router());
}

std::uint64_t NodeHost::discard_cross_thread_sends() {
  while (submissions_.drain(nullptr)) {
  }
  const std::uint64_t discarded = submissions_.take_discarded();
  node_->router().note_discarded(discarded);
  return discarded;
}

}  // namespace distflow::runtime
