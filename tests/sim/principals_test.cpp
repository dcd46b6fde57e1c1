// Nodes of one user and of several: what they share, and what each system tells of the other end of a connection.
#include <gtest/gtest.h>

#include "tests/sim/members.hpp"

namespace distflow::test {
namespace {

using io::OwnerStatus;
using io::PeerOwner;
using io::sim::Process;

constexpr std::uint16_t kPmdPort = 4369;
constexpr int kEnough = 200;  // messages: more than make memory worth its while

/// A PMD and two nodes, each a process of a user of its own choice, which send to each other.
class Pair : private NodeWitness {
 public:
  Pair(PeerOwner ping_user, PeerOwner pong_user, PeerOwner pmd_user = PeerOwner::user(0))
      : pmd_(network_, kChunks, options_of_pmd(), pmd_user),
        ping_(network_, *this, 0, 0, kChunks, options("ping"), ping_user),
        pong_(network_, *this, 1, 1, kChunks, options("pong"), pong_user) {
    EXPECT_TRUE(pass_until([&] { return is_running(ping_) && is_running(pong_); }));
  }
  ~Pair() {
    for (NodeMember* node : {&ping_, &pong_}) node->begin_shutdown(base::seconds(1));
    EXPECT_TRUE(pass_until([&] { return ping_.is_over() && pong_.is_over(); }));
    pmd_.begin_shutdown();
    EXPECT_TRUE(pass_until([&] { return pmd_.is_over(); }));
  }

  /// Each sends in turns, and gets all that the other one sends, in order.
  void talk() {
    for (int i = 0; i < kEnough; ++i) {
      ASSERT_EQ(ping_.send("pong", std::to_string(i)), SendVerdict::queued);
      ASSERT_EQ(pong_.send("ping", std::to_string(i)), SendVerdict::queued);
      const auto count = static_cast<std::size_t>(i + 1);
      ASSERT_TRUE(pass_until([&] { return came_to_ping_.size() == count && came_to_pong_.size() == count; })) << i;
    }
    for (std::size_t i = 0; i < kEnough; ++i) {
      ASSERT_EQ(came_to_ping_[i], std::to_string(i));
      ASSERT_EQ(came_to_pong_[i], std::to_string(i));
    }
  }
  void expect_all_shared() {
    EXPECT_EQ(sum(&NodeStats::connections_out), 1U);
    EXPECT_EQ(sum(&NodeStats::connections_shared), 1U);
    EXPECT_EQ(sum(&NodeStats::connections_in_memory), 2U) << "both ends of it";
  }
  void expect_nothing_shared() {
    EXPECT_EQ(sum(&NodeStats::connections_out), 2U);
    EXPECT_EQ(sum(&NodeStats::connections_shared), 0U);
    EXPECT_EQ(sum(&NodeStats::connections_in_memory), 0U);
  }
  NodeMember& ping() { return ping_; }
  NodeMember& pong() { return pong_; }

 private:
  static constexpr base::ChunkPoolOptions kChunks{.chunk_size = 8 * 1024, .chunk_count_max = 8};

  static pmd::ServerOptions options_of_pmd() {
    pmd::ServerOptions options;
    options.port = kPmdPort;
    return options;
  }
  static NodeOptions options(const std::string& alias) {
    NodeOptions options;
    options.alias = alias;
    options.pmd_port = kPmdPort;
    options.memory_ring_size = 4096;
    return options;
  }
  static bool is_running(const NodeMember& node) { return node.state() == NodeMember::State::running; }
  std::size_t sum(std::size_t NodeStats::*count) { return ping_.stats().*count + pong_.stats().*count; }

  template <class Condition>
  bool pass_until(Condition condition) {
    for (int i = 0; i < 100'000; ++i) {
      if (condition()) return true;
      bool has_turned = false;
      for (SimMember* member :
           {static_cast<SimMember*>(&pmd_), static_cast<SimMember*>(&ping_), static_cast<SimMember*>(&pong_)}) {
        if (member->due() > network_.now()) continue;
        member->turn();
        has_turned = true;
      }
      if (has_turned) continue;
      network_.run_until(std::min({network_.next_event(), pmd_.due(), ping_.due(), pong_.due()}));
    }
    return false;
  }

  void on_message(NodeMember& node, const Message& message) override {
    (&node == &ping_ ? came_to_ping_ : came_to_pong_).emplace_back(message.payload);
  }
  void on_peer(NodeMember&, const std::string&, bool) override {}
  void on_node_closed(NodeMember&) override {}
  void on_pmd_wanted(NodeMember&, OnPmdStart) override {}

  std::vector<std::string> came_to_ping_;
  std::vector<std::string> came_to_pong_;
  io::sim::Network network_{{.seed = 1, .latency_min = base::Duration(1000), .latency_max = base::Duration(1000)}};
  PmdMember pmd_;
  NodeMember ping_;
  NodeMember pong_;
};

const PeerOwner kOne = PeerOwner::user(1000);
const PeerOwner kOther = PeerOwner::user(1001);

TEST(Principals, two_nodes_of_one_user_use_one_connection_and_memory) {
  for (const PeerOwner& user : {kOne, PeerOwner::user(0)}) {
    Pair pair(user, user);
    pair.talk();
    pair.expect_all_shared();
  }
}

TEST(Principals, two_nodes_of_two_users_share_nothing_and_talk_all_the_same) {
  for (const PeerOwner& other : {kOther, PeerOwner::user(0)}) {
    Pair pair(kOne, other);
    pair.talk();
    pair.expect_nothing_shared();
  }
}

TEST(Principals, what_a_system_does_not_tell_is_not_shared) {
  const PeerOwner unknown = PeerOwner::unknown(OwnerStatus::cannot_ask);
  for (const auto& [ping, pong] : {std::pair(unknown, kOne), std::pair(kOne, unknown), std::pair(unknown, unknown)}) {
    Pair pair(ping, pong);
    pair.talk();
    pair.expect_nothing_shared();
  }
}

TEST(Principals, what_the_pmd_does_not_know_is_not_shared) {
  Pair pair(kOne, kOne, PeerOwner::unknown(OwnerStatus::cannot_ask));
  pair.talk();
  pair.expect_nothing_shared();
}

// The registry has both as one user's; but since then one of them opens and accepts as another.
TEST(Principals, the_system_is_believed_about_a_connection_and_not_the_registry) {
  for (const bool changes_ping : {true, false}) {
    Pair pair(kOne, kOne);
    (changes_ping ? pair.ping() : pair.pong()).process().set_user(kOther);
    pair.talk();
    pair.expect_nothing_shared();
  }
}

}  // namespace
}  // namespace distflow::test
