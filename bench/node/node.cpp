// distflow as a contestant: a node in any threading mode, on any backend, on the public API alone.
//
//     bench_node ROLE ... [--threading inlined|dispatcher|caller] [--backend NAME] [--no-spin] [--tcp]
//                         [--checked] [--burst BYTES] [--work NS] [--answered] [--threads N]
//
// echo and sink handle messages as an application does, in on_message. ping is driven by its handler: each answer sends
// the next question. source sends bursts and lets the node work in between (caller), or sends from its own thread.
// --threads: a source sends from so many threads of its own, which wait for room, and the node has its usual bounds; a
// sink is told the same.
// --work: a sink is busy for so long with each message. --answered: a source has an echo, and counts its answers.
// --tcp: the nodes share no memory. --checked: payloads go
// through the grammar check, which raw_json() skips. An echo or sink that is told to end by SIGTERM leaves the
// registry, and no lock file.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <distflow/node_runtime.hpp>

#include "bench/contestant/contestant.hpp"
#include "bench/contestant/daemon.hpp"

namespace distflow::bench {
namespace {

using std::chrono::milliseconds;

constexpr int kIdlePollMs = 50;

volatile std::sig_atomic_t is_told_to_end = 0;

sigset_t sigterm() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  return set;
}

/// Before the node's threads start, which inherit what is blocked. In caller mode a signal ends the wait of a turn; the
/// others wait for nothing but it.
void expect_to_be_told_to_end(Threading threading) {
  if (threading == Threading::caller) {
    std::signal(SIGTERM, [](int) { is_told_to_end = 1; });
  } else {
    const sigset_t set = sigterm();
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
  }
}

Threading threading_of(const Setup& setup) {
  const std::string name = setup.other("--threading", setup.role == Role::source ? "caller" : "inlined");
  if (name == "inlined") return Threading::inlined;
  if (name == "dispatcher") return Threading::dispatcher;
  if (name == "caller") return Threading::caller;
  give_up("--threading takes inlined, dispatcher or caller");
}

/// A node and what all roles do with it.
class Contestant {
 public:
  explicit Contestant(const Setup& setup)
      : setup_(setup),
        threading_(threading_of(setup)),
        is_checked_(setup.has("--checked")),
        work_ns_(std::strtoull(setup.other("--work", "0").c_str(), nullptr, 10)),
        payload_(setup.payload_size),
        threads_(threads_of(setup)),
        count_(std::max<std::uint64_t>(1, threads_)) {
    if (setup.role == Role::echo || setup.role == Role::sink) expect_to_be_told_to_end(threading_);
    NodeOptions options;
    options.alias = "bench-" + std::to_string(::getpid());
    options.pmd_port = static_cast<std::uint16_t>(std::atoi(setup.broker.c_str()));
    options.start_pmd = false;
    options.threading = threading_;
    options.backend = setup.other("--backend", "");
    if (setup.spins) options.spin = kSpin;
    if (setup.has("--no-spin")) options.spin = std::chrono::microseconds(0);
    if (setup.has("--tcp")) options.memory_connections_max = 0;
    // A source that runs far ahead of its sink only fills memory: it is told so early. An echo owes every answer.
    // What threads of an application send is bounded as it is by default.
    if (setup.role == Role::source && threads_ == 0) {
      options.send_bytes_max = std::max<std::size_t>(kQueueMax, 4 * setup.payload_size);
    }
    options.frame_size_max = static_cast<std::uint32_t>(options.send_bytes_max - 4);
    options.mailbox.max_size = static_cast<std::uint32_t>(std::atoi(setup.other("--mailbox", "4096").c_str()));
    options.mailbox.overflow = Overflow::block;
    auto started = NodeRuntime::start(options);
    if (!started) give_up(started.error().message());
    node_.emplace(*std::move(started));
  }

  int play() {
    switch (setup_.role) {
      case Role::echo: return serve([this](const Message& message) { send(message.from, message.payload); });
      case Role::sink:
        // Half of what a sink does with a message would be the look whether there is work with it.
        if (work_ns_ == 0) return serve([this](const Message& message) { count_.note(message.payload); });
        return serve([this](const Message& message) {
          work_on_message();
          count_.note(message.payload);
        });
      case Role::source:
        if (threads_ > 0) return play_threads();
        return setup_.has("--answered") ? play_answered_source() : play_source();
      case Role::ping: return play_ping();
      default: give_up("bench_node plays broker, echo, sink, source and ping");
    }
  }

