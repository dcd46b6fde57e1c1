// NodeRuntime: this process as a node. Other nodes find it by name. It sends and receives JSON messages, and is
// notified of nodes that join and leave.
//
// A handle: copies share the one node of the process.
//   1. A process has one node: a second start() returns a handle to the first. A warning names the options that the
//      second call sets and the running node does not have.
//   2. No function throws by itself. Only start(), resolve(), send_wait(), poll() and shutdown() wait. Without memory a
//      call returns Errc::out_of_memory or SendVerdict::out_of_memory, or it has no effect: a Target has no name,
//      stats() are zeros, a handler is not set. stats() counts these calls.
//   3. When the last handle is destroyed, the node shuts down at once. If that happens inside a handler, or inside a
//      function that writes a message, the node shuts down when this function returns.
//
// Where each may be called, in four columns: on which threads; "inside"; after shutdown; in a forked child. "Inside" is
// in a handler, in a function that writes a message (send_with), or in the destructor of an object that a handler
// holds.
//   start:                  any; inside: the running node, or already_running; a new node; forked, if the parent's ran.
//   send, send_with:        any; inside too; shut_down; forked.
//   send_wait:              any; inside, on the I/O thread, would_block; shut_down; forked.
//   ask:                    any; inside too; shut_down; forked.
//   wait_for, next_*:       any; inside too; shut_down; forked.
//   join, leave:            any; inside too; shut_down; forked.
//   publish, subscribe:     any; inside too; shut_down; forked; so with unsubscribe and retain.
//   group:                  any; inside too; a Group that sends nothing; the same.
//   target:                 any, each Target one thread at a time; inside too; a Target; a Target.
//   on_*:                   any; inside, with effect after the handler has returned; ignored; ignored.
//   discover:               any; inside too; shut_down; forked.
//   alias_of:               any; inside too; empty; empty.
//   resolve:                any; inside, on the I/O thread, from the replica alone; shut_down; forked.
//   stats:                  any; inside too; the last figures; zeros.
//   node_id, alias, port:   any; inside too; as before; as before.
//   set_log_level:          any; inside too; no effect any more; ignored.
//   is_running:             any; inside too; false; false.
//   shutdown:               any; inside it returns at once, with an incomplete report; the report; forked.
//   poll:                   that of start(); inside: already_running; until the node has ended, then shut_down; forked.
//   fd, poll_within:        that of start(), others get -1 and max(); inside too; as before; -1 and max().
// Use: auto node = distflow::NodeRuntime::start({.alias = "ping"});
//      if (!node) return fail(node.error().message());
//      node->on_message([](const distflow::Message& message) { ... });
//      node->send("pong", R"({"type":"PING"})");
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <distflow/message.hpp>
#include <distflow/node_options.hpp>
#include <distflow/result.hpp>
#include <distflow/send.hpp>
#include <distflow/stats.hpp>
#include <distflow/version.hpp>
#include <distflow/wait.hpp>

namespace distflow {

namespace runtime {
class NodeHost;
}
/// @cond
namespace detail {
template <class Derived, class Outcome>
class Awaiter;  // await_cell.hpp
}
/// @endcond

// ask.hpp
struct AskOptions;
struct KeptReply;
struct Reply;
class Request;
class Responder;

class Group;              // group.hpp
struct RetainOptions;     // topic.hpp
struct SubscribeOptions;  // topic.hpp

/// This process as a node: a handle, whose copies share the one node of the process.
class DISTFLOW_API NodeRuntime {
 public:
  /// Starts the node, and a PMD if none answers. Returns when the node is registered.
  /// Errors: alias_in_use, registration_refused, pmd_unreachable, pmd_silent, pmd_not_found, pmd_not_started,
  /// erlang_epmd, not_a_pmd, name_not_found, invalid_option, invalid_address, timed_out, already_running, forked, and
  /// those of the system: for the address to listen on, and for a resource that the process lacks, such as descriptors.
  /// Their message() names the place: host and port of the PMD, the node that has the alias, the paths where the PMD's
  /// program was looked for.
  static Result<NodeRuntime, StartError> start(const NodeOptions& options = {});

