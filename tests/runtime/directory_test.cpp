#include "runtime/directory.hpp"

#include <gtest/gtest.h>

#include "io/sim/backend.hpp"
#include "tests/support/unshared.hpp"

namespace distflow::test {
namespace {

using runtime::Directory;

const PeerInfo kPeer{.node_id = "peer", .alias = "", .host = "127.0.0.1", .port = 1};

class DirectoryTest : public ::testing::Test, private runtime::DirectoryObserver {
 protected:
  ~DirectoryTest() override {
    directory_.begin_shutdown();
    directory_.reap();
  }

  void pass(base::Duration time) {
    const base::Instant end = reactor_.now() + time;
    while (reactor_.now() < end) reactor_.turn(end);
  }

  std::vector<std::string> left_;

 private:
  void on_peer_join(const runtime::Peer&) override {}
  void on_peer_leave(const runtime::Peer& peer) override { left_.push_back(peer.info.node_id); }
  void on_binding(std::string_view, runtime::Peer*) override {}

  base::ChunkPool chunks_{{.chunk_size = 4096, .chunk_count_max = 4}};
  base::Log log_{base::LogLevel::error};
  io::Reactor reactor_{*io::sim::make_lone_backend(chunks_), {}};
  io::Resolver resolver_{reactor_};
  base::Random random_{1};
  runtime::TrafficTable traffic_;
  runtime::Delivery delivery_{reactor_, "self", {}, log_, {}};
  Unshared unshared_;
  runtime::SharedIntake intake_{.reactor = reactor_,
                                .traffic = traffic_,
                                .delivery = delivery_,
                                .log = log_,
                                .node_id = "self",
                                .incomplete_bytes_max = 1024,
                                .observer = unshared_};
  transport::OutBuffer out_{chunks_};
  stream::MemoryStreamPool memory_pool_{.chunk = io::ReceiveChunk(chunks_)};
  runtime::LinkParts parts_{.reactor = reactor_,
                            .resolver = resolver_,
                            .blocks = chunks_,
                            .random = random_,
                            .log = log_,
                            .out = out_,
                            .intake = intake_,
                            .limits = {},
                            .memory_pool = memory_pool_,
                            .connect_deadline = base::seconds(5),
                            .on_finished = base::Delegate<void()>::to<&DirectoryTest::on_link_finished>(*this)};
  void on_link_finished() {}

 protected:
  Directory directory_{parts_, traffic_, *this, {.self = "self", .rejoin_grace = base::seconds(5)}};
};

// A PMD starts anew: another has the alias before its holder is back, and gives it up again.
TEST_F(DirectoryTest, an_alias_that_another_had_meanwhile_leads_to_its_holder_again) {
  const PeerInfo holder{.node_id = "holder", .alias = "pong", .host = "127.0.0.1", .port = 1};
  const PeerInfo other{.node_id = "other", .alias = "pong", .host = "127.0.0.1", .port = 2};
  const runtime::Peer& peer = directory_.upsert({holder});
  directory_.upsert({other});
  directory_.remove("other");
  EXPECT_EQ(directory_.find("pong"), nullptr);
  directory_.upsert({holder});
  EXPECT_EQ(directory_.find("pong"), &peer);
  EXPECT_EQ(directory_.find_info("pong"), holder);
}

TEST_F(DirectoryTest, a_suspect_leaves_when_its_time_is_over) {
  directory_.upsert({kPeer});
  directory_.on_snapshot({}, Directory::Absence::suspect);
  pass(base::milliseconds(4990));
  EXPECT_TRUE(left_.empty());
  pass(base::milliseconds(20));
  EXPECT_EQ(left_, std::vector<std::string>{"peer"});
}

// A PMD that crashed twice within the grace period: the second time the peer had but the rest of the first period.
TEST_F(DirectoryTest, each_loss_of_the_pmd_gives_suspects_the_whole_of_their_time) {
  directory_.upsert({kPeer});
  directory_.on_snapshot({}, Directory::Absence::suspect);
  pass(base::seconds(1));
  directory_.upsert({kPeer});  // it has registered again
  pass(base::seconds(3));
  directory_.on_snapshot({}, Directory::Absence::suspect);
  pass(base::seconds(4));
  EXPECT_TRUE(left_.empty());
  pass(base::seconds(2));
  EXPECT_EQ(left_.size(), 1U);
}

TEST_F(DirectoryTest, a_snapshot_within_a_session_neither_ends_a_suspects_time_nor_makes_it_longer) {
  directory_.upsert({kPeer});
  directory_.on_snapshot({}, Directory::Absence::suspect);
  pass(base::seconds(4));
  directory_.on_snapshot({}, Directory::Absence::leave);
  EXPECT_TRUE(left_.empty());
  pass(base::milliseconds(1010));
  EXPECT_EQ(left_.size(), 1U);
}

}  // namespace
}  // namespace distflow::test
