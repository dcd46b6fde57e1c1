// distflow's parts by themselves: messages through a queue, envelopes read.
//
//     bench_parts solo --part PART [--across] [--object | --payload N] [--members M]
//
//     mailbox_single  moodycamel_single  ring_single     run N: N messages, one by one
//     mailbox_runs    moodycamel_runs    ring_runs       the same, in runs of 32
//     decode_template  decode_document  decode_sax       N envelopes read
//     pick_least  pick_round_robin  pick_sticky          a member chosen of a group of --members M, N times
//
// A queue is filled and drained in turn by one thread; with --across a second thread drains it, on a second processor.
// What is read holds a string of --payload bytes, or with --object an object of ten members, of 128 bytes.
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/contestant/contestant.hpp"
#include "bench/micro/protocol/envelope_readers.hpp"
#include "bench/micro/runtime/message_queues.hpp"
#include "runtime/group/pick.hpp"

namespace distflow::bench {
namespace {

constexpr std::size_t kFrames = 64;  // read in turn

/// Does its work so many times, and returns the nanoseconds that it took.
using Part = std::function<std::uint64_t(std::uint64_t count)>;

/// Has the compiler believe that somebody looks at `object`.
template <class Object>
void look_at(Object& object) {
  asm volatile("" : : "g"(&object) : "memory");
}

/// Calls `pass(n)` with `at_once` or fewer, until that is `count`.
template <class Pass>
void in_runs(std::uint64_t count, std::size_t at_once, Pass pass) {
  while (count > 0) {
    const std::size_t size = std::min<std::uint64_t>(at_once, count);
    pass(size);
    count -= size;
  }
}

template <class Queue>
Part in_turn(std::size_t at_once) {
  return [at_once, queue = std::make_shared<Queue>(), run = std::make_shared<SampleRun>()](std::uint64_t count) {
    Run out;
    const std::uint64_t begin = monotonic_ns();
    in_runs(count, at_once, [&](std::size_t size) {
      push_all(*queue, run->data(), size);
      pop_all(*queue, out.data(), size);
      look_at(out);
    });
    return monotonic_ns() - begin;
  };
}

template <class Queue>
Part across(std::size_t at_once) {
  cpu_set_t processors;
  ::sched_getaffinity(0, sizeof processors, &processors);
  if (CPU_COUNT(&processors) < 2) give_up("--across needs two processors");
  return [at_once, queue = std::make_shared<Queue>(), run = std::make_shared<SampleRun>()](std::uint64_t count) {
    std::atomic<bool> is_there{false};
    std::thread consumer([&] {
      Run out;
      is_there.store(true, std::memory_order_release);
      in_runs(count, at_once, [&](std::size_t size) {
        pop_all(*queue, out.data(), size);
        look_at(out);
      });
    });
    while (!is_there.load(std::memory_order_acquire)) {
    }
    const std::uint64_t begin = monotonic_ns();
    in_runs(count, at_once, [&](std::size_t size) { push_all(*queue, run->data(), size); });
    consumer.join();
    return monotonic_ns() - begin;
  };
}

template <class Queue>
Part pass(const Setup& setup, std::size_t at_once) {
  return setup.has("--across") ? across<Queue>(at_once) : in_turn<Queue>(at_once);
}

template <class Reader>
Part decode(const Setup& setup) {
  const std::string payload =
      setup.has("--object") ? test::object_payload() : std::string(Payload(setup.payload_size).plain());
  return [frames = std::make_shared<test::SampleFrames>(payload, kFrames),
          reader = std::make_shared<Reader>()](std::uint64_t count) {
    const std::vector<std::string_view> bodies = frames->bodies();
    const std::uint64_t begin = monotonic_ns();
    in_runs(count, kFrames, [&](std::size_t size) {
      for (std::size_t i = 0; i < size; ++i) {
        if (!(*reader)(bodies[i])) give_up("an envelope could not be read");
        look_at(*reader);
      }
    });
    return monotonic_ns() - begin;
  };
}

/// `pick(picker, loads, i)` says which member the i-th message goes to; loads differ, and are the members' hashes, too.
template <class Pick>
Part picks(const Setup& setup, Pick pick) {
  const std::size_t members = std::strtoull(setup.other("--members", "8").c_str(), nullptr, 10);
  if (members == 0) give_up("--members takes a number above 0");
  std::vector<std::uint64_t> loads(members);
  for (std::size_t i = 0; i < members; ++i) loads[i] = runtime::hash_of("member-" + std::to_string(i));
  return [pick, loads = std::move(loads), picker = runtime::GroupPicker(1)](std::uint64_t count) mutable {
    const std::uint64_t begin = monotonic_ns();
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::size_t picked = pick(picker, loads, i);
      if (picked >= loads.size()) give_up("a pick that is no member");
      look_at(picked);
    }
    return monotonic_ns() - begin;
  };
}

using Loads = std::vector<std::uint64_t>;

std::size_t pick_least(runtime::GroupPicker& picker, const Loads& loads, std::uint64_t /*i*/) {
  return picker.least(loads.size(), [&](std::size_t member) { return loads[member]; });
}

std::size_t pick_round_robin(runtime::GroupPicker& picker, const Loads& loads, std::uint64_t /*i*/) {
  return picker.round_robin(loads.size());
}

std::size_t pick_sticky(runtime::GroupPicker& /*picker*/, const Loads& loads, std::uint64_t i) {
  const std::array<char, 8> key{'u',
                                's',
                                'e',
                                'r',
                                '-',
                                static_cast<char>('a' + i % 16),
                                static_cast<char>('a' + i / 16 % 16),
                                static_cast<char>('a' + i / 256 % 16)};
  return runtime::GroupPicker::sticky(loads.size(), {key.data(), key.size()},
                                      [&](std::size_t member) { return loads[member]; });
}

Part part_of(const Setup& setup) {
  const std::string name = setup.other("--part", "");
  if (name == "mailbox_single") return pass<MailboxQueue>(setup, 1);
  if (name == "mailbox_runs") return pass<MailboxQueue>(setup, kRun);
  if (name == "moodycamel_single") return pass<MoodycamelQueue>(setup, 1);
  if (name == "moodycamel_runs") return pass<MoodycamelQueue>(setup, kRun);
  if (name == "ring_single") return pass<RingQueue>(setup, 1);
  if (name == "ring_runs") return pass<RingQueue>(setup, kRun);
  if (name == "decode_template") return decode<TemplateReader>(setup);
  if (name == "decode_document") return decode<DocumentReader>(setup);
  if (name == "decode_sax") return decode<EventsReader>(setup);
  if (name == "pick_least") return picks(setup, &pick_least);
  if (name == "pick_round_robin") return picks(setup, &pick_round_robin);
  if (name == "pick_sticky") return picks(setup, &pick_sticky);
  give_up(
      "--part takes pick_ with least, round_robin or sticky, mailbox_, moodycamel_ or ring_ with single or runs, or "
      "decode_ with template, document or sax");
}

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  using namespace distflow::bench;
  const Setup setup = set_up(argc, argv);
  if (setup.role != Role::solo) give_up("bench_parts plays solo");
  const Part part = part_of(setup);
  tell_ready("-");
  while (const std::optional<Block> block = next_block()) tell_took(part(block->count));
}
