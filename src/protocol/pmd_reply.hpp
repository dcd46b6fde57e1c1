// What the PMD says: responses to requests, and events to watchers; written by the PMD and read by a client.
//
//   {"type":"response","requestId":ID,"payload":{...}}
//   {"type":"event","payload":{"event":"peer:join","peer":NODE,"rev":N}}
//
// Values and pure functions; any thread. Key order is that of the TypeScript implementation; `rev`, `nodes` in a
// watch's response, and the event `pmd:shutdown` are ours.
//
// Use: send(error_response(request.raw_request_id, kNodeNotFound));
//      const Result<Reply> reply = parse_reply(frame);
#pragma once

#include <distflow/result.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/pmd_node.hpp"
#include "protocol/pmd_request.hpp"

namespace distflow::protocol {

// TypeScript clients compare these: byte for byte.
inline constexpr std::string_view kNodeNotFound = "Node not found";
inline constexpr std::string_view kAliasNotFound = "Alias not found";  ///< the first TypeScript release's
inline constexpr std::string_view kUnknownMessageType = "Unknown message type";

inline constexpr std::string_view kInvalidJson = "Invalid JSON";

/// Alias 'x' already in use
[[nodiscard]] std::string alias_in_use(std::string_view alias);

/// Shutdown refused: 2 nodes are registered
[[nodiscard]] std::string nodes_registered(std::size_t count);

// Written by the PMD. `raw_request_id` is Request::raw_request_id; empty when the request had none. `node_json` is what
// append_node() writes, which a PMD has ready (node_text.hpp).

[[nodiscard]] std::string success_response(std::string_view raw_request_id);
[[nodiscard]] std::string error_response(std::string_view raw_request_id, std::string_view error);
/// The refusal of an alias, with the node that has it: `"holder"` is a key of ours.
[[nodiscard]] std::string alias_in_use_response(std::string_view raw_request_id, const NodeInfo& holder);
[[nodiscard]] std::string node_response(std::string_view raw_request_id, std::string_view node_json);
[[nodiscard]] std::string hello_response(std::string_view raw_request_id, const Hello& hello);

/// The responses that hold many nodes, one by one in order of registration, from wherever they lie:
///   NodesResponse response = NodesResponse::to_list(id);
///   for (...) response.add(node);
///   send(std::move(response).finish());
class NodesResponse {
 public:
  [[nodiscard]] static NodesResponse to_list(std::string_view raw_request_id);

  /// `rev` is the registry's revision that the nodes are the state of.
  [[nodiscard]] static NodesResponse to_watch(std::string_view raw_request_id, std::uint64_t rev);

  void add(std::string_view node_json);
  [[nodiscard]] std::string finish() &&;

 private:
  explicit NodesResponse(std::string json) : json_(std::move(json)) {}

  std::string json_;
  bool empty_ = true;
};

enum class EventKind {
  join,
  leave,
  pmd_shutdown,  ///< The PMD was told to end, and is not to be started again.
  unknown,       ///< An event of a later version, or without a usable node: to be passed over.
};

/// `kind` is join or leave; `rev` is the revision that the change led to.
[[nodiscard]] std::string peer_event(EventKind kind, const NodeInfo& peer, std::uint64_t rev);

/// Only for connections whose caps ask for it: a TypeScript client does not know it.
[[nodiscard]] std::string pmd_shutdown_event();

// Read by a client.

struct Response {
  std::string request_id;                      ///< The text given with the request; empty if it is no string.
  bool success = false;                        ///< `"success":true`.
  std::optional<std::string> error;            ///< Why not.
  std::optional<NodeInfo> node;                ///< To resolve.
  std::optional<std::vector<NodeInfo>> nodes;  ///< To list, and to watch by our PMD; unusable ones are left out.
  std::optional<std::uint64_t> rev;            ///< To watch, by our PMD.
  std::optional<Hello> hello;                  ///< To hello, by our PMD.
};

struct Event {
  EventKind kind = EventKind::unknown;
  NodeInfo peer;                     ///< Of join and leave.
  std::optional<std::uint64_t> rev;  ///< Of our PMD.
};

using Reply = std::variant<Response, Event>;

/// Errc::malformed when the frame is no JSON object, no response or event, or has one of the protocol's keys twice.
[[nodiscard]] Result<Reply> parse_reply(std::string_view frame);

}  // namespace distflow::protocol
