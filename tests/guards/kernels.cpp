// The work whose instructions are counted: one kernel a run, named by the only argument.
//
// One thread. A kernel sets up, runs once to warm up, and once more inside counted(), where alone callgrind collects.
//   1. A counted run is kMessages messages with a payload of 128 bytes; of requests, half as many.
//   2. Its count depends on the code alone: no clock, no system call, no randomness in it.
// Use: valgrind --tool=callgrind --toggle-collect=counted guard_kernels decode_string
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <distflow/ask.hpp>
#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>

#include "framing/frame_decoder.hpp"
#include "io/backend_choice.hpp"
#include "pmd/server/server.hpp"
#include "protocol/envelope.hpp"
#include "runtime/peers/accepted_connections.hpp"
#include "runtime/receive/ring_mailbox.hpp"
#include "runtime/send/frame_writer.hpp"
#include "runtime/send/submissions.hpp"
#include "tests/support/lone_directory.hpp"
#include "tests/support/memory_backend.hpp"
#include "tests/support/null_control_frame_observer.hpp"
#include "tests/support/pmd_requests.hpp"
#include "tests/support/pmd_test_client.hpp"
#include "tests/support/sample_frames.hpp"

/// What callgrind collects. The empty statement behind the call keeps it from being a jump, which would end the
/// function.
extern "C" [[gnu::noinline]] void counted(const std::function<void()>& work) {
  work();
  asm volatile("" ::: "memory");
}

