// A node's topics: those that it publishes to, and those that it subscribes to.
#include <utility>

#include "runtime/node/check_options.hpp"
#include "runtime/node/node.hpp"

namespace distflow::runtime {
namespace {

constexpr std::size_t kRetainedMax = 1000;

}  // namespace

TargetPtr Node::topic(std::string_view name) {
  return publications_.of(name, [this](auto&& visit) { directory_.for_each_node(visit); });
}

Result<void> Node::retain(std::string_view topic, const RetainOptions& options) {
  if (options.count > kRetainedMax) {
    return Error{Errc::invalid_option, "retaining messages of a topic: at most 1,000"};
  }
  const auto for_each_node = [this](auto&& visit) { directory_.for_each_node(visit); };
  if (publications_.retain(topic, options, for_each_node)) return {};
  return Error{Errc::invalid_option, "retaining messages of a topic: a name of 1 to 250 bytes, targets_max of them"};
}

/// The subscription is there before others can know of it, and gone after they do. Each of the two calls is one step
/// for other threads: the group and the subscription are of the same call.
Result<void> Node::subscribe(std::string_view topic, MessageHandler handler, const SubscribeOptions& options,
                             SubscriptionPtr& replaced) {
  const std::string address = topic_address(topic);
  if (topic.empty() || !OwnGroups::is_name(address)) {
    return Error{Errc::invalid_option, "subscribing to a topic: a name of 1 to 250 bytes"};
  }
  if (!handler) return Error{Errc::invalid_option, "subscribing to a topic: an empty handler"};
  if (Result<void> checked = check_mailbox_options(options.mailbox, options.conflate_by); !checked) return checked;
  const SubscriptionPtr made = subscriptions_.make(topic, std::move(handler), options);
  const std::scoped_lock lock(topics_mutex_);
  replaced = subscriptions_.put(made);
  if (replaced != nullptr) return {};  // in the group already
  OwnGroups::Outcome joined = OwnGroups::Outcome::too_many;
  try {
    joined = own_groups_.join(address);
  } catch (...) {
    static_cast<void>(subscriptions_.remove(address));
    throw;
  }
  if (joined == OwnGroups::Outcome::done) return {};
  static_cast<void>(subscriptions_.remove(address));
  return Error{Errc::invalid_option, "subscribing to a topic: at most 64 topics and groups of one node"};
}

SubscriptionPtr Node::unsubscribe(std::string_view topic) {
  const std::string address = topic_address(topic);
  const std::scoped_lock lock(topics_mutex_);
  own_groups_.leave(address);
  return subscriptions_.remove(address);
}

const char* Node::broken_topic_invariant() {
  const char* const broken = publications_.broken_invariant();
  return broken != nullptr ? broken : subscriptions_.broken_invariant();
}

}  // namespace distflow::runtime
