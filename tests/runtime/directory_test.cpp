#include "runtime/peers/directory.hpp"

#include <gtest/gtest.h>

#include "tests/support/lone_directory.hpp"

namespace distflow::test {
namespace {

using Absence = runtime::Directory::Absence;

const PeerInfo kPeer{.node_id = "peer", .alias = "", .host = "127.0.0.1", .port = 1};

TEST(DirectoryTest, a_peer_has_neither_link_nor_counters_until_something_is_sent_to_it) {
  LoneDirectory directory;
  runtime::Peer& peer = directory->upsert({kPeer});
  EXPECT_EQ(peer.link, nullptr);
  runtime::Link& link = directory->link_of(peer);
  EXPECT_EQ(&link, &directory->link_of(peer));
  EXPECT_EQ(&link.traffic(), &directory.traffic().of("peer"));
}

TEST(DirectoryTest, a_peer_that_has_moved_is_sent_to_by_another_link) {
  LoneDirectory directory;
  runtime::Peer& peer = directory->upsert({kPeer});
  static_cast<void>(directory->link_of(peer));
  PeerInfo moved = kPeer;
  moved.port = 2;
  EXPECT_EQ(&directory->upsert({moved}), &peer);
  EXPECT_EQ(peer.link, nullptr);
  EXPECT_EQ(directory->list(), std::vector{moved});
  static_cast<void>(directory->link_of(peer));
}

TEST(DirectoryTest, lists_peers_in_the_order_of_their_joining_whoever_has_left) {
  LoneDirectory directory;
  std::vector<PeerInfo> there;
  for (std::uint16_t i = 0; i < 100; ++i) {
    there.push_back({.node_id = "peer" + std::to_string(i), .alias = "", .host = "127.0.0.1", .port = i});
    directory->upsert({there.back()});
  }
  for (std::size_t i = there.size(); i > 0; --i) {
    if (i % 3 == 0) continue;
    const auto leaving = there.begin() + static_cast<std::ptrdiff_t>(i - 1);
    directory->remove(leaving->node_id);
    there.erase(leaving);
  }
  EXPECT_EQ(directory->list(), there);
  EXPECT_EQ(directory.left.size(), 67U);
}

// Those that something was sent to stay until their links have finished, so that the log knows their names.
TEST(DirectoryTest, knows_the_alias_of_one_that_has_left_until_its_link_has_finished) {
  LoneDirectory directory;
  runtime::Peer& peer = directory->upsert({{.node_id = "gone", .alias = "pong", .host = "127.0.0.1", .port = 1}});
  static_cast<void>(directory->link_of(peer));
  directory->remove("gone");
  EXPECT_EQ(directory->alias_of("gone"), "");
  EXPECT_EQ(directory->alias_on_loop("gone"), "pong");
  directory->reap();
  EXPECT_EQ(directory->alias_on_loop("gone"), "");
}

// A PMD starts anew: another has the alias before its holder is back, and gives it up again.
TEST(DirectoryTest, an_alias_that_another_had_meanwhile_leads_to_its_holder_again) {
  LoneDirectory directory;
  const PeerInfo holder{.node_id = "holder", .alias = "pong", .host = "127.0.0.1", .port = 1};
  const PeerInfo other{.node_id = "other", .alias = "pong", .host = "127.0.0.1", .port = 2};
  const runtime::Peer& peer = directory->upsert({holder});
  directory->upsert({other});
  directory->remove("other");
  EXPECT_EQ(directory->find("pong"), nullptr);
  directory->upsert({holder});
  EXPECT_EQ(directory->find("pong"), &peer);
  EXPECT_EQ(directory->find_info("pong"), holder);
}

TEST(DirectoryTest, a_suspect_leaves_when_its_time_is_over) {
  LoneDirectory directory;
  directory->upsert({kPeer});
  directory->on_snapshot({}, Absence::suspect);
  directory.pass(base::milliseconds(4990));
  EXPECT_TRUE(directory.left.empty());
  directory.pass(base::milliseconds(20));
  EXPECT_EQ(directory.left, std::vector<std::string>{"peer"});
}

// A PMD that crashed twice within the grace period: the second time the peer had but the rest of the first period.
TEST(DirectoryTest, each_loss_of_the_pmd_gives_suspects_the_whole_of_their_time) {
  LoneDirectory directory;
  directory->upsert({kPeer});
  directory->on_snapshot({}, Absence::suspect);
  directory.pass(base::seconds(1));
  directory->upsert({kPeer});  // it has registered again
  directory.pass(base::seconds(3));
  directory->on_snapshot({}, Absence::suspect);
  directory.pass(base::seconds(4));
  EXPECT_TRUE(directory.left.empty());
  directory.pass(base::seconds(2));
  EXPECT_EQ(directory.left.size(), 1U);
}

TEST(DirectoryTest, a_snapshot_within_a_session_neither_ends_a_suspects_time_nor_makes_it_longer) {
  LoneDirectory directory;
  directory->upsert({kPeer});
  directory->on_snapshot({}, Absence::suspect);
  directory.pass(base::seconds(4));
  directory->on_snapshot({}, Absence::leave);
  EXPECT_TRUE(directory.left.empty());
  directory.pass(base::milliseconds(1010));
  EXPECT_EQ(directory.left.size(), 1U);
}

}  // namespace
}  // namespace distflow::test
