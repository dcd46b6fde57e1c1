// NodeRuntime: this process as a node. Found by name, sends and receives JSON messages, sees others come and go.
//
// A handle: copies share the one node of the process.
//   1. One node a process: a second start() gives a handle to the first, whatever its options. Those that it sets and
//      the running node does not have are named in a warning.
//   2. No function throws by itself, and none but start(), resolve(), poll() and shutdown() waits. Without memory a
//   call
//      says so (Errc::out_of_memory, SendVerdict::out_of_memory) or gives nothing (a Target without a name, stats() of
//      zeros; a handler is not set), which is counted in stats().
//   3. When the last handle goes, the node shuts down: at once on any other thread; inside a handler, or inside a
//   function
//      that writes a message, when that returns.
//
// From where each may be called: threads; inside; after shutdown; in a forked child. "Inside" is in a handler, in a
// function that writes a message (send_with), and in the destructor of what a handler holds.
//   start:                  any; inside: the running node, or already_running; a new node; forked, if the parent's ran.
//   send, send_with:        any; inside too; shut_down; forked.
//   target:                 any, each Target one thread at a time; inside too; a Target; a Target.
//   on_*:                   any; inside, in effect once the handler has returned; the handler is dropped; likewise.
//   discover:               any; inside too; shut_down; forked.
//   alias_of:               any; inside too; empty; empty.
//   resolve:                any; inside, on the I/O thread, from the replica alone; shut_down; forked.
//   stats:                  any; inside too; the last figures; zeros.
//   node_id, alias, port:   any; inside too; as before; as before.
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

namespace distflow {

namespace runtime {
class NodeHost;
}

class NodeRuntime {
 public:
  /// Starts the node, and the PMD if none answers; returns when it is registered.
  /// Errors: alias_in_use, registration_refused, pmd_unreachable, pmd_silent, pmd_not_found, pmd_not_started,
  /// erlang_epmd, not_a_pmd, name_not_found, invalid_option, invalid_address, timed_out, already_running, forked, and
  /// those of the system for the address to listen on and for what the process lacks, such as descriptors. Their
  /// message() names the place: host and port of the PMD, who holds the alias, where the PMD's program was looked for.
  static Result<NodeRuntime, StartError> start(const NodeOptions& options = {});

  /// Sends one JSON value to an alias or a nodeId. The grammar of `json` is checked. Never blocks.
  SendVerdict send(std::string_view target, std::string_view json);
  SendVerdict send(std::string_view target, RawJson json);
  SendVerdict send(Target& target, std::string_view json);
  SendVerdict send(Target& target, RawJson json);

  /// Sends what `write(PayloadWriter&)` writes in place, which the caller vouches for as raw_json() does. If `write`
  /// throws, that passes through and nothing is sent.
  template <class Name, class Write>
  SendVerdict send_with(Name&& target, Write&& write) {
    auto call = [](void* callable, PayloadWriter& out) {
      (*static_cast<std::remove_reference_t<Write>*>(callable))(out);
    };
    // `call` gives it its own type back, const or not.
    return send_written(std::forward<Name>(target), call, const_cast<void*>(static_cast<const void*>(&write)));
  }

  /// A handle on a name, for a loop that sends to it often.
  [[nodiscard]] Target target(std::string_view name);

  /// Who gets the messages. What came before the first handler waits in the mailbox. A handler that throws is counted
  /// and logged. Replaces the one before; an empty function lets messages wait again.
  void on_message(std::function<void(const Message&)> handler);
  /// Called for each node that joins after the call. Runs where message handlers run.
  void on_peer_join(std::function<void(const PeerInfo&)> handler);
  /// Called for each node that leaves after the call.
  void on_peer_leave(std::function<void(const PeerInfo&)> handler);
  /// Called when this node loses its registration, and when it has it again. NodeStats::is_registered says how it is.
  void on_registration(std::function<void(const RegistrationChange&)> handler);

  /// The other nodes of the registry, in order of their registration.
  [[nodiscard]] Result<std::vector<PeerInfo>> discover();
  /// The node of that alias or nodeId. Asks the PMD when the local replica has none, except on the I/O thread.
  [[nodiscard]] Result<PeerInfo> resolve(std::string_view name);

  /// The alias of the node of that nodeId, as the local replica has it at present; empty when it has none, or is not
  /// there. For a message's sender, `alias_of(message.from)`: looked up only when asked for, so that no message pays
  /// for it. Any thread, handlers too; never waits. Empty after shutdown, and after fork.
  [[nodiscard]] std::string alias_of(std::string_view node_id) const;

  [[nodiscard]] const std::string& node_id() const;
  [[nodiscard]] const std::string& alias() const;
  /// The port that others reach this node at.
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] NodeStats stats() const;

  /// Threading::caller only: does what there is to do, waits up to `timeout` for some, and returns. After a shutdown()
  /// on another thread or in a handler, it is to be called until it says Errc::shut_down: the node ends in it.
  Result<void> poll(std::chrono::milliseconds timeout);
  /// Threading::caller only: a descriptor that polls readable when poll() has something to do, but for what time
  /// brings: poll() is due poll_within() at the latest. -1 otherwise.
  [[nodiscard]] int fd() const;
  [[nodiscard]] std::chrono::milliseconds poll_within() const;

  /// Sends what is queued and unregisters until `deadline`, then ends, which takes two seconds more at most; what was
  /// left is discarded and reported. Handlers are let go, and with them what they hold. The report is incomplete when
  /// this was called inside, when a handler still runs at the end of that time, or, with Threading::caller on another
  /// thread, when nobody polls.
  Result<ShutdownReport> shutdown(std::chrono::milliseconds deadline = std::chrono::seconds(5));
  [[nodiscard]] bool is_running() const;

 private:
  using WriteCall = void (*)(void* callable, PayloadWriter& out);
  explicit NodeRuntime(std::shared_ptr<runtime::NodeHost> host) : host_(std::move(host)) {}
  SendVerdict send_written(std::string_view target, WriteCall call, void* callable);
  SendVerdict look_up_and_send(Target& target, RawJson json);
  SendVerdict send_written(Target& target, WriteCall call, void* callable);

  std::shared_ptr<runtime::NodeHost> host_;
};

}  // namespace distflow
