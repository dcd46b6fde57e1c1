// The room in the queue to one peer, shared by all threads that send to it: messages and bytes that may be under way.
//
//     send() ── take() ──▶ a lane, the queue, the kernel or the ring ── it has left, or never will ──▶ give_back()
//
// SendCredit: any thread. LoopCredit: the loop's thread.
//   1. What take() and advance() gave is at most `messages_max` messages and `bytes_max` bytes.
//      take_reserved() goes past that by an eighth.
//      take_last() goes past it by kLastMessages and kLastBytes more.
//      take_anyway() goes past it by any amount: for what has been accepted against another bound.
//   2. The holder of a message has its credit, and gives it back once.
//   3. A thread learns whether there is room before its message is accepted, so that none is dropped for lack of it.
//   4. While anybody waits for room (RoomWatch), take() and advance() leave it to them. take_reserved() does not.
// Use: if (!credit.take({frame.bytes.size(), 1})) return SendVerdict::queue_full; ... credit.give_back(amount);
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/assert.hpp"
#include "transport/send_queue.hpp"

namespace distflow::runtime {

class SendCredit {
 public:
  /// An option above these has the effect of these.
  static constexpr std::uint64_t kMessagesMax = std::uint64_t{1} << 27;
  static constexpr std::uint64_t kBytesMax = std::uint64_t{1} << 35;

  /// For words that end a request, beside all else that is under way.
  static constexpr std::uint64_t kLastMessages = 4096;
  static constexpr std::uint64_t kLastBytes = std::uint64_t{1} << 20;

  struct Amount {
    std::uint64_t bytes = 0;
    std::uint64_t messages = 0;
  };

  SendCredit(std::uint64_t bytes_max, std::uint64_t messages_max)
      : bytes_max_(std::min(bytes_max, kBytesMax)), messages_max_(std::min(messages_max, kMessagesMax)) {}
  SendCredit(const SendCredit&) = delete;
  SendCredit& operator=(const SendCredit&) = delete;

  /// All of it, or nothing and false.
  bool take(Amount amount) { return !is_waited_for() && take_waiting(amount); }
  /// As take(), for one who has waited.
  bool take_waiting(Amount amount) {
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (!has_room(used, amount)) return false;
    } while (!used_.compare_exchange_weak(used, used + word_of(amount), std::memory_order_relaxed));
    return true;
  }

  /// As take(), for replies: who has asked waits for them, and threads that send on and on must not keep them from
  /// leaving. An eighth of the bounds is theirs alone.
  bool take_reserved(Amount amount) { return take_within(amount, with_reserve()); }
  /// As take_reserved(), for words that end a request without a reply: they are not tried again.
  bool take_last(Amount amount) {
    const Amount reserved = with_reserve();
    return take_within(amount, {reserved.bytes + kLastBytes, reserved.messages + kLastMessages});
  }

  /// As take(), and up to `more` in addition, of which a part of the room is left to others.
  Amount advance(Amount amount, Amount more) {
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    Amount taken;
    if (is_waited_for()) return {};
    do {
      if (!has_room(used, amount)) return {};
      taken = amount;
      taken.bytes += std::min(more.bytes, (bytes_max_ - bytes_of(used) - amount.bytes) / kShare);
      taken.messages += std::min(more.messages, (messages_max_ - messages_of(used) - amount.messages) / kShare);
    } while (!used_.compare_exchange_weak(used, used + word_of(taken), std::memory_order_relaxed));
    return taken;
  }

  /// Both in one word; sums and differences of words are those of both.
  static std::uint64_t word_of(Amount amount) { return (amount.messages << kByteBits) + amount.bytes; }
  static Amount amount_of(std::uint64_t word) { return {bytes_of(word), messages_of(word)}; }

  /// For what was accepted against another bound.
  void take_anyway(Amount amount) { used_.fetch_add(word_of(amount), std::memory_order_relaxed); }

