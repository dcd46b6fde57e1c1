// A PMD with its page, on a network in memory whose time passes when the test says so.
//
// Use: MemoryWeb web; const std::string body = web.get("/api/figures");
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "pmd/web/web.hpp"
#include "tests/support/memory_pmd.hpp"

namespace distflow::test {

class MemoryWeb {
 public:
  using PeerId = MemoryPmd::PeerId;
  static constexpr std::uint16_t kPort = 4370;
  /// Besides root's: the requests of so many users are answered, from kUser on.
  static constexpr std::uint32_t kUser = 1001;
  static constexpr std::uint32_t kOtherUser = 1002;
  static constexpr std::uint32_t kUserCount = 32;

  MemoryWeb() {
    EXPECT_TRUE(pmd_.start());
    http::ServerOptions options;
    options.port = kPort;
    for (std::uint32_t user = 0; user < kUserCount; ++user) options.users.push_back(kUser + user);
    web_ = std::make_unique<pmd::Web>(pmd_.reactor(), pmd_.server(), options);
    EXPECT_TRUE(web_->start());
  }
  ~MemoryWeb() {
    bool is_closed = false;
    auto on_closed = [&is_closed] { is_closed = true; };
    web_->close(base::Delegate<void()>::of(on_closed));
    pmd_.turn();
    EXPECT_TRUE(is_closed);
  }

  PeerId connect_as(std::uint32_t user, std::uint16_t port = pmd::kDefaultPort) {
    const PeerId peer = pmd_.network().connect(io::Address::ipv4_loopback(50'000), port);
    pmd_.network().set_owner(peer, io::PeerOwner::user(user));
    pmd_.turn();
    return peer;
  }
  /// The body; the head, too, where the status is another.
  std::string get(const std::string& path, std::uint32_t user = 0, const std::string& status = "200") {
    const PeerId peer = connect_as(user, kPort);
    pmd_.network().write(peer, "GET " + path + " HTTP/1.1\r\nHost: localhost:4370\r\n\r\n");
    pmd_.turn();
    const std::string answer = pmd_.network().take(peer);
    if (!answer.starts_with("HTTP/1.1 " + status + ' ')) return answer;
    return answer.substr(answer.find("\r\n\r\n") + 4);
  }

  MemoryPmd& pmd() { return pmd_; }
  pmd::Web& web() { return *web_; }

 private:
  MemoryPmd pmd_;
  std::unique_ptr<pmd::Web> web_;
};

}  // namespace distflow::test
