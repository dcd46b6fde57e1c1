// A mesh for tests: a PMD and nodes on a network in memory, in one thread and in virtual time, with faults on command.
// The library is distflow::testing (CMake), libdistflow-testing.a. The nodes are those of production, and so are their
// handles: only the kernel, the network and the clocks are simulated.
//
// While a Mesh lives, NodeRuntime::start() on its thread starts a node of the mesh, a new one each time: a service that
// starts its own node is tested as it is. One Mesh a thread; other threads may not call its nodes.
//   1. Equal seeds and equal calls give equal runs, on every machine, at any load.
//   2. Time passes only while the mesh is turned: by run_until() and run_for(), and by the calls of the API that wait
//      (start, resolve, ask_and_wait, send_wait, shutdown). Handlers run then, on this thread. A minute without work
//      takes no time.
//   3. Inside a handler those calls cannot turn the mesh: they return Errc::would_block, node_not_found (resolve) or
//      SendVerdict::would_block at once, and shutdown() returns as inside any handler. run_until() and run_for() throw.
//   4. The nodes are on machines of their own. Of NodeOptions the mesh sets what concerns the real machine: the PMD's
//      address, the own address and port, backend, spin, no shared memory, and Threading::inlined: poll() returns
//      invalid_option, as it does for every node with a thread.
//   5. Misuse throws std::logic_error, with what was wrong in what(). A handler that throws is caught and counted by
//      its node, as in production: let a handler record what a test is to find.
// Use: distflow::testing::Mesh mesh(seed);
//      auto orders = mesh.node("orders");
//      orders.on_message([](const distflow::Message&) {});
//      auto client = mesh.node("client");
//      client.send("orders", R"({"id":1})");
//      mesh.partition("orders", "client");
//      mesh.run_for(1s);
//      mesh.heal();
//      EXPECT_TRUE(mesh.run_until([&] { return orders.stats().received.handled == 1; }, 5s));
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include <distflow/node_options.hpp>
#include <distflow/node_runtime.hpp>

namespace distflow::testing {

/// A PMD and nodes, simulated. The thread that made it is the only one that may use it.
class Mesh {
 public:
  /// The name of the PMD, where a fault asks for a name.
  static constexpr std::string_view kPmd = "(pmd)";

  /// The PMD runs. The seed decides the latencies (20 to 500 µs one way, for each connection), in which parts bytes
  /// arrive, in which order nodes that have work are turned, and nodeIds.
  explicit Mesh(std::uint64_t seed = 1);
  /// Kills what still runs. Handles and handlers may outlive it: their nodes have ended. On the thread that made it,
  /// and outside of all that it calls (handlers, after(), what run_until() asks): anywhere else the process stops, with
  /// a message.
  ~Mesh();
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;

  /// Starts a node with that alias, and returns when it is registered. Keep the handle: with its last copy the node
  /// shuts down. Throws std::runtime_error with the text of the StartError; NodeRuntime::start() returns that instead.
  [[nodiscard]] NodeRuntime node(std::string_view alias);
  /// The same with options; see line 4.
  [[nodiscard]] NodeRuntime node(const NodeOptions& options);

  /// Turns the mesh until `is_so()`, which is asked after each turn, or until so much virtual time has passed. Returns
  /// what `is_so()` said last.
  bool run_until(const std::function<bool()>& is_so, std::chrono::nanoseconds at_most);
  /// Turns the mesh for so much virtual time.
  void run_for(std::chrono::nanoseconds time);
  /// Calls `what` in so much virtual time, between turns: for what a service does by a timer of its own.
  void after(std::chrono::nanoseconds delay, std::function<void()> what);
  /// The virtual time that has passed since the mesh was made.
  [[nodiscard]] std::chrono::nanoseconds now() const;
  /// A number below `n`, by the seed: for what a test chooses, such as when a fault strikes. `n` is above zero.
  [[nodiscard]] std::uint64_t random(std::uint64_t n);
  /// The one that it was made with.
  [[nodiscard]] std::uint64_t seed() const;

  // Faults. Names are aliases, or kPmd. A name that no node has had is misuse; with the name of a node that has ended
  // nothing happens. All may be called in handlers too; what ends a node comes about when the turn has ended.

  /// Nothing passes between the two until heal(). What is under way waits, as with TCP. Holds for a node of that alias
  /// that is started later, too.
  void partition(std::string_view one, std::string_view other);
  /// The same between that one and all others, the PMD included.
  void isolate(std::string_view name);
  /// Ends all partitions, and all delays.
  void heal();
  /// What passes between the two takes so much longer, each way, until heal(). At least zero.
  void delay(std::string_view one, std::string_view other, std::chrono::nanoseconds longer);
  /// Breaks the connections between the two. What is under way is lost; new connections may be opened at once.
  void break_connections(std::string_view one, std::string_view other);

  /// The process is killed: its handlers run no more, and the system closes its connections. What it has asked, and
  /// waits for, ends as if it had shut down. Another node may be started with its alias.
  void kill(std::string_view name);
  /// The machine is gone: as kill(), and nobody is notified. Others find out by timeouts.
  void vanish(std::string_view name);
  /// Starts a PMD where there is none.
  void start_pmd();
  /// The process stands still: it does and receives nothing, and its connections stay open.
  void pause(std::string_view name);
  /// It goes on, with what has come meanwhile.
  void resume(std::string_view name);
  /// The node's message handler is called no more: messages wait in its mailbox, until that is full and
  /// MailboxLimits::overflow decides. Requests are handled as before.
  void hold_messages(std::string_view alias);
  /// The messages that wait are handled.
  void release_messages(std::string_view alias);

  /// Gets a line for each event: of the network, and of the log of each node. `sink` may be empty, and must not call
  /// the mesh. Call it before the nodes are started: their log has LogVerbosity::debug then.
  void on_trace(std::function<void(std::string_view line)> sink);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace distflow::testing