  /// Sends one JSON value to an alias or a nodeId. The grammar of `json` is checked. Never blocks.
  SendVerdict send(std::string_view target, std::string_view json);
  /// The same with text that the caller vouches for: its grammar is not checked.
  SendVerdict send(std::string_view target, RawJson json);
  /// The same to a name whose resolution is kept.
  SendVerdict send(Target& target, std::string_view json);
  /// Both: a kept resolution, and text that the caller vouches for.
  SendVerdict send(Target& target, RawJson json);

  /// Sends the payload that `write(PayloadWriter&)` writes in place. It must be one JSON value: as with raw_json(), its
  /// grammar is not checked. An exception of `write` passes through, and nothing is sent.
  template <class Name, class Write>
  SendVerdict send_with(Name&& target, Write&& write) {
    auto call = [](void* callable, PayloadWriter& out) {
      (*static_cast<std::remove_reference_t<Write>*>(callable))(out);
    };
    // `call` gives it its own type back, const or not.
    return send_written(std::forward<Name>(target), call, const_cast<void*>(static_cast<const void*>(&write)));
  }

  /// As send(), but in place of `queue_full` waits until there is room: for at most `deadline`, and no time at
  /// all if that is not positive. Who waits is served before any send() to the same peer, in the order of coming, once
  /// an eighth of the peer's room is free. Verdicts beside those of send(): queue_full when the time is over;
  /// shut_down, at once, when the node is shut down meanwhile; would_block on the I/O thread, which makes the room: in
  /// a handler, unless Threading::dispatcher, and on the thread that polls. A peer that leaves meanwhile: as for send()
  /// then.
  SendVerdict send_wait(std::string_view target, std::string_view json, std::chrono::milliseconds deadline);
  /// The same with text that the caller vouches for: its grammar is not checked.
  SendVerdict send_wait(std::string_view target, RawJson json, std::chrono::milliseconds deadline);
  /// The same to a name whose resolution is kept.
  SendVerdict send_wait(Target& target, std::string_view json, std::chrono::milliseconds deadline);
  /// Both: a kept resolution, and text that the caller vouches for.
  SendVerdict send_wait(Target& target, RawJson json, std::chrono::milliseconds deadline);

  /// A handle on a name, for a loop that sends to it often.
  [[nodiscard]] Target target(std::string_view name);

  /// Sends one JSON value as a request; include <distflow/ask.hpp>. If the verdict is under way (is_under_way), the
  /// callback is called once, where handlers run, when the request has ended: with the reply, or with why there is
  /// none, by options.deadline at the latest. With any other verdict it is never called. Never blocks.
  SendVerdict ask(std::string_view target, std::string_view json, const AskOptions& options,
                  std::function<void(const Reply&)> callback);
  /// The same for JSON that the caller vouches for.
  SendVerdict ask(std::string_view target, RawJson json, const AskOptions& options,
                  std::function<void(const Reply&)> callback);
  /// The same to a name whose resolution is kept.
  SendVerdict ask(Target& target, std::string_view json, const AskOptions& options,
                  std::function<void(const Reply&)> callback);
  /// Both: a kept resolution, and text that the caller vouches for.
  SendVerdict ask(Target& target, RawJson json, const AskOptions& options, std::function<void(const Reply&)> callback);
  /// Who gets the requests, and answers them. Requests that come while there is none are answered `no_handler`. Runs
  /// where message handlers run; a handler that throws is counted and logged, and the answer is `failed`.
  void on_request(std::function<void(const Request&, Responder)> handler);

  /// Calls back once, where handlers run, when a node of that name (alias or nodeId) is in the local replica: with it,
  /// or with Errc::timed_out, canceled or shut_down. An error of the call itself (shut_down, queue_full with 65,536
  /// waits, invalid_option for a name that no node can have, out_of_memory, forked) means that it is never called.
  Result<void> wait_for(std::string_view name, const WaitOptions& options,
                        std::function<void(const Result<PeerInfo>&)> callback);
  /// Calls back once, where handlers run, after the loop has done what is ready now; with Threading::caller in poll().
  /// Errors, here and there, as with wait_for().
  Result<void> next_turn(std::function<void(const Result<void>&)> callback);

