// The mailbox that keeps each message that it takes: a lock-free ring.
//
// Threads and promises are those of mailbox.hpp; and further:
//   1. With drop_oldest a consumer that stalls inside pop_run() holds no room. If the oldest message cannot be popped
//      at once, because another producer stalls, the new message is dropped instead.
//   2. The consumer keeps leases of the latest chunk, to give back many at once, until pop_run() finds nothing.
// Use: RingMailbox mailbox({.max_size = 1000});
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bounded_queue.hpp"
#include "base/chunk_pool.hpp"
#include "base/delegate.hpp"
#include "base/sleep_flag.hpp"
#include "runtime/receive/byte_budget.hpp"
#include "runtime/receive/mailbox.hpp"

namespace distflow::runtime {

template <class Atomics>
class BasicRingMailbox final : public Mailbox {
 public:
  explicit BasicRingMailbox(MailboxOptions options);
  /// Discards what is inside.
  ~BasicRingMailbox() override;

  [[gnu::flatten]] PushResult push_run(std::span<const Mail> run) override;
  std::size_t pop_run(std::span<Mail> out) override;
  [[gnu::flatten]] void release_run(std::span<const Mail> run) override;
  void drop_run(std::span<const Mail> run, Reason reason) override;
  std::size_t discard_all(Reason reason) override;
  void on_room(base::Delegate<void()> callback) override { on_room_ = callback; }

  [[nodiscard]] std::size_t size() const override { return queue_.size(); }
  [[nodiscard]] std::size_t bytes() const override { return budget_.used(); }
  [[nodiscard]] std::size_t high_water() const override {
    return std::max<std::size_t>(read(counters_.high_water), size());
  }

 private:
  static constexpr std::uint32_t kKeptMax = 1024;

  /// Leases of a chunk whose messages were handled.
  struct Kept {
    base::Chunk* chunk = nullptr;
    std::uint32_t leases = 0;
  };

  // For producers. The rare cases have functions of their own, so that the usual one is inlined as a whole.
  [[gnu::noinline]] PushResult push_rest(std::span<const Mail> run, std::size_t admitted);
  std::size_t offer(std::span<const Mail> run, PushResult& result);
  std::size_t admit(std::span<const Mail> run);
  std::size_t enqueue(std::span<const Mail> batch, std::size_t charge);
  [[gnu::noinline]] void take_back(std::span<const Mail> batch, std::size_t queued, std::size_t charge);
  [[gnu::noinline]] std::size_t enqueue_copies(std::span<const Mail> batch, std::size_t charge);
  std::uint64_t being_handled_when_popped();
  bool evict(std::span<const Mail> rest);
  void drop_newest(std::span<const Mail> mails, PushResult& result);
  void note_size();
  void take_back_pushed(Counter& counter, std::uint64_t n) const;

  // For the consumer.
  [[gnu::noinline]] std::size_t pop_contended(std::span<Mail> out);
  template <class Count>
  void retire(std::span<const Mail> mails, Count count);
  void keep_leases(base::Chunk& chunk, std::uint32_t count);
  [[gnu::noinline]] void give_kept_leases_back();
  [[gnu::noinline]] void settle();
  void tell_room_at_half();
  [[gnu::noinline]] void tell_room();

  base::Delegate<void()> on_room_;
  base::BoundedQueue<Mail, Atomics> queue_;
  BasicByteBudget<Atomics> budget_;
  alignas(64) base::SleepFlag<Atomics> waiting_;  // announced: a producer was left with messages
  // Of the consumer alone.
  alignas(64) Kept kept_;
  bool is_settled_ = true;  // nothing was handled since pop_run() found nothing
  // With drop_oldest: the charge of what the consumer has popped and not released. While it pops, producers see the
  // number of that pop instead.
  static constexpr std::uint64_t kPopping = std::uint64_t{1} << 63;
  std::uint64_t popped_charge_ = 0;
  std::uint64_t pops_ = 0;
  typename Atomics::template Atomic<std::uint64_t> being_handled_{0};
  // Of producers.
  typename Atomics::template Atomic<std::uint64_t> stalled_pop_{0};
};

using RingMailbox = BasicRingMailbox<base::StdAtomics>;
extern template class BasicRingMailbox<base::StdAtomics>;

}  // namespace distflow::runtime
