// A world for nodes, in place of this process and its kernel: other sockets, other clocks, and time that passes only
// when the world is turned. Each of its nodes has a place in it. src/testing has the one that there is.
//
// The thread that made the world. On any other thread a place cannot be turned, and start() knows no world.
//   1. While a thread has a world, NodeRuntime::start() on it starts a node there: as many as are asked for.
//   2. What waits for a node of a world turns the world meanwhile. Inside a turn it cannot wait.
// Use: NodeWorld::set_of_this_thread(&world); auto node = NodeRuntime::start({.alias = "orders"});
#pragma once

#include <memory>

#include <distflow/node_options.hpp>
#include <distflow/result.hpp>

#include "base/chunk_pool.hpp"
#include "base/delegate.hpp"
#include "base/log.hpp"
#include "base/time.hpp"
#include "io/backend.hpp"

namespace distflow::runtime {

class NodeHost;

/// What one node has of a world.
class NodePlace {
 public:
  virtual ~NodePlace() = default;

  virtual Result<std::unique_ptr<io::Backend>> make_backend(base::ChunkPool& chunks) = 0;
  [[nodiscard]] virtual base::LogSink log_sink() = 0;
  [[nodiscard]] virtual base::Instant now() const = 0;
  [[nodiscard]] virtual base::WallMs wall_ms() const = 0;
  /// Whether this thread may turn the world now.
  [[nodiscard]] virtual bool can_turn() const = 0;
  /// Turns the world until `done()`, or until then.
  virtual void turn_until(base::Delegate<bool()> done, base::Instant until) = 0;
};

class NodeWorld {
 public:
  /// Starts a node at a place of its own, and returns when it is registered.
  virtual Result<std::shared_ptr<NodeHost>, StartError> start(const NodeOptions& options) = 0;
  [[nodiscard]] virtual base::Instant now() const = 0;

  /// Null for a thread that has none.
  [[nodiscard]] static NodeWorld* of_this_thread();
  static void set_of_this_thread(NodeWorld* world);
  /// The time of this thread's world, or of the system.
  [[nodiscard]] static base::Instant now_of_this_thread();

 protected:
  ~NodeWorld() = default;
};

}  // namespace distflow::runtime
