// Requests and replies in a world: who asks, what handlers do, and what must hold of it.
#include <algorithm>
#include <utility>

#include "tests/sim/world.hpp"

namespace distflow::test {
namespace {

using base::milliseconds;
using runtime::AskWay;

/// Of the worlds, so many have requests: the others are as if there were none.
constexpr double kAsksChance = 0.3;
constexpr milliseconds kDeadlines[] = {milliseconds(1), milliseconds(20), milliseconds(300), milliseconds(3000)};

}  // namespace

void World::choose_asks() { has_asks_ = asks_random_.chance(kAsksChance); }

void World::answer_requests_of(NodeMember& node) {
  if (!has_asks_) return;
  node->set_request_handler([this, number = node.number()](const Request& request, Responder responder) {
    on_request(number, request, std::move(responder));
  });
}

void World::on_request(std::uint32_t node, const Request& request, Responder responder) {
  const std::string wrong = ask_ledger_.note_handled(request.payload);
  // A liar may send what it has seen once more.
  if (!wrong.empty() && !has_liars()) return fail(wrong);
  switch (asks_random_.uniform(8)) {
    case 0: return;  // lets go of it: it has failed
    case 1: return responder.refuse(AskError::denied);
    case 2:
      if (!is_calm_) return open_requests_.push_back({node, std::string(request.payload), std::move(responder)});
      [[fallthrough]];
    default: static_cast<void>(responder.reply(AskLedger::reply_of(request.payload)));
  }
}

void World::ask_some(NodeMember& node) {
  answer_open_requests();
  if (!has_asks_ || node.state() != NodeMember::State::running || !asks_random_.chance(0.5)) return;
  for (std::uint64_t i = asks_random_.uniform(12); i > 0; --i) ask_one(node);
}

void World::ask_one(NodeMember& node) {
  std::string name = "n" + std::to_string(asks_random_.uniform(options_.nodes));
  if (asks_random_.chance(0.05)) name = "nobody";
  AskElsewhere* const others = asks_random_.chance(0.4) ? &elsewhere(node, name) : nullptr;
  const bool has_backup = others != nullptr && others->backup_after > base::Duration::zero();
  const std::uint64_t number = ask_ledger_.begin(has_backup ? 2 : 1);
  const AskOptions options{.deadline = kDeadlines[asks_random_.uniform(std::size(kDeadlines))],
                           .idempotent = true,
                           .attempts = 1 + static_cast<int>(asks_random_.uniform(4))};
  const auto on_end = [this, number](const Reply& reply) {
    const std::string wrong = ask_ledger_.end(number, reply);
    if (!wrong.empty() && !has_liars()) fail(wrong);
  };
  node.post([] {});  // as a program that turns the loop itself: it looks at the next deadline after each call
  const AskWay::OnLoop on_loop(node->ask_way());
  const runtime::TargetPtr target = node.target(name);
  if (target == nullptr) return ask_ledger_.forget(number);
  const SendVerdict verdict =
      node->ask_way().ask(target, std::to_string(number), options, on_end, AskWay::Callback::of_application, others);
  if (!is_under_way(verdict)) ask_ledger_.forget(number);
}

/// As a request to a group, whose members are all nodes.
World::AskElsewhere& World::elsewhere(NodeMember& node, const std::string& name) {
  AskElsewhere& others = elsewhere_.emplace_back(node, options_.nodes);
  others.asked.push_back(name);
  others.is_another_at_once = asks_random_.chance(0.5);
  if (asks_random_.chance(0.7)) others.backup_after = milliseconds(1 + asks_random_.uniform(200));
  return others;
}

runtime::TargetPtr World::AskElsewhere::next(std::uint64_t drawn) {
  const std::string name = "n" + std::to_string(drawn % nodes_);
  if (std::find(asked.begin(), asked.end(), name) != asked.end()) return nullptr;
  asked.push_back(name);
  return node_.target(name);
}

void World::AskElsewhere::let_go(const runtime::TargetState& target, AskError) noexcept {
  std::erase(asked, target.name);
}

/// Outside of their handlers, as another part of the program does. Those of nodes that are gone answer nobody.
void World::answer_open_requests() {
  for (OpenRequest& open : std::exchange(open_requests_, {})) {
    NodeMember* const node = find_by_number(open.node);
    if (node == nullptr) continue;
    node->touch();
    const AskWay::OnLoop on_loop((*node)->ask_way());
    static_cast<void>(open.responder.reply(AskLedger::reply_of(open.payload)));
  }
}

/// Requests, what answers them, and what cancels those that another has answered, are messages that the world has not
/// sent.
World::Extra World::extra_messages(const AskStats& asks) {
  return {.sent_max = asks.asked + 2 * asks.retried + asks.failed_cancelled + asks.received,
          .handled_min = asks.received - std::min(asks.received, asks.said_shut_down),
          .handled_max = asks.received};
}

void World::check_asks(NodeMember& node) {
  const AskStats asks = node.stats().asks;
  if (asks.asked != asks.replied + asks.failed() + asks.pending) {
    fail(node.label() + ": asked is not replied, failed and pending");
  }
  if (asks.received != asks.answered + asks.said() + asks.waiting + asks.in_handlers) {
    fail(node.label() + ": requests received are not answered, said, waiting and in handlers");
  }
}

/// In the calm.
void World::check_no_ask_is_open() {
  for (const auto& node : nodes_) {
    if (node->stats().asks.pending > 0) fail(node->label() + " has a request that does not end");
    if (node->stats().asks.in_handlers > 0) fail(node->label() + " has a request in no handler");
  }
}

}  // namespace distflow::test
