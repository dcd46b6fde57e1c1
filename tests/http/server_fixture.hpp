// An HTTP server on a network in memory, and who asks it. Time passes in advance() and push() only.
//
// Use: TEST_F(HttpServer, ...) { EXPECT_THAT(peers->answer_to("/"), StartsWith("HTTP/1.1 200 ")); }
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "http/server.hpp"
#include "tests/support/http_peers.hpp"
#include "tests/support/memory_backend.hpp"

namespace distflow::http {

class HttpServer : public ::testing::Test, private Handler {
 protected:
  using PeerId = test::MemoryBackend::PeerId;
  static constexpr std::uint16_t kPort = 4370;
  static constexpr base::Duration kRound = Server::kRoundInterval + base::milliseconds(1);  // a tick of the timers

  void SetUp() override {
    make_network();
    start({});
  }
  void TearDown() override {
    peers->close(*server);
    EXPECT_EQ(server->answer_backlog(), 0u);
    EXPECT_EQ(reactor->backend().handle_count(), 0u);
  }

  /// Another server, with these options.
  void restart(ServerOptions options) {
    TearDown();
    server.reset();
    start(std::move(options));
  }
  /// Another server, which cannot listen at ::1 for this reason.
  void restart_without_ipv6(int errno_value) {
    TearDown();
    server.reset();
    network->refuse_listening(io::Address::Family::ipv6, errno_value);
    start({});
  }

  PeerId stream() { return peers->begin("/events"); }
  /// A connection that takes no byte and asks for the path.
  PeerId begin_stuck(const std::string& path) {
    const PeerId peer = peers->connect();
    network->set_window(peer, 0);
    peers->write(peer, peers->get(path));
    return peer;
  }
  /// An event, and the time by which all streams have been given it.
  void push(const std::string& text) {
    server->push_to_streams(text);
    advance(kRound);
  }
  void one_turn() { reactor->turn(base::Instant::min()); }
  void turn() {
    for (int i = 0; i < 8; ++i) one_turn();
  }
  void advance(base::Duration by) {
    network->advance(by);
    turn();
  }

  base::ChunkPool chunks{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  test::MemoryBackend* network = nullptr;  // the reactor's
  std::unique_ptr<io::Reactor> reactor;
  std::unique_ptr<test::HttpPeers> peers;
  std::unique_ptr<Server> server;
  std::string body = "hello\n";
  int handled = 0;
  int streams_closed = 0;

 private:
  void make_network() {
    network = new test::MemoryBackend(chunks);
    reactor = std::make_unique<io::Reactor>(std::unique_ptr<io::Backend>(network), io::ReactorOptions{});
    peers = std::make_unique<test::HttpPeers>(*network, kPort, [this] { turn(); });
  }
  void start(ServerOptions options) {
    options.port = kPort;
    Handler& handler = *this;
    server = std::make_unique<Server>(*reactor, handler, std::move(options));
    ASSERT_TRUE(server->start());
  }

  std::optional<Response> on_get(const Request& request, const io::PeerOwner&) override {
    ++handled;
    if (request.path == "/events") return std::nullopt;
    return Response{.body = body};
  }
  std::string on_stream() override { return "data: hello\n\n"; }
  void on_stream_closed() override { ++streams_closed; }
};

}  // namespace distflow::http
