// NodeHost's topics: published and subscribed to on any thread.
#include <new>
#include <utility>

#include <distflow/topic.hpp>

#include "io/clock.hpp"
#include "protocol/json_grammar.hpp"
#include "runtime/process/node_host.hpp"
#include "runtime/process/unless_out_of_memory.hpp"

namespace distflow::runtime {

Result<void> NodeHost::subscribe(std::string_view topic, MessageHandler handler, const SubscribeOptions& options) {
  constexpr const char* subscribing = "subscribing to a topic";
  if (is_forked()) return Error{Errc::forked, subscribing};
  if (!is_running()) return Error{Errc::shut_down, subscribing};
  SubscriptionPtr replaced;
  const Result<void> subscribed = node_->subscribe(topic, std::move(handler), options, replaced);
  if (!subscribed) return subscribed;
  node_->end_later(std::move(replaced));
  have_groups_told();
  if (!node_->own_groups().are_kept()) return Error{Errc::unsupported, subscribing};
  return {};
}

Result<void> NodeHost::unsubscribe(std::string_view topic) {
  constexpr const char* unsubscribing = "unsubscribing from a topic";
  if (is_forked()) return Error{Errc::forked, unsubscribing};
  if (!is_running()) return Error{Errc::shut_down, unsubscribing};
  node_->end_later(node_->unsubscribe(topic));
  have_groups_told();
  return {};
}

SendVerdict NodeHost::publish(std::string_view topic, RawJson json) {
  if (is_forked()) return SendVerdict::forked;
  if (!is_running()) return SendVerdict::shut_down;
  const TargetPtr target = node_->topic(topic);
  if (target == nullptr) return SendVerdict::invalid_target;
  const OutgoingMessage message(json.text);
  if (is_loop_thread()) return count(node_->publish(*target, message));
  thread_local std::string prefix;
  std::shared_ptr<SendCredit> credit;
  std::uint64_t version = 0;
  return count(submit(target, {version, prefix, credit}, message).verdict);
}

Result<void> NodeHost::retain(std::string_view topic, const RetainOptions& options) {
  constexpr const char* retaining = "retaining messages of a topic";
  if (is_forked()) return Error{Errc::forked, retaining};
  if (!is_running()) return Error{Errc::shut_down, retaining};
  return node_->retain(topic, options);
}

}  // namespace distflow::runtime

namespace distflow {

SendVerdict NodeRuntime::publish(std::string_view topic, std::string_view json) {
  return protocol::is_json(json) ? publish(topic, raw_json(json)) : SendVerdict::invalid_json;
}

SendVerdict NodeRuntime::publish(std::string_view topic, RawJson json) try {
  return host_->publish(topic, json);
} catch (const std::bad_alloc&) {
  host_->note_out_of_memory();
  return SendVerdict::out_of_memory;
}

Result<void> NodeRuntime::retain(std::string_view topic, const RetainOptions& options) try {
  return host_->retain(topic, options);
} catch (const std::bad_alloc&) {
  host_->note_out_of_memory();
  return Error{Errc::out_of_memory, "retaining messages of a topic"};
}

Result<void> NodeRuntime::retain(std::string_view topic) { return retain(topic, RetainOptions{}); }

Result<void> NodeRuntime::subscribe(std::string_view topic, std::function<void(const Message&)> handler) {
  return subscribe(topic, std::move(handler), SubscribeOptions{});
}

// A handler that is not taken, or that ends on another thread meanwhile, may hold the application's last handle.

Result<void> NodeRuntime::subscribe(std::string_view topic, std::function<void(const Message&)> handler,
                                    const SubscribeOptions& options) {
  const std::shared_ptr<runtime::NodeHost> handle = host_;
  return runtime::unless_out_of_memory(*handle, Result<void>(Error{Errc::out_of_memory, "subscribing to a topic"}),
                                       [&] { return handle->subscribe(topic, std::move(handler), options); });
}

Result<void> NodeRuntime::unsubscribe(std::string_view topic) {
  const std::shared_ptr<runtime::NodeHost> handle = host_;
  return runtime::unless_out_of_memory(*handle, Result<void>(Error{Errc::out_of_memory, "unsubscribing from a topic"}),
                                       [&] { return handle->unsubscribe(topic); });
}

}  // namespace distflow
