// The limit of one way: bytes through a socket, written and received in large pieces, without messages.
//
//     bench_raw_stream source|sink [--write BYTES] [--copied] [--wait blocking|epoll] [--spin] ...
//
// `run N` is as many bytes as N payloads have. A block begins with a header that says how much it is. --copied: each
// payload is copied once before it is written, from where an application has it to where it is sent from, as whoever
// frames it must.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "bench/limits/raw_socket.hpp"
#include "bench/limits/receiver.hpp"

namespace distflow::bench {
namespace {

constexpr std::size_t kReceiveSize = 256 * 1024;

struct BlockHeader {
  std::uint64_t bytes = 0;
  std::uint64_t messages = 0;
};

void source(const Setup& setup) {
  const Socket socket = connect_to(setup);
  const bool is_copied = setup.has("--copied");
  const std::size_t write_size = std::strtoull(setup.other("--write", "262144").c_str(), nullptr, 10);
  if (write_size == 0) give_up("--write takes a number of bytes");
  const std::string payload(is_copied ? setup.payload_size : write_size, 'x');
  std::string piece = payload;
  tell_ready("-");
  while (const auto block = next_block()) {
    const BlockHeader header{.bytes = block->count * setup.payload_size, .messages = block->count};
    const std::uint64_t begin = monotonic_ns();
    must_send_all(socket.fd(), {reinterpret_cast<const char*>(&header), sizeof header});
    for (std::uint64_t left = header.bytes; left > 0;) {
      const std::size_t size = std::min<std::uint64_t>(left, piece.size());
      if (is_copied) piece.replace(0, size, payload, 0, size);
      must_send_all(socket.fd(), {piece.data(), size});
      left -= size;
    }
    tell_sent(begin);
  }
}

/// False at the end of the stream.
bool receive_header(Receiver& receiver, BlockHeader& header) {
  std::array<char, sizeof header> bytes{};
  for (std::size_t filled = 0; filled < bytes.size();) {
    const std::size_t got = receiver.receive(bytes.data() + filled, bytes.size() - filled);
    if (got == 0) return false;
    filled += got;
  }
  std::memcpy(&header, bytes.data(), bytes.size());
  return true;
}

void sink(const Setup& setup) {
  const Socket listener = open_listener(setup, Family::tcp);
  tell_ready(address_of(listener));
  const Socket peer = accept_from(listener);
  Receiver receiver(peer.fd(), wait_of(setup));
  std::vector<char> buffer(kReceiveSize);
  BlockHeader header;
  while (receive_header(receiver, header)) {
    for (std::uint64_t left = header.bytes; left > 0;) {
      const std::size_t got = receiver.receive(buffer.data(), std::min<std::uint64_t>(left, buffer.size()));
      if (got == 0) return;
      left -= got;
    }
    tell_done(header.messages);
  }
}

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  using namespace distflow::bench;
  const Setup setup = set_up(argc, argv);
  switch (setup.role) {
    case Role::source: source(setup); break;
    case Role::sink: sink(setup); break;
    default: give_up("raw_stream plays source and sink");
  }
}