  /// Calls back once, where handlers run, with the next message that no handler is for, or with Errc::canceled or
  /// shut_down. Each message goes to one call, in the order of the calls; a message that nobody waits for waits in the
  /// mailbox, within its bounds. While on_message() has set a handler, messages go to that, and the callback waits.
  /// Errors of the call itself as with wait_for().
  Result<void> next_message(std::function<void(const Result<Message>&)> callback, StopToken stop = {});

  /// Makes this node a member of that group, of at most 64; include <distflow/group.hpp>. `group` is 1 to 256 bytes of
  /// UTF-8 without control characters. Others know it once the PMD notified them, and after each restart of the PMD.
  /// Errors: invalid_option, shut_down, forked, out_of_memory; unsupported if the PMD knows no groups: the node joins
  /// then as soon as there is one that does, and says so once in the log.
  Result<void> join(std::string_view group);
  /// Ends that. Nothing happens when the node is no member. Messages that are under way may still come.
  /// Errors: shut_down, forked.
  Result<void> leave(std::string_view group);
  /// The members of that group, to send to. A name that no group can have gets verdict invalid_target, as do more
  /// groups than NodeOptions::targets_max.
  [[nodiscard]] Group group(std::string_view name);

  /// Sends one JSON value to each subscriber of that topic, of 1 to 250 bytes of UTF-8 without control characters;
  /// include <distflow/topic.hpp>. The grammar of `json` is checked. Never blocks. The message is encoded once. The
  /// verdict is `queued` whether or not anybody subscribes: what becomes of each copy is counted under its peer. Else:
  /// invalid_json; invalid_target for a name that no topic can have, and beyond NodeOptions::targets_max topics;
  /// too_large; queue_full on another thread than the I/O thread, if that has not handed out what was published before;
  /// shut_down, forked, out_of_memory.
  SendVerdict publish(std::string_view topic, std::string_view json);
  /// The same for JSON that the caller vouches for.
  SendVerdict publish(std::string_view topic, RawJson json);
  /// Keeps the last messages that this node publishes to that topic from now on, and sends them to each node that
  /// subscribes later, the oldest first, before any newer one. They have the time when they were published. A node that
  /// leaves the registry and comes back, or unsubscribes and subscribes again, gets them again. Of many that come at
  /// once, and of those whose name finds no place yet (targets_max), some get them later: then what is retained by
  /// then, and nothing of what has made room meanwhile. Lost are those that its queue has no room for: the oldest.
  /// Errors: invalid_option for a name that no topic can have, more topics than NodeOptions::targets_max, and a count
  /// over 1,000; shut_down, forked, out_of_memory.
  Result<void> retain(std::string_view topic, const RetainOptions& options);
  /// The same for the last message.
  Result<void> retain(std::string_view topic);
  /// Has the messages of that topic, named as in publish(), handled where message handlers run; on_message() does not
  /// get them. Message::to is `topic:` and the name. A later call for the same topic replaces handler and options; what
  /// waits for the old handler is dropped, counted as dropped_unsubscribed. A node has at most 64 topics and groups.
  /// Publishers know of it once the PMD has notified them, and after each restart of the PMD. Errors as of join().
  Result<void> subscribe(std::string_view topic, std::function<void(const Message&)> handler);
  /// The same with bounds of its own, or conflated.
  Result<void> subscribe(std::string_view topic, std::function<void(const Message&)> handler,
                         const SubscribeOptions& options);
  /// Ends that; what waits is dropped. Nothing happens when the node does not subscribe. What is under way may still
  /// come, and is counted as dropped_unsubscribed. Errors: shut_down, forked.
  Result<void> unsubscribe(std::string_view topic);

  /// Sets the handler of messages. Messages that come before the first handler is set wait in the mailbox. An exception
  /// of the handler is counted and logged. A later call replaces the handler; with an empty function messages wait
  /// again.
  void on_message(std::function<void(const Message&)> handler);
  /// Called for each node that joins after the call. Runs where message handlers run. Who joins while no handler is
  /// set is not reported; discover() has it.
  void on_peer_join(std::function<void(const PeerInfo&)> handler);
  /// Called for each node that leaves after the call. What happens while no handler is set is not reported, here as
  /// in on_registration().
  void on_peer_leave(std::function<void(const PeerInfo&)> handler);
  /// Called when this node loses its registration, and when it has it again. NodeStats::is_registered says how it is.
  void on_registration(std::function<void(const RegistrationChange&)> handler);

