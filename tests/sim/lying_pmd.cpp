#include "tests/sim/lying_pmd.hpp"

#include <algorithm>
#include <utility>

#include "protocol/control_frame.hpp"
#include "protocol/node_text.hpp"
#include "protocol/pmd_reply.hpp"
#include "protocol/pmd_request.hpp"

namespace distflow::test {
namespace {

using io::sim::Fault;
using protocol::EventKind;
using protocol::RequestType;

constexpr std::size_t kNodesMax = 16;

std::string json_of(const protocol::NodeInfo& node) {
  std::string json;
  protocol::append_node(json, node);
  return json;
}

}  // namespace

LyingPmd::LyingPmd(Lore& lore, std::string label, std::uint64_t seed)
    : Liar(lore, std::move(label), seed), listener_(listen(lore.pmd_port)) {}

void LyingPmd::act() {
  while (auto talk = accept<Talk>(listener_)) talks_.push_back(std::move(talk));
  for (const auto& talk : talks_) {
    exchange(*talk);
    for (std::string frame; !talk->is_over && next_frame(*talk, frame);) answer(*talk, frame);
    if (talk->is_over || !chance(0.2)) continue;
    chance(0.1) ? misbehave(*talk) : lie(*talk, chance(0.7) ? some_event() : some_response(R"("1")"));
  }
  std::erase_if(talks_, [](const auto& talk) { return talk->is_over; });
}

void LyingPmd::answer(Talk& talk, std::string_view frame) {
  const Result<protocol::Request> request = protocol::parse_request(frame);
  if (!request) return;
  const std::string_view id = request->raw_request_id;
  switch (uniform(12)) {
    case 0: return;
    case 1: return lie(talk, some_response(id));
    case 2: lie(talk, right_answer(frame)); return lie(talk, right_answer(frame));
    case 3: lie(talk, some_event()); return say(talk, right_answer(frame));
    case 4: return lie(*talks_[uniform(talks_.size())], right_answer(frame));
    case 5: return lie(talk, some_response(R"("req_)" + std::to_string(uniform(20)) + '"'));
    default: return say(talk, right_answer(frame));
  }
}

/// As right as it can be from one who knows nobody.
std::string LyingPmd::right_answer(std::string_view frame) {
  const Result<protocol::Request> request = protocol::parse_request(frame);
  const std::string_view id = request->raw_request_id;
  switch (request->type) {
    case RequestType::hello:
      return protocol::hello_response(id, {.version = 1, .caps = {std::string(protocol::kShutdownCap)}, .pid = 1});
    case RequestType::register_node:
      if (registered_.size() < kNodesMax) registered_.push_back(request->registration.node);
      return protocol::success_response(id);
    case RequestType::watch: return some_nodes(id, "watch");
    case RequestType::list: return some_nodes(id, "list");
    case RequestType::resolve: return protocol::node_response(id, json_of(some_info()));
    default: return protocol::success_response(id);
  }
}

std::string LyingPmd::some_response(std::string_view raw_request_id) {
  switch (uniform(8)) {
    case 0: return protocol::success_response(raw_request_id);
    case 1: return protocol::error_response(raw_request_id, protocol::kNodeNotFound);
    case 2: return protocol::error_response(raw_request_id, protocol::kUnknownMessageType);
    case 3: return protocol::name_in_use_response(raw_request_id, protocol::alias_in_use("n1"), some_info());
    case 4: return protocol::node_response(raw_request_id, json_of(some_info()));
    case 5: return some_nodes(raw_request_id, "list");
    case 6: return some_nodes(raw_request_id, "watch");
    default: return protocol::hello_response(raw_request_id, {.version = 7});
  }
}

std::string LyingPmd::some_event() {
  const std::uint64_t dice = uniform(20);
  if (dice == 0) return protocol::pmd_shutdown_event();
  return protocol::peer_event(dice < 12 ? EventKind::join : EventKind::leave, some_info(), some_revision());
}

std::string LyingPmd::some_nodes(std::string_view raw_request_id, std::string_view type) {
  auto response = type == "list" ? protocol::NodesResponse::to_list(raw_request_id)
                                 : protocol::NodesResponse::to_watch(raw_request_id, some_revision());
  for (std::uint64_t count = uniform(8); count > 0; --count) response.add(json_of(some_info()));
  return std::move(response).finish();
}

/// Of who asked, or of who ever was; with somebody else's alias or address, now and then. Never a host that has to be
/// looked up: that takes threads.
protocol::NodeInfo LyingPmd::some_info() {
  protocol::NodeInfo info{
      .node_id = new_id(), .host = "127.0.0.1", .port = static_cast<std::uint16_t>(1 + uniform(65'535))};
  const Rumour* const node = some_node();
  if (!registered_.empty() && chance(0.5)) {
    info = registered_[uniform(registered_.size())];
  } else if (node != nullptr && chance(0.8)) {
    info = {.node_id = node->node_id, .alias = node->alias, .host = "127.0.0.1", .port = node->port};
    info.caps = {std::string(protocol::kSharingCap), std::string(protocol::kMemoryCap)};
  }
  const Rumour* const other = some_node();
  if (other == nullptr) return info;
  if (chance(0.1)) info.port = other->port;
  if (chance(0.1)) info.alias = other->alias;
  if (chance(0.05)) info.alias.reset();
  if (chance(0.05)) info.alias = other->node_id;
  if (chance(0.05)) info.host = "10.1.2.3";
  if (chance(0.05)) info.caps.reset();
  if (chance(0.8)) info.uid = io::sim::Process::kUserAtFirst;
  return info;
}

std::uint64_t LyingPmd::some_revision() {
  if (chance(0.7)) return ++revision_;
  return chance(0.5) ? uniform(10) : random_.next() >> 12U;
}

void LyingPmd::lie(Talk& talk, std::string_view body) {
  lore_.network.count(Fault::lying_pmd);
  say(talk, body);
}

}  // namespace distflow::test