  void give_back(Amount amount) {
    // seq_cst, as the look of is_eased(): a thread that waits has signed up before this, or finds it.
    const std::uint64_t before = used_.fetch_sub(word_of(amount), std::memory_order_seq_cst);
    DF_ASSERT(bytes_of(before) >= amount.bytes && messages_of(before) >= amount.messages);
  }

  /// Whether take() would have succeeded.
  [[nodiscard]] bool seems_to_have(Amount amount) const {
    return !is_waited_for() && has_room(used_.load(std::memory_order_relaxed), amount);
  }
  /// Whether so much is free, an eighth, that it pays to wake who waits; and so much as is `wanted`, or all.
  [[nodiscard]] bool is_eased(Amount wanted) const {
    const std::uint64_t used = used_.load(std::memory_order_seq_cst);
    return has_room(used, {std::max(bytes_max_ / kEasedShare, std::min(wanted.bytes, bytes_max_)),
                           std::max(messages_max_ / kEasedShare, std::min(wanted.messages, messages_max_))});
  }
  [[nodiscard]] bool is_eased() const { return is_eased({0, 0}); }
  /// The least that a message needs which there was no room for just now.
  [[nodiscard]] Amount beyond_free() const {
    const Amount taken = used();
    if (taken.messages >= messages_max_) return {0, 1};
    return {bytes_max_ - std::min(taken.bytes, bytes_max_) + 1, 1};
  }
  /// Counts those who wait for room.
  void begin_waiting() { waiting_.fetch_add(1, std::memory_order_relaxed); }
  void end_waiting() { waiting_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t waiting_count() const { return waiting_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool is_waited_for() const { return waiting_count() != 0; }
  /// Of RoomWatch, under its lock: whether it may give room to the next who waits.
  bool serves_waiting = false;

  /// Whether more than so many quarters of the room are in use.
  [[nodiscard]] bool is_used_beyond(std::uint64_t quarters) const {
    const Amount taken = used();
    return taken.bytes > bytes_max_ / 4 * quarters || taken.messages > std::uint64_t{messages_max_} * quarters / 4;
  }
  /// What take() would give, if nobody waits.
  [[nodiscard]] Amount room() const {
    const Amount taken = used();
    return {bytes_max_ - std::min(taken.bytes, bytes_max_), messages_max_ - std::min(taken.messages, messages_max_)};
  }
  [[nodiscard]] Amount used() const {
    const std::uint64_t used = used_.load(std::memory_order_relaxed);
    return {bytes_of(used), messages_of(used)};
  }

 private:
  static constexpr std::uint64_t kShare = 16;
  static constexpr std::uint64_t kEasedShare = 8;
  static constexpr std::uint64_t kReservedShare = 8;
  static constexpr unsigned kByteBits = 36;
  static constexpr std::uint64_t kByteMask = (std::uint64_t{1} << kByteBits) - 1;

  [[nodiscard]] Amount with_reserve() const {
    return {bytes_max_ + bytes_max_ / kReservedShare, messages_max_ + messages_max_ / kReservedShare};
  }
  bool take_within(Amount amount, Amount all) {
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (!has_room(used, amount, all)) return false;
    } while (!used_.compare_exchange_weak(used, used + word_of(amount), std::memory_order_relaxed));
    return true;
  }
  static std::uint64_t bytes_of(std::uint64_t word) { return word & kByteMask; }
  static std::uint64_t messages_of(std::uint64_t word) { return word >> kByteBits; }
  [[nodiscard]] bool has_room(std::uint64_t used, Amount amount) const {
    return has_room(used, amount, {bytes_max_, messages_max_});
  }
  static bool has_room(std::uint64_t used, Amount amount, Amount all) {
    return bytes_of(used) + amount.bytes <= all.bytes && messages_of(used) + amount.messages <= all.messages;
  }

  const std::uint64_t bytes_max_;
  const std::uint64_t messages_max_;
  // Both in one word, which changes as one: messages above, bytes below. On a line of its own: all senders write it.
  alignas(64) std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint32_t> waiting_{0};
};

/// Credit that was taken before its message was encoded. What is not spent goes back.
class HeldCredit {
 public:
  HeldCredit() = default;
  HeldCredit(std::shared_ptr<SendCredit> credit, SendCredit::Amount amount)
      : credit_(std::move(credit)), amount_(amount) {}
  HeldCredit(HeldCredit&& other) noexcept : credit_(std::move(other.credit_)), amount_(other.amount_) {}
  HeldCredit& operator=(HeldCredit&& other) noexcept {
    give_back();
    credit_ = std::move(other.credit_);
    amount_ = other.amount_;
    return *this;
  }
  ~HeldCredit() { give_back(); }

