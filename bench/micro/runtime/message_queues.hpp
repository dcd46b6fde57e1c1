// The queues that the mailbox is measured beside, under one interface, and the messages that go through them.
//
// Of a queue: one thread pushes, one pops; both return how many messages they could. A run is read by any thread.
// Use: RingQueue queue; push_all(queue, run.data(), kRun); pop_all(queue, out.data(), kRun);
#pragma once

#include <concurrentqueue.h>

#include <array>
#include <cstddef>

#include "bench/micro/runtime/plain_ring.hpp"
#include "runtime/receive/ring_mailbox.hpp"
#include "tests/support/sample_frames.hpp"

namespace distflow::bench {

inline constexpr std::size_t kRun = 32;
using Run = std::array<runtime::Mail, kRun>;

/// The mailbox with all it does: bound, bytes, leases, counters.
class MailboxQueue {
 public:
  std::size_t push(const runtime::Mail* mails, std::size_t count) { return mailbox_.push_run({mails, count}).accepted; }
  std::size_t pop(runtime::Mail* out, std::size_t count) {
    const std::size_t popped = mailbox_.pop_run({out, count});
    if (popped > 0) mailbox_.release_run({out, popped});
    return popped;
  }

 private:
  // When it is full it leaves the rest with the producer, as the others do.
  runtime::RingMailbox mailbox_{
      {.max_size = PlainRing::kSize, .overflow = Overflow::block, .producers = base::Sharing::one}};
};

/// moodycamel's queue as it comes.
class MoodycamelQueue {
 public:
  std::size_t push(const runtime::Mail* mails, std::size_t count) {
    return (count == 1 ? queue_.enqueue(*mails) : queue_.enqueue_bulk(mails, count)) ? count : 0;
  }
  std::size_t pop(runtime::Mail* out, std::size_t count) {
    return count == 1 ? queue_.try_dequeue(*out) : queue_.try_dequeue_bulk(out, count);
  }

 private:
  moodycamel::ConcurrentQueue<runtime::Mail> queue_;
};

class RingQueue {
 public:
  std::size_t push(const runtime::Mail* mails, std::size_t count) { return ring_.push_run(mails, count); }
  std::size_t pop(runtime::Mail* out, std::size_t count) { return ring_.pop_run(out, count); }

 private:
  PlainRing ring_;
};

/// A run of messages of one sender in one chunk, as a connection makes it.
class SampleRun {
 public:
  SampleRun() : frames_(test::string_payload(), 1) {
    const std::string_view body = frames_.bodies().front();
    run_.fill({.chunk = &frames_.chunk(),
               .sender = &sender_,
               .from = body.data(),
               .payload = body.data(),
               .extension = nullptr,
               .timestamp = 0,
               .payload_size = 128,
               .text_size = 144,
               .from_size = 16,
               .extension_size = 0,
               .came_at = 0});
  }
  [[nodiscard]] const runtime::Mail* data() const { return run_.data(); }

 private:
  runtime::PeerCounters sender_;
  test::SampleFrames frames_;
  Run run_;
};

/// Pushes all of them, with patience; the consumer makes room.
template <class Queue>
void push_all(Queue& queue, const runtime::Mail* mails, std::size_t count) {
  for (std::size_t pushed = 0; pushed < count;) pushed += queue.push(mails + pushed, count - pushed);
}

/// Pops so many, with patience.
template <class Queue>
void pop_all(Queue& queue, runtime::Mail* out, std::size_t count) {
  for (std::size_t popped = 0; popped < count;) popped += queue.pop(out + popped, count - popped);
}

}  // namespace distflow::bench
