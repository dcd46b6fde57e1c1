// A whole mesh, and what `distflow top` and `audit` say of the one node in it that drops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/cli/mesh_of_nodes.hpp"

namespace distflow::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class MeshTrial : public ::testing::Test, protected MeshOfNodes {};

TEST_F(MeshTrial, of_twenty_nodes_the_one_that_drops_is_named_with_its_reason_and_the_exact_loss) {
  constexpr int count = 20;
  constexpr std::uint64_t of_each = 100;
  constexpr std::uint64_t all = (count - 1) * of_each;
  constexpr std::uint64_t room = 10;
  add_nodes(count);
  // No handler takes what comes to n7: ten messages wait, and what comes behind them is dropped.
  run([&](Cluster& cluster) {
    for (int i = 0; i < count; ++i) {
      for (std::uint64_t k = 0; k < of_each && i != 7; ++k) nodes_[static_cast<std::size_t>(i)]->send("n7", "1");
    }
    EXPECT_TRUE(cluster.turn_until([&] { return nodes_[7]->stats().received.received == all; }));
    for (TestNode* const node : nodes_) {
      EXPECT_TRUE(cluster.turn_until([&] { return node->stats().sent.written == (node == nodes_[7] ? 0 : of_each); }));
    }
  });
  const rapidjson::Document top = parsed(look({"top", "--interval", "0.1", "--json"}));
  ASSERT_EQ(top["nodes"].Size(), 20u);
  const auto& worst = top["nodes"][0];
  EXPECT_STREQ(worst["name"].GetString(), "n7");
  EXPECT_EQ(worst["mailbox"].GetUint64(), room);
  EXPECT_EQ(worst["dropped"]["mailbox_newest"].GetUint64(), all - room);
  for (rapidjson::SizeType i = 1; i < top["nodes"].Size(); ++i) {
    EXPECT_EQ(top["nodes"][i]["dropped"].MemberCount() + top["nodes"][i]["notSent"].MemberCount(), 0u);
  }
  const rapidjson::Document audit = parsed(look({"audit", "--json"}));
  EXPECT_EQ(audit["nodes"].GetUint64(), 20u);
  EXPECT_EQ(audit["lost"].GetUint64(), all - room);
  EXPECT_EQ(audit["between"].GetUint64(), 0u);
  std::uint64_t lost = 0;
  for (const auto& link : audit["links"].GetArray()) {
    EXPECT_STREQ(link["to"].GetString(), (*nodes_[7])->node_id().c_str());
    if (link["lost"].GetUint64() == 0) continue;
    EXPECT_EQ(link["dropped"]["mailbox_newest"].GetUint64(), link["lost"].GetUint64());
    lost += link["lost"].GetUint64();
  }
  EXPECT_EQ(lost, all - room);
  EXPECT_THAT(look({"audit"}), HasSubstr("1890 messages lost, 0 between two nodes.\n"));
  EXPECT_THAT(look({"top", "--interval", "0.1"}), ContainsRegex("\nn7 .*1890 mailbox_newest"));
}

}  // namespace
}  // namespace distflow::test
