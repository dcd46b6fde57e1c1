// The replica of the registry with each of its allocations failing once: each change is made whole or not at all.
#include <gtest/gtest.h>

#include <functional>
#include <new>
#include <string>

#include "tests/support/failing_allocations.hpp"
#include "tests/support/lone_directory.hpp"

namespace distflow::test {
namespace {

constexpr int kOthers = 16;  // so many that one more makes the tables of names grow

PeerInfo known(const std::string& name) {
  return {.node_id = "the id of a node that has for its alias " + name,
          .alias = "an alias that no string keeps in itself, " + name,
          .host = "127.0.0.1",
          .port = 1};
}
const PeerInfo kPeer = known("peer");

class DirectoryWithoutMemory : public ::testing::Test {
 protected:
  DirectoryWithoutMemory() {
    directory_.left.reserve(2 * kOthers);
    for (int i = 0; i < kOthers; ++i) directory_->upsert({known(std::to_string(i))});
  }

  /// Calls it until none of its allocations fails; `check` is told each time whether it has thrown.
  static void sweep(const std::function<void()>& call, const std::function<void(bool)>& check) {
    for (std::size_t n = 0;; ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n));
      const auto [has_thrown, has_failed] = call_with_failing_allocation(n, call);
      check(has_thrown);
      if (!has_failed || HasFailure()) break;
      EXPECT_TRUE(has_thrown);
    }
  }

  /// Whether exactly the one that is said to be there is, under all of its names.
  void expect_known(const PeerInfo& info, bool is_there) {
    EXPECT_EQ(directory_->find_id(info.node_id) != nullptr, is_there);
    EXPECT_EQ(directory_->find_info(info.alias).has_value(), is_there);
    EXPECT_EQ(directory_->list().size(), static_cast<std::size_t>(kOthers) + (is_there ? 1 : 0));
  }

  LoneDirectory directory_;
};

TEST_F(DirectoryWithoutMemory, a_peer_joins_as_a_whole_or_not_at_all) {
  sweep([&] { directory_->upsert({kPeer}); }, [&](bool has_thrown) { expect_known(kPeer, !has_thrown); });
  EXPECT_EQ(directory_.joined, kOthers + 1U);
}

TEST_F(DirectoryWithoutMemory, a_peer_changes_as_a_whole_or_not_at_all) {
  static_cast<void>(directory_->link_of(directory_->upsert({kPeer})));
  PeerInfo moved = known("moved");
  moved.node_id = kPeer.node_id;
  moved.port = 2;
  const auto check = [&](bool has_thrown) {
    EXPECT_EQ(directory_->find_info(kPeer.node_id), has_thrown ? kPeer : moved);
    expect_known(has_thrown ? kPeer : moved, true);
    EXPECT_FALSE(directory_->find_info((has_thrown ? moved : kPeer).alias));
  };
  sweep([&] { directory_->upsert({moved}); }, check);
}

TEST_F(DirectoryWithoutMemory, a_link_is_made_as_a_whole_or_not_at_all) {
  runtime::Peer& peer = directory_->upsert({kPeer});
  sweep([&] { static_cast<void>(directory_->link_of(peer)); },
        [&](bool has_thrown) { EXPECT_EQ(peer.link == nullptr, has_thrown); });
}

TEST_F(DirectoryWithoutMemory, a_leave_needs_none) {
  const PeerInfo plain{.node_id = "plain", .alias = "", .host = "127.0.0.1", .port = 1};
  const PeerInfo linked{.node_id = "linked", .alias = "alias", .host = "127.0.0.1", .port = 1};
  directory_->upsert({plain});
  static_cast<void>(directory_->link_of(directory_->upsert({linked})));
  const FailingAllocation first(0);
  directory_->remove("plain");
  directory_->remove("linked");
  directory_->reap();
  EXPECT_FALSE(first.has_failed());
  EXPECT_EQ(directory_.left.size(), 2U);
}

}  // namespace
}  // namespace distflow::test
