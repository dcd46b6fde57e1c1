// NodeHost: a node as this process has it. Its thread, its memory, and the ways into it from all other threads.
//
//     any thread: encode in the thread's own buffer ──▶ cross_thread_sends ──▶ loop thread: the peer's link
//     loop thread: encode in the node's buffer ──────────────────▶ the peer's link
//
// Any thread, except where a comment names one.
//   1. The loop's thread is the node's own; with Threading::caller it is the one that called start().
//   2. The messages of a thread leave in the order in which it sent them.
//   3. After a fork the child uses and frees nothing of it.
//   4. A call from inside the node never waits for the node, and never ends it: the node ends when the call returns.
//      Inside are handlers, a function that writes a message on the loop's thread, and the destructors of what handlers
//      hold.
//   5. No lock is held while the application's code runs.
//   6. The host lives until its threads have ended: the loop's thread waits for the handlers' one, and holds the host.
// Use: Result<std::shared_ptr<NodeHost>> host = NodeHost::start(options);
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <distflow/node_runtime.hpp>

#include "base/fork_guard.hpp"
#include "base/log.hpp"
#include "runtime/node/node.hpp"
#include "runtime/process/application_log.hpp"
#include "runtime/process/background_launcher.hpp"
#include "runtime/process/handler_thread.hpp"
#include "runtime/process/node_loop.hpp"
#include "runtime/process/process_lock.hpp"
#include "runtime/send/room_watch.hpp"
#include "runtime/send/submissions.hpp"

namespace distflow::runtime {

class NodeHost final : public std::enable_shared_from_this<NodeHost>, private NodeObserver {
  struct Private {};

 public:
  /// For start() alone.
  NodeHost(Private, const NodeOptions& options, std::optional<ProcessLock> lock,
           std::shared_ptr<NodePlace> place = nullptr);
  /// Returns when the node is registered, or with the reason why it is not.
  static Result<std::shared_ptr<NodeHost>, StartError> start(const NodeOptions& options);
  // Of a node at a place (node_host_place.cpp). Nobody but the place's world turns it.
  /// Has begun its start.
  static Result<std::shared_ptr<NodeHost>, StartError> begin_at(std::shared_ptr<NodePlace> place,
                                                                const NodeOptions& options);
  /// Returns as start() does.
  Result<void, StartError> finish_start();
  void turn_at_place();
  /// Ends it in the turns to come. No handler is called any more.
  void abandon();
  /// Its messages wait in the mailbox, as if no handler had been set, until they are released.
  void hold_messages();
  void release_messages();
  /// Turns the world until `done()`, or until then. Only where is_inside() is false.
  void turn_world_until(base::Delegate<bool()> done, base::Instant until) { loop_.turn_until(done, until); }
  [[nodiscard]] bool is_at_place() const { return loop_.place() != nullptr; }
  [[nodiscard]] bool is_over() const { return is_over_; }
  [[nodiscard]] base::Instant now() const { return loop_.now(); }
  ~NodeHost();
  NodeHost(const NodeHost&) = delete;
  NodeHost& operator=(const NodeHost&) = delete;

  SendVerdict send(std::string_view name, const OutgoingMessage& message);
  /// `copy` is the caller's copy of what the target publishes. Updates both: the copy, and a target of an earlier host.
  SendVerdict send(std::shared_ptr<TargetState>& target, PublishedCopy copy, const OutgoingMessage& message);
  /// As send(), and waits for room until `deadline` has passed; would_block on the loop's thread.
  SendVerdict send_wait(std::shared_ptr<TargetState>& target, PublishedCopy copy, const OutgoingMessage& message,
                        base::Duration deadline);
  /// Null for a name that none can have, while the table is full, and in a fork.
  [[nodiscard]] std::shared_ptr<TargetState> target(std::string_view name);

  /// The callback is the application's, or a direct one.
  SendVerdict ask(std::string_view name, std::string_view json, const AskOptions& options, ReplyCallback&& callback,
                  AskWay::Callback whose);
  /// An application's, to a target; `version` is that of the caller's copy, as for send(). `others` may be asked in its
  /// place.
  SendVerdict ask(std::shared_ptr<TargetState>& target, std::uint64_t& version, std::string_view json,
                  const AskOptions& options, ReplyCallback&& callback, OtherTargets* others = nullptr);

  Result<void> wait_for(std::string_view name, const WaitOptions& options, Waits::OnEnd on_end);
  Result<void> next_turn(std::function<void(const Result<void>&)> on_end);
  Result<void> next_message(Waits::OnMessage on_message, StopToken stop);

