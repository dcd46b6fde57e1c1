#include <distflow/ask.hpp>
#include <distflow/node_runtime.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "protocol/json_grammar.hpp"
#include "runtime/process/held_elsewhere.hpp"
#include "runtime/process/node_host.hpp"
#include "runtime/process/unless_out_of_memory.hpp"

namespace distflow {
namespace {

using runtime::HeldElsewhere;
using runtime::NodeHost;
using runtime::unless_out_of_memory;

/// With Threading::caller, how much later than the deadline the thread that polls may come.
constexpr base::Duration kLoopSlack = std::chrono::seconds(1);

constexpr const char* kAsking = "waiting for a reply";

Result<KeptReply> ask_and_wait_at(NodeHost& host, std::string_view target, std::string_view json,
                                  const AskOptions& options) {
  if (host.is_on_loop_thread() || (host.is_at_place() && host.is_inside())) {
    return Error{Errc::would_block, kAsking};
  }
  if (!protocol::is_json(json)) {
    return KeptReply{.target = std::string(target),
                     .error = AskError::not_sent,
                     .stage = AskStage::resolving,
                     .verdict = SendVerdict::invalid_json,
                     .may_have_run = false};
  }
  struct Wait {
    std::mutex mutex;
    std::condition_variable condition;
    std::optional<Result<KeptReply>> outcome;
  };
  const auto shared = std::make_shared<Wait>();
  Wait& wait = *shared;
  const auto on_end = [shared](const Reply& reply) {
    Result<KeptReply> outcome = Error{Errc::out_of_memory, kAsking};
    try {
      outcome = reply.keep();
    } catch (const std::bad_alloc&) {
    }
    const std::scoped_lock lock(shared->mutex);
    shared->outcome = std::move(outcome);
    shared->condition.notify_one();
  };
  const SendVerdict verdict = host.ask(target, json, options, on_end, runtime::AskWay::Callback::direct);
  if (!is_under_way(verdict)) {
    return KeptReply{.target = std::string(target),
                     .error = AskError::not_sent,
                     .stage = AskStage::resolving,
                     .verdict = verdict,
                     .may_have_run = false};
  }
  const base::Instant until = base::saturating_add(
      host.now(),
      std::clamp(options.deadline, std::chrono::milliseconds::zero(), runtime::AskWay::kDeadlineMax) + kLoopSlack);
  auto has_ended = [&wait] { return wait.outcome.has_value(); };
  if (host.is_at_place()) host.turn_world_until(base::Delegate<bool()>::of(has_ended), until);
  std::unique_lock lock(wait.mutex);
  const bool in_time = host.is_at_place() ? has_ended() : wait.condition.wait_until(lock, until, has_ended);
  if (in_time) {
    if (!*wait.outcome) host.note_out_of_memory();  // the reply could not be kept
    return *std::move(wait.outcome);
  }
  return KeptReply{.target = std::string(target), .error = AskError::deadline};
}

}  // namespace

SendVerdict NodeRuntime::ask(std::string_view target, std::string_view json, const AskOptions& options,
                             std::function<void(const Reply&)> callback) {
  if (!protocol::is_json(json)) return SendVerdict::invalid_json;
  return ask(target, raw_json(json), options, std::move(callback));
}

SendVerdict NodeRuntime::ask(std::string_view target, RawJson json, const AskOptions& options,
                             std::function<void(const Reply&)> callback) {
  if (json.text.empty()) return SendVerdict::invalid_json;
  const HeldElsewhere host(host_);
  return unless_out_of_memory(*host, SendVerdict::out_of_memory, [&] {
    return host->ask(target, json.text, options, std::move(callback), runtime::AskWay::Callback::of_application);
  });
}

SendVerdict NodeRuntime::ask(Target& target, std::string_view json, const AskOptions& options,
                             std::function<void(const Reply&)> callback) {
  if (!protocol::is_json(json)) return SendVerdict::invalid_json;
  return ask(target, raw_json(json), options, std::move(callback));
}

SendVerdict NodeRuntime::ask(Target& target, RawJson json, const AskOptions& options,
                             std::function<void(const Reply&)> callback) {
  if (json.text.empty()) return SendVerdict::invalid_json;
  const HeldElsewhere host(host_);
  return unless_out_of_memory(*host, SendVerdict::out_of_memory, [&] {
    if (target.state_ == nullptr) target.state_ = host->target(target.name_);
    return host->ask(target.state_, target.version_, json.text, options, std::move(callback));
  });
}

Result<KeptReply> ask_and_wait(NodeRuntime& node, std::string_view target, std::string_view json,
                               const AskOptions& options) {
  return node.ask_and_wait(target, json, options);
}

/// What runs meanwhile may drop the application's last handle, this one.
Result<KeptReply> NodeRuntime::ask_and_wait(std::string_view target, std::string_view json, const AskOptions& options) {
  const std::shared_ptr<NodeHost> handle = host_;
  return unless_out_of_memory(*handle, Result<KeptReply>(Error{Errc::out_of_memory, kAsking}),
                              [&] { return ask_and_wait_at(*handle, target, json, options); });
}

}  // namespace distflow