 private:
  static constexpr std::size_t kQueueMax = std::size_t{1} << 20;
  static constexpr std::chrono::seconds kPatience{10};

  /// What a slow receiver does.
  void work_on_message() const {
    const std::uint64_t end = monotonic_ns() + work_ns_;
    while (monotonic_ns() < end) continue;
  }

  template <class Name>
  SendVerdict send(Name&& name, std::string_view payload) {
    return is_checked_ ? node_->send(name, payload) : node_->send(name, raw_json(payload));
  }

  int serve(std::function<void(const Message&)> handler) {
    node_->on_message(std::move(handler));
    if (threading_ == Threading::caller) turn(milliseconds(0));
    tell_ready(node_->alias());
    if (threading_ == Threading::caller) {
      while (is_told_to_end == 0) turn(milliseconds(1000));
    } else {
      const sigset_t set = sigterm();
      int signal = 0;
      sigwait(&set, &signal);
    }
    return 0;
  }

  /// One turn of a node that has no thread of its own.
  void turn(milliseconds timeout) {
    if (const Result<void> polled = node_->poll(timeout); !polled) give_up(polled.error().message());
  }

  /// The next block; until it comes the node is kept alive.
  std::optional<Block> wait_for_block() {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    while (threading_ == Threading::caller && ::poll(&input, 1, kIdlePollMs) == 0) turn(milliseconds(0));
    return next_block();
  }

  std::vector<Target> targets() {
    std::vector<Target> targets;
    for (std::size_t begin = 0; begin < setup_.connect.size();) {
      const std::size_t end = std::min(setup_.connect.find(',', begin), setup_.connect.size());
      const std::string name = setup_.connect.substr(begin, end - begin);
      if (Result<PeerInfo> found = node_->resolve(name); !found) give_up(found.error().message());
      targets.push_back(node_->target(name));
      begin = end + 1;
    }
    if (targets.empty()) give_up("--connect is missing");
    return targets;
  }

  int play_source() {
    std::vector<Target> to = targets();
    const std::size_t burst_bytes = std::strtoull(setup_.other("--burst", "262144").c_str(), nullptr, 10);
    const std::uint64_t burst = std::max<std::uint64_t>(1, burst_bytes / (setup_.payload_size + 112));
    tell_ready("-");
    while (const std::optional<Block> block = wait_for_block()) {
      const std::uint64_t begin = monotonic_ns();
      // Every sink's last message is a marked one.
      const std::uint64_t plain = block->count > to.size() ? block->count - to.size() : 0;
      std::size_t next = 0;
      for (std::uint64_t sent = 0; sent < plain;) {
        const std::uint64_t end = std::min(plain, sent + burst);
        for (; sent < end; ++sent) {
          send_surely(to[next], payload_.plain());
          if (++next == to.size()) next = 0;
        }
        if (threading_ == Threading::caller) turn(milliseconds(0));
      }
      for (Target& target : to) send_surely(target, payload_.marked());
      flush();
      tell_sent(begin);
    }
    return 0;
  }

  /// As applications do: the node has its own thread, and theirs send.
  int play_threads() {
    if (threading_ == Threading::caller) give_up("--threads takes --threading inlined or dispatcher");
    const std::vector<Target> to = targets();
    if (to.size() > 1) give_up("--threads send to one sink");
    tell_ready("-");
    while (const std::optional<Block> block = wait_for_block()) {
      if (block->count < threads_) give_up("a block has a message for each thread at least");
      const std::uint64_t begin = monotonic_ns();
      send_on_threads(threads_, *block, [&](std::uint64_t /*thread*/, std::uint64_t count) {
        Target target = to.front();
        for (std::uint64_t i = 1; i < count; ++i) send_waiting(target, payload_.plain());
        send_waiting(target, payload_.marked());
      });
      tell_sent(begin);
    }
    return 0;
  }

  void send_waiting(Target& target, std::string_view payload) {
    const SendVerdict verdict = is_checked_ ? node_->send_wait(target, payload, kPatience)
                                            : node_->send_wait(target, raw_json(payload), kPatience);
    if (!is_under_way(verdict)) give_up(to_string(verdict));
  }

