// A message as a handler receives it, and a copy of it that may be kept.
//
// Message: for the handler's call only. KeptMessage: a value, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/error.hpp>

#include <distflow/version.hpp>

namespace distflow {

struct KeptMessage;

/// Views that are valid while the handler runs.
struct Message {
  std::string_view from;       ///< the sender's nodeId; NodeRuntime::alias_of() has its alias
  std::string_view to;         ///< this node's nodeId
  std::string_view payload;    ///< the text of one JSON value, unchanged; empty when the message has none
  bool has_payload = true;     ///< false for what a TypeScript node sends as `undefined`
  std::int64_t timestamp = 0;  ///< when it was sent, in ms since the Unix epoch, by the sender's clock

  /// A copy that outlives the handler. One allocation per field that is long.
  [[nodiscard]] KeptMessage keep() const;
};

/// A message that owns its text.
struct KeptMessage {
  std::string from;            ///< the sender's nodeId
  std::string to;              ///< this node's nodeId
  std::string payload;         ///< one JSON value as text; empty when the sender left it out
  bool has_payload = true;     ///< as in Message
  std::int64_t timestamp = 0;  ///< in ms since the Unix epoch, by the sender's clock
};

inline KeptMessage Message::keep() const {
  return {.from = std::string(from),
          .to = std::string(to),
          .payload = std::string(payload),
          .has_payload = has_payload,
          .timestamp = timestamp};
}

/// A node as the registry knows it.
struct PeerInfo {
  std::string node_id;              ///< its name for its life; at most 256 bytes
  std::string alias;                ///< empty for a node without one
  std::string host;                 ///< the address that others connect to
  std::uint16_t port = 0;           ///< its TCP port
  std::int64_t last_heartbeat = 0;  ///< ms since the Unix epoch, by the PMD's clock

  /// Its NodeOptions::meta: at most 32 entries of 256 bytes. Untrusted text, like all names: see printable().
  std::map<std::string, std::string> meta{};
  /// The groups that it has joined: at most 64 names of 256 bytes, each once (group.hpp).
  std::vector<std::string> groups{};

  /// Whether every field is equal.
  friend bool operator==(const PeerInfo&, const PeerInfo&) = default;
};

/// This node's registration with the PMD was lost, or is back. Without it no other node finds this one; nodes that know
/// it already still exchange messages with it. The node registers again by itself, with backoff.
struct RegistrationChange {
  bool is_registered = false;  ///< true when it is back, false when it was lost

  /// Why it was lost: Errc::timed_out when the PMD got no heartbeat within the TTL, Errc::alias_in_use when another
  /// node has the alias, Errc::registration_refused when another node has the nodeId or the PMD refuses; else the error
  /// that ended the session with the PMD.
  Error why{};
  /// The node that has the alias or the nodeId now; its node_id is empty when that is not known.
  PeerInfo holder{};
};

}  // namespace distflow
