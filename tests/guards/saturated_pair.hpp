// Two nodes of one thread, the first of which sends to the second as much as a turn takes, 128 bytes a message.
//
// Use: SaturatedPair pair; ASSERT_TRUE(pair.exchange(20));
#pragma once

#include <string>

#include "tests/support/cluster.hpp"

namespace distflow::test {

class SaturatedPair {
 public:
  static constexpr std::size_t kMessagesPerRound = 1000;

  SaturatedPair() {
    pong_->delivery().set_message_handler(
        [this](const Message& message) { handled_ += message.payload.size() == 128; });
    is_resolved_ = cluster_.turn_until([this] { return ping_->directory().list().size() == 1; });
  }

  /// Sends `rounds` times a thousand messages, and turns until they are handled.
  bool exchange(std::size_t rounds) {
    const std::size_t end = handled_ + rounds * kMessagesPerRound;
    for (std::size_t round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < kMessagesPerRound; ++i) ping_.send("pong", payload_);
      cluster_.reactor().turn(base::Instant::min());
    }
    return is_resolved_ && cluster_.turn_until([&] { return handled_ == end; });
  }

  [[nodiscard]] Cluster& cluster() { return cluster_; }

 private:
  const std::string payload_ = '"' + std::string(126, 'x') + '"';
  SocketCluster cluster_;
  TestNode& ping_ = cluster_.add_node({.alias = "ping"});
  TestNode& pong_ = cluster_.add_node({.alias = "pong"});
  std::size_t handled_ = 0;
  bool is_resolved_ = false;
};

}  // namespace distflow::test
