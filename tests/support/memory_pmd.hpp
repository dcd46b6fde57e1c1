// A PMD on a network in memory, whose time passes when the test says so.
//
// Use: MemoryPmd pmd; auto node = pmd.connect(); EXPECT_EQ(pmd.ask(node, R"({"type":"list"})"), ...);
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "framing/frame.hpp"
#include "pmd/server/server.hpp"
#include "tests/support/late_store.hpp"
#include "tests/support/memory_backend.hpp"

namespace distflow::test {

/// `body` with the header of a frame.
inline std::string framed(std::string_view body) {
  std::string frame(framing::kHeaderSize, '\0');
  framing::write_header(frame.data(), static_cast<std::uint32_t>(body.size()));
  return frame += body;
}

/// Takes the whole frames off the front of `bytes`.
inline std::vector<std::string> take_frames(std::string& bytes) {
  std::vector<std::string> frames;
  while (bytes.size() >= framing::kHeaderSize) {
    const std::size_t size = framing::read_header(bytes.data());
    if (size > bytes.size() - framing::kHeaderSize) break;
    frames.push_back(bytes.substr(framing::kHeaderSize, size));
    bytes.erase(0, framing::kHeaderSize + size);
  }
  return frames;
}

class MemoryPmd {
 public:
  using PeerId = MemoryBackend::PeerId;

  explicit MemoryPmd(pmd::ServerOptions options = {}, StoreChoice store = {})
      : chunks_({.chunk_size = 64 * 1024, .chunk_count_max = 16}),
        network_(new MemoryBackend(chunks_)),
        reactor_(std::unique_ptr<io::Backend>(network_), {}),
        log_(base::LogLevel::debug, base::LogSink::to<&MemoryPmd::on_line>(*this)),
        late_store_(reactor_, store),
        server_(reactor_, stream_setup_, log_, std::move(options),
                store.kind == StoreChoice::Kind::local ? nullptr : &late_store_) {}

  ~MemoryPmd() {
    server_.begin_shutdown();
    turn();
    advance(base::seconds(2));
  }

  Result<void> start() { return server_.start(); }

  PeerId connect(const io::Address& from = io::Address::ipv4_loopback(50'000)) {
    const PeerId peer = network_->connect(from);
    turn();
    return peer;
  }
  void send(PeerId peer, std::string_view body) {
    network_->write(peer, framed(body));
    turn();
  }
  std::vector<std::string> receive(PeerId peer) {
    if (unframed_.size() <= peer) unframed_.resize(peer + 1);
    unframed_[peer] += network_->take(peer);
    return take_frames(unframed_[peer]);
  }
  /// Sends `body` and gives the one frame that comes; all that came, with a line each, when it is not one.
  std::string ask(PeerId peer, std::string_view body) {
    send(peer, body);
    std::string all;
    for (const std::string& frame : receive(peer)) all += (all.empty() ? "" : "\n") + frame;
    return all;
  }
  void hang_up(PeerId peer) {
    network_->end(peer);
    turn();
  }

  /// Turns until nothing more happens.
  void turn() {
    bool was_busy = false;
    do {
      was_busy = late_store_.is_busy();
      for (int i = 0; i < 8; ++i) {
        reactor_.turn(base::Instant::min());
        was_busy |= late_store_.is_busy();
      }
    } while (was_busy);
  }
  /// Lets time pass in small steps, as it does for a process that runs.
  void advance(base::Duration by, base::Duration step = base::milliseconds(100)) {
    for (; by > base::Duration::zero(); by -= step) {
      network_->advance(std::min(by, step));
      turn();
    }
  }
  /// Lets time pass at once, as for a process that was stopped.
  void stall(base::Duration by) {
    network_->advance(by);
    turn();
  }

  io::Reactor& reactor() { return reactor_; }
  MemoryBackend& network() { return *network_; }
  pmd::Server& server() { return server_; }
  /// The server's, if it was asked for.
  LateStore& store() { return late_store_; }
  [[nodiscard]] const std::string& log() const { return lines_; }

 private:
  void on_line(base::LogLevel, std::string_view line) { (lines_ += line) += '\n'; }

  base::ChunkPool chunks_;
  MemoryBackend* network_;  // the reactor's
  io::Reactor reactor_;
  std::string lines_;
  base::Log log_;
  LateStore late_store_;
  stream::StreamSetup stream_setup_;
  pmd::Server server_;
  std::vector<std::string> unframed_;
};

}  // namespace distflow::test
