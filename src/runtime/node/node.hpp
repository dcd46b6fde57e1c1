// A node: the parts of the runtime put together over one reactor. Knows no thread, no process, no singleton; a
// simulator runs it as it is.
//
//     start() ──▶ [starting] ── registered ──▶ [running] ── begin_shutdown() ──▶ [closing] ──▶ [closed]
//                     └── refused, no PMD until the deadline: on_started(error) ─────▲
//
// Loop thread only, except gauges(), directory().list() and the counters.
//   1. on_started is called once, on_closed once and last; after on_closed the node may be destroyed.
//   2. Until its deadline start() tries again whatever may pass. Final are a refused registration, an address that it
//      cannot listen at, and an error that the registry reports as final.
//   3. A node whose registry is lost goes on, and is registered again when that is back.
//   4. Shutdown sends what is queued and unregisters, until its deadline; then it drops what is left, and counts it.
// Use: Node node(parts, options, observer); node.start(); ... node.begin_shutdown(5s);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <distflow/node_options.hpp>
#include <distflow/stats.hpp>

#include "base/log.hpp"
#include "base/random.hpp"
#include "io/reactor.hpp"
#include "io/resolver.hpp"
#include "runtime/ask/asks.hpp"
#include "runtime/ask/requests.hpp"
#include "runtime/counters/dead_letters.hpp"
#include "runtime/counters/drop_log.hpp"
#include "runtime/counters/traffic.hpp"
#include "runtime/group/group_table.hpp"
#include "runtime/group/own_groups.hpp"
#include "runtime/node/introspection.hpp"
#include "runtime/node/registry_client.hpp"
#include "runtime/node/waits.hpp"
#include "runtime/peers/accepted_connections.hpp"
#include "runtime/peers/carrier.hpp"
#include "runtime/peers/directory.hpp"
#include "runtime/peers/link.hpp"
#include "runtime/receive/delivery.hpp"
#include "runtime/send/router.hpp"
#include "runtime/send/target_table.hpp"
#include "runtime/topic/publications.hpp"
#include "runtime/topic/subscriptions.hpp"

namespace distflow::runtime {

class NodeObserver {
 public:
  /// The node is registered, or will not be: then it closes by itself.
  virtual void on_started(Result<void, StartError> outcome) = 0;
  virtual void on_closed(const ShutdownReport& report) = 0;

 protected:
  ~NodeObserver() = default;
};

/// The parts that a node is given. All must outlive it.
struct NodeParts {
  io::Reactor& reactor;
  stream::StreamSetup& stream_setup;  ///< of the process
  base::ChunkPool& out_chunks;        ///< outgoing frames
  base::ChunkPool& blocks;            ///< incoming frames that come in parts
  base::ChunkPool& receive_chunks;    ///< incoming bytes; the reactor's, of two chunks at least
  const base::Log& log;
  TargetTable& targets;
  RegistryClient& registry;  ///< not started yet
  /// Wakes the thread that runs handlers, by Delivery::handle_some(); empty: the loop's thread runs them. That thread
  /// has ended when the node is destroyed.
  base::Delegate<void()> wake_handlers{};
  base::Instant (*clock)() = nullptr;  ///< any thread: for deadlines of requests, and to time handlers. Null: the
                                       ///< reactor's time for the first, and handlers are not timed
  /// Adds the counters that only the process knows, for what the node reports on itself. Any thread.
  base::Delegate<void(NodeStats&)> add_process_counters{};
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
  Counter pings_dropped{0};
};

class Node final : private RegistryObserver, private DirectoryObserver, private ControlFrameObserver {
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
  /// What requests are made and answered by. Any thread.
  [[nodiscard]] AskWay& ask_way() { return *ask_way_; }
  /// As Delivery::set_message_handler().
  void set_request_handler(RequestHandler handler) {
    delivery_.run_where_handlers_run(requests_.setting(std::move(handler)));
  }
  [[nodiscard]] Requests& requests() { return requests_; }
  [[nodiscard]] const AcceptedConnections& accepted() const { return accepted_; }
  /// Any thread, as far as Waits says so.
  [[nodiscard]] Waits& waits() { return waits_; }
  /// Calls back for what is left of requests and waits, when no handler runs any more.
  void finish_callbacks() {
    asks_.finish();
    waits_.finish();
    subscriptions_.finish();
  }
  /// The node of that name, asked of the registry.
  void ask_registry(const std::string& name, std::function<void(Result<PeerInfo>)> on_answer);