  /// Called when there is room again for messages to a name for which a send was refused as queue_full: once for all
  /// refusals until then, when an eighth of the peer's room is free. Another thread may have taken the room by then.
  /// Runs where message handlers run. Refusals before the first handler is set are not reported.
  void on_writable(std::function<void(const Writable&)> handler);

  /// The other nodes of the registry, in order of their registration.
  [[nodiscard]] Result<std::vector<PeerInfo>> discover();
  /// The node of that alias or nodeId. Asks the PMD when the local replica has none, except on the I/O thread.
  [[nodiscard]] Result<PeerInfo> resolve(std::string_view name);

  /// The alias of the node with that nodeId, from the local replica. Empty if the node has no alias or is not in the
  /// replica, after shutdown, and after fork. The alias of a message's sender is `alias_of(message.from)`: Message does
  /// not have it, so that only a caller that asks pays for the look-up. Any thread, handlers too; never waits.
  [[nodiscard]] std::string alias_of(std::string_view node_id) const;

  /// 16 hexadecimal digits, chosen at random by start().
  [[nodiscard]] const std::string& node_id() const;
  /// NodeOptions::alias; empty for a node without one.
  [[nodiscard]] const std::string& alias() const;
  /// The port that this node listens on.
  [[nodiscard]] std::uint16_t port() const;
  /// Every counter and depth at one moment. Any thread; zeros after a fork, and for lack of memory.
  [[nodiscard]] NodeStats stats() const;

  /// Logs what is at least as serious as `level` from now on: while the node runs, on any thread. NodeOptions::log_sink
  /// says where to.
  void set_log_level(LogVerbosity level);

  /// Threading::caller only: does the work that is due, or waits up to `timeout` for some and does that. After a
  /// shutdown() on another thread or in a handler, call it until it returns Errc::shut_down: the node ends in it.
  Result<void> poll(std::chrono::milliseconds timeout);
  /// Threading::caller only: a descriptor that is readable when poll() has work. Timers do not make it readable: call
  /// poll() after poll_within() at the latest. -1 otherwise.
  [[nodiscard]] int fd() const;
  /// Threading::caller only: how long poll() may be left uncalled, in ms, rounded up; max() when nothing is timed.
  [[nodiscard]] std::chrono::milliseconds poll_within() const;

  /// Sends the queued messages and unregisters, for at most `deadline`. Then it ends the node, which takes at most two
  /// seconds more. Messages that are left are discarded and reported. The handlers are destroyed. The report is
  /// incomplete when shutdown() is called inside, when a handler still runs at the end of that time, or, with
  /// Threading::caller on another thread, when no thread polls.
  Result<ShutdownReport> shutdown(std::chrono::milliseconds deadline = std::chrono::seconds(5));
  /// False once the node has ended, or has begun to, and in a forked child.
  [[nodiscard]] bool is_running() const;

 private:
  friend class Group;
  template <class Derived, class Outcome>
  friend class detail::Awaiter;
  friend DISTFLOW_API Result<KeptReply> ask_and_wait(NodeRuntime& node, std::string_view target, std::string_view json,
                                                     const AskOptions& options);
  Result<KeptReply> ask_and_wait(std::string_view target, std::string_view json, const AskOptions& options);
  void note_out_of_memory() const noexcept;
  using WriteCall = void (*)(void* callable, PayloadWriter& out);
  explicit NodeRuntime(std::shared_ptr<runtime::NodeHost> host) : host_(std::move(host)) {}
  SendVerdict send_written(std::string_view target, WriteCall call, void* callable);
  SendVerdict look_up_and_send(Target& target, RawJson json);
  SendVerdict send_written(Target& target, WriteCall call, void* callable);

  std::shared_ptr<runtime::NodeHost> host_;
};

}  // namespace distflow
