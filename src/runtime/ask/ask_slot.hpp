// A request of this node's while it has a slot, and the requests that are together: to one node, or of one name.
//
// For the files of Asks alone. Loop thread, but where it says otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/chunk_pool.hpp"
#include "base/intrusive_list.hpp"
#include "base/timer_wheel.hpp"
#include "runtime/ask/asks.hpp"
#include "runtime/ask/stop_callback.hpp"

namespace distflow::runtime {

/// Requests to one node, those that wait for one name, or all that rest between two attempts.
struct Asks::Group {
  std::string name;
  Slots slots{};
  std::uint32_t count = 0;
  bool has_node_left = false;  // then it is in Asks::left_
};

struct Asks::Slot : base::ListNode<Slot> {
  enum class State : std::uint8_t { free, resolving, sent, resting, ended };
  static constexpr std::size_t kTextKept = 4096;  // bytes of its memory that is used again
  /// Runs on the thread that requests the stop.
  struct Stop {
    AskWay* way;
    std::uint64_t id;
    void operator()() const noexcept { way->cancel(id); }
  };

  Slot() : timer(base::Delegate<void()>::to<&Slot::on_timer>(*this)) {}
  /// It holds no question. Made in place: cheaper than to be assigned, and each request does it.
  void begin_with(Question&& asked_now) {
    std::destroy_at(&question);
    std::construct_at(&question, std::move(asked_now));
  }
  void on_timer() { owner->on_timer(*this); }
  [[nodiscard]] std::uint64_t id() const { return AskId{.slot = index, .generation = generation}.number(); }

  Asks* owner = nullptr;
  std::uint32_t index = 0;
  std::uint64_t generation = 0;
  State state = State::free;
  // It is left armed when what it was armed for is over: nearly all requests end before, and begin with a later one.
  base::Timer timer;
  base::Instant armed_for{};         // while it is armed; not after `due`
  base::Instant due = base::kNever;  // when Asks::on_deadline() is to be called
  Group* group = nullptr;
  Slot* twin = nullptr;  // the same request's other slot, while it has two
  Question question{};
  std::uint64_t place = 0;              // among the messages that its link has taken
  bool has_place = false;               // for `text`, among what waits for a name
  bool may_retry = false;               // `text` is kept for another attempt
  bool was_sent = false;                // in this attempt, or in one before
  bool has_backup = false;              // it has had one, or is one, or was to have one
  bool may_have_run_elsewhere = false;  // a twin that is no more may have
  int attempts = 0;                     // to send it, so far
  std::size_t asked = 0;                // hash of the nodeId of the last who was asked
  std::optional<StopCallback<Stop>> stop{};
  std::string text{};  // the request's while it waits for its name, or may be sent again; else a reply's copy

  // When it has ended.
  End how{};
  AskStage stage = AskStage::resolving;
  base::Duration took{};
  std::string_view payload{};
  base::ChunkRef chunk{};      // where that lies
  std::size_t kept_bytes = 0;  // of it, in Asks::kept_bytes_
};

// What each request does, once or more: without a call.

/// That which has the id now, if it has not ended: also one that is just being sent.
inline Asks::Slot* Asks::holder_of(AskId id) {
  if (id.slot >= slot_count_) return nullptr;
  Slot& slot = blocks_[id.slot / kSlotsPerBlock][id.slot % kSlotsPerBlock];
  return slot.generation == id.generation ? &slot : nullptr;
}

inline Asks::Slot* Asks::find(AskId id) {
  Slot* const slot = holder_of(id);
  if (slot == nullptr) return nullptr;
  using State = Slot::State;
  const bool is_open = slot->state == State::sent || slot->state == State::resolving || slot->state == State::resting;
  return is_open ? slot : nullptr;
}

inline void Asks::leave_group(Slot& slot) {
  if (slot.group == nullptr) return;
  Group& group = *std::exchange(slot.group, nullptr);
  slot.unlink();
  if (--group.count == 0) {
    const bool was_resolving = slot.state == Slot::State::resolving;
    if (group.has_node_left || was_resolving) [[unlikely]]
      forget_group(group, was_resolving);
  }
}

inline void Asks::leave_place(Slot& slot) {
  if (std::exchange(slot.has_place, false)) parts_.router.leave_place(slot.question.target, slot.text.size());
}

/// A timer that is armed for an earlier time looks again then.
inline void Asks::set_due(Slot& slot, base::Instant due) {
  slot.due = due;
  if (slot.timer.is_armed() && slot.armed_for <= due) [[likely]]
    return;
  slot.armed_for = due;
  parts_.reactor.timers().arm(slot.timer, due);
}

}  // namespace distflow::runtime
