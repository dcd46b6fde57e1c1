// The loop of a process's node: its memory, its reactor, and which thread turns it.
//
// The thread that turns it, except where it says otherwise.
//   1. One thread at a time turns it: the node's own; with Threading::caller the one that called start(), until another
//      one drops the last handle.
//   2. While code of the application may run on that thread, is_inside() is true there: what would have to wait for the
//      loop must not.
//   3. The loop of a node at a place of a world (node_world.hpp) is turned by that world alone.
// Use: NodeLoop loop(this); loop.open(options, log); loop.take(); loop.turn_until(done, base::kNever);
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <distflow/node_options.hpp>

#include "base/chunk_pool.hpp"
#include "base/log.hpp"
#include "base/time.hpp"
#include "io/clock.hpp"
#include "io/reactor.hpp"
#include "runtime/process/node_world.hpp"

namespace distflow::runtime {

class NodeLoop {
 public:
  /// `owner` is only compared: a thread that turns the loop is known by it.
  explicit NodeLoop(const void* owner, std::shared_ptr<NodePlace> place = nullptr);
  NodeLoop(const NodeLoop&) = delete;
  NodeLoop& operator=(const NodeLoop&) = delete;

  /// Makes the reactor, on any thread. Errors: the system's, and an option or a DISTFLOW_IO that names no backend.
  Result<void, StartError> open(const NodeOptions& options, const base::Log& log);

  /// After open().
  [[nodiscard]] io::Reactor& reactor() const { return *reactor_; }
  [[nodiscard]] base::ChunkPool& receive_chunks() { return receive_chunks_; }
  [[nodiscard]] base::ChunkPool& blocks() { return blocks_; }
  /// Shared with the threads that send, which may outlive the node.
  [[nodiscard]] const std::shared_ptr<base::ChunkPool>& out_chunks() const { return out_chunks_; }
  // Any thread.
  [[nodiscard]] const std::string& backend_name() const { return backend_name_; }
  [[nodiscard]] const std::string& fallback_reason() const { return fallback_reason_; }
  /// Null for a node of this process.
  [[nodiscard]] const NodePlace* place() const { return place_.get(); }
  /// The node's time, outside of turns, too.
  [[nodiscard]] base::Instant now() const { return place_ == nullptr ? io::system_now() : place_->now(); }

  /// From now on the calling thread turns the loop.
  void take() { owner_on_this_thread_ = owner_; }
  void let_go() { owner_on_this_thread_ = nullptr; }
  /// The calling thread turns the loop while this lives; before and afterwards it may be another loop's.
  class Taken {
   public:
    explicit Taken(const NodeLoop& loop) : before_(std::exchange(owner_on_this_thread_, loop.owner_)) {}
    ~Taken() { owner_on_this_thread_ = before_; }
    Taken(const Taken&) = delete;
    Taken& operator=(const Taken&) = delete;

   private:
    const void* const before_;
  };

  // Any thread.
  /// The owner of the loop that the calling thread turns; null when it turns none.
  [[nodiscard]] static const void* owner_on_this_thread() { return owner_on_this_thread_; }
  /// Whether the calling thread turns this loop.
  [[nodiscard]] bool is_this_thread() const { return owner_on_this_thread_ == owner_; }
  /// Whether the calling thread turns this loop, and is inside a turn, or in code of the application's that the node
  /// has called. At a place: inside a turn of any node of that world.
  [[nodiscard]] bool is_inside() const {
    return (is_this_thread() && is_inside_) || (place_ != nullptr && !place_->can_turn());
  }

  /// While this lives, the node calls code of the application.
  class Inside {
   public:
    explicit Inside(NodeLoop& loop) : is_inside_(loop.is_inside_), before_(std::exchange(is_inside_, true)) {}
    ~Inside() { is_inside_ = before_; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    bool& is_inside_;
    const bool before_;
  };

  /// Turns until `done()`, or until then.
  template <class Done>
  void turn_until(Done&& done, base::Instant until) {
    if (place_ != nullptr) {
      auto is_done = [&done]() -> bool { return done(); };
      return place_->turn_until(base::Delegate<bool()>::of(is_done), until);
    }
    while (!done() && (until == base::kNever || io::system_now() < until)) {
      const Inside inside(*this);
      reactor_->turn(until);
    }
  }
  /// One turn that finds work, or until then.
  void turn_once(base::Instant until);
  /// At a place: one turn, in which no time passes.
  void turn_at_place();
  /// When it is to be turned at the latest, from now on, if nothing comes; max() for never.
  [[nodiscard]] std::chrono::milliseconds due_within() const;

 private:
  static inline constinit thread_local const void* owner_on_this_thread_ = nullptr;

  const void* const owner_;
  const std::shared_ptr<NodePlace> place_;
  base::ChunkPool receive_chunks_;
  base::ChunkPool blocks_;
  std::shared_ptr<base::ChunkPool> out_chunks_;
  std::unique_ptr<io::Reactor> reactor_;
  std::string backend_name_;
  std::string fallback_reason_;
  bool is_inside_ = false;
};

}  // namespace distflow::runtime
