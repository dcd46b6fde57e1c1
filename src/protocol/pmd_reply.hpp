// What the PMD sends: responses to requests, and events to watchers; written by the PMD and read by a client.
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

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <distflow/result.hpp>

#include "protocol/pmd_node.hpp"
#include "protocol/pmd_request.hpp"

namespace distflow::protocol {

// TypeScript clients compare these: byte for byte.
inline constexpr std::string_view kNodeNotFound = "Node not found";
inline constexpr std::string_view kAliasNotFound = "Alias not found";  ///< the first TypeScript release's
inline constexpr std::string_view kUnknownMessageType = "Unknown message type";

inline constexpr std::string_view kInvalidJson = "Invalid JSON";

// Why a node's counters are not reported: for people to read.
inline constexpr std::string_view kStatsDenied = "Stats are for the node's user and for root";
inline constexpr std::string_view kStatsUntold = "The node does not tell its stats";
inline constexpr std::string_view kStatsUnknown = "Unknown kind of stats";
inline constexpr std::string_view kStatsBusy = "Too many questions for stats";
inline constexpr std::string_view kStatsTooLarge = "The node's answer is too large";
inline constexpr std::string_view kStatsUnanswered = "The node did not answer in time";

// Why a page is not opened: for people to read.
inline constexpr std::string_view kWebDenied = "The page is opened for the PMD's user and for root";
inline constexpr std::string_view kWebUnsupported = "This PMD has no page to serve";
inline constexpr std::string_view kWebInvalid = "port is not an integer from 1 to 65535";

/// Alias 'x' already in use
[[nodiscard]] std::string alias_in_use(std::string_view alias);

/// Node 'x' already in use
[[nodiscard]] std::string node_id_in_use(std::string_view node_id);
/// Shutdown refused: 2 nodes are registered
[[nodiscard]] std::string nodes_registered(std::size_t count);

// Written by the PMD. `raw_request_id` is Request::raw_request_id; empty when the request had none. `node_json` is what
// append_node() writes, which a PMD has ready (node_text.hpp).

[[nodiscard]] std::string success_response(std::string_view raw_request_id);
[[nodiscard]] std::string error_response(std::string_view raw_request_id, std::string_view error);
/// The refusal of a name, as in alias_in_use(), with the node that has it: `"holder"` is a key of ours.
[[nodiscard]] std::string name_in_use_response(std::string_view raw_request_id, std::string_view error,
                                               const NodeInfo& holder);
[[nodiscard]] std::string node_response(std::string_view raw_request_id, std::string_view node_json);
[[nodiscard]] std::string hello_response(std::string_view raw_request_id, const Hello& hello);

/// The page is served at this port of 127.0.0.1.
[[nodiscard]] std::string web_response(std::string_view raw_request_id, std::uint16_t port);

/// `stats` is the object that the node has sent.
[[nodiscard]] std::string stats_response(std::string_view raw_request_id, std::string_view node_json,
                                         std::string_view stats);

/// A response that holds many nodes, as it goes on the wire around them: head, nodes separated by commas, tail. `rev`
/// is the registry's revision that the nodes are the state of.
[[nodiscard]] std::string list_response_head(std::string_view raw_request_id);
[[nodiscard]] std::string watch_response_head(std::string_view raw_request_id, std::uint64_t rev);
inline constexpr std::string_view kNodesResponseTail = "]}}";

/// The same put together, where all nodes are at hand:
///   NodesResponse response = NodesResponse::to_list(id);
///   for (...) response.add(node);
///   send(std::move(response).finish());
class NodesResponse {
 public:
  [[nodiscard]] static NodesResponse to_list(std::string_view raw_request_id) {
    return NodesResponse(list_response_head(raw_request_id));
  }
  [[nodiscard]] static NodesResponse to_watch(std::string_view raw_request_id, std::uint64_t rev) {
    return NodesResponse(watch_response_head(raw_request_id, rev));
  }

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
  update,             ///< The groups of a node have changed. Only to watchers with kGroupsCap.
  registration_lost,  ///< A registration that came over this connection is no more, although nobody took it off.
  stats_ask,          ///< The node is to report on itself.
  pmd_shutdown,       ///< The PMD was told to end, and is not to be started again.
  unknown,            ///< An event of a later version, or without a usable node: to be passed over.
};

/// `kind` is join, leave or update; `rev` is the revision that the change led to.
[[nodiscard]] std::string peer_event(EventKind kind, const NodeInfo& peer, std::uint64_t rev);

/// Why a registration is lost.
enum class LossReason {
  expired,   ///< No heartbeat came within the TTL.
  replaced,  ///< The nodeId was registered again over another connection, with the same secret.
};

/// Only for connections whose registration had a secret. `holder` is who has the nodeId now; null: nobody.
[[nodiscard]] std::string registration_lost_event(std::string_view node_id, LossReason reason, const NodeInfo* holder);

/// Only for connections that have registered a node with kStatsCap.
[[nodiscard]] std::string stats_ask_event(const StatsPart& part);

/// Only for connections whose caps ask for it: a TypeScript client does not know it.
[[nodiscard]] std::string pmd_shutdown_event();

// Read by a client.

struct Response {
  std::string request_id;                      ///< The text given with the request; empty if it is no string.
  bool success = false;                        ///< `"success":true`.
  std::optional<std::string> error;            ///< Why not.
  std::optional<NodeInfo> node;                ///< To resolve, and to stats.
  std::optional<std::vector<NodeInfo>> nodes;  ///< To list, and to watch by our PMD; unusable ones are left out.
  std::optional<std::uint64_t> rev;            ///< To watch, by our PMD.
  std::optional<NodeInfo> holder;              ///< To a refused register, by our PMD: who has the name.
  std::optional<Hello> hello;                  ///< To hello, by our PMD.
  std::optional<std::string> stats;            ///< To stats, by our PMD: a JSON object.
  std::uint16_t web_port = 0;                  ///< To web, by our PMD: where the page is; 0: not given.
};

struct Event {
  EventKind kind = EventKind::unknown;
  NodeInfo peer;                            ///< Of join, leave and update.
  std::string node_id;                      ///< Of registration_lost: which.
  LossReason reason = LossReason::expired;  ///< Of registration_lost.
  std::optional<NodeInfo> holder;           ///< Of registration_lost: who has the nodeId now.
  std::optional<std::uint64_t> rev;         ///< Of our PMD.
  StatsPart part;                           ///< Of stats_ask.
};

using Reply = std::variant<Response, Event>;

/// Errc::malformed when the frame is no JSON object, no response or event, or has one of the protocol's keys twice.
[[nodiscard]] Result<Reply> parse_reply(std::string_view frame);

}  // namespace distflow::protocol
