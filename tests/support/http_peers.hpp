// Who asks an HTTP server on a network in memory, as a browser does: one request a connection.
//
// Use: HttpPeers peers(network, port, [&] { reactor.turn(base::Instant::min()); }); peers.answer_to("/health");
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "tests/support/memory_backend.hpp"

namespace distflow::test {

class HttpPeers {
 public:
  using PeerId = MemoryBackend::PeerId;

  /// `turn` lets happen all that happens without time passing.
  HttpPeers(MemoryBackend& network, std::uint16_t port, std::function<void()> turn)
      : network_(network), port_(port), turn_(std::move(turn)) {}

  [[nodiscard]] std::string get(const std::string& path, const std::string& headers = {}) const {
    return "GET " + path + " HTTP/1.1\r\nHost: localhost:" + std::to_string(port_) + "\r\n" + headers + "\r\n";
  }
  PeerId connect(io::PeerOwner owner = io::PeerOwner::user(0)) {
    const PeerId peer = network_.connect(io::Address::ipv4_loopback(50'000), port_);
    network_.set_owner(peer, owner);
    turn_();
    return peer;
  }
  void write(PeerId peer, std::string_view bytes) {
    network_.write(peer, bytes);
    turn_();
  }
  /// All that has come when the bytes are written.
  std::string ask(PeerId peer, std::string_view bytes) {
    write(peer, bytes);
    return network_.take(peer);
  }
  /// A connection that has asked for the path.
  PeerId begin(const std::string& path, const std::string& headers = {}) {
    const PeerId peer = connect();
    write(peer, get(path, headers));
    return peer;
  }
  /// Head and body.
  std::string answer_to(const std::string& path, const std::string& headers = {}) {
    return network_.take(begin(path, headers));
  }
  /// The body; the head, too, where the status is another.
  std::string body_of(const std::string& path, const std::string& status = "200") {
    const std::string answer = answer_to(path);
    if (!answer.starts_with("HTTP/1.1 " + status + ' ')) return answer;
    return answer.substr(answer.find("\r\n\r\n") + 4);
  }

  /// Closes the server, or whatever has one.
  template <class Server>
  void close(Server& server) {
    bool is_closed = false;
    auto on_closed = [&is_closed] { is_closed = true; };
    server.close(base::Delegate<void()>::of(on_closed));
    turn_();
    EXPECT_TRUE(is_closed);
  }

 private:
  MemoryBackend& network_;
  const std::uint16_t port_;
  const std::function<void()> turn_;
};

}  // namespace distflow::test
