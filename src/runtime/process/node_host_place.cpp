// NodeHost at a place of a world (node_world.hpp): it has no thread, and no lock of the process. The world turns it.
#include <algorithm>
#include <utility>

#include "runtime/node/check_options.hpp"
#include "runtime/process/node_host.hpp"

namespace distflow::runtime {

Result<std::shared_ptr<NodeHost>, StartError> NodeHost::begin_at(std::shared_ptr<NodePlace> place,
                                                                 const NodeOptions& options) {
  if (Result<void> checked = check_options(options); !checked) return checked.error();
  const auto host = std::make_shared<NodeHost>(Private{}, options, std::nullopt, std::move(place));
  if (Result<void, StartError> opened = host->open(); !opened) return opened.error();
  const NodeLoop::Taken taken(host->loop_);
  host->is_closed_ = false;
  host->node_->start();
  return host;
}

Result<void, StartError> NodeHost::finish_start() {
  loop_.turn_until([this] { return started_.has_value() || is_over_; }, base::kNever);
  if (!started_) return Error{Errc::shut_down, "starting a node"};
  if (*started_) return {};
  wait_until_over(base::kNever);
  return *std::move(started_);
}

void NodeHost::turn_at_place() {
  const std::shared_ptr<NodeHost> self = shared_from_this();  // a handler may let go of it
  const NodeLoop::Taken taken(loop_);
  loop_.turn_at_place();
  if (is_closed_ && !is_over_ && loop_.reactor().backend().handle_count() == 0) end_loop();
}

void NodeHost::abandon() {
  const NodeLoop::Taken taken(loop_);
  const NodeLoop::Inside inside(loop_);
  node_->delivery().request_stop();
  if (phase_.exchange(Phase::closing) == Phase::closed) phase_.store(Phase::closed);
  room_watch_.close();
  if (!is_closed_) node_->begin_shutdown(base::Duration::zero());
}

void NodeHost::set_message_handler(MessageHandler handler) {
  if (is_forked()) return;
  if (is_held_) {
    held_handler_ = std::move(handler);
    return;
  }
  run_where_handlers_run(node_->delivery().setting(std::move(handler)));
}

/// A task of the loop, behind the handlers that have been set so far.
void NodeHost::hold_messages() {
  if (std::exchange(is_held_, true)) return;
  const base::Pushed posted = post([this] {
    if (!is_held_) return;
    MessageHandler handler = node_->delivery().take_message_handler();
    if (!held_handler_) held_handler_ = std::move(handler);  // the application may have set another one meanwhile
  });
  if (!posted) is_held_ = false;  // counted (tasks_lost)
}

void NodeHost::release_messages() {
  if (!std::exchange(is_held_, false)) return;
  if (held_handler_) set_message_handler(std::exchange(held_handler_, nullptr));
}

/// Tries again after each turn of the world.
SendVerdict NodeHost::send_wait_at_place(const std::shared_ptr<TargetState>& target, PublishedCopy copy,
                                         const OutgoingMessage& message, base::Duration deadline) {
  if (is_inside()) return SendVerdict::would_block;
  const std::shared_ptr<NodeHost> self = shared_from_this();  // what the world runs may let go of it
  SendVerdict verdict = SendVerdict::shut_down;
  const auto has_tried = [&] {
    verdict = is_running() ? submit(target, copy, message).verdict : SendVerdict::shut_down;
    return verdict != SendVerdict::queue_full;
  };
  loop_.turn_until(has_tried, base::saturating_add(now(), std::max(deadline, base::Duration::zero())));
  return count(verdict, target);
}

}  // namespace distflow::runtime