  [[nodiscard]] explicit operator bool() const { return credit_ != nullptr; }

  /// Pays for a message of that credit, and keeps nothing; false when this is of another credit, or too little.
  bool spend(const SendCredit& credit, SendCredit::Amount amount) {
    if (credit_.get() != &credit || amount.bytes > amount_.bytes || amount.messages > amount_.messages) return false;
    amount_ = {amount_.bytes - amount.bytes, amount_.messages - amount.messages};
    give_back();
    return true;
  }

 private:
  void give_back() {
    if (const std::shared_ptr<SendCredit> credit = std::move(credit_)) credit->give_back(amount_);
  }

  std::shared_ptr<SendCredit> credit_;
  SendCredit::Amount amount_;
};

/// What of a peer's credit the loop's thread has taken in advance, so that a message of its own costs no locked
/// instruction. It goes back with what leaves.
class LoopCredit {
 public:
  explicit LoopCredit(std::shared_ptr<SendCredit> shared) : shared_(std::move(shared)) {}
  LoopCredit(const LoopCredit&) = delete;
  LoopCredit& operator=(const LoopCredit&) = delete;
  ~LoopCredit() { settle(); }

  [[nodiscard]] const std::shared_ptr<SendCredit>& shared() const { return shared_; }

  /// Takes the run's credit; false, and nothing taken, when there is no room.
  bool spend(const transport::EncodedRun& run) {
    if (run.bytes.size() > bytes_ || run.count > messages_) [[unlikely]]
      if (!take_advance(run)) return false;
    bytes_ -= run.bytes.size();
    messages_ -= run.count;
    return true;
  }
  /// Whether spend() may take a run of one frame of at least so many bytes.
  [[nodiscard]] bool seems_to_have(std::size_t bytes) const {
    return bytes <= bytes_ || shared_->seems_to_have({bytes - bytes_, messages_ > 0 ? std::uint64_t{0} : 1});
  }
  /// That of a run which has not been taken.
  void take_back(const transport::EncodedRun& run) {
    give_back({.sent = 0, .dropped = run.count, .bytes = run.bytes.size()});
  }

  /// Gives back the credit of frames that have left, of any thread, and the rest of the advance with it.
  void give_back(const transport::DepartedFrames& departed) {
    shared_->give_back({std::exchange(bytes_, 0) + departed.bytes,
                        std::exchange(messages_, 0) + std::uint64_t{departed.sent} + departed.dropped});
  }
  void settle() {
    if (bytes_ + messages_ > 0) give_back({});
  }

 private:
  static constexpr SendCredit::Amount kAdvance{.bytes = std::uint64_t{64} << 10, .messages = 512};

  [[gnu::noinline]] bool take_advance(const transport::EncodedRun& run) {
    settle();
    const SendCredit::Amount taken = shared_->advance({run.bytes.size(), run.count}, kAdvance);
    bytes_ = taken.bytes;
    messages_ = taken.messages;
    return taken.messages > 0;
  }

  const std::shared_ptr<SendCredit> shared_;
  std::uint64_t bytes_ = 0;
  std::uint64_t messages_ = 0;
};

}  // namespace distflow::runtime
