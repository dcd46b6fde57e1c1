#include "protocol/pmd_reply.hpp"

#include <array>

#include "base/assert.hpp"
#include "protocol/json_grammar.hpp"
#include "protocol/json_members.hpp"
#include "protocol/json_write.hpp"

namespace distflow::protocol {
namespace {

/// What most responses have besides what is large in them.
constexpr std::size_t kFrameSize = 96;

/// Everything up to the payload, with room for `size` bytes of it.
std::string response_head(std::string_view raw_request_id, std::size_t size = 0) {
  std::string json;
  json.reserve(kFrameSize + raw_request_id.size() + size);
  json += R"({"type":"response")";
  if (!raw_request_id.empty()) {
    json += R"(,"requestId":)";
    json += raw_request_id;
  }
  json += R"(,"payload":)";
  return json;
}

void append_rev(std::string& json, std::uint64_t rev) { json += std::to_string(rev); }

std::optional<std::uint64_t> read_rev(std::string_view json) {
  const auto rev = decode_integer(json);
  if (!rev || *rev < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*rev);
}

std::optional<std::vector<NodeInfo>> read_nodes(std::string_view json) {
  std::vector<NodeInfo> nodes;
  const bool read = for_each_element(json, [&nodes](std::string_view element) {
    if (auto node = read_node(element)) nodes.push_back(std::move(*node));
    return true;
  });
  if (!read) return std::nullopt;
  return nodes;
}

bool read_response(std::string_view request_id, std::string_view payload, Response& response) {
  constexpr std::array<std::string_view, 9> keys = {"success", "error",  "node",  "nodes", "rev",
                                                    "version", "holder", "stats", "port"};
  const auto found = find_members(payload, keys);
  if (!found) return false;
  const auto& [success, error, node, nodes, rev, version, holder, stats, port] = *found;
  response.request_id = decode_string(request_id).value_or("");
  response.success = success == "true";
  response.error = decode_string(error);
  response.node = read_node(node);
  response.nodes = read_nodes(nodes);
  response.rev = read_rev(rev);
  response.holder = read_node(holder);
  if (stats.starts_with('{')) response.stats = stats;
  const auto web_port = decode_integer(port);
  if (web_port && *web_port > 0 && *web_port <= UINT16_MAX) response.web_port = static_cast<std::uint16_t>(*web_port);
  if (!version.empty()) response.hello = read_hello(payload);
  return true;
}

EventKind kind_of(std::string_view json) {
  const auto name = decode_string(json);
  if (name == "peer:join") return EventKind::join;
  if (name == "peer:leave") return EventKind::leave;
  if (name == "peer:update") return EventKind::update;
  if (name == "registration:lost") return EventKind::registration_lost;
  if (name == "stats:ask") return EventKind::stats_ask;
  return name == "pmd:shutdown" ? EventKind::pmd_shutdown : EventKind::unknown;
}

/// No question that can be answered: no id.
StatsPart read_stats_part(std::string_view payload) {
  const auto found = find_members(payload, std::array<std::string_view, 5>{"nodeId", "id", "after", "max", "what"});
  if (!found) return {};
  const auto& [node_id, id, after, size_max, what] = *found;
  return {.node_id = decode_string(node_id).value_or(""),
          .id = read_rev(id).value_or(0),
          .after = read_rev(after).value_or(0),
          .size_max = read_rev(size_max).value_or(0),
          .what = read_stats_kind(what)};
}

bool read_event(std::string_view payload, Event& event) {
  const auto found =
      find_members(payload, std::array<std::string_view, 6>{"event", "peer", "rev", "nodeId", "reason", "holder"});
  if (!found) return false;
  const auto& [name, peer, rev, node_id, reason, holder] = *found;
  event.kind = kind_of(name);
  event.rev = read_rev(rev);
  if (event.kind == EventKind::pmd_shutdown) return true;
  if (event.kind == EventKind::stats_ask) {
    event.part = read_stats_part(payload);
    return true;
  }
  if (event.kind == EventKind::registration_lost) {
    event.node_id = decode_string(node_id).value_or("");
    event.reason = decode_string(reason) == "replaced" ? LossReason::replaced : LossReason::expired;
    event.holder = read_node(holder);
    return true;
  }
  if (auto node = read_node(peer)) {
    event.peer = std::move(*node);
  } else {
    event.kind = EventKind::unknown;
  }
  return true;
}

}  // namespace

std::string alias_in_use(std::string_view alias) {
  std::string text = "Alias '";
  text += alias;
  text += "' already in use";
  return text;
}

std::string node_id_in_use(std::string_view node_id) {
  std::string text = "Node '";
  text += node_id;
  text += "' already in use";
  return text;
}

std::string nodes_registered(std::size_t count) {
  return "Shutdown refused: " + std::to_string(count) + (count == 1 ? " node is registered" : " nodes are registered");
}

std::string success_response(std::string_view raw_request_id) {
  return response_head(raw_request_id) + R"({"success":true}})";
}

std::string error_response(std::string_view raw_request_id, std::string_view error) {
  std::string json = response_head(raw_request_id) + R"({"error":)";
  append_json_string(json, error);
  return json += "}}";
}

std::string name_in_use_response(std::string_view raw_request_id, std::string_view error, const NodeInfo& holder) {
  std::string json = response_head(raw_request_id) + R"({"error":)";
  append_json_string(json, error);
  json += R"(,"holder":)";
  append_node(json, holder);
  return json += "}}";
}

std::string node_response(std::string_view raw_request_id, std::string_view node_json) {
  std::string json = response_head(raw_request_id, node_json.size());
  json += R"({"node":)";
  json += node_json;
  return json += "}}";
}

std::string hello_response(std::string_view raw_request_id, const Hello& hello) {
  std::string json = response_head(raw_request_id) + R"({"version":)";
  append_json_integer(json, hello.version);
  json += R"(,"caps":)";
  append_caps(json, hello.caps);
  json += R"(,"pid":)";
  append_json_integer(json, hello.pid);
  json += R"(,"startTime":)";
  append_json_integer(json, hello.start_time_ms);
  if (!hello.release.empty()) {
    json += R"(,"release":)";
    append_json_string(json, hello.release);
  }
  return json += "}}";
}

std::string web_response(std::string_view raw_request_id, std::uint16_t port) {
  return response_head(raw_request_id) + R"({"success":true,"port":)" + std::to_string(port) + "}}";
}

std::string stats_response(std::string_view raw_request_id, std::string_view node_json, std::string_view stats) {
  std::string json = response_head(raw_request_id, node_json.size() + stats.size());
  json.append(R"({"node":)").append(node_json).append(R"(,"stats":)").append(stats);
  return json += "}}";
}

std::string list_response_head(std::string_view raw_request_id) {
  return response_head(raw_request_id) + R"({"nodes":[)";
}

std::string watch_response_head(std::string_view raw_request_id, std::uint64_t rev) {
  std::string json = response_head(raw_request_id) + R"({"success":true,"rev":)";
  append_rev(json, rev);
  return json += R"(,"nodes":[)";
}

void NodesResponse::add(std::string_view node_json) {
  if (!empty_) json_ += ',';
  empty_ = false;
  json_ += node_json;
}

std::string NodesResponse::finish() && { return std::move(json_ += kNodesResponseTail); }

std::string peer_event(EventKind kind, const NodeInfo& peer, std::uint64_t rev) {
  DF_ASSERT(kind == EventKind::join || kind == EventKind::leave || kind == EventKind::update);
  std::string json = R"({"type":"event","payload":{"event":")";
  json += kind == EventKind::join ? "peer:join" : kind == EventKind::leave ? "peer:leave" : "peer:update";
  json += R"(","peer":)";
  append_node(json, peer);
  json += R"(,"rev":)";
  append_rev(json, rev);
  return json += "}}";
}

