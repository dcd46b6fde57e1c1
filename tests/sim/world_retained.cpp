// A topic in a world whose publishers retain: who subscribes late gets the last messages, and no others first.
//
// A message is {"k":NODE,"n":NUMBER}. Its subscribers come and go, and may get the same one again each time.
#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "tests/sim/world.hpp"

namespace distflow::test {
namespace {

using base::milliseconds;

/// Of the worlds, so many have such a topic: the others are as if there were none.
constexpr double kRetainedChance = 0.35;

/// How many messages a node retains.
std::size_t retained_count(std::uint32_t node) { return 1 + node % 3; }

}  // namespace

void World::choose_retained() { has_retained_ = retained_random_.chance(kRetainedChance); }

void World::do_retained(NodeMember& node) {
  if (!has_retained_ || node.state() != NodeMember::State::running) return;
  const std::uint64_t dice = retained_random_.uniform(100);
  if (dice < 10) {
    subscribe_to_retained(node);
  } else if (dice < 20) {
    node.unsubscribe(kRetained);
  } else if (dice < 40) {
    for (std::uint64_t i = retained_random_.uniform(4) + 1; i > 0; --i) publish_retained(node);
  }
}

void World::subscribe_to_retained(NodeMember& node) {
  if (!node.subscribe(kRetained, {})) fail(node.label() + " cannot subscribe to " + kRetained);
}

void World::publish_retained(NodeMember& node) {
  std::uint64_t& last = retained_[node.number()];
  if (last == 0 && !node->retain(kRetained, {.count = retained_count(node.number())})) {
    return fail(node.label() + " cannot retain messages of " + kRetained);
  }
  const std::string message = R"({"k":)" + std::to_string(node.number()) + R"(,"n":)" + std::to_string(last + 1) + "}";
  if (!is_under_way(node.publish(kRetained, message))) return;
  ++last;
  ++outcome_.sent;
}

void World::on_retained(NodeMember& node, const Message& message) {
  if (!node.topics.contains(kRetained)) return fail(node.label() + " has a message of a topic that it has left");
  std::uint32_t publisher = 0;
  std::uint64_t number = 0;
  const std::string text(message.payload);
  if (std::sscanf(text.c_str(), R"({"k":%u,"n":%)" SCNu64 "}", &publisher, &number) != 2) {
    if (!has_liars()) fail(node.label() + " has a message of " + kRetained + " that is corrupt: " + text);
    return;
  }
  const auto published = retained_.find(publisher);
  const bool is_known = published != retained_.end() && number > 0 && number <= published->second;
  if (!is_known && !has_liars()) fail(node.label() + " has a message of " + kRetained + " that nobody published");
  if (late_subscriber_ == node.number()) late_[publisher].push_back(number);
}

/// In the calm: one that subscribes gets what each publisher retains, in its order, though nobody publishes any more.
void World::probe_retained() {
  if (!has_retained_ || has_liars() || is_on(Fault::lying_pmd)) return;
  const auto late = std::find_if(nodes_.begin(), nodes_.end(), [](const auto& node) {
    return node->state() == NodeMember::State::running && !node->topics.contains(kRetained);
  });
  if (late == nodes_.end()) return;
  late_subscriber_ = (*late)->number();
  late_.clear();
  subscribe_to_retained(**late);
  after(milliseconds(150), [this, number = (*late)->number()] {
    late_subscriber_ = UINT32_MAX;
    NodeMember* const subscriber = find_by_number(number);
    if (subscriber == nullptr) return;
    for (const auto& node : nodes_) check_retained_of(*node, *subscriber);
    subscriber->unsubscribe(kRetained);
  });
}

void World::check_retained_of(const NodeMember& publisher, const NodeMember& subscriber) {
  const auto published = retained_.find(publisher.number());
  if (published == retained_.end() || published->second == 0) return;
  const std::uint64_t last = published->second;
  std::vector<std::uint64_t> expected;
  for (std::uint64_t n = last - std::min<std::uint64_t>(last, retained_count(publisher.number())); n < last;) {
    expected.push_back(++n);
  }
  if (late_[publisher.number()] == expected) return;
  fail(subscriber.label() + " subscribed in the calm, and got " + std::to_string(late_[publisher.number()].size()) +
       " messages that " + publisher.label() + " retains, and not the last " + std::to_string(expected.size()) +
       " of " + std::to_string(last));
}

}  // namespace distflow::test