  // Groups: node_host_groups.cpp.
  Result<void> join_group(std::string_view name);
  Result<void> leave_group(std::string_view name);
  /// Null for a name that none can have, beyond targets_max, after shutdown, and in a fork.
  [[nodiscard]] GroupStatePtr group(std::string_view name);
  std::uint64_t copy_members(const GroupState& group, GroupMembers& members) const;
  /// Calls `look` with the members, under a lock: it must not call the node.
  template <class Look>
  void look_at_members(const GroupState& group, Look&& look) const {
    node_->groups().look_at_members(group, look);
  }
  void set_group_handler(GroupStatePtr group, std::function<void(const GroupChange&)> handler);
  // Topics: node_host_topics.cpp.
  Result<void> subscribe(std::string_view topic, MessageHandler handler, const SubscribeOptions& options);
  Result<void> unsubscribe(std::string_view topic);
  SendVerdict publish(std::string_view topic, RawJson json);
  Result<void> retain(std::string_view topic, const RetainOptions& options);
  /// Messages under way to that target, as far as this thread sees: `credit` is its copy of the target's. 0 for null.
  [[nodiscard]] std::uint64_t queued_to(const TargetState* target, const SendCredit* credit) const;
  /// A message to a group without members is refused.
  SendVerdict note_unresolved() {
    add(refused_unresolved_, 1);
    return SendVerdict::unresolved;
  }
  [[nodiscard]] std::optional<PeerInfo> info_of(std::string_view node_id) const {
    return is_forked() || !is_running() ? std::nullopt : node_->directory().find_info(node_id);
  }

  void set_request_handler(RequestHandler handler);
  void set_message_handler(MessageHandler handler);
  void set_join_handler(PeerHandler handler);
  void set_leave_handler(PeerHandler handler);
  void set_registration_handler(RegistrationHandler handler);
  void set_writable_handler(WritableHandler handler);

  [[nodiscard]] Result<std::vector<PeerInfo>> discover() const;
  [[nodiscard]] Result<PeerInfo> resolve(std::string_view name) { return count(look_up(name)); }
  [[nodiscard]] std::string alias_of(std::string_view node_id) const;
  [[nodiscard]] const std::string& node_id() const { return node_->node_id(); }
  [[nodiscard]] const std::string& alias() const { return options_.alias; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] NodeStats stats() const;
  /// The counters that the node does not know.
  void add_process_counters(NodeStats& stats) const;
  void set_log_level(LogVerbosity level) { application_log_.set_level(level); }

  Result<void> poll(base::Duration timeout);
  [[nodiscard]] int fd() const;
  [[nodiscard]] std::chrono::milliseconds poll_within() const;
  Result<ShutdownReport> shutdown(base::Duration deadline);

  [[nodiscard]] bool is_running() const { return phase_.load(std::memory_order_acquire) == Phase::running; }
  [[nodiscard]] bool is_forked() const { return fork_guard_.is_forked(); }
  [[nodiscard]] bool is_on_loop_thread() const { return is_loop_thread(); }
  /// Whether the calling thread is inside the node: it cannot wait for it.
  [[nodiscard]] bool is_inside() const;
  /// Whether the calling thread belongs to a node, any.
  [[nodiscard]] static bool is_inside_any();
  /// After shutdown(): waits until the node has ended; false if it has not by then.
  bool wait_until_over(base::Instant until);
  /// From now on the host is never destroyed.
  void keep_for_ever() { kept_by_itself_ = shared_from_this(); }
  /// Logs which options of a second start() differ, and are ignored. At most kOtherOptionsLines in ten seconds.
  void note_other_options(const NodeOptions& options);
  /// A public call has failed without memory.
  void note_out_of_memory() { add(out_of_memory_, 1); }
  /// The application has destroyed its last handle.
  void on_last_handle();

 private:
  enum class Phase : std::uint8_t { starting, running, closing, closed };
  static constexpr base::Duration kNotAsked{-1};
  static constexpr std::uint32_t kOtherOptionsLines = 5;

  Result<void, StartError> open();
  Result<void, StartError> run_start();

  void on_started(Result<void, StartError> outcome) override;
  void on_closed(const ShutdownReport& report) override;

