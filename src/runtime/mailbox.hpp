// The bounded queue between those who receive messages and the one who handles them.
//
// Producers (reactors) call push_run(), each from its own thread; one consumer calls pop_run(), release_run() and
// discard_all(). Counters may be read by any thread.
//   1. size() <= max_size and bytes() <= bytes_max, always. A message is charged its text and its Mail.
//   2. One producer's messages are handled in the order in which they came.
//   3. Each message inside holds one lease of its chunk. A producer keeps its own leases throughout push_run().
//   4. Per sender and in all: received = handled + waiting + dropped. A message waits until release_run() or
//      discard_all() has it.
//   5. While a message's chunk comes from a pool under pressure it is copied out, so that it pins its own size only.
// Use: auto result = mailbox.push_run(run); ... n = mailbox.pop_run(run); handle(run, n); mailbox.release_run(run);
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bounded_queue.hpp"
#include "base/chunk_pool.hpp"
#include "base/delegate.hpp"
#include "runtime/counters.hpp"

namespace distflow::runtime {

/// A message as it waits: slices of one chunk. A plain value; leases are taken and given back by the mailbox.
struct alignas(64) Mail {
  base::Chunk* chunk;  ///< where from, to and payload lie
  const char* from;
  const char* to;
  const char* payload;
  std::int64_t timestamp;  ///< ms since the Unix epoch, as it came
  PeerCounters* sender;    ///< outlives the message
  std::uint32_t payload_size;
  std::uint16_t from_size;
  std::uint16_t to_size;
  bool has_payload;  ///< false: the message came without one

  [[nodiscard]] std::string_view from_text() const { return {from, from_size}; }
  [[nodiscard]] std::string_view to_text() const { return {to, to_size}; }
  [[nodiscard]] std::string_view payload_text() const { return {payload, payload_size}; }
};
static_assert(sizeof(Mail) == 64, "a message is one cache line");

enum class Overflow {
  drop_newest,  ///< what comes to a full mailbox is dropped
  drop_oldest,  ///< what has waited longest makes room
  block,        ///< the caller keeps what found no room, and stops reading until on_room
};

struct MailboxOptions {
  std::uint32_t max_size = 1000;                  ///< messages
  std::size_t bytes_max = std::size_t{64} << 20;  ///< of text and Mails; a larger message is always dropped
  Overflow overflow = Overflow::drop_newest;
  base::Sharing producers = base::Sharing::several;  ///< `one` when a single thread pushes
};

struct PushResult {
  std::size_t accepted = 0;
  std::size_t dropped = 0;  ///< of this run
  std::size_t blocked = 0;  ///< the end of the run, which stays with the caller and is not counted yet
};

struct MailboxCounters {
  Counter accepted{0};
  Counter handled{0};
  Counter dropped_newest{0};
  Counter dropped_oldest{0};
  Counter dropped_shutdown{0};
  Counter copied_out{0};
  Counter size_high_water{0};
};

class Mailbox {
 public:
  explicit Mailbox(MailboxOptions options);
  /// Discards what is inside.
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Offers messages, oldest first. Takes a lease of each one's chunk that is accepted.
  PushResult push_run(std::span<const Mail> run);

  /// Moves the oldest messages to `out`, with their leases and charge; returns how many.
  std::size_t pop_run(std::span<Mail> out);

  /// Counts popped messages as handled and gives their leases back.
  void release_run(std::span<const Mail> run);

  /// Drops all that is inside, counted as shutdown; returns how many.
  std::size_t discard_all();

  /// Called by the consumer's thread when the mailbox has fallen to half and a producer was left with messages since
  /// the last call. Set before the first push.
  void on_room(base::Delegate<void()> callback) { on_room_ = callback; }

  [[nodiscard]] std::size_t size() const { return queue_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] const MailboxOptions& options() const { return options_; }
  [[nodiscard]] const MailboxCounters& counters() const { return counters_; }

 private:
  struct Group;
  const MailboxOptions options_;
  base::Delegate<void()> on_room_;
  base::BoundedQueue<Mail> queue_;
  MailboxCounters counters_;
  std::atomic<std::size_t> bytes_{0};
  std::atomic<bool> is_blocking_{false};
};

}  // namespace distflow::runtime
