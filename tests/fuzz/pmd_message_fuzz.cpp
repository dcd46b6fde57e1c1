// Requests and replies of any content are read or refused; what is read is written as JSON, and read back the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "protocol/json_grammar.hpp"
#include "protocol/pmd_reply.hpp"
#include "protocol/pmd_request.hpp"
#include "tests/support/node_json.hpp"

namespace {

using namespace distflow::protocol;

Request read_back(const std::string& frame) {
  const auto request = parse_request(frame);
  DF_ASSERT(request);
  return *request;
}

void check_node(const NodeInfo& node) {
  const std::string frame = node_response("", node_json(node));
  const auto reply = parse_reply(frame);
  DF_ASSERT(reply && std::get_if<Response>(&*reply)->node == node);
}

void check_request(std::string_view frame) {
  const auto request = parse_request(frame);
  if (!request) return;
  DF_ASSERT(is_json(frame));
  DF_ASSERT(is_json(success_response(request->raw_request_id)));
  DF_ASSERT(is_json(error_response(request->raw_request_id, alias_in_use(request->name))));
  DF_ASSERT(request->name.empty() || read_back(resolve_request("r", request->name)).name == request->name);
  if (request->type != RequestType::register_node || !request->refusal.empty()) return;
  DF_ASSERT(read_back(register_request("r", request->registration)).registration == request->registration);
  check_node(request->registration.node);
}

/// What this event is when a PMD writes it; empty: no PMD writes it so.
std::string written(const Event& event) {
  switch (event.kind) {
    case EventKind::join:
    case EventKind::leave:
    case EventKind::update: return event.rev ? peer_event(event.kind, event.peer, *event.rev) : "";
    case EventKind::registration_lost:
      return registration_lost_event(event.node_id, event.reason, event.holder ? &*event.holder : nullptr);
    case EventKind::stats_ask: return stats_ask_event(event.part);
    case EventKind::pmd_shutdown: return pmd_shutdown_event();
    case EventKind::unknown: return "";
  }
  return "";
}

void check_event(const Event& event) {
  const std::string json = written(event);
  if (json.empty()) return;
  const auto reply = parse_reply(json);
  DF_ASSERT(reply);
  const auto* again = std::get_if<Event>(&*reply);
  DF_ASSERT(again != nullptr && again->kind == event.kind && again->peer == event.peer);
  DF_ASSERT(again->node_id == event.node_id && again->reason == event.reason && again->holder == event.holder);
  DF_ASSERT(again->part == event.part);
}

void check_reply(std::string_view frame) {
  const auto reply = parse_reply(frame);
  if (!reply) return;
  if (const auto* event = std::get_if<Event>(&*reply)) return check_event(*event);
  if (const auto& node = std::get_if<Response>(&*reply)->node) check_node(*node);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view frame(reinterpret_cast<const char*>(data), size);
  check_request(frame);
  check_reply(frame);
  return 0;
}
