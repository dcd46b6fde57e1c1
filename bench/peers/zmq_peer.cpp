// libzmq as a contestant: PUSH and PULL one way, PAIR for round trips; TCP, or an abstract Unix socket with --ipc.
//
//     bench_peer_zmq echo|sink|source|ping [--ipc] [--threads N] ...
//     bench_peer_zmq echo|ping --requests|--routed ...      requests: REQ and REP, or DEALER and ROUTER
//     bench_peer_zmq sink|source --published ...            SUB, and XPUB, which is a PUB that is told of subscriptions
//
// --threads: so many threads send, each on a socket of its own, as one must not be shared; all to the one PULL socket.
//
// Settings, by their names in zmq_setsockopt(3), zmq_ctx_set(3) and zmq_send(3), the best of those measured:
//   ZMQ_SNDHWM, ZMQ_RCVHWM = 1000    which is the default: with 100, or with 10,000 and no limit (0), it was slower,
//                                    as queues that grow leave the cache; fewer from 64 KiB on, at most 64 MiB
//   ZMQ_IO_THREADS = 1               the default, and the guide's advice below a gigabyte a second
//   zmq_send                         copies the payload; zmq_send_const, which does not, was slower for small ones
//   zmq_msg_recv                     into one message that is used again and again
//   ZMQ_XPUB_NODROP = 1              whoever publishes waits for room instead of dropping: all is delivered
// TCP_NODELAY is always on. The sizes of batches (ZMQ_OUT_BATCH_SIZE) are draft options, which packages lack. --spin
// and --congestion have no counterpart: a caller waits for the I/O thread, which sleeps by itself.
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "bench/peers/roles.hpp"

namespace distflow::bench {
namespace {

constexpr std::size_t kQueuedBytesMax = std::size_t{64} << 20;

void must(bool did) {
  if (!did) give_up(::zmq_strerror(::zmq_errno()));
}

int type_of(const Setup& setup) {
  const Role role = setup.role;
  if (setup.has("--requests")) return role == Role::echo ? ZMQ_REP : ZMQ_REQ;
  if (setup.has("--routed")) return role == Role::echo ? ZMQ_ROUTER : ZMQ_DEALER;
  if (setup.has("--published")) return role == Role::sink ? ZMQ_SUB : ZMQ_XPUB;
  if (role == Role::source) return ZMQ_PUSH;
  if (role == Role::sink) return ZMQ_PULL;
  return ZMQ_PAIR;
}

class ZmqLink {
 public:
  explicit ZmqLink(const Setup& setup) : ZmqLink(setup, ::zmq_ctx_new()) { owns_context_ = true; }
  /// On a context that outlives it.
  ZmqLink(const Setup& setup, void* context)
      : context_(context), type_(type_of(setup)), socket_(::zmq_socket(context_, type_)) {
    must(socket_ != nullptr);
    // As many bytes as others may queue, where payloads are large.
    const auto queued_max = std::clamp<std::size_t>(kQueuedBytesMax / setup.payload_size, 4, 1000);
    set(ZMQ_SNDHWM, static_cast<int>(queued_max));
    set(ZMQ_RCVHWM, static_cast<int>(queued_max));
    set(ZMQ_LINGER, 0);
    must(::zmq_msg_init(&received_) == 0);
    must(::zmq_msg_init(&asker_) == 0);
    if (type_ == ZMQ_SUB) must(::zmq_setsockopt(socket_, ZMQ_SUBSCRIBE, "", 0) == 0);
    if (listens(setup.role)) {
      listen(setup.has("--ipc"));
    } else if (type_ == ZMQ_XPUB) {
      connect_to_subscribers(setup.connect);
    } else {
      must(::zmq_connect(socket_, setup.connect.c_str()) == 0);
    }
  }
  ZmqLink(const ZmqLink&) = delete;
  ZmqLink& operator=(const ZmqLink&) = delete;
  ~ZmqLink() {
    ::zmq_msg_close(&asker_);
    ::zmq_msg_close(&received_);
    ::zmq_close(socket_);
    if (owns_context_) ::zmq_ctx_term(context_);
  }

  void send(std::string_view payload) { must(::zmq_send(socket_, payload.data(), payload.size(), 0) >= 0); }

  void flush() {}