  // Groups: node_groups.cpp.
  /// update_groups() reports to the registry what is joined and left here. Any thread.
  [[nodiscard]] OwnGroups& own_groups() { return own_groups_; }
  [[nodiscard]] GroupTable& groups() { return groups_; }
  /// The group of that name; null beyond targets_max. May throw std::bad_alloc. Any thread.
  [[nodiscard]] GroupStatePtr group(std::string_view name);
  void update_groups();

  // Topics: node_topics.cpp.
  /// What messages to that topic are sent to; null beyond targets_max. May throw std::bad_alloc. Any thread.
  [[nodiscard]] TargetPtr topic(std::string_view name);
  /// Any thread. May throw std::bad_alloc.
  [[nodiscard]] Result<void> retain(std::string_view topic, const RetainOptions& options);
  SendVerdict publish(const TargetState& topic, const OutgoingMessage& message) {
    return is_closing() ? SendVerdict::shut_down : router_.publish(topic, message);
  }
  /// Errors: invalid_option. May throw std::bad_alloc, and has changed nothing then. The registry gets them by
  /// update_groups(). `replaced` is for end_later(). Any thread.
  Result<void> subscribe(std::string_view topic, MessageHandler handler, const SubscribeOptions& options,
                         SubscriptionPtr& replaced);
  /// Null: there was none. Any thread.
  [[nodiscard]] SubscriptionPtr unsubscribe(std::string_view topic);
  /// What is wrong with them between two turns; null when nothing is. For the simulator and tests.
  [[nodiscard]] const char* broken_topic_invariant();
  /// Has a subscription that is over ended where handlers run, by end_subscriptions(). Null: nothing. Any thread.
  void end_later(SubscriptionPtr ended) noexcept { subscriptions_.end_later(std::move(ended)); }
  void end_subscriptions() { subscriptions_.end_some(); }

  [[nodiscard]] const std::string& node_id() const { return node_id_; }
  [[nodiscard]] std::uint16_t port() const { return accepted_.address().port; }

  /// Makes the gauges those of this turn.
  void publish_gauges();
  /// Counters and depths, except those that only the process knows. Any thread.
  void snapshot(NodeStats& stats) const;

 private:
  enum class State : std::uint8_t { idle, starting, running, closing, closed };
  static constexpr base::Duration kCloseTimeout = base::milliseconds(500);

  // From the registry.
  void on_registered() override;
  void on_registration_lost(const Error& why, const protocol::NodeInfo* holder) override;
  AfterRefusal on_registration_refused(const Error& error, std::string_view text,
                                       const protocol::NodeInfo* holder) override;
  void on_snapshot(std::vector<protocol::NodeInfo> nodes) override;
  void on_join(const protocol::NodeInfo& node) override;
  void on_leave(const protocol::NodeInfo& node) override;
  void on_stats_asked(const protocol::StatsPart& part) override;
  void on_disconnected(const Error& why) override;
  void on_start_failed(StartError why) override;
  void on_groups_kept(bool are_kept) override;
  void on_groups_refused(std::string_view text) override;
  void on_registry_started() override { add_owned(gauges_.pmd_starts, 1); }
  void on_closed() override;

