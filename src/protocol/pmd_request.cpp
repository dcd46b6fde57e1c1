#include "protocol/pmd_request.hpp"

#include <array>

#include "protocol/json_grammar.hpp"
#include "protocol/json_members.hpp"
#include "protocol/json_write.hpp"

namespace distflow::protocol {
namespace {

struct TypeName {
  RequestType type;
  std::string_view name;
};

constexpr TypeName kTypeNames[] = {
    {RequestType::register_node, "register"},
    {RequestType::unregister, "unregister"},
    {RequestType::resolve, "resolve"},
    {RequestType::list, "list"},
    {RequestType::heartbeat, "heartbeat"},
    {RequestType::watch, "watch"},
    {RequestType::shutdown, "shutdown"},
    {RequestType::hello, "hello"},
    {RequestType::stats, "stats"},
    {RequestType::stats_answer, "stats:answer"},
    {RequestType::regroup, "regroup"},
    {RequestType::web, "web"},
};

RequestType type_named(std::string_view name) {
  for (const TypeName& known : kTypeNames) {
    if (name == known.name) return known.type;
  }
  return RequestType::unknown;
}

RequestType type_of(std::string_view json) {
  if (!json.starts_with('"')) return RequestType::unknown;
  // No name needs escapes; only who writes some is to be decoded.
  const RequestType type = type_named(json.substr(1, json.size() - 2));
  return type == RequestType::unknown ? type_named(decode_string(json).value_or("")) : type;
}

/// The one member that most payloads consist of; empty when it is not a string that could name a node.
std::string name_in(std::string_view payload, std::string_view key) {
  const auto found = find_members(payload, std::array{key});
  return found ? read_name((*found)[0], kIdSizeMax).value_or("") : "";
}

void read_registration_into(Request& request, std::string_view payload) {
  auto read = read_registration(payload);
  if (auto* registration = std::get_if<Registration>(&read)) {
    request.registration = std::move(*registration);
  } else {
    request.refusal = "Invalid registration: ";
    request.refusal += *std::get_if<std::string_view>(&read);
  }
}

void read_regroup_into(Request& request, std::string_view payload) {
  const auto found = find_members(payload, std::array<std::string_view, 3>{"nodeId", "join", "leave"});
  if (!found) return;  // no nodeId: no such node
  const auto& [node_id, join, leave] = *found;
  request.name = read_name(node_id, kIdSizeMax).value_or("");
  const auto read_into = [&](std::string_view json, Groups& groups, std::string_view key) {
    std::optional<Groups> read = json.empty() ? Groups{} : read_groups(json);
    if (read) {
      groups = *std::move(read);
    } else {
      request.refusal = "Invalid groups: ";
      request.refusal += key;
      request.refusal += " is not an array of at most 64 strings of 1 to 256 bytes";
    }
  };
  read_into(leave, request.groups.leave, "leave");
  read_into(join, request.groups.join, "join");
}

Force read_force(std::string_view payload) {
  const auto found = find_members(payload, std::array<std::string_view, 1>{"force"});
  return found && (*found)[0] == "true" ? Force::yes : Force::no;
}

/// 0 when it is none.
std::uint16_t read_web_port(std::string_view payload) {
  const auto found = find_members(payload, std::array<std::string_view, 1>{"port"});
  const auto port = found ? decode_integer((*found)[0]) : std::nullopt;
  return port && *port > 0 && *port <= UINT16_MAX ? static_cast<std::uint16_t>(*port) : std::uint16_t{0};
}

std::uint64_t read_count(std::string_view json) {
  const auto count = decode_integer(json);
  return count && *count > 0 ? static_cast<std::uint64_t>(*count) : 0;
}

void read_stats_into(Request& request, std::string_view payload) {
  request.name = name_in(payload, "node");
  const auto found = find_members(payload, std::array<std::string_view, 2>{"after", "what"});
  if (!found) return;
  request.part.after = read_count((*found)[0]);
  request.part.what = read_stats_kind((*found)[1]);
}

void read_stats_answer_into(Request& request, std::string_view payload) {
  const auto found = find_members(payload, std::array<std::string_view, 2>{"id", "stats"});
  if (!found) return;
  request.part.id = read_count((*found)[0]);
  if ((*found)[1].starts_with('{')) request.raw_stats = (*found)[1];
}

void read_payload_into(Request& request, std::string_view payload) {
  switch (request.type) {
    case RequestType::register_node: read_registration_into(request, payload); break;
    case RequestType::unregister:
    case RequestType::heartbeat: request.name = name_in(payload, "nodeId"); break;
    case RequestType::resolve: request.name = name_in(payload, "alias"); break;
    case RequestType::hello: request.hello = read_hello(payload); break;
    case RequestType::shutdown: request.force = read_force(payload); break;
    case RequestType::stats: read_stats_into(request, payload); break;
    case RequestType::stats_answer: read_stats_answer_into(request, payload); break;
    case RequestType::regroup: read_regroup_into(request, payload); break;
    case RequestType::web: request.web_port = read_web_port(payload); break;
    case RequestType::list:
    case RequestType::watch:
    case RequestType::unknown: break;
  }
}

void append_stats_kind(std::string& payload, StatsKind what) {
  if (const std::string_view text = to_text(what); !text.empty()) payload.append(R"(,"what":")").append(text) += '"';
}

/// `payload` is JSON.
std::string request_json(std::string_view type, std::string_view payload, std::string_view request_id) {
  std::string json = R"({"type":")";
  json += type;
  json += R"(","payload":)";
  json += payload;
  json += R"(,"requestId":)";
  append_json_string(json, request_id);
  json += '}';
  return json;
}

