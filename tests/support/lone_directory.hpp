// A directory with no node around it, and what it needs: the peers of a registry that a test makes up.
//
// Use: LoneDirectory lone; lone->upsert({.info = {.node_id = "peer", .host = "127.0.0.1", .port = 1}});
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "io/sim/backend.hpp"
#include "runtime/peers/directory.hpp"
#include "tests/support/null_control_frame_observer.hpp"

namespace distflow::test {

class LoneDirectory final : private runtime::DirectoryObserver {
 public:
  ~LoneDirectory() {
    directory_.begin_shutdown();
    directory_.reap();
  }
  LoneDirectory() = default;
  LoneDirectory(const LoneDirectory&) = delete;
  LoneDirectory& operator=(const LoneDirectory&) = delete;

  runtime::Directory& operator*() { return directory_; }
  runtime::Directory* operator->() { return &directory_; }
  [[nodiscard]] runtime::TrafficTable& traffic() { return traffic_; }
  [[nodiscard]] io::Reactor& reactor() { return reactor_; }

  void pass(base::Duration time) {
    const base::Instant end = reactor_.now() + time;
    while (reactor_.now() < end) reactor_.turn(end);
  }

  std::vector<std::string> left;
  std::size_t joined = 0;

 private:
  void on_peer_join(const PeerInfo&) override { ++joined; }
  void on_peer_leave(const base::PackedInfo& peer) override { left.emplace_back(peer.node_id()); }
  void on_binding(std::string_view, runtime::Peer*) override {}
  void on_link_finished() {}

  base::ChunkPool chunks_{{.chunk_size = 4096, .chunk_count_max = 4}};
  base::Log log_{base::LogLevel::error};
  io::Reactor reactor_{*io::sim::make_lone_backend(chunks_), {}};
  io::Resolver resolver_{reactor_};
  base::Random random_{1};
  runtime::TrafficTable traffic_;
  runtime::Delivery delivery_{reactor_, "self", {}, log_, {}};
  NullControlFrameObserver no_control_frames_;
  runtime::ReaderParts reader_parts_{.reactor = reactor_,
                                     .traffic = traffic_,
                                     .delivery = delivery_,
                                     .log = log_,
                                     .node_id = "self",
                                     .incomplete_bytes_max = 1024,
                                     .observer = no_control_frames_};
  transport::OutBuffer out_{chunks_};
  stream::StreamSetup sockets_;
  runtime::Carriers carriers_;
  stream::MemoryStreamPool memory_pool_{.chunk = io::ReceiveChunk(chunks_)};
  runtime::LinkParts parts_{.reactor = reactor_,
                            .resolver = resolver_,
                            .stream_setup = sockets_,
                            .blocks = chunks_,
                            .random = random_,
                            .log = log_,
                            .out = out_,
                            .reader_parts = reader_parts_,
                            .limits = {},
                            .memory_pool = memory_pool_,
                            .carriers = carriers_,
                            .connect_deadline = base::seconds(5),
                            .on_finished = base::Delegate<void()>::to<&LoneDirectory::on_link_finished>(*this)};
  runtime::Directory directory_{parts_, traffic_, *this, {.self = "self", .rejoin_grace = base::seconds(5)}};
};

}  // namespace distflow::test
