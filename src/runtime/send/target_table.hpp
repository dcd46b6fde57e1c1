// The names that this node sends to: what each resolves to, and what waits for its answer.
//
//     name ──▶ TargetState ──▶ Routes          (loop thread)
//                   └── prefix, credit, version   (any thread: what an envelope to it begins with, and the room that
//                                              the queue to its peer has)
//
//   1. A TargetState stays where it is as long as anybody holds it; a name has at most one in a table. Names that
//      strangers give themselves are outside (Requests).
//   2. `version` rises whenever `prefix` or `credit` changes, after it has.
//   3. At most `targets_max` names. At the bound, names that nobody holds are forgotten; if all are held, new ones are
//      refused.
//   4. A message that is parked, or about to be, has taken its place with ParkingRoom::take(), on the thread that sent
//      it. It leaves its place once: when it is sent, when it is dropped, or when it does not come to be parked after
//      all.
// Use: std::shared_ptr<TargetState> state = table.of("pong");
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/delegate.hpp"
#include "base/string_map.hpp"
#include "base/time.hpp"
#include "runtime/peers/send_credit.hpp"
#include "runtime/send/outgoing_message.hpp"
#include "runtime/send/route.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::runtime {

struct TargetState;
using TargetPtr = std::shared_ptr<TargetState>;

struct TargetState {
  TargetState(std::string_view target_name, std::uint64_t host_instance) : name(target_name), instance(host_instance) {}

  const std::string name;
  const std::uint64_t instance;  // of the host whose table it is in

  // Any thread.
  std::atomic<std::uint64_t> version{1};
  std::mutex mutex;                             // held to change or copy `prefix`, which is rare
  std::string prefix;                           // empty: the loop writes the envelope, once the name leads somewhere
  std::shared_ptr<SendCredit> credit;           // of the peer, when the name leads to one
  std::atomic<std::uint32_t> parking_taken{0};  // of ParkingRoom: messages
  std::atomic<base::WallMs> unknown_at{0};      // when the PMD has said that there is no such node

  /// For so long after the PMD said that there is no such node, it is not asked again.
  static constexpr base::Duration kUnknownFor = base::milliseconds(100);
  /// Threads stamp messages with a coarse clock, which is up to one tick of the kernel behind the loop's: 10 ms at
  /// most.
  static constexpr base::Duration kClockLag = base::milliseconds(20);
  /// Whether the loop may still refuse messages to the name: longer by kClockLag at both ends, so that no other thread
  /// is told `queued` for what the loop then drops. Messages have the wall clock's time, so this costs no look at
  /// another clock. When it is set back by more than kClockLag, the name counts as not known to be unknown.
  [[nodiscard]] bool is_unknown_at(base::WallMs now) const {
    const auto since = base::milliseconds(now - unknown_at.load(std::memory_order_relaxed));
    return since >= -kClockLag && since < kUnknownFor + kClockLag;
  }

  /// Of somebody whom nobody knew when this was made, and in no table: nothing is sent to it, for nobody would tell it
  /// of changes. Set before anybody else has it.
  bool is_outside_table = false;

  // Of RoomWatch, under its lock.
  bool is_refused = false;
  SendCredit::Amount refused;  // the least that it needs
  TargetPtr next_refused;

  /// Of a topic: takes the frames to it, on the loop's thread, and returns how many it is handed out to; set before
  /// anybody else has the target. It has no route then, and is in no table of names.
  base::Delegate<std::size_t(const transport::EncodedRun& run)> hand_out{};

  // Loop thread.
  Route way;    // where the name leads
  Route route;  // the same, for the application's messages: nowhere before the first one (Router::finds_route)
  bool carries_messages = false;  // the application's: not what is published, asked or answered
  std::vector<ParkedMessage> parked;
  bool is_asking = false;
  std::uint16_t told = 0;  // of the drop log
  base::Instant parked_since = base::kNever;
  base::Instant unknown_until = base::Instant::min();  // the PMD has said that there is no such node

  /// Publishes the beginning of envelopes to this name; empty: other threads hand over the payload alone. Loop thread
  /// only.
  void publish(std::string_view new_prefix, std::shared_ptr<SendCredit> new_credit) {
    const std::scoped_lock lock(mutex);
    prefix = new_prefix;
    credit.swap(new_credit);
    version.fetch_add(1, std::memory_order_release);  // pairs with the acquire of those that cache the prefix
  }
};

/// How much may be parked, of each name and in all. Any thread.
class ParkingRoom {
 public:
  struct Limits {
    std::uint32_t messages_max = UINT32_MAX;  ///< of one name
    std::size_t bytes_max = SIZE_MAX;         ///< of all names
  };

  /// Before anybody takes from it.
  void set_limits(Limits limits) { limits_ = limits; }

  /// A place for one message to that name; false, and nothing taken, when there is none.
  bool take(TargetState& target, std::size_t bytes) {
    if (!raise(target.parking_taken, 1U, limits_.messages_max)) return false;
    if (raise(bytes_, bytes, limits_.bytes_max)) return true;
    target.parking_taken.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  void leave(TargetState& target, std::size_t bytes) {
    target.parking_taken.fetch_sub(1, std::memory_order_relaxed);
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }

 private:
  template <class Number>
  static bool raise(std::atomic<Number>& taken, Number amount, Number max) {
    Number before = taken.load(std::memory_order_relaxed);
    do {
      if (amount > max || before > max - amount) return false;
    } while (!taken.compare_exchange_weak(before, before + amount, std::memory_order_relaxed));
    return true;
  }

  Limits limits_;
  std::atomic<std::size_t> bytes_{0};
};

class TargetTable {
 public:
  /// `instance` tells the states of this table from those of another.
  explicit TargetTable(std::size_t targets_max, std::uint64_t instance = 0)
      : targets_max_(targets_max), instance_(instance) {}

  /// The state of that name, made when there is none; null beyond targets_max. Any thread.
  std::shared_ptr<TargetState> of(std::string_view name);
  /// Null when nobody has sent to that name. Any thread.
  std::shared_ptr<TargetState> find(std::string_view name) const;
  [[nodiscard]] ParkingRoom& parking() { return parking_; }

 private:
  const std::size_t targets_max_;
  const std::uint64_t instance_;
  mutable std::mutex mutex_;
  base::StringMap<std::shared_ptr<TargetState>> by_name_;
  ParkingRoom parking_;
};

}  // namespace distflow::runtime
