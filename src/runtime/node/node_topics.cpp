// A node's topics: those that it publishes to, and those that it subscribes to.
#include <utility>

#include "runtime/node/check_options.hpp"
#include "runtime/node/node.hpp"

namespace distflow::runtime {

TargetPtr Node::topic(std::string_view name) {
  return publications_.of(name, [this](auto&& visit) { directory_.for_each_node(visit); });
}

/// The subscription is there before others can know of it.
Result<void> Node::subscribe(std::string_view topic, MessageHandler handler, const SubscribeOptions& options,
                             SubscriptionPtr& replaced) {
  const std::string address = topic_address(topic);
  if (topic.empty() || !OwnGroups::is_name(address)) {
    return Error{Errc::invalid_option, "subscribing to a topic: a name of 1 to 250 bytes"};
  }
  if (Result<void> checked = check_mailbox_options(options.mailbox, options.conflate_by); !checked) return checked;
  SubscriptionPtr made = subscriptions_.make(topic, std::move(handler), options);
  if (own_groups_.join(address) == OwnGroups::Outcome::too_many) {
    return Error{Errc::invalid_option, "subscribing to a topic: at most 64 topics and groups of one node"};
  }
  try {
    replaced = subscriptions_.put(std::move(made));
  } catch (...) {
    own_groups_.leave(address);
    throw;
  }
  return {};
}

SubscriptionPtr Node::unsubscribe(std::string_view topic) {
  own_groups_.leave(topic_address(topic));
  return subscriptions_.remove(topic);
}

const char* Node::broken_topic_invariant() {
  const char* const broken = publications_.broken_invariant();
  return broken != nullptr ? broken : subscriptions_.broken_invariant();
}

}  // namespace distflow::runtime
