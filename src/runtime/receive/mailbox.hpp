// The bounded queue from the threads that receive messages to the one that handles them: five verbs, each for a batch.
//
// Producers (reactors) call push_run(), each from its own thread; one consumer calls pop_run(), release_run() and
// drop_run(), discard_all(); on_room() is called once, before the others. What remains may be read by any thread. One
// virtual call a batch, none a message. All mailboxes keep these promises (tests/runtime/mailbox_test.cpp):
//   1. size() <= max_size and bytes() <= bytes_max, always. The bytes are the charge, text and Mail, of all that is in
//      the mailbox or being handled.
//   2. Messages leave in the order in which they came, each sender's and all together. A mailbox that replaces messages
//      documents the place of the new one.
//   3. Each message inside holds one lease of its chunk. A producer keeps its own leases throughout push_run().
//   4. The consumer is the only one that counts messages as handled.
//   5. Per sender and in all: received = handled + waiting + conflated + dropped. A message waits until release_run()
//      or discard_all() has it.
//   6. A message whose chunk comes from a pool under pressure is copied out of it, memory allowing, so that it pins
//      little more than its own size.
//   7. With drop_oldest an old message is dropped only if that makes room. Where dropping all that waits would not
//      suffice, because the bytes are those of messages being handled, the new message is dropped instead.
//   8. The consumer pops until pop_run() returns 0 before it sleeps: that call returns the leases that it has kept, and
//      notifies a blocked producer.
// Use: auto result = mailbox.push_run(run); ... n = mailbox.pop_run(run); handle(run, n); mailbox.release_run(run);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <distflow/node_options.hpp>

#include "base/bounded_queue.hpp"
#include "base/delegate.hpp"
#include "runtime/counters/counters.hpp"
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
  Counter conflated{0};
  Counter copied_out{0};
  Counter high_water{0};
  alignas(64) Counter handled{0};
  Counter discarded{0};
};

class Mailbox {
 public:
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  virtual ~Mailbox() = default;

  /// Offers messages, oldest first. Takes a lease of each one's chunk that is accepted.
  virtual PushResult push_run(std::span<const Mail> run) = 0;

  /// Moves the oldest messages to `out`, with their leases; returns how many. All of them go to release_run() or
  /// drop_run(). When it returns 0, it has given back the leases that the consumer kept.
  virtual std::size_t pop_run(std::span<Mail> out) = 0;

  /// Counts popped messages as handled, and gives back their charge and, at the latest when pop_run() finds nothing or
  /// messages of another chunk, their leases.
  virtual void release_run(std::span<const Mail> run) = 0;

  /// Why messages that were inside are dropped: a counter of their sender that any thread may write.
  using Reason = Counter PeerCounters::*;

  /// The same for popped messages that nobody handles any more.
  virtual void drop_run(std::span<const Mail> run, Reason reason) = 0;

  /// Drops all that is inside; returns how many.
  virtual std::size_t discard_all(Reason reason) = 0;

  /// Called if a producer was left with messages since the last call: by release_run() when size and bytes have fallen
  /// to half, and at the latest by the pop_run() that returns 0. That producer may still be inside push_run(). Set
  /// before the first push.
  virtual void on_room(base::Delegate<void()> callback) = 0;

  /// Messages that wait.
  [[nodiscard]] virtual std::size_t size() const = 0;
  [[nodiscard]] virtual std::size_t bytes() const = 0;
  /// The largest size so far.
  [[nodiscard]] virtual std::size_t high_water() const = 0;
  [[nodiscard]] const MailboxOptions& options() const { return options_; }
  [[nodiscard]] const MailboxCounters& counters() const { return counters_; }

 protected:
  explicit Mailbox(MailboxOptions options) : options_(options) {}

  /// Counts for a producer. The only one there is needs no locked instruction.
  void count_pushed(Counter& counter, std::uint64_t n) const {
    options_.producers == base::Sharing::one ? add_owned(counter, n) : add(counter, n);
  }

  const MailboxOptions options_;
  MailboxCounters counters_;
};

}  // namespace distflow::runtime
