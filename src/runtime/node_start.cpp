// Node's start: listening, and the way to a PMD that registers it.
#include <algorithm>
#include <system_error>
#include <utility>

#include "base/error_text.hpp"
#include "pmd/launch/launcher.hpp"
#include "runtime/node.hpp"
#include "runtime/start_errors.hpp"

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
  if (const Result<void> handling = delivery_.start(); !handling) return fail_start(handling.error());
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
  const Result<void> opened = address ? inbound_.open(*address) : Result<void>(address.error());
  const bool is_taken = !opened && opened.error().code == std::make_error_code(std::errc::address_in_use);
  if (is_taken && options_.port != 0 && parts_.reactor.now() < listen_until_) {
    return parts_.reactor.arm_after(listen_timer_, kPortRetry);
  }
  if (!opened) return fail_start(unusable_address(opened.error(), options_));
  if (!address->is_loopback()) {
    parts_.log.write(LogLevel::warn, "listening at %s: anyone who reaches it may send to this node",
                     inbound_.address().to_string().c_str());
  }
  if (parts_.log.is_enabled(LogLevel::debug)) {
    parts_.log.write(LogLevel::debug, "node %s listens at %s and looks for a PMD at %s:%u", node_id_.c_str(),
                     inbound_.address().to_string().c_str(), options_.pmd_host.c_str(), options_.pmd_port);
  }
  pmd::ClientObserver& self = *this;
  client_ = std::make_unique<pmd::Client>(
      pmd::ClientParts{.reactor = parts_.reactor, .resolver = resolver_, .chunks = parts_.blocks, .out = control_out_},
      self, client_options());
  is_client_closed_ = false;
  client_->start();
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

/// What is so now says more than what was tried before.
void Node::on_start_deadline() {
  if (state_ != State::starting) return;
  if (const std::optional<Error> silence = client_->silence()) {
    return fail_start(unreachable_pmd(*silence, options_));
  }
  if (pmd_failure_) return fail_start(*std::move(pmd_failure_));
  fail_start(last_unreachable_ ? *std::move(last_unreachable_) : unanswered_registration(options_));
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

pmd::AfterRefusal Node::on_registration_refused(const Error& error, std::string_view text,
                                                const protocol::NodeInfo* holder) {
  if (state_ == State::starting) {
    fail_start(refused_registration(error, text, holder, options_));
    return pmd::AfterRefusal::give_up;
  }
  parts_.log.write(LogLevel::error, "the PMD refuses to register this node again: %.*s", static_cast<int>(text.size()),
                   text.data());
  return pmd::AfterRefusal::retry;
}

void Node::on_unreachable(const Error& why, std::uint32_t attempts) {
  if (is_closing()) return;
  heed_ended_pmd();
  last_unreachable_ = unreachable_pmd(why, options_);
  if (parts_.log.is_enabled(LogLevel::debug)) {
    parts_.log.write(LogLevel::debug, "attempt %u to reach a PMD failed: %s", attempts,
                     base::ErrorText(*last_unreachable_).c_str());
  }
  const bool is_final = why == Errc::erlang_epmd || why == Errc::not_a_pmd || why == Errc::name_not_found;
  if (is_final && state_ == State::starting) return fail_start(*std::move(last_unreachable_));
  const bool may_start = options_.start_pmd && parts_.pmd_starter != nullptr && io::is_loopback_host(options_.pmd_host);
  if (may_start && why.code == std::errc::connection_refused && !was_pmd_told_to_end_) start_pmd();
}

void Node::heed_ended_pmd() {
  if (parts_.pmd_starter != nullptr) parts_.pmd_starter->heed_ended_pmd();
}

void Node::start_pmd() {
  if (std::exchange(is_starting_pmd_, true)) return;
  parts_.log.write(LogLevel::debug, "starting a PMD at %s:%u", options_.pmd_host.c_str(), options_.pmd_port);
  const auto start = [this] {
    parts_.pmd_starter->start_pmd([this](Result<PmdStart> outcome) { on_pmd_started(outcome); });
  };
  if (!parts_.reactor.has_memory_for(start)) on_pmd_started(Error{Errc::out_of_memory, "starting a PMD"});
}

void Node::on_pmd_started(Result<PmdStart> outcome) {
  is_starting_pmd_ = false;
  if (is_closing()) return;
  if (outcome) {
    pmd_failure_.reset();
    const bool is_started = *outcome == PmdStart::started;
    parts_.log.write(LogLevel::debug, is_started ? "a PMD was started" : "another has the PMD's port by now");
    if (!is_started) return;  // whoever has the port, the next attempt will tell
    add_owned(gauges_.pmd_starts, 1);
    return client_->retry_now();
  }
  pmd_failure_ = unstarted_pmd(outcome.error(), options_);
  const bool is_starting = state_ == State::starting;
  if (is_starting && pmd::is_final_launch_error(outcome.error())) return fail_start(*std::move(pmd_failure_));
  parts_.log.write(is_starting ? LogLevel::info : LogLevel::error, "%s", base::ErrorText(*pmd_failure_).c_str());
}

}  // namespace distflow::runtime
