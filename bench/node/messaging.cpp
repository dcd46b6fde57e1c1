// Requests and topics of distflow as a contestant, on the public API alone.
//
//     bench_messaging echo|ping|source [--tcp] ...             requests: answered, asked one by one, many under way
//     bench_messaging sink|source --published [--tcp] ...      a topic: subscribed to, published to
//
// echo and sink handle on the node's thread; a ping asks anew in each callback; a source turns its node by itself, and
// `run N` has it ask N times, or publish N messages, each to every sink. Replies are compared with what was asked. Who
// publishes stays so little ahead of its subscribers that no copy finds its queue full. --tcp: the nodes share no
// memory.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <distflow/ask.hpp>
#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>
#include <distflow/topic.hpp>

#include "bench/contestant/contestant.hpp"

namespace distflow::bench {
namespace {

using std::chrono::milliseconds;

constexpr int kIdlePollMs = 50;
constexpr std::uint64_t kUnderWay = 1000;                      // requests; NodeOptions::asks_per_peer_max is 1,024
constexpr std::uint64_t kAheadBytes = std::uint64_t{1} << 20;  // of one subscriber; its queue may have more
constexpr std::uint64_t kEnvelopeSize = 128;                   // about
constexpr const char* kTopic = "bench";

class Messaging {
 public:
  explicit Messaging(const Setup& setup)
      : setup_(setup), payload_(setup.payload_size), is_caller_(setup.role == Role::source) {
    if (setup.role == Role::echo || setup.role == Role::sink) block_sigterm();
    NodeOptions options;
    options.alias = "bench-" + std::to_string(::getpid());
    options.pmd_port = static_cast<std::uint16_t>(std::atoi(setup.broker.c_str()));
    options.start_pmd = false;
    options.threading = is_caller_ ? Threading::caller : Threading::inlined;
    if (setup.has("--tcp")) options.memory_connections_max = 0;
    auto started = NodeRuntime::start(options);
    if (!started) give_up(started.error().message());
    node_.emplace(*std::move(started));
  }

  int play() {
    const bool publishes = setup_.has("--published");
    if (setup_.role == Role::echo) return answer();
    if (setup_.role == Role::ping) return ask_one_by_one();
    if (setup_.role == Role::sink && publishes) return subscribe();
    if (setup_.role == Role::source) return publishes ? publish() : ask_many();
    give_up("bench_messaging plays echo, ping, source, and with --published sink and source");
  }

 private:
  /// Before the node's thread starts, which inherits it.
  static void block_sigterm() {
    const sigset_t set = sigterm();
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
  }
  static sigset_t sigterm() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    return set;
  }
  int serve() {
    tell_ready(node_->alias());
    const sigset_t set = sigterm();
    int signal = 0;
    sigwait(&set, &signal);
    return 0;
  }

  int answer() {
    node_->on_request([](const Request& request, Responder responder) {
      const SendVerdict verdict = responder.reply(raw_json(request.payload));
      if (!is_under_way(verdict)) give_up(to_string(verdict));
    });
    return serve();
  }

  int subscribe() {
    const Result<void> subscribed = node_->subscribe(kTopic, [this](const Message& message) {
      if (message.payload.size() != payload_.plain().size()) give_up("a message of another size");
      count_.note(message.payload);
    });
    if (!subscribed) give_up(subscribed.error().message());
    return serve();
  }

  /// One turn of a node that has no thread of its own.
  void turn(milliseconds timeout) {
    if (const Result<void> polled = node_->poll(timeout); !polled) give_up(polled.error().message());
  }

  /// The next block; until it comes the node is kept alive.
  std::optional<Block> wait_for_block() {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    while (is_caller_ && ::poll(&input, 1, kIdlePollMs) == 0) turn(milliseconds(0));
    return next_block();
  }

  Target responder() {
    if (const Result<PeerInfo> found = node_->resolve(setup_.connect); !found) give_up(found.error().message());
    return node_->target(setup_.connect);
  }

  SendVerdict ask(Target& target) {
    return node_->ask(target, raw_json(payload_.plain()), {}, [this](const Reply& reply) { on_reply(reply); });
  }

