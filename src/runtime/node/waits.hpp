// What the application waits for, beside replies: a node of some name, a turn of the loop, the next message.
//
//     begun ──▶ inbox ── a task ──▶ open ── it is there, deadline, stop, shutdown ──▶ ended ──▶ called back
//     any thread                    loop                                                        where handlers run
//
// A wait for a message is not opened by the loop: it is on a list at once, from which the thread that handlers run on
// takes it with its message.
//
// Loop thread only, except wait_for(), next_turn(), next_message() and what a StopToken leads to, which any thread may
// call, and for the functions of the thread that handlers run on.
//   1. A wait that has begun is called back for once: never inside the call that begins it, and by finish() at the
//      latest.
//   2. At most kWaitsMax are there, from the call until the callback: beyond, Errc::queue_full.
//   3. No lock is held while the application's code runs.
//   4. A message goes to one wait, the one that began first. It is lost with a wait that is given up while the message
//      is on its way to it. While there is a message handler, none goes to a wait.
//   5. What begins a wait has taken nothing when it throws std::bad_alloc.
// Use: Result<void> begun = waits.wait_for("pong", options, callback);
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <distflow/message.hpp>
#include <distflow/result.hpp>
#include <distflow/wait.hpp>

#include "base/intrusive_list.hpp"
#include "base/time.hpp"
#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "runtime/ask/stop_callback.hpp"
#include "runtime/peers/directory.hpp"
#include "runtime/receive/delivery.hpp"

namespace distflow::runtime {

class Waits {
 public:
  using OnEnd = std::function<void(const Result<PeerInfo>&)>;
  using OnMessage = std::function<void(const Result<Message>&)>;
  static constexpr std::size_t kWaitsMax = 65536;
  static constexpr std::chrono::milliseconds kDeadlineMax = std::chrono::hours(24);

  /// All must outlive this.
  /// `clock` is for any thread; null: the system's.
  Waits(io::Reactor& reactor, Directory& directory, Delivery& delivery, base::Instant (*clock)() = nullptr);
  ~Waits();
  Waits(const Waits&) = delete;
  Waits& operator=(const Waits&) = delete;

  // Any thread. Errors: queue_full, out_of_memory, shut_down; then nothing is called back for.
  /// Until a node of that name is in the directory.
  Result<void> wait_for(std::string_view name, const WaitOptions& options, OnEnd on_end);
  /// Until the loop has come round.
  Result<void> next_turn(std::function<void(const Result<void>&)> on_end);
  /// Until there is a message that no handler is for.
  Result<void> next_message(OnMessage on_message, StopToken stop);

  /// `name` leads to a node now.
  void on_binding(std::string_view name);
  /// Sees to what another thread has stopped and could not have the loop do. Outside of handlers.
  void drain_if_due() {
    if (is_drain_due_.load(std::memory_order_relaxed)) [[unlikely]]
      drain();
  }
  /// Ends all of them. What begins from now on ends, too.
  void begin_shutdown();
  /// Calls back for what is left, on this thread. When no handler runs any more, and none will.
  void finish();

  // The thread that handlers run on.
  bool call_back();
  /// Any thread. relaxed: who has ended something wakes the other thread, which then sees it (base/sleep_flag.hpp).
  [[nodiscard]] bool has_ended() const { return has_ended_.load(std::memory_order_relaxed); }
  /// Gives messages to those who wait for one. With a second thread some; the thread comes again.
  void hand_out();
  /// Whether somebody waits for a message, and one is there.
  [[nodiscard]] bool may_hand_out() const {
    return message_count_.load(std::memory_order_acquire) > 0 && delivery_.has_message_for_others();
  }

 private:
  struct Wait;
  using List = base::IntrusiveList<Wait, Wait>;
  using ByName = std::multimap<std::string, std::unique_ptr<Wait>, std::less<>>;
  /// On the thread that asks to stop.
  struct Stop {
    Wait* wait;  // it outlives this
    void operator()() const noexcept;
  };

  Result<void> begin(std::unique_ptr<Wait> wait);
  base::Pushed post_drain();
  void have_drained();
  void end_message_waits();
  void end_message_wait(Wait& wait, Errc why);
  void add_ended(Wait& wait);
  void list_or_end(Wait& wait, bool is_first);
  void give(const Message& message);
  void stop(Wait& wait) noexcept;
  void drain();
  void open(std::unique_ptr<Wait> wait);
  void on_deadline(Wait& wait);
  void end_open(Wait& wait, Result<PeerInfo> outcome);
  void end(std::unique_ptr<Wait> wait, Result<PeerInfo> outcome);
  void call_back_later() { static_cast<void>(call_back()); }

  io::Reactor& reactor_;
  Directory& directory_;
  Delivery& delivery_;
  base::Instant (*const clock_)();
  bool is_closing_ = false;
  ByName by_name_;
  std::unordered_map<std::uint64_t, Wait*> stoppable_;
  io::DeferredTask call_back_;

  std::mutex mutex_;
  bool is_closed_ = false;
  bool is_posted_ = false;
  std::size_t count_ = 0;
  List inbox_;  // owned, as the next one
  List ended_;
  std::atomic<bool> has_ended_{false};  // there are some: written under the lock
  List for_message_;
  std::vector<std::uint64_t> stopped_;

  std::atomic<bool> is_drain_due_{false};  // by what found no room for a task
  std::atomic<std::uint64_t> last_id_{0};
  std::atomic<std::size_t> message_count_{0};  // on for_message_
  std::unique_ptr<Wait> receiving_;            // of the thread that handlers run on: gets the message in hand
  static inline constinit thread_local const Waits* handing_out_ = nullptr;
};

}  // namespace distflow::runtime