  // From the directory.
  void on_peer_join(const PeerInfo& peer) override;
  void on_peer_leave(const base::PackedInfo& peer) override;
  void on_binding(std::string_view name, Peer* peer) override;
  void on_groups(const base::PackedInfo& node) override;
  void on_gone(const base::PackedInfo& node) override;
  void tell_group_change(const GroupStatePtr& group, const base::PackedInfo& node, bool has_joined);
  void on_name_bound(std::string_view name);
  void say_if_groups_are_not_kept();

  // From what others send.
  void on_control_frame(std::string_view from, const protocol::ControlFrame& notice,
                        const transport::Connection& connection, Carrier* carrier) override;
  // Connections for both directions, and memory: node_sharing.cpp.
  void on_opened(std::string_view from, Carrier& carrier);
  void answer_ping(std::string_view from, const protocol::ControlFrame& ping, transport::Connection& connection);
  [[nodiscard]] bool is_believed(std::string_view from, const transport::Connection& connection);
  void on_memory_frame(std::string_view from, const protocol::ControlFrame& notice,
                       const transport::Connection& connection, Carrier* carrier);
  void accept_memory(const protocol::ControlFrame& notice, Carrier& carrier);

  [[nodiscard]] std::string tell(const protocol::StatsPart& part);
  [[nodiscard]] bool may_show_messages();
  DeadLetters::Redriven redrive();
  [[nodiscard]] bool leads_to_addressee(const DeadLetter& letter);
  void add_counters(NodeStats& stats) const;
  [[nodiscard]] AskHooks ask_hooks();
  bool call_back();
  [[nodiscard]] bool has_callbacks() {
    return asks_.has_ended() || waits_.has_ended() || waits_.may_hand_out() || subscriptions_.has_work();
  }
  [[nodiscard]] KnownNode to_known_node(const protocol::NodeInfo& node) const;
  [[nodiscard]] protocol::Registration registration() const;
  [[nodiscard]] transport::ConnectionLimits connection_limits() const;
  void ask_for_target(const std::string& name);
  void note_registration_lost(const Error& why, const protocol::NodeInfo* holder);
  // The start: node_start.cpp.
  void listen();
  void try_to_listen();
  void fail_start(StartError why);
  void on_start_deadline();
  void tell_if_started();

  void on_mailbox_room() { reader_parts_.on_room(); }
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
  const io::PeerOwner own_user_;  // as of the start
  State state_ = State::idle;
  bool is_start_told_ = false;
  bool was_disconnected_ = false;  // since the last snapshot
  bool is_registry_started_ = false;
  bool is_registry_closed_ = true;
  bool was_registered_ = false;
  bool is_registered_ = false;  // as last reported to the application
  bool has_snapshot_ = false;

  io::Resolver resolver_;
  DropLog drops_;
  DeadLetters dead_letters_;
  TrafficTable traffic_;
  transport::OutBuffer out_;          // messages; open while the application's code writes one
  transport::OutBuffer control_out_;  // control frames, which such code may cause
  ReaderParts reader_parts_;
  stream::MemoryStreamPool memory_pool_;
  Carriers carriers_;
  LinkParts link_parts_;
  OwnGroups own_groups_;
  bool has_said_not_kept_ = false;
  GroupTable groups_;
  Directory directory_;
  Router router_;
  Delivery delivery_;
  std::shared_ptr<AskWay> ask_way_;  // shared with Responders, which may outlive this
  Asks asks_;
  Requests requests_;
  Waits waits_;
  AskHooks ask_hooks_;
  Publications publications_;
  Subscriptions subscriptions_;
  std::mutex topics_mutex_;  // over the group of a topic and its subscription
  AcceptedConnections accepted_;
  Introspection introspection_;
  NodeGauges gauges_;
  std::uint64_t out_of_memory_seen_ = 0;
  base::RateLimit out_of_memory_log_{1, base::seconds(10)};

  base::Instant listen_until_;
  base::Timer listen_timer_;
  base::Timer start_timer_;
  base::Timer shutdown_timer_;
  io::DeferredTask reap_;
  io::DeferredTask closed_;
};

}  // namespace distflow::runtime