  std::string_view receive() {
    must(::zmq_msg_recv(&received_, socket_, 0) >= 0);
    return {static_cast<const char*>(::zmq_msg_data(&received_)), ::zmq_msg_size(&received_)};
  }

  void answer() {
    if (type_ == ZMQ_ROUTER) {  // who asks, and then what
      must(::zmq_msg_recv(&asker_, socket_, 0) >= 0 && ::zmq_msg_more(&asker_) == 1);
      must(::zmq_msg_recv(&received_, socket_, 0) >= 0);
      must(::zmq_msg_send(&asker_, socket_, ZMQ_SNDMORE) >= 0);
      must(::zmq_msg_send(&received_, socket_, 0) >= 0);
      return;
    }
    must(::zmq_msg_recv(&received_, socket_, 0) >= 0);
    must(::zmq_msg_send(&received_, socket_, 0) >= 0);  // hands it over, and leaves an empty one
  }

  /// ZMQ_FD says only that something may have changed since the socket was last asked.
  bool receive_until(std::uint64_t deadline_ns) {
    for (;;) {
      if (::zmq_msg_recv(&received_, socket_, ZMQ_DONTWAIT) >= 0) return true;
      must(::zmq_errno() == EAGAIN);
      if (!readable_before(get(ZMQ_FD), deadline_ns)) return false;
    }
  }

  std::vector<std::uint64_t> pace(const Block& block, std::string_view payload) {
    return pace_alone(*this, block, payload);
  }

 private:
  void set(int option, int value) { must(::zmq_setsockopt(socket_, option, &value, sizeof value) == 0); }

  [[nodiscard]] int get(int option) const {
    int value = 0;
    std::size_t size = sizeof value;
    must(::zmq_getsockopt(socket_, option, &value, &size) == 0);
    return value;
  }

  /// Addresses with commas between; returns when each has subscribed.
  void connect_to_subscribers(const std::string& addresses) {
    set(ZMQ_XPUB_NODROP, 1);
    set(ZMQ_XPUB_VERBOSE, 1);  // tells of each subscriber, though all subscribe to the same
    std::size_t count = 0;
    for (std::size_t begin = 0; begin < addresses.size(); ++count) {
      const std::size_t end = std::min(addresses.find(',', begin), addresses.size());
      must(::zmq_connect(socket_, addresses.substr(begin, end - begin).c_str()) == 0);
      begin = end + 1;
    }
    for (; count > 0; --count) must(::zmq_msg_recv(&received_, socket_, 0) >= 0);
  }

  void listen(bool ipc) {
    const std::string name = "ipc://@distflow-bench-" + std::to_string(::getpid());
    must(::zmq_bind(socket_, ipc ? name.c_str() : "tcp://127.0.0.1:*") == 0);
    std::array<char, 128> address{};
    std::size_t size = address.size();
    must(::zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, address.data(), &size) == 0);
    tell_ready(address.data());
  }

  void* const context_;
  const int type_;
  void* const socket_;
  bool owns_context_ = false;
  zmq_msg_t received_{};
  zmq_msg_t asker_{};  // of a request to a ROUTER
};

int play_threads(const Setup& setup) {
  const Payload payload(setup.payload_size);
  const std::uint64_t threads = threads_of(setup);
  void* const context = ::zmq_ctx_new();
  std::vector<std::unique_ptr<ZmqLink>> links;
  for (std::uint64_t i = 0; i < threads; ++i) links.push_back(std::make_unique<ZmqLink>(setup, context));
  tell_ready("-");
  while (const auto block = next_block()) {
    const std::uint64_t begin = monotonic_ns();
    send_on_threads(threads, *block, [&](std::uint64_t thread, std::uint64_t count) {
      ZmqLink& link = *links[thread];
      for (std::uint64_t i = 1; i < count; ++i) link.send(payload.plain());
      link.send(payload.marked());
    });
    tell_sent(begin);
  }
  links.clear();
  ::zmq_ctx_term(context);
  return 0;
}

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  const auto setup = distflow::bench::set_up(argc, argv);
  if (setup.role == distflow::bench::Role::source && distflow::bench::threads_of(setup) > 0) {
    return distflow::bench::play_threads(setup);
  }
  distflow::bench::ZmqLink link(setup);
  distflow::bench::play(link, setup);
}
