// Brings a client's question for the counters of a node to that node, and its answer back.
//
//     client ── stats ──▶ PMD ── stats:ask ──▶ node ── stats:answer ──▶ PMD ── response ──▶ client
//
// Loop thread only.
//   1. Only the user of the node, as the system told when it was registered, and root are answered.
//   2. An answer is believed on the connection that the node's registration belongs to, and only while it is awaited.
//   3. Each question has one answer: the node's, or an error within kTimeout. It may come behind those to later
//      requests.
//   4. At most kPendingMax questions are without an answer, kPendingPerUserMax of one user, kPendingPerClientMax of one
//      client, and kPendingPerNodeMax to the nodes of one connection; more are refused. What is kept of a question is
//      at most kRequestIdSizeMax bytes and a nodeId.
//   5. Nothing is sent to a node of which nobody asks.
//   6. An answer of more than kAnswerSizeMax bytes is refused.
// Use: relay.ask(session, request); ... relay.on_answer(session, request); ... relay.on_session_closed(session);
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "pmd/server/options.hpp"
#include "pmd/server/registry.hpp"
#include "pmd/server/reply_writer.hpp"
#include "protocol/pmd_request.hpp"

namespace distflow::pmd {

/// What a relay works with. All of it must outlive the relay.
struct StatsRelayParts {
  io::Reactor& reactor;
  const ServerOptions& options;
  ServerCounters& counters;
  ReplyWriter& replies;
  transport::OutBuffer& out;  ///< for what is sent to nodes
  const Registry& registry;
  base::Delegate<Session*(OwnerId)> find_session;  ///< null: no connection of this PMD's
};

class StatsRelay {
 public:
  static constexpr std::size_t kPendingMax = 1024;
  static constexpr std::uint32_t kPendingPerUserMax = 512;
  static constexpr std::uint32_t kPendingPerClientMax = 256;
  static constexpr std::uint32_t kPendingPerNodeMax = 32;
  static constexpr std::size_t kRequestIdSizeMax = 256;
  static constexpr std::uint64_t kAnswerSizeMax = std::uint64_t{32} * 1024;
  static constexpr base::Duration kTimeout = base::seconds(2);

  explicit StatsRelay(const StatsRelayParts& parts);
  StatsRelay(const StatsRelay&) = delete;
  StatsRelay& operator=(const StatsRelay&) = delete;

  /// May throw std::bad_alloc; whoever asks is closed then.
  void ask(Session& client, const protocol::Request& request);
  /// From a node. It is owed nothing: an answer that nobody awaits is counted, and passed over.
  void on_answer(Session& node, const protocol::Request& request);
  /// What it asked is forgotten, and what it was asked is answered for it.
  void on_session_closed(Session& session);

 private:
  struct Pending {
    OwnerId client;
    OwnerId node;
    std::uint32_t user;  // the client's
    std::string node_id;
    std::string raw_request_id;
    base::Instant deadline;
  };
  using Pendings = std::map<std::uint64_t, Pending>;  // in order of their deadlines, too: all have the same time

  [[nodiscard]] static bool may_see(Session& client, const protocol::NodeInfo& node);
  [[nodiscard]] bool is_full(Session& client, const Session& node) const;
  bool ask_node(Session& node, const protocol::StatsPart& part);
  void refuse(Session& client, std::string_view raw_request_id, std::string_view error);
  void tell_client(const Pending& pending, std::string_view error);
  void take_off(Pendings::iterator place);
  void on_timeout();
  void arm_timer();

  const StatsRelayParts parts_;
  std::uint64_t last_id_ = 0;
  Pendings pending_;
  std::map<std::uint32_t, std::uint32_t> awaited_by_user_;  // users that await nothing are not in it
  base::Timer timer_;
};

}  // namespace distflow::pmd
