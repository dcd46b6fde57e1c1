// What a client asks of the PMD: {"type":T,"payload":{...},"requestId":ID}, read by the PMD and written by a client.
//
// Values and pure functions; any thread.
//
// Use: const Result<Request> request = parse_request(frame);
//      if (!request) return send(error_response({}, kInvalidJson));
//      switch (request->type) { ... }
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <distflow/result.hpp>

#include "protocol/pmd_node.hpp"

namespace distflow::protocol {

enum class RequestType {
  register_node,
  unregister,
  resolve,
  list,
  heartbeat,
  watch,
  shutdown,
  hello,
  stats,         ///< A client asks for the counters of a node.
  stats_answer,  ///< A node reports them, because its PMD asked.
  regroup,
  web,      ///< Of the PMD's user or root: the PMD is to serve its page.
  unknown,  ///< Anything else, also no type at all: answered with kUnknownMessageType.
};

/// Whether a shutdown is meant although nodes are registered.
enum class Force : bool { no, yes };

/// What a node is to report, or to do.
enum class StatsKind : std::uint8_t {
  counters,
  dead_letters,  ///< those that are kept
  redrive,       ///< send its dead letters again, and report how many those are
  unknown,       ///< of a later release
};

/// Of what a node reports: by what the answer is told apart, and which part is meant.
struct StatsPart {
  std::string node_id;         ///< whose
  std::uint64_t id = 0;        ///< that the PMD has given the question
  std::uint64_t after = 0;     ///< what comes before is left out: the "next" of the part before; 0: the first part
  std::uint64_t size_max = 0;  ///< bytes of the answer's frame
  StatsKind what = StatsKind::counters;

  friend bool operator==(const StatsPart&, const StatsPart&) = default;
};

/// What each side of a connection reports on itself. In a request only version and caps mean something.
struct Hello {
  std::int64_t version = 1;
  Caps caps = {};
  std::int64_t pid = 0;
  std::int64_t start_time_ms = 0;  ///< Since the Unix epoch.
  std::string release = {};        ///< Of the program, as "0.1.0"; empty: not given.

  friend bool operator==(const Hello&, const Hello&) = default;
};

/// Groups that a node is to be a member of from now on, and groups that it is not. Of a name in both: it leaves.
struct GroupChange {
  Groups join = {};
  Groups leave = {};

  [[nodiscard]] bool empty() const { return join.empty() && leave.empty(); }
  friend bool operator==(const GroupChange&, const GroupChange&) = default;
};

struct Request {
  RequestType type = RequestType::unknown;

  /// The JSON of `requestId`, to be given back as it is: a slice of the frame, which must outlive it. Empty: none.
  std::string_view raw_request_id;

  /// unregister, heartbeat, regroup: the nodeId. resolve, stats: the alias or nodeId. Empty when there is none that
  /// could exist, which no node has: the answer is kNodeNotFound.
  std::string name;

  Registration registration;  ///< register: meaningless unless `refusal` is empty.
  std::string
      refusal;  ///< register, regroup: "Invalid registration: <what is wrong>", "Invalid groups: ..."; or empty.

  GroupChange groups;  ///< regroup: meaningless unless `refusal` is empty.

  Hello hello;  ///< hello.

  Force force = Force::no;  ///< shutdown: yes for `"force":true`, a key of ours.

  std::uint16_t web_port = 0;  ///< web: where to serve the page; 0: none that could be.

  StatsPart part;              ///< stats: `after`, `what`. stats_answer: `id`.
  std::string_view raw_stats;  ///< stats_answer: an object, as a slice of the frame; empty: none could be made.
};

/// Errc::malformed when the frame is no JSON object, or has one of the protocol's keys twice.
[[nodiscard]] Result<Request> parse_request(std::string_view frame);

/// `request_id` is plain text; it comes back in Response::request_id.
[[nodiscard]] std::string register_request(std::string_view request_id, const Registration& registration);
[[nodiscard]] std::string unregister_request(std::string_view request_id, std::string_view node_id);
[[nodiscard]] std::string resolve_request(std::string_view request_id, std::string_view alias_or_node_id);
[[nodiscard]] std::string list_request(std::string_view request_id);
[[nodiscard]] std::string heartbeat_request(std::string_view request_id, std::string_view node_id);
[[nodiscard]] std::string watch_request(std::string_view request_id);
[[nodiscard]] std::string shutdown_request(std::string_view request_id, Force force = Force::no);
/// For what a node reports; `after` and `what` as in StatsPart.
[[nodiscard]] std::string stats_request(std::string_view request_id, std::string_view alias_or_node_id,
                                        std::uint64_t after, StatsKind what = StatsKind::counters);
/// The value of "what" in a question; empty for counters, which are asked for without it.
[[nodiscard]] std::string_view to_text(StatsKind what);
/// Of the JSON of that value.
[[nodiscard]] StatsKind read_stats_kind(std::string_view json);
/// Has no answer, and so no request id. `stats` is a JSON object; empty: none could be made.
[[nodiscard]] std::string stats_answer(std::uint64_t id, std::string_view stats);
[[nodiscard]] std::string regroup_request(std::string_view request_id, std::string_view node_id,
                                          const GroupChange& change);
[[nodiscard]] std::string web_request(std::string_view request_id, std::uint16_t port);
[[nodiscard]] std::string hello_request(std::string_view request_id, const Hello& hello);

/// The members of Hello that are there; the defaults for others. `json` must have passed is_json().
[[nodiscard]] Hello read_hello(std::string_view json);

}  // namespace distflow::protocol
