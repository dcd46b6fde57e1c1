// The mailbox beside moodycamel's queue as it comes, and beside a ring that does nothing but carry.
//
// One by one, and in runs of 32; by one thread that fills and drains in turn, and from one thread to another.
#include "runtime/mailbox.hpp"

#include <benchmark/benchmark.h>
#include <concurrentqueue.h>

#include <array>

#include "bench/micro/runtime/plain_ring.hpp"
#include "tests/support/sample_frames.hpp"

namespace distflow::bench {
namespace {

using runtime::Mail;

constexpr std::size_t kRun = 32;
using Run = std::array<Mail, kRun>;

/// The mailbox with all it does: bound, bytes, leases, counters.
class MailboxQueue {
 public:
  std::size_t push(const Mail* mails, std::size_t count) { return mailbox_.push_run({mails, count}).accepted; }
  std::size_t pop(Mail* out, std::size_t count) {
    const std::size_t popped = mailbox_.pop_run({out, count});
    if (popped > 0) mailbox_.release_run({out, popped});
    return popped;
  }

 private:
  // When it is full it leaves the rest with the producer, as the others do.
  runtime::Mailbox mailbox_{
      {.max_size = PlainRing::kSize, .overflow = Overflow::block, .producers = base::Sharing::one}};
};

class MoodycamelQueue {
 public:
  std::size_t push(const Mail* mails, std::size_t count) {
    return (count == 1 ? queue_.enqueue(*mails) : queue_.enqueue_bulk(mails, count)) ? count : 0;
  }
  std::size_t pop(Mail* out, std::size_t count) {
    return count == 1 ? queue_.try_dequeue(*out) : queue_.try_dequeue_bulk(out, count);
  }

 private:
  moodycamel::ConcurrentQueue<Mail> queue_;
};

class RingQueue {
 public:
  std::size_t push(const Mail* mails, std::size_t count) { return ring_.push_run(mails, count); }
  std::size_t pop(Mail* out, std::size_t count) { return ring_.pop_run(out, count); }

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
               .to = body.data(),
               .payload = body.data(),
               .timestamp = 0,
               .payload_size = 128,
               .from_size = 16,
               .to_size = 16,
               .has_payload = true});
  }
  [[nodiscard]] const Mail* data() const { return run_.data(); }

 private:
  runtime::PeerCounters sender_;
  test::SampleFrames frames_;
  Run run_;
};

/// Pushes all of them, with patience; the consumer makes room.
template <class Queue>
void push_all(Queue& queue, const Mail* mails, std::size_t count) {
  for (std::size_t pushed = 0; pushed < count;) pushed += queue.push(mails + pushed, count - pushed);
}

template <class Queue>
void pop_all(Queue& queue, Mail* out, std::size_t count) {
  for (std::size_t popped = 0; popped < count;) popped += queue.pop(out + popped, count - popped);
  benchmark::DoNotOptimize(*out);
}

/// The argument is how many messages are passed at once.
template <class Queue>
void in_turn(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const SampleRun run;
  Queue queue;
  Run out;
  for (auto _ : state) {
    push_all(queue, run.data(), count);
    pop_all(queue, out.data(), count);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// The first thread pushes, the second pops.
template <class Queue>
void across(benchmark::State& state) {
  static const SampleRun run;
  static Queue queue;  // empty whenever both threads have made their iterations, of which they have the same number
  const auto count = static_cast<std::size_t>(state.range(0));
  Run out;
  for (auto _ : state) {
    if (state.thread_index() == 0) {
      push_all(queue, run.data(), count);
    } else {
      pop_all(queue, out.data(), count);
    }
  }
  if (state.thread_index() == 0) state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(in_turn<MailboxQueue>)->Name("one thread, mailbox, messages at once")->Arg(1)->Arg(kRun);
BENCHMARK(in_turn<MoodycamelQueue>)->Name("one thread, moodycamel, messages at once")->Arg(1)->Arg(kRun);
BENCHMARK(in_turn<RingQueue>)->Name("one thread, plain ring, messages at once")->Arg(1)->Arg(kRun);
BENCHMARK(across<MailboxQueue>)
    ->Name("two threads, mailbox, messages at once")
    ->Arg(1)
    ->Arg(kRun)
    ->Threads(2)
    ->UseRealTime();
BENCHMARK(across<MoodycamelQueue>)
    ->Name("two threads, moodycamel, messages at once")
    ->Arg(1)
    ->Arg(kRun)
    ->Threads(2)
    ->UseRealTime();
BENCHMARK(across<RingQueue>)
    ->Name("two threads, plain ring, messages at once")
    ->Arg(1)
    ->Arg(kRun)
    ->Threads(2)
    ->UseRealTime();

}  // namespace
}  // namespace distflow::bench