namespace distflow::test {
namespace {

constexpr std::size_t kMessages = 512;
constexpr std::size_t kRun = 32;

/// Has the compiler believe that somebody looks at `value`.
template <class Value>
void look_at(const Value& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

/// `between` is done after the work that warms up, and not counted. The only caller of counted(), which the compiler
/// would else copy under another name.
void count(
    const std::function<void()>& work, const std::function<void()>& between = [] {}) {
  work();
  between();
  counted(work);
}

/// As many members as a request has, and none that the decoder knows.
constexpr std::string_view kExtension = R"("key":17179869185,"ms":5000)";
/// That of a request, and that of a reply.
constexpr std::string_view kRequest = R"("ask":4503599627370497,"ms":5000)";
constexpr std::string_view kReply = R"("re":4503599627370497)";

void decode(const std::string& payload, std::string_view extension = {}) {
  const SampleFrames frames(payload, kMessages, extension);
  count([bodies = frames.bodies()] {
    protocol::Envelope envelope;
    protocol::EnvelopeScratch scratch;
    for (const std::string_view body : bodies) DF_ASSERT(protocol::decode(body, envelope, scratch));
  });
}

void cut_frames() {
  base::ChunkPool blocks({.chunk_size = 16 * 1024, .chunk_count_max = 4});
  const SampleFrames frames(string_payload(), kMessages);
  framing::FrameDecoder decoder(1 << 20, blocks);
  count([&] {
    decoder.feed(frames.chunk(), frames.bytes());
    framing::Frame frame;
    while (decoder.next(frame) == framing::FrameDecoder::Next::frame) look_at(frame);
    decoder.end_run();
  });
}

/// As on the way out when saturated: the frames of a run are queued, so that they lie side by side in their chunk.
void encode(std::string_view extension = {}) {
  base::ChunkPool chunks({.chunk_size = 256 * 1024, .chunk_count_max = 4});
  transport::OutBuffer out(chunks);
  runtime::EnvelopeSuffix suffix;
  const std::string prefix = protocol::envelope_prefix(kSampleSender, kSampleReceiver);
  const std::string text = string_payload();
  const auto message = runtime::OutgoingMessage(text).with(protocol::Extension(extension));
  transport::EncodedFrame frame;
  const auto write = [&] {
    DF_ASSERT(runtime::write_frame(out, prefix, message, suffix.at(1'795'375'753'755), 1 << 20, frame) ==
              SendVerdict::queued);
  };
  count([&] {
    write();
    const base::ChunkRef queued = base::ChunkRef::share(*frame.chunk);
    for (std::size_t i = 1; i < kMessages; ++i) write();
  });
}

void pass_mailbox() {
  runtime::PeerCounters sender;
  const SampleFrames frames(string_payload(), kMessages);
  std::array<runtime::Mail, kRun> run{};
  const std::string_view body = frames.bodies().front();
  run.fill({.chunk = &frames.chunk(),
            .sender = &sender,
            .from = body.data(),
            .payload = body.data(),
            .extension = nullptr,
            .timestamp = 0,
            .payload_size = 128,
            .text_size = 16 + 128,
            .from_size = 16,
            .extension_size = 0,
            .came_at = 0});
  runtime::RingMailbox mailbox({.producers = base::Sharing::one});
  count([&] {
    for (std::size_t i = 0; i < kMessages / kRun; ++i) {
      DF_ASSERT(mailbox.push_run(run).accepted == kRun);
      std::array<runtime::Mail, kRun> out;  // filled by pop_run()
      DF_ASSERT(mailbox.pop_run(out) == kRun);
      look_at(out);
      mailbox.release_run(out);
    }
  });
}

/// Lets the test receive in place of the network.
class GivenBytes final : public MemoryBackend {
 public:
  using MemoryBackend::MemoryBackend;
  void recv(io::Handle handle, io::RecvOp& op) override {
    MemoryBackend::recv(handle, op);
    receiver_ = &op;
  }
  void give(base::Chunk& chunk, std::string_view bytes) { receiver_->on_recv({chunk, bytes}); }

 private:
  io::RecvOp* receiver_ = nullptr;
};

/// From the bytes of a receive to the application's handler, on one thread.
/// A stand-in for the clock of the system, which takes some 60 instructions: callgrind runs that one as a system call,
/// and does not count it. A microsecond passes each time.
[[gnu::noinline]] base::Instant counted_clock() {
  static base::Instant now{};
  for (int i = 0; i < 20; ++i) asm volatile("" : : : "memory");
  return now += std::chrono::microseconds(1);
}

void receive(runtime::LatencyMeter::Clock clock) {
  base::ChunkPool chunks({.chunk_size = 4096, .chunk_count_max = 4});
  base::ChunkPool blocks({.chunk_size = 16 * 1024, .chunk_count_max = 4});
  auto backend = std::make_unique<GivenBytes>(chunks);
  GivenBytes& network = *backend;
  io::Reactor reactor(std::move(backend), {});
  const base::Log log(base::LogLevel::error);
  runtime::TrafficTable traffic;
  runtime::Delivery delivery(reactor, kSampleReceiver, NodeOptions{}, log, {}, {}, clock);
  std::size_t handled = 0;
  delivery.set_message_handler([&](const Message& message) { handled += message.payload.size() == 128; });
  NullControlFrameObserver no_control_frames;
  runtime::ReaderParts reader_parts{.reactor = reactor,
                                    .traffic = traffic,
                                    .delivery = delivery,
                                    .log = log,
                                    .node_id = std::string(kSampleReceiver),
                                    .incomplete_bytes_max = 1 << 20,
                                    .observer = no_control_frames};
  auto on_closed = [] {};
  stream::StreamSetup stream_setup;
  runtime::AcceptedConnections accepted_connections({.reader_parts = reader_parts,
                                                     .stream_setup = stream_setup,
                                                     .blocks = blocks,
                                                     .limits = {},
                                                     .connections_max = 1,
                                                     .on_closed = base::Delegate<void()>::of(on_closed)});
  DF_ASSERT(accepted_connections.open(io::Address::ipv4_loopback(0)));
  network.connect();
  reactor.turn(network.now());

  const SampleFrames frames(string_payload(), kMessages);
  count([&] { network.give(frames.chunk(), frames.bytes()); });
  DF_ASSERT(handled == 2 * kMessages);
  accepted_connections.close();
  while (!accepted_connections.is_closed()) reactor.turn(network.now());
}

/// A PMD in a process of its own: callgrind collects nothing in a process of two threads.
class PmdChild {
 public:
  PmdChild() {
    std::array<int, 2> ends{};
    DF_ASSERT(::pipe(ends.data()) == 0);
    process_ = ::fork();
    if (process_ == 0) serve(ends[1]);
    ::close(ends[1]);
    DF_ASSERT(::read(ends[0], &port_, sizeof(port_)) == sizeof(port_));
    ::close(ends[0]);
  }
  ~PmdChild() {
    ::kill(process_, SIGKILL);  // it must not write the profile
    ::waitpid(process_, nullptr, 0);
  }
  PmdChild(const PmdChild&) = delete;
  PmdChild& operator=(const PmdChild&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  [[noreturn]] static void serve(int to_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    base::ChunkPool chunks({.chunk_size = 4096, .chunk_count_max = 16});
    Result<io::SelectedBackend> selected = io::select_backend(io::BackendKind::epoll, chunks);
    DF_ASSERT(selected);
    io::Reactor reactor(std::move(selected->backend), {});
    const base::Log log(base::LogLevel::error);
    pmd::ServerOptions options;
    options.port = 0;
    stream::StreamSetup stream_setup;
    pmd::Server server(reactor, stream_setup, log, options);
    DF_ASSERT(server.start());
    const std::uint16_t port = server.port();
    DF_ASSERT(::write(to_parent, &port, sizeof(port)) == sizeof(port));
    while (true) reactor.turn(reactor.now() + base::seconds(1));
  }

  pid_t process_ = -1;
  std::uint16_t port_ = 0;
};

/// A node without a second thread, which sends to itself.
NodeRuntime start_alone(const PmdChild& pmd) {
  const auto started = NodeRuntime::start({.alias = "self",
                                           .pmd_port = pmd.port(),
                                           .start_pmd = false,
                                           .threading = Threading::caller,
                                           .backend = "epoll"});
  DF_ASSERT(started);
  return *started;
}

/// From the application's call to the queue of the peer's link, on the loop's thread.
void send() {
  const PmdChild pmd;
  NodeRuntime node = start_alone(pmd);
  std::size_t handled = 0;
  node.on_message([&](const Message&) { ++handled; });
  Target self = node.target("self");
  const std::string text = string_payload();
  const auto send_one = [&] { DF_ASSERT(node.send(self, raw_json(text)) == SendVerdict::queued); };
  const auto handle_all = [&](std::size_t count) {
    while (handled < count) DF_ASSERT(node.poll(std::chrono::milliseconds(20)));
  };
  send_one();
  handle_all(1);
  count(
      [&] {
        for (std::size_t i = 0; i < kMessages; ++i) send_one();
      },
      [&] { handle_all(1 + kMessages); });
  handle_all(1 + 2 * kMessages);
}

/// What a thread does that is not the loop's, for frames to one target that the loop has not looked at yet: encodes,
/// takes credit, and adds to its lane.
void send_from_thread() {
  const auto chunks =
      std::make_shared<base::ChunkPool>(base::ChunkPoolOptions{.chunk_size = 256 * 1024, .chunk_count_max = 16});
  runtime::TargetTable targets(16);
  auto knows = [](std::string_view) { return true; };
  runtime::Submissions submissions(targets, runtime::Submissions::KnowsName::of(knows), chunks, 64 << 20, 1 << 20);
  const runtime::TargetPtr target = targets.of("pong");
  target->publish(protocol::envelope_prefix(kSampleSender, kSampleReceiver),
                  std::make_shared<runtime::SendCredit>(64 << 20, 1 << 20));
  std::uint64_t version = 0;
  std::string prefix;
  std::shared_ptr<runtime::SendCredit> credit;
  const std::string text = string_payload();
  const auto send_one = [&] {
    const auto outcome =
        submissions.submit(target, {version, prefix, credit}, runtime::OutgoingMessage(text), 1'795'375'753'755);
    DF_ASSERT(outcome.verdict == SendVerdict::queued);
  };
  const auto take_all = [&] {
    while (submissions.drain(nullptr)) {
    }
  };
  count(
      [&] {
        for (std::size_t i = 0; i < kMessages; ++i) send_one();
      },
      take_all);
  take_all();
  DF_ASSERT(credit->used().messages == 0);
  runtime::Submissions::leave();
}

/// As send(), for a request: from the call to the queue of the peer's link; to a name, or to a target as send() does.
/// `is_whole`: to the callback, by way of the handler and its reply.
std::size_t ask(bool has_target, bool is_whole = false) {
  const PmdChild pmd;
  NodeRuntime node = start_alone(pmd);
  std::size_t replies = 0;
  node.on_request([](const Request& request, Responder responder) { responder.reply(raw_json(request.payload)); });
  const std::string text = string_payload();
  const AskOptions options;
  Target self = node.target("self");
  const auto on_end = [&replies](const Reply& reply) { replies += reply ? 1U : 0U; };
  const auto ask_one = [&] {
    const SendVerdict verdict = has_target ? node.ask(self, raw_json(text), options, on_end)
                                           : node.ask("self", raw_json(text), options, on_end);
    DF_ASSERT(verdict == SendVerdict::queued);
  };
  constexpr std::size_t requests = kMessages / 2;  // they fit what is gathered for one send, as those of send() do
  const auto end_all = [&](std::size_t count) {
    while (replies < count) DF_ASSERT(node.poll(std::chrono::milliseconds(20)));
  };
  ask_one();
  end_all(1);
  const auto ask_all = [&] {
    for (std::size_t i = 0; i < requests; ++i) ask_one();
  };
  if (is_whole) {
    count([&] {
      ask_all();
      end_all(replies + requests);
    });
  } else {
    count(ask_all, [&] { end_all(1 + requests); });
    end_all(1 + 2 * requests);
  }
  return requests;
}

/// What ask_whole is held against: a message to this node, and one that its handler sends back.
std::size_t echo() {
  const PmdChild pmd;
  NodeRuntime node = start_alone(pmd);
  std::size_t echoes = 0;
  const std::string text = string_payload();
  std::string back = text;
  back[1] = text[1] == 'x' ? 'y' : 'x';
  Target self = node.target("self");
  node.on_message([&](const Message& message) {
    if (message.payload[1] == back[1]) {
      ++echoes;
    } else {
      DF_ASSERT(node.send(self, raw_json(back)) == SendVerdict::queued);
    }
  });
  constexpr std::size_t messages = kMessages / 2;
  const auto exchange = [&](std::size_t number) {
    const std::size_t end = echoes + number;
    for (std::size_t i = 0; i < number; ++i) DF_ASSERT(node.send(self, raw_json(text)) == SendVerdict::queued);
    while (echoes < end) DF_ASSERT(node.poll(std::chrono::milliseconds(20)));
  };
  exchange(1);
  count([&] { exchange(messages); });
  return messages;
}

/// As send(), to a group of this node and so many others. All of them are at this node's port: what is for the others
/// it counts as misrouted. `send(group, text)` makes so many copies of a message, of which each is counted.
template <class Send>
void send_to_group(std::size_t others, std::size_t copies, Send&& send) {
  const PmdChild pmd;
  NodeRuntime node = start_alone(pmd);
  node.on_message([](const Message&) {});
  PmdTestClient registrar(pmd.port());
  for (std::size_t i = 0; i < others; ++i) {
    const std::string id = "z" + std::to_string(i);  // behind this node's, which are hexadecimal digits
    registrar.send(request_text("register", R"({"nodeId":")" + id + R"(","host":"127.0.0.1","port":)" +
                                                std::to_string(node.port()) + R"(,"caps":[],"groups":["all"]})"));
  }
  DF_ASSERT(node.join("all"));
  Group group = node.group("all");
  const auto poll_until = [&](auto condition) {
    while (!condition()) DF_ASSERT(node.poll(std::chrono::milliseconds(20)));
  };
  poll_until([&] { return group.members().size() == others + 1; });
  const std::string text = string_payload();
  const auto send_all = [&] { poll_until([&] { return node.stats().sent.written == node.stats().sent.accepted; }); };
  for (std::size_t i = 0; i <= others; ++i) {
    DF_ASSERT(group.send(raw_json(text), Pick::round_robin()) == SendVerdict::queued);
  }
  send_all();
  const auto work = [&] {
    for (std::size_t i = 0; i < kMessages / copies; ++i) send(group, text);
  };
  // The queue of each link has two batches, which take turns, and each grows at its first use.
  work();
  send_all();
  count(work, send_all);
  send_all();
}

void send_to_one_of(std::size_t others, Pick pick) {
  send_to_group(others, 1, [pick](Group& group, const std::string& text) {
    DF_ASSERT(group.send(raw_json(text), pick) == SendVerdict::queued);
  });
}

/// Each copy is encoded by itself: it has its receiver in it.
void send_to_all_of(std::size_t others) {
  send_to_group(others, others + 1, [others](Group& group, const std::string& text) {
    DF_ASSERT(group.send_all(text).under_way == others + 1);
  });
}

/// As send(), to so many subscribers of a topic, of which all but this node are at its port, too. Counted is each copy,
/// with its part of the encoding. `has_stopped`: there is one more, which nobody can connect to, and whose queue is
/// full; what its copies cost is counted with those of the others.
void publish(std::size_t subscribers, bool has_stopped = false) {
  constexpr std::uint32_t queue_max = 200;  // more than is published between two turns
  const PmdChild pmd;
  const auto started =
      NodeRuntime::start({.alias = "self",
                          .pmd_port = pmd.port(),
                          .start_pmd = false,
                          .threading = Threading::caller,
                          .connect_deadline = std::chrono::hours(1),
                          .send_messages_max = has_stopped ? queue_max : NodeOptions{}.send_messages_max,
                          .backend = "epoll"});
  DF_ASSERT(started);
  NodeRuntime node = *started;
  PmdTestClient registrar(pmd.port());
  for (std::size_t i = 1; i < subscribers; ++i) {
    registrar.send(request_text("register", R"({"nodeId":"z)" + std::to_string(i) + R"(","host":"127.0.0.1","port":)" +
                                                std::to_string(node.port()) +
                                                R"(,"caps":["topics"],"groups":["topic:all"]})"));
  }
  static_assert(kMessages % 64 == 0 && kMessages / 64 < queue_max);
  DF_ASSERT(node.subscribe("all", [](const Message&) {}));
  if (has_stopped) {
    registrar.send(request_text("register", R"({"nodeId":"stopped","host":"127.0.0.1","port":1,"caps":["topics"],)"
                                            R"("groups":["topic:all"]})"));
  }
  Group group = node.group("topic:all");
  const auto poll_until = [&](auto condition) {
    while (!condition()) DF_ASSERT(node.poll(std::chrono::milliseconds(20)));
  };
  poll_until([&] { return group.members().size() == subscribers + (has_stopped ? 1 : 0); });
  const std::string text = string_payload();
  const auto publish_one = [&] { DF_ASSERT(node.publish("all", raw_json(text)) == SendVerdict::queued); };
  const auto send_all = [&] {
    poll_until([&] {
      const NodeStats stats = node.stats();
      const std::uint64_t of_stopped = has_stopped ? std::min<std::uint64_t>(stats.published, queue_max) : 0;
      return stats.sent.written + stats.sent.dropped() + of_stopped == stats.sent.accepted;
    });
  };
  for (std::size_t i = 0; i < (has_stopped ? queue_max + 1 : 1); ++i) {
    publish_one();
    send_all();
  }
  count(
      [&] {
        for (std::size_t i = 0; i < kMessages / subscribers; ++i) publish_one();
      },
      send_all);
  send_all();
}

/// Nodes that leave a registry of so many others: those that came last. Counted in place of messages.
void leave(std::size_t others) {
  LoneDirectory directory;
  directory.left.reserve(2 * kMessages);
  const auto id = [](std::size_t number) { return "peer" + std::to_string(number); };
  const std::size_t all = others + 2 * kMessages;
  for (std::size_t i = 0; i < all; ++i) {
    directory->upsert({.info = {.node_id = id(i), .alias = "alias" + id(i), .host = "127.0.0.1", .port = 1}});
  }
  std::vector<std::string> leaving;
  for (std::size_t i = others; i < all; ++i) leaving.push_back(id(i));
  const std::string* next = leaving.data();
  count([&] {
    for (std::size_t i = 0; i < kMessages; ++i) directory->remove(*next++);
  });
  DF_ASSERT(directory.left.size() == 2 * kMessages);
}

struct Kernel {
  template <class Run>
  Kernel(std::string_view kernel_name, Run run)
      : name(kernel_name), count([run = std::move(run)] {
          if constexpr (std::is_void_v<decltype(run())>) {
            run();
            return kMessages;
          } else {
            return run();
          }
        }) {}
  std::string_view name;
  std::function<std::size_t()> count;  // runs it, and says of how many messages its count is
};

const std::array kKernels{
    Kernel{"decode_string", [] { decode(string_payload()); }},
    Kernel{"decode_object", [] { decode(object_payload()); }},
    Kernel{"decode_extended", [] { decode(string_payload(), kExtension); }},
    Kernel{"decode_request", [] { decode(string_payload(), kRequest); }},
    Kernel{"decode_reply", [] { decode(string_payload(), kReply); }},
    Kernel{"cut_frames", cut_frames},
    Kernel{"encode", [] { encode(); }},
    Kernel{"encode_extended", [] { encode(kExtension); }},
    Kernel{"pass_mailbox", pass_mailbox},
    Kernel{"receive_inline", [] { receive(nullptr); }},
    Kernel{"receive_timed", [] { receive(&counted_clock); }},
    Kernel{"send", send},
    Kernel{"send_from_thread", send_from_thread},
    Kernel{"ask", [] { return ask(false); }},
    Kernel{"ask_target", [] { return ask(true); }},
    Kernel{"ask_whole", [] { return ask(true, true); }},
    Kernel{"echo", echo},
    Kernel{"send_first_of_9", [] { send_to_one_of(8, Pick::first()); }},
    Kernel{"send_first_of_1001", [] { send_to_one_of(1000, Pick::first()); }},
    Kernel{"send_least_of_9", [] { send_to_one_of(8, Pick::least()); }},
    Kernel{"send_sticky_of_9", [] { send_to_one_of(8, Pick::sticky("user-42")); }},
    Kernel{"send_all_to_64", [] { send_to_all_of(63); }},
    Kernel{"publish_to_64", [] { publish(64); }},
    Kernel{"publish_past_stopped", [] { publish(64, true); }},
    Kernel{"leave_1000", [] { leave(1000); }},
    Kernel{"leave_10000", [] { leave(10'000); }},
};

}  // namespace
}  // namespace distflow::test

int main(int argument_count, char** arguments) {
  using distflow::test::kKernels;
  const std::string_view name = argument_count == 2 ? arguments[1] : "";
  for (const auto& kernel : kKernels) {
    if (kernel.name != name) continue;
    std::printf("messages %zu\n", kernel.count());
    return 0;
  }
  std::fputs("guard_kernels: one argument, the name of a kernel in tests/guards/instructions.txt\n", stderr);
  return 2;
}
