// A node: the parts of the runtime put together over one reactor. Knows no thread, no process, no singleton; a
// simulator runs it as it is.
//
//     start() ──▶ [starting] ── registered ──▶ [running] ── begin_shutdown() ──▶ [closing] ──▶ [closed]
//                     └── refused, no PMD until the deadline: on_started(error) ─────▲
//
// Loop thread only, but for gauges(), directory().list() and the counters.
//   1. on_started is told once, on_closed once and last; after on_closed the node may be destroyed.
//   2. Until its deadline start() tries again whatever may pass. Final are a refused registration, a host without an
//      address, a port that something else has, and a PMD's program that is not there.
//   3. A node whose PMD is lost goes on; it registers again, and has the PMD started again if that is its business.
//   4. Shutdown sends what is queued and unregisters, until its deadline; then it drops what is left, and counts it.
// Use: Node node(parts, options, observer); node.start(); ... node.begin_shutdown(5s);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <distflow/node_options.hpp>
#include <distflow/stats.hpp>

#include "base/log.hpp"
#include "base/random.hpp"
#include "io/reactor.hpp"
#include "io/resolver.hpp"
#include "pmd/client/client.hpp"
#include "runtime/delivery.hpp"
#include "runtime/directory.hpp"
#include "runtime/drop_log.hpp"
#include "runtime/inbound.hpp"
#include "runtime/link.hpp"
#include "runtime/router.hpp"
#include "runtime/target_table.hpp"
#include "runtime/traffic.hpp"

namespace distflow::runtime {

enum class PmdStart {
  started,
  already_running,  ///< somebody else was quicker
};

/// Starts a PMD, for a node that found none. `on_outcome` is called later, on the loop's thread.
class PmdStarter {
 public:
  /// The error is one of pmd::launch_pmd(). May throw std::bad_alloc, and has started nothing then.
  virtual void start_pmd(std::function<void(Result<PmdStart>)> on_outcome) = 0;
  /// The PMD is away, or is another one now: one that this process had started may have ended.
  virtual void heed_ended_pmd() {}

 protected:
  ~PmdStarter() = default;
};

class NodeObserver {
 public:
  /// The node is registered, or will not be: then it closes by itself.
  virtual void on_started(Result<void, StartError> outcome) = 0;
  virtual void on_closed(const ShutdownReport& report) = 0;

 protected:
  ~NodeObserver() = default;
};

/// What a node works with. All of it must outlive the node.
struct NodeParts {
  io::Reactor& reactor;
  base::ChunkPool& out_chunks;      ///< outgoing frames
  base::ChunkPool& blocks;          ///< incoming frames that come in parts
  base::ChunkPool& receive_chunks;  ///< incoming bytes; the reactor's, of two chunks at least
  const base::Log& log;
  TargetTable& targets;
  PmdStarter* pmd_starter = nullptr;  ///< null: a PMD is never started
};

/// Depths as of the last turn. Any thread.
struct NodeGauges {
  Counter parked{0};
  Counter connections_in{0};
  Counter connections_out{0};
  Counter connections_shared{0};
  Counter connections_in_memory{0};
  Counter connections_accepted{0};
  Counter connections_refused{0};
  Counter accept_pauses{0};
  Counter chunks_missing{0};
  Counter is_registered{0};
  Counter registrations_lost{0};
  Counter pmd_connections{0};
  Counter pmd_starts{0};
};

class Node final : private pmd::ClientObserver, private DirectoryObserver, private IntakeObserver {
 public:
  Node(NodeParts parts, const NodeOptions& options, NodeObserver& observer);
  ~Node();

  void start();
  void begin_shutdown(base::Duration deadline);
  /// What has been discarded so far.
  [[nodiscard]] ShutdownReport shutdown_report() const;
  [[nodiscard]] bool is_closing() const { return state_ >= State::closing; }

  SendVerdict send(const TargetPtr& target, const OutgoingMessage& message) {
    return is_closing() ? SendVerdict::shut_down : router_.send(target, message);
  }
  [[nodiscard]] Router& router() { return router_; }
  [[nodiscard]] Directory& directory() { return directory_; }
  [[nodiscard]] Delivery& delivery() { return delivery_; }
  /// The node of that name, asked of the PMD.
  void ask_pmd(const std::string& name, std::function<void(Result<PeerInfo>)> on_answer);

