// Topics in a world: who subscribes and publishes, and what must hold of it.
#include <algorithm>
#include <set>
#include <utility>

#include "tests/sim/world.hpp"

namespace distflow::test {
namespace {

using base::milliseconds;

/// Of the worlds, so many have topics: the others are as if there were none.
constexpr double kTopicsChance = 0.35;
constexpr const char* kTopics[] = {"a", "b", "c"};

}  // namespace

void World::choose_topics() { has_topics_ = topics_random_.chance(kTopicsChance); }

void World::do_topics(NodeMember& node) {
  if (!has_topics_ || node.state() != NodeMember::State::running) return;
  const std::string topic = kTopics[topics_random_.uniform(std::size(kTopics))];
  const std::uint64_t dice = topics_random_.uniform(100);
  if (dice < 15) {
    subscribe(node, topic);
  } else if (dice < 20) {
    node.unsubscribe(topic);
  } else if (dice < 60) {
    publish_some(node, topic);
  }
}

/// One that is there already is replaced.
void World::subscribe(NodeMember& node, const std::string& topic) {
  constexpr Overflow policies[] = {Overflow::drop_newest, Overflow::drop_oldest, Overflow::block};
  SubscribeOptions options;
  options.mailbox = {.max_size = static_cast<std::uint32_t>(1 + topics_random_.uniform(20)),
                     .bytes_max = 64 * 1024,
                     .overflow = policies[topics_random_.uniform(std::size(policies))]};
  if (topics_random_.chance(0.5)) options.conflate_by = "s";  // of each sender
  if (!node.subscribe(topic, options)) fail(node.label() + " cannot subscribe to " + topic);
}

/// A burst is longer than the queue of a subscriber, now and then: it loses what does not fit.
void World::publish_some(NodeMember& node, const std::string& topic) {
  const bool is_other_thread = topics_random_.chance(0.3);
  const std::uint64_t count =
      topics_random_.chance(0.1) ? 1 + topics_random_.uniform(300) : 1 + topics_random_.uniform(5);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t size = topics_random_.uniform(topics_random_.chance(0.02) ? 20'000 : 200);
    publish_one(node, topic, size, is_other_thread);
  }
}

/// Between threads there is no order: each has a flow of its own.
bool World::publish_one(NodeMember& node, const std::string& topic, std::size_t size, bool is_other_thread) {
  const std::string flow = is_other_thread ? std::string(topic).append(kOfAnotherThread) : topic;
  const std::string message = topic_ledger_.write(node.number(), flow, size);
  const SendVerdict verdict =
      is_other_thread ? node.publish_from_other_thread(topic, message) : node.publish(topic, message);
  if (is_under_way(verdict)) ++outcome_.sent;
  return is_under_way(verdict);
}

/// A subscriber has a message of its topic, once, from who published it, and in its place.
void World::on_published(NodeMember& node, const std::string& topic, const Message& message) {
  network_.trace("%s handles %.*s of topic %s", node.label().c_str(),
                 static_cast<int>(std::min<std::size_t>(60, message.payload.size())), message.payload.data(),
                 topic.c_str());
  if (topic == kRetained) return on_retained(node, message);
  if (!node.topics.contains(topic)) return fail(node.label() + " has a message of a topic that it has left");
  if (has_liars() && is_false_payload(message.has_payload, message.payload)) return act_in_handler(node);
  const Ledger::Reading reading = topic_ledger_.read(node.number(), message.payload);
  // A PMD that lies may name two subscribers at one address: what is published says a topic, and not for whom.
  if (is_on(Fault::lying_pmd) && reading.wrong.ends_with(" came twice")) return;
  if (!reading.wrong.empty()) return fail("of topic " + topic + ": " + reading.wrong);
  const Origin& origin = origins_[reading.sender];
  const std::string publisher = "node" + std::to_string(reading.sender);
  if (message.from != origin.node_id) fail(node.label() + " has a message of " + publisher + " from somebody else");
  std::string_view name = reading.name;
  if (name.ends_with(kOfAnotherThread)) name.remove_suffix(kOfAnotherThread.size());
  if (name != topic || message.to != runtime::topic_address(topic)) {
    fail(node.label() + " has a message of topic " + std::string(name) + " as one of topic " + topic);
  }
  const std::uint32_t self = node.process().id();
  const std::uint64_t connections =
      network_.connections(origin.process, self) + network_.connections(self, origin.process);
  if (reading.strands > connections) {
    fail("what " + publisher + " published on " + topic + " lost its order at " + node.label());
  }
  act_in_handler(node);
}

/// In the calm everybody knows who subscribes to what.
void World::check_subscribers() {
  if (!has_topics_) return;
  for (const char* const topic : kTopics) {
    std::set<std::string> expected;
    for (const auto& node : nodes_) {
      if (node->topics.contains(topic)) expected.insert((*node)->node_id());
    }
    for (const auto& node : nodes_) {
      const std::set<std::string> seen = node->subscribers(topic);
      if (seen == expected) continue;
      return fail(node->label() + " sees " + std::to_string(seen.size()) + " subscribers of topic " + topic +
                  ", and not the " + std::to_string(expected.size()) + " that there are");
    }
  }
}

/// In the calm each subscriber gets what is published, and at once.
void World::publish_probes_of(NodeMember& sender) {
  if (!has_topics_) return;
  for (const char* const topic : kTopics) {
    if (!publish_one(sender, topic, 20)) return fail(sender.label() + " cannot publish in the calm");
    for (const auto& node : nodes_) {
      if (!node->topics.contains(topic)) continue;
      after(milliseconds(100), [this, topic, from = sender.number(), to = node->number()] {
        if (topic_ledger_.has_handled_last(to, from, topic)) return;
        fail("what node" + std::to_string(from) + " published on " + topic + " in the calm did not reach node" +
             std::to_string(to));
      });
    }
  }
}

}  // namespace distflow::test
