#include "protocol/pmd_node.hpp"

#include <algorithm>
#include <array>

#include "protocol/json_members.hpp"
#include "protocol/json_write.hpp"

namespace distflow::protocol {
namespace {

constexpr std::array<std::string_view, 9> kNodeKeys = {"nodeId", "alias",  "host", "port", "lastHeartbeat",
                                                       "caps",   "groups", "meta", "uid"};
/// Without `uid`: nobody says it of himself, so that it is a key here that nobody knows.
constexpr std::array<std::string_view, 9> kRegistrationKeys = {"nodeId", "alias", "host", "port",  "caps",
                                                               "groups", "meta",  "ttl",  "secret"};

bool means_none(std::string_view alias) { return alias.empty() || alias == "null" || alias == R"("")"; }

std::optional<std::uint16_t> read_port(std::string_view json) {
  const auto port = decode_integer(json);
  if (!port || *port < 1 || *port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

std::optional<Meta> read_meta(std::string_view json) {
  Meta meta;
  const bool read = for_each_member(json, [&meta](std::string_view key, std::string_view value) {
    auto text = decode_string(value);
    if (!text || text->size() > kMetaSizeMax || key.size() > kMetaSizeMax || meta.size() == kMetaCountMax) return false;
    meta.emplace_back(key, std::move(*text));
    return true;
  });
  if (!read) return std::nullopt;
  return meta;
}

std::optional<std::uint32_t> read_uid(std::string_view json) {
  const auto uid = decode_integer(json);
  if (!uid || *uid < 0 || *uid >= std::int64_t{UINT32_MAX}) return std::nullopt;  // the last one is nobody's (chown(2))
  return static_cast<std::uint32_t>(*uid);
}

void append_strings(std::string& out, const std::vector<std::string>& strings) {
  out += '[';
  for (const std::string& text : strings) {
    if (&text != &strings.front()) out += ',';
    append_json_string(out, text);
  }
  out += ']';
}

/// What stands in both forms of a node, without the closing brace.
void append_address(std::string& out, const NodeInfo& node) {
  out += R"({"nodeId":)";
  append_json_string(out, node.node_id);
  if (node.alias) {
    out += R"(,"alias":)";
    append_json_string(out, *node.alias);
  }
  out += R"(,"host":)";
  append_json_string(out, node.host);
  out += R"(,"port":)";
  append_json_integer(out, node.port);
}

/// Our own keys, each only when there is something to say.
void append_extras(std::string& out, const NodeInfo& node) {
  if (node.caps) {
    out += R"(,"caps":)";
    append_caps(out, *node.caps);
  }
  if (!node.groups.empty()) {
    out += R"(,"groups":)";
    append_groups(out, node.groups);
  }
  if (node.meta.empty()) return;
  out += R"(,"meta":{)";
  for (const auto& [key, value] : node.meta) {
    append_json_string(out, key);
    out += ':';
    append_json_string(out, value);
    out += ',';
  }
  out.back() = '}';
}

}  // namespace

bool NodeInfo::has_cap(std::string_view cap) const noexcept {
  return caps && std::find(caps->begin(), caps->end(), cap) != caps->end();
}

NodeSlices append_node(std::string& out, const NodeInfo& node) {
  append_address(out, node);
  out += R"(,"lastHeartbeat":)";
  const std::size_t heartbeat_at = out.size();
  append_json_integer(out, node.last_heartbeat_ms);
  const std::size_t heartbeat_size = out.size() - heartbeat_at;
  append_extras(out, node);
  if (node.uid) {
    out += R"(,"uid":)";
    append_json_integer(out, *node.uid);
  }
  out += '}';
  return {heartbeat_at, heartbeat_size};
}

void append_registration(std::string& out, const Registration& registration) {
  append_address(out, registration.node);
  if (registration.ttl_ms) {
    out += R"(,"ttl":)";
    append_json_integer(out, *registration.ttl_ms);
  }
  append_extras(out, registration.node);
  if (!registration.secret.empty()) {
    out += R"(,"secret":)";
    append_json_string(out, registration.secret);
  }
  out += '}';
}

std::optional<NodeInfo> read_node(std::string_view json) {
  const auto found = find_members(json, kNodeKeys);
  if (!found) return std::nullopt;
  const auto& [raw_node_id, alias, raw_host, raw_port, last_heartbeat, caps, groups, meta, uid] = *found;
  auto node_id = read_name(raw_node_id, kIdSizeMax);
  auto host = read_name(raw_host, kHostSizeMax);
  const auto port = read_port(raw_port);
  if (!node_id || !host || !port) return std::nullopt;

  NodeInfo node;
  node.node_id = std::move(*node_id);
  node.alias = read_name(alias, kIdSizeMax);
  node.host = std::move(*host);
  node.port = *port;
  node.last_heartbeat_ms = decode_integer(last_heartbeat).value_or(0);
  node.caps = read_caps(caps);
  node.groups = read_groups(groups).value_or(Groups{});
  node.meta = read_meta(meta).value_or(Meta{});
  node.uid = read_uid(uid);
  return node;
}

std::variant<Registration, std::string_view> read_registration(std::string_view json) {
  const auto found = find_members(json, kRegistrationKeys);
  if (!found) return "payload is not an object, or has a key twice";
  const auto& [raw_node_id, raw_alias, raw_host, raw_port, raw_caps, raw_groups, raw_meta, raw_ttl, raw_secret] =
      *found;
  Registration registration;
  NodeInfo& node = registration.node;

  auto node_id = read_name(raw_node_id, kIdSizeMax);
  if (!node_id) return "nodeId is not a string of 1 to 256 bytes";
  if (node_id->starts_with(kTopicPrefix)) return "nodeId begins with topic:";
  node.node_id = std::move(*node_id);

  if (!means_none(raw_alias)) {
    node.alias = read_name(raw_alias, kIdSizeMax);
    if (!node.alias) return "alias is not a string of 1 to 256 bytes";
    if (node.alias->starts_with(kTopicPrefix)) return "alias begins with topic:";
  }

  auto host = read_name(raw_host, kHostSizeMax);
  if (!host) return "host is not a string of 1 to 255 bytes";
  node.host = std::move(*host);

  const auto port = read_port(raw_port);
  if (!port) return "port is not an integer from 1 to 65535";
  node.port = *port;

  if (!raw_ttl.empty()) {
    registration.ttl_ms = decode_integer(raw_ttl);
    if (!registration.ttl_ms || *registration.ttl_ms < 1) return "ttl is not a positive integer";
  }
  if (!raw_caps.empty()) {
    node.caps = read_caps(raw_caps);
    if (!node.caps) return "caps is not an array of at most 32 strings of at most 64 bytes";
  }
  if (!raw_groups.empty()) {
    auto groups = read_groups(raw_groups);
    if (!groups) return "groups is not an array of at most 64 strings of 1 to 256 bytes";
    node.groups = std::move(*groups);
  }
  if (!raw_meta.empty()) {
    auto meta = read_meta(raw_meta);
    if (!meta) return "meta is not an object of at most 32 strings of at most 256 bytes";
    node.meta = std::move(*meta);
  }
  if (!raw_secret.empty()) {
    auto secret = read_name(raw_secret, kSecretSizeMax);
    if (!secret) return "secret is not a string of 1 to 128 bytes";
    registration.secret = std::move(*secret);
  }
  return registration;
}

std::optional<Caps> read_caps(std::string_view json) {
  Caps caps;
  const bool read = for_each_element(json, [&caps](std::string_view element) {
    auto cap = decode_string(element);
    if (!cap || cap->size() > kCapSizeMax || caps.size() == kCapCountMax) return false;
    caps.push_back(std::move(*cap));
    return true;
  });
  if (!read) return std::nullopt;
  return caps;
}

void append_caps(std::string& out, const Caps& caps) { append_strings(out, caps); }

std::optional<Groups> read_groups(std::string_view json) {
  Groups groups;
  const bool read = for_each_element(json, [&groups](std::string_view element) {
    auto group = read_name(element, kGroupSizeMax);
    if (!group) return false;
    if (std::find(groups.begin(), groups.end(), *group) != groups.end()) return true;
    if (groups.size() == kGroupCountMax) return false;
    groups.push_back(std::move(*group));
    return true;
  });
  if (!read) return std::nullopt;
  return groups;
}

void append_groups(std::string& out, const Groups& groups) { append_strings(out, groups); }

std::optional<std::string> read_name(std::string_view json, std::size_t size_max) {
  auto name = decode_string(json);
  if (!name || name->empty() || name->size() > size_max) return std::nullopt;
  return name;
}

}  // namespace distflow::protocol