  [[nodiscard]] const std::string& node_id() const { return node_id_; }
  [[nodiscard]] std::uint16_t port() const { return inbound_.address().port; }

  /// Makes the gauges those of this turn.
  void publish_gauges();
  /// Counters and depths, but for those that only the process knows. Any thread.
  void snapshot(NodeStats& stats) const;

 private:
  enum class State : std::uint8_t { idle, starting, running, closing, closed };
  static constexpr base::Duration kCloseTimeout = base::milliseconds(500);

  // From the PMD.
  void on_registered() override;
  void on_registration_lost(const Error& why, const protocol::NodeInfo* holder) override;
  pmd::AfterRefusal on_registration_refused(const Error& error, std::string_view text,
                                            const protocol::NodeInfo* holder) override;
  void on_snapshot(std::vector<protocol::NodeInfo> nodes) override;
  void on_join(const protocol::NodeInfo& node) override;
  void on_leave(const protocol::NodeInfo& node) override;
  void on_disconnected(const Error& why) override;
  void on_pmd_shutdown() override;
  void on_unreachable(const Error& why, std::uint32_t attempts) override;
  void on_closed() override;

  // From the directory.
  void on_peer_join(const PeerInfo& peer) override;
  void on_peer_leave(const PackedInfo& peer) override;
  void on_binding(std::string_view name, Peer* peer) override;

  // From what others send.
  void on_heard(std::string_view from) override;
  void on_notice(std::string_view from, const protocol::ConnectionNotice& notice,
                 const transport::Connection& connection, Carrier* carrier) override;
  Peer* find_sharing(std::string_view node_id);
  [[nodiscard]] bool asks(const Peer& peer) const;
  void on_memory_notice(std::string_view from, const protocol::ConnectionNotice& notice,
                        const transport::Connection& connection, Carrier* carrier);
  void accept_memory(std::string_view from, const protocol::ConnectionNotice& notice, Carrier& carrier);

  [[nodiscard]] pmd::ClientOptions client_options() const;
  [[nodiscard]] protocol::Registration registration() const;
  [[nodiscard]] transport::ConnectionLimits connection_limits() const;
  void ask_for_target(const std::string& name);
  void note_registration_lost(const Error& why, const protocol::NodeInfo* holder);
  // The start, and the way to a PMD: node_start.cpp.
  void listen();
  void try_to_listen();
  void fail_start(StartError why);
  void on_start_deadline();
  void tell_if_started();
  void start_pmd();
  void heed_ended_pmd();
  void on_pmd_started(Result<PmdStart> outcome);

  void on_mailbox_room() { intake_.on_room(); }
  void on_link_finished();
  void on_reap();
  void on_shutdown_deadline();
  void check_closed();
  void tell_out_of_memory(std::uint64_t count);
  void deliver_closed();

  NodeParts parts_;
  const NodeOptions options_;
  NodeObserver& observer_;
  base::Random random_;
  const std::string node_id_;
  State state_ = State::idle;
  bool is_start_told_ = false;
  bool is_starting_pmd_ = false;
  bool was_pmd_told_to_end_ = false;
  bool was_disconnected_ = false;  // since the last snapshot
  bool is_client_closed_ = true;
  bool was_registered_ = false;
  bool is_registered_ = false;  // as the application has been told
  bool has_snapshot_ = false;
  std::optional<StartError> pmd_failure_;       // why the PMD could not be started, the last time it was tried
  std::optional<StartError> last_unreachable_;  // why it could not be reached

  io::Resolver resolver_;
  DropLog drops_;
  TrafficTable traffic_;
  transport::OutBuffer out_;          // messages; open while the application's code writes one
  transport::OutBuffer control_out_;  // notices and requests to the PMD, which such code may lead to
  SharedIntake intake_;
  stream::MemoryStreamPool memory_pool_;
  LinkParts link_parts_;
  Directory directory_;
  Router router_;
  Delivery delivery_;
  Inbound inbound_;
  std::unique_ptr<pmd::Client> client_;
  NodeGauges gauges_;
  std::uint64_t out_of_memory_seen_ = 0;
  base::RateLimit out_of_memory_log_{1, base::seconds(10)};

  base::Instant listen_until_;
  base::Timer listen_timer_;
  base::Timer start_timer_;
  base::Timer shutdown_timer_;
  io::TurnEnd reap_;
  io::TurnEnd closed_;
};

}  // namespace distflow::runtime