std::string object_of_one(std::string_view key, std::string_view value) {
  std::string json = "{";
  append_json_string(json, key);
  json += ':';
  append_json_string(json, value);
  json += '}';
  return json;
}

}  // namespace

Result<Request> parse_request(std::string_view frame) {
  const Error malformed{make_error_code(Errc::malformed), "reading a request to the PMD"};
  if (!is_json(frame)) return malformed;
  const auto found = find_members(frame, std::array<std::string_view, 3>{"type", "payload", "requestId"});
  if (!found) return malformed;
  const auto& [type, payload, request_id] = *found;
  Request request;
  request.type = type_of(type);
  request.raw_request_id = request_id;
  read_payload_into(request, payload);
  return request;
}

std::string register_request(std::string_view request_id, const Registration& registration) {
  std::string payload;
  append_registration(payload, registration);
  return request_json("register", payload, request_id);
}

std::string unregister_request(std::string_view request_id, std::string_view node_id) {
  return request_json("unregister", object_of_one("nodeId", node_id), request_id);
}

std::string resolve_request(std::string_view request_id, std::string_view alias_or_node_id) {
  return request_json("resolve", object_of_one("alias", alias_or_node_id), request_id);
}

std::string list_request(std::string_view request_id) { return request_json("list", "{}", request_id); }

std::string heartbeat_request(std::string_view request_id, std::string_view node_id) {
  return request_json("heartbeat", object_of_one("nodeId", node_id), request_id);
}

std::string watch_request(std::string_view request_id) { return request_json("watch", "{}", request_id); }

std::string shutdown_request(std::string_view request_id, Force force) {
  return request_json("shutdown", force == Force::yes ? R"({"force":true})" : "{}", request_id);
}

std::string_view to_text(StatsKind what) {
  switch (what) {
    case StatsKind::dead_letters: return "dead-letters";
    case StatsKind::redrive: return "redrive";
    case StatsKind::unknown: return "unknown";
    case StatsKind::counters: break;
  }
  return {};
}

StatsKind read_stats_kind(std::string_view json) {
  if (json.empty()) return StatsKind::counters;
  const std::string text = decode_string(json).value_or("");
  for (const StatsKind kind : {StatsKind::dead_letters, StatsKind::redrive}) {
    if (text == to_text(kind)) return kind;
  }
  return StatsKind::unknown;
}

std::string stats_request(std::string_view request_id, std::string_view alias_or_node_id, std::uint64_t after,
                          StatsKind what) {
  std::string payload = R"({"node":)";
  append_json_string(payload, alias_or_node_id);
  if (after > 0) payload += R"(,"after":)" + std::to_string(after);
  append_stats_kind(payload, what);
  payload += '}';
  return request_json("stats", payload, request_id);
}

std::string stats_answer(std::uint64_t id, std::string_view stats) {
  std::string json = R"({"type":"stats:answer","payload":{"id":)" + std::to_string(id);
  if (!stats.empty()) json.append(R"(,"stats":)").append(stats);
  return json += "}}";
}

std::string regroup_request(std::string_view request_id, std::string_view node_id, const GroupChange& change) {
  std::string payload = R"({"nodeId":)";
  append_json_string(payload, node_id);
  payload += R"(,"join":)";
  append_groups(payload, change.join);
  payload += R"(,"leave":)";
  append_groups(payload, change.leave);
  payload += '}';
  return request_json("regroup", payload, request_id);
}

std::string web_request(std::string_view request_id, std::uint16_t port) {
  return request_json("web", R"({"port":)" + std::to_string(port) + '}', request_id);
}

std::string hello_request(std::string_view request_id, const Hello& hello) {
  std::string payload = R"({"version":)";
  append_json_integer(payload, hello.version);
  payload += R"(,"caps":)";
  append_caps(payload, hello.caps);
  payload += '}';
  return request_json("hello", payload, request_id);
}

Hello read_hello(std::string_view json) {
  const auto found =
      find_members(json, std::array<std::string_view, 5>{"version", "caps", "pid", "startTime", "release"});
  if (!found) return {};
  const auto& [version, caps, pid, start_time, release] = *found;
  return {.version = decode_integer(version).value_or(1),
          .caps = read_caps(caps).value_or(Caps{}),
          .pid = decode_integer(pid).value_or(0),
          .start_time_ms = decode_integer(start_time).value_or(0),
          .release = decode_string(release).value_or("")};
}

}  // namespace distflow::protocol
