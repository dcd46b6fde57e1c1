#include "tests/sim/lying_client.hpp"

#include <algorithm>

#include "protocol/control_frame.hpp"
#include "protocol/pmd_request.hpp"

namespace distflow::test {
namespace {

using io::sim::Fault;

constexpr std::size_t kTalksMax = 6;
constexpr std::size_t kOwnIdsMax = 8;

}  // namespace

void LyingClient::act() {
  if (talks_.size() < kTalksMax && (talks_.empty() || chance(0.1))) {
    if (auto talk = dial<Talk>(lore_.pmd_port)) talks_.push_back(std::move(talk));
  }
  for (const auto& talk : talks_) {
    exchange(*talk);
    if (!talk->is_deaf) talk->in.clear();
  }
  for (std::uint64_t count = 1 + uniform(chance(0.05) ? 40 : 3); count > 0 && !talks_.empty(); --count) {
    Talk& talk = *talks_[uniform(talks_.size())];
    lore_.network.count(Fault::lying_client);
    chance(0.05) ? misbehave(talk) : ask(talk);
  }
  std::erase_if(talks_, [](const auto& talk) { return talk->is_over; });
}

void LyingClient::ask(Talk& talk) {
  const std::string id = std::to_string(uniform(5));  // the same one, now and then
  switch (uniform(16)) {
    case 0: return say(talk, protocol::unregister_request(id, some_id()));
    case 1:
    case 2: return say(talk, protocol::heartbeat_request(id, some_id()));
    case 3: return say(talk, protocol::watch_request(id));
    case 4: return say(talk, protocol::list_request(id));
    case 5:
    case 6: return say(talk, protocol::resolve_request(id, chance(0.5) ? some_id() : some_alias()));
    case 7: return say(talk, protocol::hello_request(id, {.version = 1 + static_cast<std::int64_t>(uniform(3))}));
    case 8: return say(talk, R"({"type":"response","requestId":"1","payload":{"success":true}})");
    case 9:
      return say(talk, R"({"type":"event","payload":{"event":"peer:leave","peer":{"nodeId":")" + some_id() + R"("}}})");
    case 10:
      if (lore_.is_gentle || !chance(0.03)) return;
      has_asked_for_end_ = true;
      return say(talk, protocol::shutdown_request(id));
    default: return say(talk, registration());
  }
}

std::string LyingClient::registration() {
  protocol::Registration registration;
  protocol::NodeInfo& node = registration.node;
  node.node_id = some_id();
  const Rumour* const living = some_node();
  const auto known = std::ranges::find(lore_.nodes, node.node_id, &Rumour::node_id);
  if (known != lore_.nodes.end() && known->is_alive) {
    if (!lore_.takes_over) {
      node.node_id = new_id();
    } else {
      lore_.network.count(Fault::takeover);
    }
  }
  if (chance(0.7)) node.alias = some_alias();
  node.host = chance(0.8) ? "127.0.0.1" : "10.1.2.3";
  node.port = living != nullptr && chance(0.7) ? living->port : static_cast<std::uint16_t>(1 + uniform(65'535));
  if (chance(0.7)) node.caps = {std::string(protocol::kSharingCap), std::string(protocol::kMemoryCap)};
  if (chance(0.5)) registration.ttl_ms = 1 + static_cast<std::int64_t>(uniform(5000));
  if (own_ids_.size() < kOwnIdsMax) own_ids_.push_back(node.node_id);
  return protocol::register_request("1", registration);
}

std::string LyingClient::some_id() {
  if (own_ids_.empty() || chance(0.2)) return new_id();
  const Rumour* const node = some_node();
  return node == nullptr || chance(0.5) ? own_ids_[uniform(own_ids_.size())] : node->node_id;
}

std::string LyingClient::some_alias() {
  const Rumour* const node = some_node();
  return node == nullptr || chance(0.3) ? label_ + std::to_string(uniform(4))
         : chance(0.9)                  ? node->alias
                                        : node->node_id;
}

}  // namespace distflow::test