  /// Both directions at once: no more are under way than a queue holds. The node is this thread's.
  int play_answered_source() {
    if (threading_ != Threading::caller) give_up("--answered takes --threading caller");
    std::vector<Target> to = targets();
    const std::uint64_t ahead_max = std::max<std::uint64_t>(1, kQueueMax / (setup_.payload_size + 112));
    node_->on_message([this](const Message&) { ++answered_; });
    tell_ready("-");
    while (const std::optional<Block> block = wait_for_block()) {
      const std::uint64_t begin = monotonic_ns();
      answered_ = 0;
      for (std::uint64_t sent = 0; answered_ < block->count;) {
        const std::uint64_t end = std::min(block->count, answered_ + ahead_max);
        const bool is_ahead = sent == end;
        for (; sent < end; ++sent) send_surely(to.front(), payload_.plain());
        turn(milliseconds(is_ahead ? 100 : 0));
      }
      tell_took(monotonic_ns() - begin);
    }
    return 0;
  }

  void send_surely(Target& target, std::string_view payload) {
    while (true) {
      const SendVerdict verdict = send(target, payload);
      if (is_under_way(verdict)) return;
      if (verdict != SendVerdict::queue_full) give_up(to_string(verdict));
      if (threading_ == Threading::caller) {
        turn(milliseconds(100));
      } else {
        std::this_thread::yield();
      }
    }
  }

  void flush() {
    while (threading_ == Threading::caller && node_->stats().send_queue_messages > 0) turn(milliseconds(1));
  }

  int play_ping() {
    std::vector<Target> to = targets();
    target_ = &to.front();
    node_->on_message([this](const Message&) { on_answer(); });
    tell_ready("-");
    while (const std::optional<Block> block = wait_for_block()) {
      times_.assign(block->count, 0);
      answered_ = 0;
      is_done_.store(false, std::memory_order_relaxed);
      interval_ns_ = block->interval_ns;
      sent_at_ = monotonic_ns();
      if (interval_ns_ == 0) {
        ask();
      } else {
        send_on_plan(*block);
      }
      wait_until_done();
      tell_times(times_);
    }
    return 0;
  }

  void ask() {
    if (const SendVerdict verdict = send(*target_, payload_.plain()); !is_under_way(verdict)) {
      give_up(to_string(verdict));
    }
  }

  /// Where messages are handled. Answers come in the order of the questions.
  void on_answer() {
    const std::uint64_t now = monotonic_ns();
    times_[answered_] = now - (sent_at_ + answered_ * interval_ns_);
    if (++answered_ == times_.size()) return finish();
    if (interval_ns_ != 0) return;
    sent_at_ = now;
    ask();
  }

  /// At the instants of the plan, whatever has been answered by then.
  void send_on_plan(const Block& block) {
    for (std::uint64_t i = 0; i < block.count; ++i) {
      while (monotonic_ns() < sent_at_ + i * interval_ns_) {
        if (threading_ == Threading::caller) turn(milliseconds(0));
      }
      ask();
    }
  }

  void finish() {
    const std::scoped_lock lock(mutex_);
    is_done_.store(true, std::memory_order_release);
    done_.notify_one();
  }

  void wait_until_done() {
    if (threading_ == Threading::caller) {
      while (!is_done_.load(std::memory_order_relaxed)) turn(milliseconds(100));
      return;
    }
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return is_done_.load(std::memory_order_relaxed); });
  }

  const Setup& setup_;
  const Threading threading_;
  const bool is_checked_;
  const std::uint64_t work_ns_;  // for each message that a sink handles
  const Payload payload_;
  const std::uint64_t threads_;  // of the application's; 0: it sends on the node's thread
  SinkCount count_;

  // Of a ping: written before a block begins, then by its handler.
  Target* target_ = nullptr;
  std::vector<std::uint64_t> times_;
  std::uint64_t answered_ = 0;
  std::uint64_t interval_ns_ = 0;
  std::uint64_t sent_at_ = 0;  // of the question under way; on a plan, of the first
  std::atomic<bool> is_done_{false};
  std::mutex mutex_;
  std::condition_variable done_;

  std::optional<NodeRuntime> node_;  // last: its handler uses the others
};

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  const distflow::bench::Setup setup = distflow::bench::set_up(argc, argv);
  if (setup.role == distflow::bench::Role::broker) distflow::bench::become_pmd();
  return distflow::bench::Contestant(setup).play();
}