std::string registration_lost_event(std::string_view node_id, LossReason reason, const NodeInfo* holder) {
  std::string json = R"({"type":"event","payload":{"event":"registration:lost","nodeId":)";
  append_json_string(json, node_id);
  json += reason == LossReason::replaced ? R"(,"reason":"replaced")" : R"(,"reason":"expired")";
  if (holder != nullptr) {
    json += R"(,"holder":)";
    append_node(json, *holder);
  }
  return json += "}}";
}

std::string stats_ask_event(const StatsPart& part) {
  std::string json = R"({"type":"event","payload":{"event":"stats:ask","nodeId":)";
  append_json_string(json, part.node_id);
  json += R"(,"id":)" + std::to_string(part.id);
  json += R"(,"after":)" + std::to_string(part.after);
  json += R"(,"max":)" + std::to_string(part.size_max);
  if (const std::string_view what = to_text(part.what); !what.empty()) json.append(R"(,"what":")").append(what) += '"';
  return json += "}}";
}

std::string pmd_shutdown_event() { return R"({"type":"event","payload":{"event":"pmd:shutdown"}})"; }

Result<Reply> parse_reply(std::string_view frame) {
  const Error malformed{make_error_code(Errc::malformed), "reading a message of the PMD"};
  if (!is_json(frame)) return malformed;
  const auto found = find_members(frame, std::array<std::string_view, 3>{"type", "payload", "requestId"});
  if (!found) return malformed;
  const auto& [type, payload, request_id] = *found;
  if (type == R"("response")") {
    Response response;
    if (!read_response(request_id, payload, response)) return malformed;
    return Reply(std::move(response));
  }
  Event event;
  if (type != R"("event")" || !read_event(payload, event)) return malformed;
  return Reply(std::move(event));
}

}  // namespace distflow::protocol
