// The mailbox that keeps the newest message of each key: for state, where only the latest value counts.
//
// Threads and promises are those of mailbox.hpp. A mutex, locked once a batch, replaces the ring: it guards a list and
// a table, which cannot be changed by one atomic operation. Further:
//   1. No two messages that wait have the same key, even from two senders. A message replaces the one of its key,
//      which is counted as conflated, for the sender of the old one. A message that is being handled is not replaced.
//   2. Order: by the first arrival of a key that is not delivered yet. The new message has the place of the old one. It
//      may therefore be handled before messages that the same sender sent in between.
//   3. A message without a key is kept as in any mailbox.
//   4. A message that replaces needs no place, so that a full mailbox takes it. It needs room for the bytes by which it
//      is longer. Without that room the policy decides as for any other message, and the old one stays.
//   5. All memory is taken at the beginning. Only copies under pressure (promise 6 of mailbox.hpp) need more.
//   6. The application's key function is called by the producer, outside the mutex.
// Use: ConflatingMailbox mailbox({.max_size = 1000}, ConflationKey("symbol", node_id, {}), random_key);
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>

#include "base/sip_hash.hpp"
#include "runtime/receive/conflation_key.hpp"
#include "runtime/receive/mailbox.hpp"

namespace distflow::runtime {

class ConflatingMailbox final : public Mailbox {
 public:
  /// `hash_key`: unpredictable, since peers choose the keys. May throw std::bad_alloc.
  ConflatingMailbox(MailboxOptions options, ConflationKey key, const base::SipKey& hash_key);
  /// Discards what is inside.
  ~ConflatingMailbox() override;

  PushResult push_run(std::span<const Mail> run) override;
  std::size_t pop_run(std::span<Mail> out) override;
  void release_run(std::span<const Mail> run) override;
  void drop_run(std::span<const Mail> run, Reason reason) override;
  std::size_t discard_all(Reason reason) override;
  void on_room(base::Delegate<void()> callback) override { on_room_ = callback; }

  [[nodiscard]] std::size_t size() const override { return size_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t bytes() const override { return bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t high_water() const override { return read(counters_.high_water); }

 private:
  using Place = std::uint32_t;  // of a slot; kNowhere for none
  static constexpr Place kNowhere = 0;

  /// A message's key and its hash.
  struct Key {
    std::string_view text;  // empty: none
    std::uint64_t hash = 0;
  };

  /// A message that waits, in the list of all and in the chain of its bucket; or a free slot.
  struct Slot {
    Mail mail;
    Key key;
    Place older;
    Place newer;  // of a free slot: the next free one
    Place next_in_bucket;
  };

  /// Drops of one sender, counted already, and reported once the mutex is unlocked.
  struct Drop {
    const PeerCounters* sender;
    Counter PeerCounters::*reason;
    std::size_t count;
  };
  class Drops;

  /// The outcome of an offer. `later`: there is no room for more drops to report; offer the message again.
  enum class Outcome { taken, dropped, blocked, later };

  [[nodiscard]] Key key_of(const Mail& mail) const;
  Outcome offer(const Mail& mail, const Key& key, Drops& drops);
  Outcome make_room(const Mail& mail, std::size_t charge, Place replaced, Drops& drops);
  Outcome drop_newest(const Mail& mail, Drops& drops);
  void insert(const Mail& mail, const Key& key);
  void replace(Place place, const Mail& mail, const Key& key);
  void keep(Slot& slot, const Mail& mail, const Key& key);
  void take_out(Place place);
  [[nodiscard]] Place find(const Key& key) const;
  [[nodiscard]] Place& bucket_of(const Key& key) const { return buckets_[key.hash & bucket_mask_]; }
  [[nodiscard]] bool has_room(std::size_t charge, bool needs_place) const;
  void finish(std::size_t charge);
  void change(std::atomic<std::size_t>& number, std::size_t by) {
    number.store(number.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  const ConflationKey key_;
  const base::SipHash hash_;
  const std::uint64_t bucket_mask_;
  base::Delegate<void()> on_room_;

  mutable std::mutex mutex_;                // guards all below; the numbers are read without it
  const std::unique_ptr<Slot[]> slots_;     // by place; kNowhere is not used
  const std::unique_ptr<Place[]> buckets_;  // by hash: the first of its chain
  Place slots_used_ = 0;                    // so far: the others have never been written
  Place free_ = kNowhere;
  Place oldest_ = kNowhere;
  Place newest_ = kNowhere;
  std::size_t being_handled_bytes_ = 0;
  bool is_waiting_ = false;  // a producer was left with messages
  std::atomic<std::size_t> size_{0};
  std::atomic<std::size_t> bytes_{0};
};

}  // namespace distflow::runtime
