#include "runtime/node/pmd_registry.hpp"

#include <span>
#include <system_error>
#include <utility>

#include "base/error_text.hpp"
#include "pmd/launch/launcher.hpp"
#include "runtime/node/check_options.hpp"
#include "runtime/node/start_errors.hpp"

namespace distflow::runtime {
namespace {

using base::LogLevel;

constexpr base::Duration kCloseTimeout = base::milliseconds(500);

std::uint64_t random_seed(io::Backend& backend) {
  std::uint64_t seed = 0;
  backend.fill_random(std::as_writable_bytes(std::span(&seed, 1)));
  return seed;
}

}  // namespace

PmdRegistry::PmdRegistry(const RegistryParts& parts, const NodeOptions& options)
    : parts_(parts), options_(at_pmd(options, {})), resolver_(parts.reactor), out_(parts.blocks) {}

PmdRegistry::~PmdRegistry() = default;

pmd::ClientOptions PmdRegistry::client_options(protocol::Registration registration) const {
  pmd::ClientOptions client;
  client.host = options_.pmd_host;
  client.port = options_.pmd_port;
  client.registration = std::move(registration);
  client.is_watching = true;
  client.heartbeat_interval = options_.heartbeat_interval;
  client.close_timeout = kCloseTimeout;
  client.seed = random_seed(parts_.reactor.backend());
  return client;
}

void PmdRegistry::start(RegistryObserver& observer, protocol::Registration registration) {
  DF_ASSERT(!client_);
  node_id_ = registration.node.node_id;
  pmd::ClientObserver& self = *this;
  client_ = std::make_unique<pmd::Client>(pmd::ClientParts{.reactor = parts_.reactor,
                                                           .resolver = resolver_,
                                                           .stream_setup = parts_.stream_setup,
                                                           .chunks = parts_.blocks,
                                                           .out = out_},
                                          self, client_options(std::move(registration)));
  observer_ = &observer;
  client_->start();
}

void PmdRegistry::resolve(std::string_view name, OnAnswer on_answer) { client_->resolve(name, std::move(on_answer)); }

void PmdRegistry::close() {
  is_closing_ = true;
  client_->close(pmd::Unregister::yes);
}

/// The present state explains more than earlier attempts.
StartError PmdRegistry::why_unregistered() const {
  if (const std::optional<Error> silence = client_->silence()) return unreachable_pmd(*silence, options_);
  if (pmd_failure_) return *pmd_failure_;
  return last_unreachable_ ? *last_unreachable_ : unanswered_registration(options_);
}

void PmdRegistry::on_registered() {
  heed_ended_pmd();
  was_registered_ = true;
  parts_.log.write(LogLevel::debug, "node %s is registered with the PMD at %s:%u", node_id_.c_str(),
                   options_.pmd_host.c_str(), options_.pmd_port);
  observer_->on_registered();
}

pmd::AfterRefusal PmdRegistry::on_registration_refused(const Error& error, std::string_view text,
                                                       const protocol::NodeInfo* holder) {
  const AfterRefusal next = observer_->on_registration_refused(error, text, holder);
  return next == AfterRefusal::retry ? pmd::AfterRefusal::retry : pmd::AfterRefusal::give_up;
}

void PmdRegistry::on_registration_lost(const Error& why, const protocol::NodeInfo* holder) {
  observer_->on_registration_lost(why, holder);
}

void PmdRegistry::on_snapshot(std::vector<protocol::NodeInfo> nodes) {
  observer_->on_snapshot(std::move(nodes));
  was_told_to_end_ = false;
  has_snapshot_ = true;
}

void PmdRegistry::on_disconnected(const Error& why) {
  observer_->on_disconnected(why);
  if (!is_closing_ && parts_.log.is_enabled(LogLevel::info)) {
    parts_.log.write(LogLevel::info, "the PMD is away (%s); trying again", base::ErrorText(why).c_str());
  }
}

void PmdRegistry::on_unreachable(const Error& why, std::uint32_t attempts) {
  if (is_closing_) return;
  heed_ended_pmd();
  last_unreachable_ = unreachable_pmd(why, options_);
  if (parts_.log.is_enabled(LogLevel::debug)) {
    parts_.log.write(LogLevel::debug, "attempt %u to reach a PMD failed: %s", attempts,
                     base::ErrorText(*last_unreachable_).c_str());
  }
  const bool is_final = why == Errc::erlang_epmd || why == Errc::not_a_pmd || why == Errc::name_not_found;
  if (is_final && is_starting()) return observer_->on_start_failed(*std::move(last_unreachable_));
  const bool may_start = options_.start_pmd && parts_.starter != nullptr && io::is_loopback_host(options_.pmd_host);
  if (may_start && why.code == std::errc::connection_refused && !was_told_to_end_) start_pmd();
}

void PmdRegistry::heed_ended_pmd() {
  if (parts_.starter != nullptr) parts_.starter->heed_ended_pmd();
}

void PmdRegistry::start_pmd() {
  if (std::exchange(is_starting_pmd_, true)) return;
  parts_.log.write(LogLevel::debug, "starting a PMD at %s:%u", options_.pmd_host.c_str(), options_.pmd_port);
  const auto start = [this] {
    parts_.starter->start_pmd([this](const Result<PmdStart>& outcome) { on_pmd_started(outcome); });
  };
  if (!parts_.reactor.has_memory_for(start)) on_pmd_started(Error{Errc::out_of_memory, "starting a PMD"});
}

void PmdRegistry::on_pmd_started(const Result<PmdStart>& outcome) {
  is_starting_pmd_ = false;
  if (is_closing_) return;
  if (outcome) {
    pmd_failure_.reset();
    const bool is_started = *outcome == PmdStart::started;
    parts_.log.write(LogLevel::debug, is_started ? "a PMD was started" : "another has the PMD's port by now");
    if (!is_started) return;  // another program has the port: the next attempt shows which
    observer_->on_registry_started();
    return client_->retry_now();
  }
  pmd_failure_ = unstarted_pmd(outcome.error(), options_);
  if (is_starting() && pmd::is_final_launch_error(outcome.error())) {
    return observer_->on_start_failed(*std::move(pmd_failure_));
  }
  parts_.log.write(is_starting() ? LogLevel::info : LogLevel::error, "%s", base::ErrorText(*pmd_failure_).c_str());
}

}  // namespace distflow::runtime
