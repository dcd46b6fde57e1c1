// The limit of messages one way: distflow's frames over a socket, made and read by a template, in large pieces.
//
//     bench_ready_frames source|sink [--write BYTES] [--wait blocking|epoll] [--spin] ...
//
// What a node's throughput is measured against: the same bytes, without names, checks, queues and bounds.
#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "bench/limits/frame_template.hpp"
#include "bench/limits/raw_socket.hpp"
#include "bench/limits/receiver.hpp"

namespace distflow::bench {
namespace {

constexpr std::size_t kReceiveSize = 256 * 1024;

std::uint64_t unix_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

/// Frames of one size, side by side in one buffer.
class FrameSource {
 public:
  explicit FrameSource(const Setup& setup)
      : payload_(setup.payload_size),
        socket_(connect_to(setup)),
        frames_in_piece_(std::max<std::size_t>(1, write_size(setup) / frame_size())),
        piece_(frames_in_piece_ * frame_size()) {}

  void play(const Block& block) {
    const std::uint64_t begin = monotonic_ns();
    for (std::uint64_t left = block.count; left > 0;) {
      const std::size_t frames = std::min<std::uint64_t>(left, frames_in_piece_);
      left -= frames;
      send_piece(frames, left == 0);
    }
    tell_sent(begin);
  }

 private:
  static std::size_t write_size(const Setup& setup) {
    return std::strtoull(setup.other("--write", "262144").c_str(), nullptr, 10);
  }
  [[nodiscard]] std::size_t frame_size() const { return kFrameSizeMin + payload_.plain().size(); }

  void send_piece(std::size_t frames, bool ends_block) {
    writer_.set_time(unix_ms());
    char* at = piece_.data();
    for (std::size_t i = 1; i < frames; ++i) at = writer_.write(at, payload_.plain());
    at = writer_.write(at, ends_block ? payload_.marked() : payload_.plain());
    must_send_all(socket_.fd(), {piece_.data(), static_cast<std::size_t>(at - piece_.data())});
  }

  const Payload payload_;
  const Socket socket_;
  const std::size_t frames_in_piece_;
  FrameWriter writer_;
  std::vector<char> piece_;
};

/// A call, as to a handler that the sink knows nothing of.
[[gnu::noinline]] void handle(SinkCount& count, const ReadyFrame& frame) { count.note(frame.payload); }

/// Hands on every whole frame, and returns how many bytes they had.
std::size_t cut_frames(std::string_view bytes, SinkCount& count) {
  std::size_t at = 0;
  while (bytes.size() - at >= kFrameSizeMin) {
    const std::size_t size = frame_size_at(bytes.data() + at);
    if (size < kFrameSizeMin) give_up("a frame is too short");
    if (size > bytes.size() - at) break;
    handle(count, read_frame(bytes.substr(at, size)));
    at += size;
  }
  return at;
}

void sink(const Setup& setup) {
  const Socket listener = open_listener(setup, Family::tcp);
  tell_ready(address_of(listener));
  const Socket peer = accept_from(listener);
  Receiver receiver(peer.fd(), wait_of(setup));
  std::vector<char> buffer(std::max(kReceiveSize, kFrameSizeMin + setup.payload_size));
  SinkCount count;
  std::size_t filled = 0;
  while (const std::size_t got = receiver.receive(buffer.data() + filled, buffer.size() - filled)) {
    filled += got;
    const std::size_t cut = cut_frames({buffer.data(), filled}, count);
    filled -= cut;
    std::memmove(buffer.data(), buffer.data() + cut, filled);
  }
}

void source(const Setup& setup) {
  FrameSource frames(setup);
  tell_ready("-");
  while (const auto block = next_block()) frames.play(*block);
}

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  using namespace distflow::bench;
  const Setup setup = set_up(argc, argv);
  switch (setup.role) {
    case Role::source: source(setup); break;
    case Role::sink: sink(setup); break;
    default: give_up("ready_frames plays source and sink");
  }
}
