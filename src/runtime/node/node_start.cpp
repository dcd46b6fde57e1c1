// Node's start: listening, and the outcome of its registration.
#include <algorithm>
#include <system_error>
#include <utility>

#include "base/error_text.hpp"
#include "runtime/node/node.hpp"
#include "runtime/node/start_errors.hpp"

namespace distflow::runtime {
namespace {

using base::LogLevel;

/// How long start() tries to have its port, and how often.
constexpr base::Duration kPortPatience = base::seconds(1);
constexpr base::Duration kPortRetry = base::milliseconds(20);

}  // namespace

void Node::start() {
  DF_ASSERT(state_ == State::idle);
  state_ = State::starting;
  listen_until_ =
      base::saturating_add(parts_.reactor.now(), std::min<base::Duration>(kPortPatience, options_.start_deadline));
  listen();
}

void Node::listen() {
  if (parts_.reactor.has_memory_for([this] { try_to_listen(); })) return;
  fail_start(Error{Errc::out_of_memory, "starting a node"});
}

/// The kernel may hold a killed process's port for some time, with io_uring for tens of milliseconds.
void Node::try_to_listen() {
  const Result<io::Address> address = io::Address::parse(options_.host, options_.port);
  const Result<void> opened = address ? accepted_.open(*address) : Result<void>(address.error());
  const bool is_taken = !opened && opened.error().code == std::make_error_code(std::errc::address_in_use);
  if (is_taken && options_.port != 0 && parts_.reactor.now() < listen_until_) {
    return parts_.reactor.arm_after(listen_timer_, kPortRetry);
  }
  if (!opened) return fail_start(unusable_address(opened.error(), options_));
  if (!address->is_loopback()) {
    parts_.log.write(LogLevel::warn, "listening at %s: anyone who reaches it may send to this node",
                     accepted_.address().to_string().c_str());
  }
  if (parts_.log.is_enabled(LogLevel::debug)) {
    parts_.log.write(LogLevel::debug, "node %s listens at %s and looks for a PMD at %s:%u", node_id_.c_str(),
                     accepted_.address().to_string().c_str(), options_.pmd_host.c_str(), options_.pmd_port);
  }
  RegistryObserver& self = *this;
  parts_.registry.start(self, registration());
  is_registry_started_ = true;
  is_registry_closed_ = false;
  parts_.reactor.arm_after(start_timer_, options_.start_deadline);
}

void Node::fail_start(StartError why) {
  if (std::exchange(is_start_told_, true)) return;
  if (parts_.log.is_enabled(LogLevel::debug)) {
    parts_.log.write(LogLevel::debug, "node %s does not start: %s", node_id_.c_str(), base::ErrorText(why).c_str());
  }
  begin_shutdown(kCloseTimeout);
  observer_.on_started(std::move(why));
}

void Node::on_start_deadline() {
  if (state_ == State::starting) fail_start(parts_.registry.why_unregistered());
}

void Node::on_start_failed(StartError why) {
  if (state_ == State::starting) fail_start(std::move(why));
}

/// Started is who is registered and knows who else is there.
void Node::tell_if_started() {
  if (state_ != State::starting || !was_registered_ || !has_snapshot_) return;
  state_ = State::running;
  is_start_told_ = true;
  parts_.reactor.timers().cancel(start_timer_);
  parts_.log.write(LogLevel::debug, "node %s has started", node_id_.c_str());
  observer_.on_started({});
}

AfterRefusal Node::on_registration_refused(const Error& error, std::string_view text,
                                           const protocol::NodeInfo* holder) {
  if (state_ == State::starting) {
    fail_start(refused_registration(error, text, holder, options_));
    return AfterRefusal::give_up;
  }
  parts_.log.write(LogLevel::error, "the PMD refuses to register this node again: %.*s", static_cast<int>(text.size()),
                   text.data());
  return AfterRefusal::retry;
}

}  // namespace distflow::runtime
