// The mailbox beside moodycamel's queue as it comes, and beside a ring that does nothing but carry.
//
// One by one, and in runs of 32; by one thread that fills and drains in turn, and from one thread to another.
#include <benchmark/benchmark.h>

#include "bench/micro/runtime/message_queues.hpp"

namespace distflow::bench {
namespace {

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
    benchmark::DoNotOptimize(out);
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
      benchmark::DoNotOptimize(out);
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
