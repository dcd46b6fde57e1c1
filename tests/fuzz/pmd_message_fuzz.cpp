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

void check_reply(std::string_view frame) {
  const auto reply = parse_reply(frame);
  if (!reply) return;
  if (const auto* response = std::get_if<Response>(&*reply)) {
    if (response->node) check_node(*response->node);
  } else if (const auto* event = std::get_if<Event>(&*reply); event->kind != EventKind::unknown && event->rev) {
    if (event->kind == EventKind::pmd_shutdown) return;
    const std::string written = peer_event(event->kind, event->peer, *event->rev);
    const auto again = parse_reply(written);
    DF_ASSERT(again && std::get_if<Event>(&*again)->peer == event->peer);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view frame(reinterpret_cast<const char*>(data), size);
  check_request(frame);
  check_reply(frame);
  return 0;
}
