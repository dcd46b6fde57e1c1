// Brings a client's question for the counters of a node to that node, and its answer back.
//
//     client ── stats ──▶ PMD ── stats:ask ──▶ node ── stats:answer ──▶ PMD ── response ──▶ client
//
// Loop thread only.
//   1. Only the user of the node, as the system reported it when it was registered, and root are answered.
//   2. An answer is believed on the connection that the node's registration belongs to, and only while it is awaited.
//   3. Each question has one answer: the node's, or an error within kTimeout. It may come behind those to later
//      requests.
//   4. At most kPendingMax questions of clients are without an answer, kPendingPerUserMax of one user,
//      kPendingPerClientMax of one client, and kPendingPerNodeMax to the nodes of one connection; more are refused.
//      Where kPendingMax are, a user with fewer than an equal share, rounded down, is asked for nevertheless: the
//      longest unanswered question of the user with most is refused then. So it is among those to the nodes of one
//      connection, of which two users may ask: theirs and root. What is kept of a question is at most
//      kRequestIdSizeMax bytes and a nodeId.
//   5. Nothing is sent to a node of which nobody asks.
//   6. An answer of more than kAnswerSizeMax bytes is refused.
//   7. The PMD's own questions (ask_inside()) have kInsideMax places beside those of clients, and kPendingPerNodeMax to
//      the nodes of one connection. Of them those that ask all nodes round by round take kInsideRoundMax: the others
//      are for questions about single nodes. The caller decides whether their answers may be shown to somebody.
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

/// The answer to a question of the PMD's own. Valid for the call.
struct InsideAnswer {
  std::uint64_t question;  ///< its number, from ask_inside()
  std::string_view node_id;
  UserId user;             ///< whose node has reported it; nothing with an error
  std::string_view stats;  ///< an object; empty: it was not reported
  std::string_view error;  ///< why it was not
};

class StatsRelay {
 public:
  static constexpr std::size_t kPendingMax = 1024;
  static constexpr std::uint32_t kPendingPerUserMax = 512;
  static constexpr std::uint32_t kPendingPerClientMax = 256;
  static constexpr std::uint32_t kPendingPerNodeMax = 32;
  static constexpr std::size_t kInsideMax = 512;
  static constexpr std::size_t kInsideRoundMax = 448;
  static constexpr std::size_t kRequestIdSizeMax = 256;
  static constexpr std::uint64_t kAnswerSizeMax = std::uint64_t{32} * 1024;
  static constexpr base::Duration kTimeout = base::seconds(2);

  explicit StatsRelay(const StatsRelayParts& parts);
  StatsRelay(const StatsRelay&) = delete;
  StatsRelay& operator=(const StatsRelay&) = delete;

  /// May throw std::bad_alloc, and has asked nothing then; the client is closed.
  void ask(Session& client, const protocol::Request& request);
  /// Asks the node itself, for the PMD; on_inside_answer is called once then, from inside a turn. The number of the
  /// question, which is greater than all before; 0, and nothing is called, when the node reports nothing, or there is
  /// no place or memory for the question. May throw std::bad_alloc, and has asked nothing then.
  [[nodiscard]] std::uint64_t ask_inside(const Registry::Entry& entry, std::uint64_t after);
  /// Whether the node has a connection that it reports its stats on.
  [[nodiscard]] bool can_tell(const Registry::Entry& node) const;
  /// It must not throw, nor ask. Questions that are under way when it is taken off are answered to nobody.
  void set_on_inside_answer(base::Delegate<void(const InsideAnswer&)> on_answer) { on_inside_answer_ = on_answer; }
  [[nodiscard]] bool has_room_for_round() const { return inside_count_ < kInsideRoundMax; }
  /// Whether half of the places of the PMD's own questions to the nodes of that connection are free.
  [[nodiscard]] bool has_room_for_half(const Registry::Entry& node) const;

  /// From a node. It is owed nothing: an answer that nobody awaits is counted, and passed over.
  void on_answer(Session& node, const protocol::Request& request);
  /// What it asked is forgotten, and what it was asked is answered for it.
  void on_session_closed(Session& session);
  /// What is wrong between two turns; null when nothing is. For the simulator and tests (server_invariants.cpp).
  [[nodiscard]] const char* broken_invariant() const;

 private:
  struct Pending {
    OwnerId client;  // kInside: the PMD itself
    OwnerId node;
    std::uint32_t user;  // the client's; of the PMD's own, none
    std::string node_id;
    std::string raw_request_id;
    std::uint64_t after;
    protocol::StatsKind what = protocol::StatsKind::counters;
    base::Instant deadline;
    std::uint64_t id = 0;  // once it is asked
  };
  static constexpr OwnerId kInside = 0;               // no connection has it
  using Pendings = std::map<std::uint64_t, Pending>;  // in order of their deadlines, too: all have the same time
  using AwaitedByUser = std::map<std::uint32_t, std::uint32_t>;

  [[nodiscard]] static bool may_see(Session& client, const protocol::NodeInfo& node);
  [[nodiscard]] std::size_t client_count() const { return pending_.size() - inside_count_; }
  [[nodiscard]] bool is_full(Session& client, const Session& node) const;
  [[nodiscard]] bool is_full_at(const Session& node, std::uint32_t user) const;
  void displace_one();
  void displace_one_at(const Session& node, std::uint32_t user);
  void displace(Pendings::iterator longest);
  /// The connection that the node is asked on; null when there is none.
  [[nodiscard]] Session* session_of(const Registry::Entry& node) const;
  [[nodiscard]] bool put_question(Pending pending, Session& node);
  void tell_inside(const Pending& pending, const UserId& user, std::string_view stats) const;
  void fail_inside(const Pending& pending, std::string_view error) const;
  void refuse(Session& client, std::string_view raw_request_id, std::string_view error);
  void tell_client(const Pending& pending, std::string_view error);
  void take_off(Pendings::iterator place);
  void on_timeout();
  void arm_timer();

  const StatsRelayParts parts_;
  std::uint64_t last_id_ = 0;
  Pendings pending_;
  std::size_t inside_count_ = 0;
  base::Delegate<void(const InsideAnswer&)> on_inside_answer_;
  AwaitedByUser awaited_by_user_;  // users that await nothing are not in it
  base::Timer timer_;
};

}  // namespace distflow::pmd
