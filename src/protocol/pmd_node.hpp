// A node as the PMD knows it, and its JSON: NodeInfo in answers and events, Registration in a request.
//
// Values and pure functions; any thread.
//
// Use: std::string json; append_node(json, node);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/envelope.hpp"

namespace distflow::protocol {

inline constexpr std::size_t kHostSizeMax = 255;
inline constexpr std::size_t kCapCountMax = 32;
inline constexpr std::size_t kCapSizeMax = 64;
/// The capability that asks for a notice when the PMD was told to end.
inline constexpr std::string_view kShutdownCap = "pmd-shutdown";
/// The capability of a PMD that says as which user each node was registered.
inline constexpr std::string_view kPrincipalsCap = "principals";
/// The capability of a node to report its counters when its PMD asks; of a PMD, to forward the question and the answer.
inline constexpr std::string_view kStatsCap = "stats";
/// The capability of a PMD that keeps the groups of nodes, and of a client that knows the event of a changed group.
inline constexpr std::string_view kGroupsCap = "groups";
/// The capability of a node to receive what is addressed to a topic that it subscribes to.
inline constexpr std::string_view kTopicsCap = "topics";
inline constexpr std::size_t kGroupCountMax = 64;
inline constexpr std::size_t kGroupSizeMax = 256;
/// What the group of a topic's subscribers begins with. No alias and no nodeId does.
inline constexpr std::string_view kTopicPrefix = "topic:";
inline constexpr std::size_t kSecretSizeMax = 128;
inline constexpr std::size_t kMetaCountMax = 32;
inline constexpr std::size_t kMetaSizeMax = 256;
/// Bytes of a node as JSON. All that the other bounds allow fits it where it needs no escapes.
inline constexpr std::size_t kNodeJsonSizeMax = std::size_t{40} * 1024;

using Caps = std::vector<std::string>;
using Groups = std::vector<std::string>;
using Meta = std::vector<std::pair<std::string, std::string>>;

struct NodeInfo {
  std::string node_id;                    ///< 1 to kIdSizeMax bytes.
  std::optional<std::string> alias = {};  ///< 1 to kIdSizeMax bytes. On the wire `""` and `null` mean none, too.
  std::string host;                       ///< 1 to kHostSizeMax bytes: a numeric address or a name.
  std::uint16_t port = 0;                 ///< Never 0 in a message.
  std::int64_t last_heartbeat_ms = 0;     ///< Since the Unix epoch.
  std::optional<Caps> caps = {};          ///< Absent for a TypeScript node: nothing beyond its protocol is sent to it.
  Groups groups = {};  ///< That it is a member of: at most kGroupCountMax, each once, in the order of joining.
  Meta meta = {};      ///< In the order registered.
  /// The user who registered the node, as the PMD's system reported it. Absent where it did not, and in a
  /// registration: nobody says it of himself.
  std::optional<std::uint32_t> uid = {};

  [[nodiscard]] bool has_cap(std::string_view cap) const noexcept;

  friend bool operator==(const NodeInfo&, const NodeInfo&) = default;
};

struct Registration {
  NodeInfo node;                            ///< Without last_heartbeat_ms and uid.
  std::optional<std::int64_t> ttl_ms = {};  ///< Positive.
  /// Who repeats it may register the nodeId anew from another connection. At most kSecretSizeMax bytes; empty: none.
  std::string secret = {};

  friend bool operator==(const Registration&, const Registration&) = default;
};

/// Where the digits of lastHeartbeat stand in what was written.
struct NodeSlices {
  std::size_t heartbeat_at;  ///< From the beginning of `out`.
  std::size_t heartbeat_size;
};

/// A NodeInfo object, keys in the order of the TypeScript implementation, then ours.
NodeSlices append_node(std::string& out, const NodeInfo& node);

/// The payload of a `register` request.
void append_registration(std::string& out, const Registration& registration);

/// Tolerant, as a client must be: unusable caps, groups and meta are left out, a missing heartbeat is 0. Nothing for a
/// node without usable nodeId, host and port, for which there is no use. `json` must have passed is_json().
[[nodiscard]] std::optional<NodeInfo> read_node(std::string_view json);

/// Strict, as the PMD must be: what is wrong instead of a registration, as in "port is not an integer from 1 to 65535".
/// `json` must have passed is_json().
[[nodiscard]] std::variant<Registration, std::string_view> read_registration(std::string_view json);

/// `["a","b"]`; nothing if it is something else or beyond the limits. `json` must have passed is_json().
[[nodiscard]] std::optional<Caps> read_caps(std::string_view json);

void append_caps(std::string& out, const Caps& caps);

/// The same for groups: `["a","b"]` of names of 1 to kGroupSizeMax bytes. A name that comes twice is read once.
[[nodiscard]] std::optional<Groups> read_groups(std::string_view json);
void append_groups(std::string& out, const Groups& groups);

/// A string of 1 to `size_max` bytes; nothing if it is something else, or absent.
[[nodiscard]] std::optional<std::string> read_name(std::string_view json, std::size_t size_max);

}  // namespace distflow::protocol
