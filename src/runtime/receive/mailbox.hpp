// The bounded queue between those who receive messages and the one who handles them.
//
// Producers (reactors) call push_run(), each from its own thread; one consumer calls pop_run(), release_run() and
// discard_all(). Counters may be read by any thread.
//   1. size() <= max_size and bytes() <= bytes_max, always. The bytes are the charge, text and Mail, of all that is in
//      the queue or being handled.
//   2. One producer's messages are handled in the order in which they came.
//   3. Each message inside holds one lease of its chunk. A producer keeps its own leases throughout push_run().
//   4. The consumer is the only one that counts messages as handled.
//   5. Per sender and in all: received = handled + waiting + dropped. A message waits until release_run() or
//      discard_all() has it.
//   6. A message whose chunk comes from a pool under pressure is copied out of it, memory allowing, so that it pins
//      little more than its own size.
//   7. With drop_oldest an old message is dropped only if that makes room. A consumer that stalls while it pops holds
//   no
//      room. Where dropping all that waits would not suffice, because the bytes are those of messages being handled, or
//      where the oldest cannot be had at once, because another producer stalls, the new message is dropped instead.
//   8. The consumer pops until nothing is there before it rests. Only then has it given back all leases, since it keeps
//      those of the latest chunk to give back many at once; and only then has it surely told a producer of room.
// Use: auto result = mailbox.push_run(run); ... n = mailbox.pop_run(run); handle(run, n); mailbox.release_run(run);
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include <distflow/node_options.hpp>

#include "base/bounded_queue.hpp"
#include "base/chunk_pool.hpp"
#include "base/delegate.hpp"
#include "base/sleep_flag.hpp"
#include "runtime/counters/counters.hpp"
#include "runtime/receive/byte_budget.hpp"
#include "runtime/receive/mail.hpp"

namespace distflow::runtime {

struct MailboxOptions {
  std::uint32_t max_size = 1000;                  ///< messages
  std::size_t bytes_max = std::size_t{64} << 20;  ///< of text and Mails; a larger message is always dropped
  Overflow overflow = Overflow::drop_newest;
  /// `one` when a single thread pushes; it is then the only one that counts what its senders' counters have received.
  base::Sharing producers = base::Sharing::several;
};

struct PushResult {
  std::size_t accepted = 0;
  std::size_t dropped = 0;  ///< of this run
  std::size_t blocked = 0;  ///< the end of the run, which stays with the caller and is not counted yet
};

/// By who writes them, as in PeerCounters.
struct MailboxCounters {
  alignas(64) Counter accepted{0};
  Counter dropped_newest{0};
  Counter dropped_oldest{0};
  Counter copied_out{0};
  Counter high_water{0};
  alignas(64) Counter handled{0};
  Counter dropped_shutdown{0};
};

template <class Atomics>
class BasicMailbox {
 public:
  explicit BasicMailbox(MailboxOptions options);
  /// Discards what is inside.
  ~BasicMailbox();
  BasicMailbox(const BasicMailbox&) = delete;
  BasicMailbox& operator=(const BasicMailbox&) = delete;

  /// Offers messages, oldest first. Takes a lease of each one's chunk that is accepted.
  [[gnu::flatten]] PushResult push_run(std::span<const Mail> run);

  /// Moves the oldest messages to `out`, with their leases; returns how many. All of them go to release_run().
  /// When it finds nothing it gives back what leases the consumer kept.
  std::size_t pop_run(std::span<Mail> out);

  /// Counts popped messages as handled, and gives back their charge and, at the latest when pop_run() finds nothing or
  /// messages of another chunk, their leases.
  [[gnu::flatten]] void release_run(std::span<const Mail> run);

  /// Drops all that is inside, counted as shutdown; returns how many.
  std::size_t discard_all();

  /// Called when a producer was left with messages since the last call: by release_run() when size and bytes have
  /// fallen to half, and at the latest by the pop_run() that finds nothing. That producer may still be in its
  /// push_run(). Set before the first push.
  void on_room(base::Delegate<void()> callback) { on_room_ = callback; }

  [[nodiscard]] std::size_t size() const { return queue_.size(); }
  [[nodiscard]] std::size_t bytes() const { return budget_.used(); }
  /// The largest size so far.
  [[nodiscard]] std::size_t high_water() const { return std::max<std::size_t>(read(counters_.high_water), size()); }
  [[nodiscard]] const MailboxOptions& options() const { return options_; }
  [[nodiscard]] const MailboxCounters& counters() const { return counters_; }

 private:
  static constexpr std::uint32_t kKeptMax = 1024;

  /// Leases of a chunk whose messages were handled.
  struct Kept {
    base::Chunk* chunk = nullptr;
    std::uint32_t leases = 0;
  };

  // What a producer does. What it seldom does is kept out of the rest, which becomes one piece of code.
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
  void count_pushed(Counter& counter, std::uint64_t n) const;
  void take_back_pushed(Counter& counter, std::uint64_t n) const;

  // What the consumer does.
  [[gnu::noinline]] std::size_t pop_contended(std::span<Mail> out);
  template <class Count>
  void retire(std::span<const Mail> mails, Count count);
  void keep_leases(base::Chunk& chunk, std::uint32_t count);
  [[gnu::noinline]] void give_kept_leases_back();
  [[gnu::noinline]] void settle();
  void tell_room_at_half();
  [[gnu::noinline]] void tell_room();

  const MailboxOptions options_;
  base::Delegate<void()> on_room_;
  base::BoundedQueue<Mail, Atomics> queue_;
  BasicByteBudget<Atomics> budget_;
  MailboxCounters counters_;
  alignas(64) base::SleepFlag<Atomics> waiting_;  // announced: a producer was left with messages
  // Of the consumer alone.
  alignas(64) Kept kept_;
  bool is_settled_ = true;  // nothing was handled since pop_run() found nothing
  // With drop_oldest: the charge of what the consumer has popped and not released. For producers: or, while it pops,
  // which pop that is.
  static constexpr std::uint64_t kPopping = std::uint64_t{1} << 63;
  std::uint64_t popped_charge_ = 0;
  std::uint64_t pops_ = 0;
  typename Atomics::template Atomic<std::uint64_t> being_handled_{0};
  // Of producers.
  typename Atomics::template Atomic<std::uint64_t> stalled_pop_{0};
};

using Mailbox = BasicMailbox<base::StdAtomics>;
extern template class BasicMailbox<base::StdAtomics>;

}  // namespace distflow::runtime