  void run_loop();
  void end_loop();
  void discard_tasks();
  void forget_application();
  [[nodiscard]] Result<PeerInfo> look_up(std::string_view name);
  bool drain_inbox();
  void keep_pace();
  bool drain_cross_thread_sends();
  void have_groups_told();
  void ask_to_end(base::Duration deadline);
  bool end_if_asked();
  std::uint64_t discard_cross_thread_sends();
  void discard_late();
  SendVerdict send_on_loop(const std::shared_ptr<TargetState>& target, const OutgoingMessage& message);
  SendVerdict send_in_writer(const std::shared_ptr<TargetState>& target, const OutgoingMessage& message);
  SendVerdict send_from_other_thread(const std::shared_ptr<TargetState>& target, PublishedCopy copy,
                                     const OutgoingMessage& message);
  SendVerdict renew_and_send(std::shared_ptr<TargetState>& target, PublishedCopy copy, const OutgoingMessage& message);
  Submissions::Outcome submit(const std::shared_ptr<TargetState>& target, PublishedCopy copy,
                              const OutgoingMessage& message, HeldCredit* held = nullptr);
  SendVerdict send_wait_at_place(const std::shared_ptr<TargetState>& target, PublishedCopy copy,
                                 const OutgoingMessage& message, base::Duration deadline);
  SendVerdict wait_and_send(const std::shared_ptr<TargetState>& target, PublishedCopy copy,
                            const OutgoingMessage& message, Submissions::Outcome outcome, base::Duration deadline);
  SendVerdict wait_and_send_held(const std::shared_ptr<TargetState>& target, PublishedCopy copy,
                                 const OutgoingMessage& message, Submissions::Outcome outcome, base::Duration deadline);
  SendVerdict count(SendVerdict verdict);
  template <class T>
  Result<T> count(Result<T> outcome) {
    if (!outcome && outcome.error() == Errc::out_of_memory) note_out_of_memory();
    return outcome;
  }
  SendVerdict count(SendVerdict verdict, const std::shared_ptr<TargetState>& target) {
    return is_under_way(verdict) ? verdict : count_refused(verdict, target);
  }
  SendVerdict count_refused(SendVerdict verdict, const std::shared_ptr<TargetState>& target);
  SendVerdict count_refused(SendVerdict verdict, const std::shared_ptr<TargetState>& target,
                            SendCredit::Amount missing);
  void watch_for_room(const std::shared_ptr<TargetState>& target, SendCredit::Amount missing);
  bool tell_room();
  [[nodiscard]] bool knows(std::string_view name) { return node_->directory().knows(name); }
  /// As NodeLoop::is_this_thread(), which would cost each send() a register more.
  [[nodiscard]] bool is_loop_thread() const { return NodeLoop::owner_on_this_thread() == this; }
  [[nodiscard]] base::Pushed post(std::function<void()> task);
  /// False, and the task is untouched, where there is no room or memory for it. True when the loop has ended, too.
  bool try_on_loop(std::function<void()>& task);
  [[nodiscard]] std::shared_ptr<const void> keep() { return shared_from_this(); }
  void run_where_handlers_run(std::function<void()> task);
  ShutdownReport finish_shutdown(base::Instant until);
  void turn_as_owner(base::Instant until);

  const NodeOptions options_;
  const base::ForkGuard fork_guard_;
  std::optional<ProcessLock> lock_;
  ApplicationLog application_log_;
  const base::Log& log_{application_log_.log()};
  const std::uint64_t instance_;  // of targets of this host; those of an earlier one have another

  NodeLoop loop_;
  TargetTable targets_;
  BackgroundLauncher launcher_;
  std::unique_ptr<stream::StreamSetup> stream_setup_;  // of the process: for all that listens and dials
  std::unique_ptr<RegistryClient> registry_;           // the node's
  HandlerThread handlers_;                             // started with Threading::dispatcher only
  std::unique_ptr<Node> node_;
  std::uint16_t port_ = 0;
  Submissions submissions_;
  RoomWatch room_watch_;

  // Loop thread.
  bool is_closed_ = true;        // until it is started
  MessageHandler held_handler_;  // while its messages are held
  bool is_held_ = false;

  // Any thread.
  std::atomic<Phase> phase_{Phase::starting};
  std::atomic<bool> tells_writable_{false};           // a handler has been set
  std::atomic<base::Duration> end_asked_{kNotAsked};  // the deadline of a shutdown that the loop has to begin
  Counter refused_queue_full_{0};
  Counter refused_unresolved_{0};
  Counter tasks_lost_{0};
  Counter out_of_memory_{0};

  // Under mutex_, which nobody holds while the application's code runs.
  mutable std::mutex mutex_;
  bool has_told_late_ = false;  // of messages that were sent while the loop ended
  base::RateLimit other_options_log_{kOtherOptionsLines, base::seconds(10)};
  std::condition_variable condition_;
  std::optional<Result<void, StartError>> started_;
  bool takes_tasks_ = true;
  bool is_over_ = false;                  // no code of the application's runs any more
  std::optional<ShutdownReport> report_;  // set when the loop has ended, final when all is over
  std::thread thread_;
  std::shared_ptr<NodeHost> kept_by_itself_;
};

}  // namespace distflow::runtime