  void on_reply(const Reply& reply) {
    if (!reply) give_up(to_string(reply.error));
    if (reply.payload != payload_.plain()) give_up("a reply that is none");
    if (is_caller_) {
      ++replies_;
      return;
    }
    const std::uint64_t now = monotonic_ns();
    times_[replies_] = now - asked_at_;
    if (++replies_ == times_.size()) {
      const std::scoped_lock lock(mutex_);
      is_done_ = true;
      return done_.notify_one();
    }
    asked_at_ = now;
    ask_surely();
  }

  void ask_surely() {
    if (const SendVerdict verdict = ask(*target_); !is_under_way(verdict)) give_up(to_string(verdict));
  }

  int ask_one_by_one() {
    Target target = responder();
    target_ = &target;
    tell_ready("-");
    while (const std::optional<Block> block = wait_for_block()) {
      if (block->interval_ns != 0) give_up("requests are asked one after the other");
      times_.assign(block->count, 0);
      replies_ = 0;
      is_done_ = false;
      asked_at_ = monotonic_ns();
      ask_surely();
      std::unique_lock lock(mutex_);
      done_.wait(lock, [this] { return is_done_; });
      tell_times(times_);
    }
    return 0;
  }

  int ask_many() {
    Target target = responder();
    // The responder may not know of this node yet, and answers only some strangers a second. Its first answer waits
    // until it does.
    if (const SendVerdict verdict = ask(target); !is_under_way(verdict)) give_up(to_string(verdict));
    while (replies_ == 0) turn(milliseconds(100));
    tell_ready("-");
    while (const std::optional<Block> block = wait_for_block()) {
      const std::uint64_t begin = monotonic_ns();
      replies_ = 0;
      for (std::uint64_t asked = 0; replies_ < block->count;) {
        const std::uint64_t end = std::min(block->count, replies_ + kUnderWay);
        bool has_room = asked < end;
        while (has_room && asked < end) {
          const SendVerdict verdict = ask(target);
          if (!is_under_way(verdict) && verdict != SendVerdict::queue_full) give_up(to_string(verdict));
          has_room = is_under_way(verdict);
          asked += has_room ? 1 : 0;
        }
        turn(milliseconds(has_room ? 0 : 100));
      }
      tell_took(monotonic_ns() - begin);
    }
    return 0;
  }

  int publish() {
    const auto subscribers =
        static_cast<std::size_t>(std::count(setup_.connect.begin(), setup_.connect.end(), ',')) + 1;
    Group group = node_->group("topic:" + std::string(kTopic));
    while (group.members().size() < subscribers) turn(milliseconds(10));
    const std::uint64_t ahead_max = std::max<std::uint64_t>(4, kAheadBytes / (setup_.payload_size + kEnvelopeSize));
    const std::uint64_t burst = ahead_max / 4;
    tell_ready("-");
    while (const std::optional<Block> block = wait_for_block()) {
      const std::uint64_t begin = monotonic_ns();
      for (std::uint64_t left = block->count; left > 0;) {
        const std::uint64_t size = std::min(left, burst);
        left -= size;
        for (std::uint64_t i = 1; i < size; ++i) publish(payload_.plain());
        publish(left == 0 ? payload_.marked() : payload_.plain());
        // What waits for all of them together is no more than may wait for one.
        turn(milliseconds(0));
        while (node_->stats().send_queue_messages > ahead_max / 2) turn(milliseconds(1));
      }
      while (node_->stats().send_queue_messages > 0) turn(milliseconds(1));
      tell_sent(begin);
    }
    return 0;
  }

  void publish(std::string_view payload) {
    const SendVerdict verdict = node_->publish(kTopic, raw_json(payload));
    if (!is_under_way(verdict)) give_up(to_string(verdict));
  }

  const Setup& setup_;
  const Payload payload_;
  const bool is_caller_;
  SinkCount count_;

  // Of a ping: written before a block begins, then by its callbacks.
  Target* target_ = nullptr;
  std::vector<std::uint64_t> times_;
  std::uint64_t replies_ = 0;
  std::uint64_t asked_at_ = 0;
  bool is_done_ = false;
  std::mutex mutex_;
  std::condition_variable done_;

  std::optional<NodeRuntime> node_;  // last: its handlers use the others
};

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  const distflow::bench::Setup setup = distflow::bench::set_up(argc, argv);
  return distflow::bench::Messaging(setup).play();
}
