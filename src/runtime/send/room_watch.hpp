// Who is to be notified that there is room to send again: threads of the application that wait for it, and names whose
// messages were refused.
//
//     a thread: refused ─▶ wait() ─────────────────────────┐      the loop, each turn: look()
//               refused ─▶ note_refused(target) ───────────┴─▶       ├─▶ takes the credit for who waits, and wakes it
//                                                                    └─▶ reports the targets that have room
//
// look(): the loop's thread. wait(): not the loop's thread, which makes the room. All else: any thread.
//   1. No wake is lost: who signs up looks once itself, or has the loop look. So either this look finds the room that
//      was made before, or a later look of the loop finds who has signed up.
//   2. Those who wait are served in the order in which they came; of one peer none is served before an earlier one.
//      While anybody waits for a peer's room, SendCredit::take() leaves that room to them.
//   3. Who is woken has the credit that it waited for. All who can be are served in one look, once an eighth of the
//      room is free: threads that keep a peer busy are not woken for each message that leaves.
//   4. While nobody waits and nothing was refused, a look costs one load.
//   5. Waiting needs no memory.
// Use: if (watch.wait(wanted, until) == RoomWatch::Waited::has_room) send_with(wanted.credit, wanted.amount);
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>

#include "base/delegate.hpp"
#include "base/intrusive_list.hpp"
#include "base/time.hpp"
#include "runtime/peers/send_credit.hpp"
#include "runtime/send/target_table.hpp"

namespace distflow::runtime {

class RoomWatch {
 public:
  RoomWatch() = default;
  RoomWatch(const RoomWatch&) = delete;
  RoomWatch& operator=(const RoomWatch&) = delete;
  ~RoomWatch();

  /// What a thread waits for: room at the peer that `target` led to at that `version`. Without a credit it is the
  /// thread's own room that is missing, which any turn may make.
  struct Wanted {
    const TargetState& target;
    std::uint64_t version = 0;
    std::shared_ptr<SendCredit> credit;
    SendCredit::Amount amount;
  };
  enum class Waited : std::uint8_t {
    has_room,  ///< the credit is taken
    changed,   ///< the name leads elsewhere: nothing is taken
    late,      ///< the time is over
    closed,
  };

  /// Waits until `until` at the latest. `wake_loop` has the loop look, for room that only its turn can make.
  Waited wait(const Wanted& wanted, base::Instant until, base::Delegate<void()> wake_loop = {});

  /// look() reports room for messages to that name, and for one that needs what is `missing`; once, however
  /// often this is called until then, for the least of what was missing. True when there may be room already, so that
  /// the loop has to look.
  bool note_refused(const TargetPtr& target, SendCredit::Amount missing = {});

  /// Serves those who wait, and calls `tell(target)` for some that were refused and have room now. True when there was
  /// one: there may be more.
  template <class Tell>
  bool look(Tell&& tell) {
    // seq_cst, as the signing up and what gives credit back: of those two whichever comes second sees the other.
    if (count_.load(std::memory_order_seq_cst) == 0) return false;
    std::array<TargetPtr, kToldAtOnce> eased;  // filled up to `count`
    const std::size_t count = serve_all(eased);
    for (const TargetPtr& target : std::span(eased).first(count)) tell(target);
    return count > 0;
  }

  /// Ends all waiting, now and from now on: the node has ended.
  void close();

  /// Names that one look reports, in one walk over those that were refused.
  static constexpr std::size_t kToldAtOnce = 64;

 private:
  struct Waiter;

  std::size_t serve_all(std::span<TargetPtr> eased);
  void serve_waiters();
  std::size_t take_eased(std::span<TargetPtr> eased);
  static bool serve(Waiter& waiter);
  static bool has_eased(TargetState& target);

  std::atomic<std::uint32_t> count_{0};  // of waiters and refused targets
  std::mutex mutex_;
  base::IntrusiveList<Waiter, Waiter> waiters_;  // not served yet
  TargetPtr refused_;                            // the first; a list
  bool is_closed_ = false;
};

}  // namespace distflow::runtime
