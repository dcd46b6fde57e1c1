// The limit of a round trip: bytes of a payload's size there and back over one socket, with as few calls as there can
// be.
//
//     bench_raw_ping echo|ping [--unix] [--wait blocking|epoll] [--spin] ...      (bench/contestant,
//     bench/limits/receiver)
//
// Both ends take the same --payload: messages have no frames, their size tells where they end.
#include <algorithm>
#include <cstring>

#include "bench/limits/raw_socket.hpp"
#include "bench/limits/receiver.hpp"

namespace distflow::bench {
namespace {

/// Bytes that may be on their way at once: few enough that both directions' buffers always hold them.
constexpr std::size_t kOutstandingMax = 64 * 1024;

std::vector<char> make_buffer(const Setup& setup) {
  return std::vector<char>(std::max(kOutstandingMax, setup.payload_size));
}

/// Sends back what has come, whole messages only, until the other end closes.
void echo(const Setup& setup) {
  const Socket listener = open_listener(setup, setup.has("--unix") ? Family::unix_stream : Family::tcp);
  tell_ready(address_of(listener));
  const Socket peer = accept_from(listener);
  Receiver receiver(peer.fd(), wait_of(setup));
  std::vector<char> buffer = make_buffer(setup);
  std::size_t filled = 0;
  while (const std::size_t got = receiver.receive(buffer.data() + filled, buffer.size() - filled)) {
    filled += got;
    const std::size_t whole = filled - filled % setup.payload_size;
    if (!send_all(peer.fd(), {buffer.data(), whole})) return;
    filled -= whole;
    std::memmove(buffer.data(), buffer.data() + whole, filled);
  }
}

class Pinger {
 public:
  explicit Pinger(const Setup& setup)
      : payload_(setup.payload_size),
        socket_(connect_to(setup)),
        receiver_(socket_.fd(), wait_of(setup)),
        buffer_(make_buffer(setup)) {}

  void play(const Block& block) {
    times_ns_.clear();
    times_ns_.reserve(block.count);
    if (block.interval_ns == 0) {
      go_round(block);
    } else {
      follow_plan(block);
    }
    tell_times(times_ns_);
  }

 private:
  /// Closed: the next message leaves when the one before is back.
  void go_round(const Block& block) {
    std::uint64_t begin = monotonic_ns();
    for (std::uint64_t i = 0; i < block.count; ++i) {
      must_send_all(socket_.fd(), payload_.plain());
      for (std::size_t left = payload_.plain().size(); left > 0;) {
        left -= check(receiver_.receive(buffer_.data(), left));
      }
      const std::uint64_t end = monotonic_ns();
      times_ns_.push_back(end - begin);
      begin = end;
    }
  }

  /// Open: each message leaves at its instant, whatever came back, or as soon after as there is room for it; its time
  /// runs from that instant. Messages come back in their order.
  void follow_plan(const Block& block) {
    const std::size_t size = payload_.plain().size();
    const std::uint64_t begin = monotonic_ns();
    const auto instant = [&](std::uint64_t i) { return begin + i * block.interval_ns; };
    std::uint64_t sent = 0;
    std::uint64_t received_bytes = 0;
    const auto may_send = [&] {
      return sent < block.count && (sent + 1) * size - received_bytes <= std::max(kOutstandingMax, size);
    };
    while (times_ns_.size() < block.count) {
      for (; may_send() && instant(sent) <= monotonic_ns(); ++sent) must_send_all(socket_.fd(), payload_.plain());
      const std::uint64_t next = may_send() ? instant(sent) : Receiver::kNever;
      const auto got = receiver_.receive_until(next, buffer_.data(), buffer_.size());
      if (!got) continue;
      received_bytes += check(*got);
      const std::uint64_t now = monotonic_ns();
      while (times_ns_.size() < received_bytes / size) times_ns_.push_back(now - instant(times_ns_.size()));
    }
  }

  static std::size_t check(std::size_t got) {
    if (got == 0) give_up("the other end is gone");
    return got;
  }

  const Payload payload_;
  const Socket socket_;
  Receiver receiver_;
  std::vector<char> buffer_;
  std::vector<std::uint64_t> times_ns_;
};

void ping(const Setup& setup) {
  Pinger pinger(setup);
  tell_ready("-");
  while (const auto block = next_block()) pinger.play(*block);
}

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  using namespace distflow::bench;
  const Setup setup = set_up(argc, argv);
  switch (setup.role) {
    case Role::echo: echo(setup); break;
    case Role::ping: ping(setup); break;
    default: give_up("raw_ping plays echo and ping");
  }
}
