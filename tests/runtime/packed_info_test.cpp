#include "base/packed_info.hpp"

#include <gtest/gtest.h>

namespace distflow::test {
namespace {

using base::PackedInfo;

const PeerInfo kFull{.node_id = "7021c0138e13d26a",
                     .alias = "pong",
                     .host = "host.example",
                     .port = 4370,
                     .last_heartbeat = -1,
                     .meta = {{"", "of no name"}, {"empty", ""}, {"zone", std::string("a\0b", 3)}},
                     .groups = {"workers", "", "topic:prices"}};

TEST(PackedInfo, unpacks_to_what_it_was_made_of) {
  EXPECT_EQ(base::PackedInfo(kFull).unpack(), kFull);
  EXPECT_EQ(base::PackedInfo(PeerInfo{}).unpack(), PeerInfo{});
}

TEST(PackedInfo, gives_its_texts_without_unpacking) {
  const base::PackedInfo packed(kFull);
  EXPECT_EQ(packed.node_id(), kFull.node_id);
  EXPECT_EQ(packed.alias(), kFull.alias);
  EXPECT_EQ(packed.host(), kFull.host);
  EXPECT_EQ(packed.port(), kFull.port);
  std::vector<std::string> groups;
  packed.for_each_group([&](std::string_view group) { groups.emplace_back(group); });
  EXPECT_EQ(groups, kFull.groups);
  EXPECT_TRUE(packed.has_group("topic:prices"));
  EXPECT_FALSE(packed.has_group("topic"));
}

TEST(PackedInfo, is_what_it_was_made_of_and_nothing_that_differs_in_one_field) {
  const base::PackedInfo packed(kFull);
  EXPECT_TRUE(packed.is(kFull));
  const auto expect_other = [&packed](auto change) {
    PeerInfo other = kFull;
    change(other);
    EXPECT_FALSE(packed.is(other)) << packed.is(kFull);
  };
  expect_other([](PeerInfo& info) { info.node_id += 'x'; });
  expect_other([](PeerInfo& info) { info.alias = "ping"; });
  expect_other([](PeerInfo& info) { info.host.clear(); });
  expect_other([](PeerInfo& info) { ++info.port; });
  expect_other([](PeerInfo& info) { ++info.last_heartbeat; });
  expect_other([](PeerInfo& info) { info.meta["empty"] = "not"; });
  expect_other([](PeerInfo& info) { info.meta.erase("zone"); });
  expect_other([](PeerInfo& info) { info.meta["more"] = ""; });
  expect_other([](PeerInfo& info) { info.groups.pop_back(); });
  expect_other([](PeerInfo& info) { info.groups.emplace_back("more"); });
  expect_other([](PeerInfo& info) { info.groups.front() = "wOrkers"; });
  // The same bytes, cut elsewhere.
  expect_other([](PeerInfo& info) {
    info.node_id += 'p';
    info.alias = "ong";
  });
}

}  // namespace
}  // namespace distflow::test
