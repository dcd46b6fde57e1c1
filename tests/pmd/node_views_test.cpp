// One node with its peers on the page of a PMD: when it is asked, who is told, and the bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/support/schema.hpp"
#include "tests/support/telling_nodes.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class NodeViewsTest : public TellingNodes {
 protected:
  static std::string part(const std::string& peers, std::uint64_t next = 0) {
    return R"({"at":1,"queued":1,"node":{"sent":{"accepted":9,"written":5,"dropped_unreachable":3},)"
           R"("received":{"received":4,"handled":1},"mailbox_size":2},"peers":[)" +
           peers + (next > 0 ? "],\"next\":" + std::to_string(next) : "]") + "}";
  }
  static std::string peer(const std::string& id, std::uint64_t written = 2) {
    return R"({"node_id":")" + id + R"(","via":"memory","queued":0,"sent":{"accepted":2,"written":)" +
           std::to_string(written) + R"(},"received":{"received":1,"handled":3}})";
  }
  const NodeViews& views() { return web.web().node_views(); }
};

TEST_F(NodeViewsTest, a_node_is_told_with_all_parts_of_its_peers_and_their_laws) {
  const PeerId node = add_node("id1");
  EXPECT_THAT(web.get("/api/node?id=id1"),
              HasSubstr(R"({"nodeId":"id1","isAwaited":true,"untold":"It has not told them yet"})"));
  const std::size_t asked = tell_parts(node, [](std::uint64_t after) {
    return after == 0 ? part(peer("p1"), 7) : part(peer("p2", 1) + R"(,{"via":"tcp"},7)");
  });
  EXPECT_EQ(asked, 2u);
  const std::string told = web.get("/api/node?id=id1");
  EXPECT_EQ(complaint("page-node.v1", told), "");
  EXPECT_THAT(
      told, HasSubstr(R"("sent":{"accepted":9,"written":5,"queued":1,"missing":0,"dropped":{"unreachable":3}},)"
                      R"("received":{"received":4,"handled":1,"conflated":0,"waiting":2,"unfinished":1,"missing":0,)"));
  EXPECT_THAT(told,
              HasSubstr(R"({"nodeId":"p1","via":"memory","sent":{"accepted":2,"written":2,"queued":0,"missing":0,)"));
  EXPECT_THAT(told,
              HasSubstr(R"({"nodeId":"p2","via":"memory","sent":{"accepted":2,"written":1,"queued":0,"missing":1,)"));
  EXPECT_THAT(told, HasSubstr(R"("waiting":0,"missing":-2,"dropped":{}}}],"isCut":false})"));
}

TEST_F(NodeViewsTest, what_a_node_has_told_is_not_told_to_the_next_user_of_its_name) {
  const PeerId first = add_node("id1");
  web.get("/api/node?id=id1", MemoryWeb::kUser);
  tell_parts(first, [](std::uint64_t) { return part(peer("p1")); });
  EXPECT_THAT(web.get("/api/node?id=id1", MemoryWeb::kUser), HasSubstr("p1"));
  pmd.hang_up(first);
  add_node("id1", MemoryWeb::kOtherUser);
  const std::string told = web.get("/api/node?id=id1", MemoryWeb::kOtherUser);
  EXPECT_THAT(told, AllOf(Not(HasSubstr("p1")), HasSubstr("It has not told them yet")));
}

TEST_F(NodeViewsTest, the_silence_of_a_node_is_not_taken_for_that_of_the_next_one_of_its_name) {
  const PeerId first = add_node("id1");
  web.get("/api/node?id=id1");
  pmd.advance(base::seconds(1));
  pmd.send(first, R"({"type":"unregister","payload":{"nodeId":"id1"}})");
  const PeerId second = add_node("id1", MemoryWeb::kOtherUser);
  web.get("/api/node?id=id1", MemoryWeb::kOtherUser);
  pmd.advance(StatsRelay::kTimeout - base::seconds(1) + base::milliseconds(100));
  EXPECT_EQ(pmd.server().counters().stats_unanswered, 1u);
  EXPECT_THAT(web.get("/api/node?id=id1", MemoryWeb::kOtherUser), HasSubstr("isAwaited"));
  EXPECT_EQ(tell(second, part(peer("p1"))), 1u);
  EXPECT_THAT(web.get("/api/node?id=id1", MemoryWeb::kOtherUser), HasSubstr("p1"));
  EXPECT_EQ(views().counters().untold, 0u);
}

TEST_F(NodeViewsTest, a_node_that_nobody_looks_at_is_asked_nothing_and_forgotten) {
  const PeerId node = add_node("id1");
  web.get("/api/node?id=id1");
  EXPECT_EQ(tell_parts(node, [](std::uint64_t) { return part(""); }), 1u);
  pmd.advance(NodeViews::kLookTime + base::seconds(2));
  EXPECT_EQ(views().size(), 0u);
  EXPECT_THAT(pmd.receive(node), IsEmpty());
}

TEST_F(NodeViewsTest, the_nodes_of_others_are_not_there) {
  const PeerId node = add_node("id1", MemoryWeb::kOtherUser);
  EXPECT_THAT(web.get("/api/node?id=id1", MemoryWeb::kUser, "404"), HasSubstr("no such node"));
  EXPECT_THAT(web.get("/api/node?id=gone", 0, "404"), HasSubstr("no such node"));
  EXPECT_THAT(web.get("/api/node", 0, "404"), HasSubstr("no such node"));
  EXPECT_THAT(pmd.receive(node), IsEmpty());
  EXPECT_THAT(web.get("/api/node?id=id1", MemoryWeb::kOtherUser), HasSubstr("id1"));
  EXPECT_THAT(pmd.receive(node), SizeIs(1));
}

TEST_F(NodeViewsTest, a_node_that_is_silent_or_tells_nothing_is_told_with_the_reason) {
  const PeerId node = add_node("id1");
  web.get("/api/node?id=id1");
  tell_parts(node, [](std::uint64_t) { return "{}"; });
  EXPECT_THAT(web.get("/api/node?id=id1"), HasSubstr(R"("untold":"What it tells cannot be read")"));
  pmd.advance(NodeViews::kReadInterval);
  for (int i = 0; i < 2; ++i) web.get("/api/node?id=id1");
  EXPECT_THAT(pmd.receive(node), SizeIs(1)) << "while it owes an answer it is not asked again";
  pmd.advance(StatsRelay::kTimeout + base::milliseconds(200));
  EXPECT_THAT(web.get("/api/node?id=id1"), HasSubstr(R"("untold":"The node did not answer in time")"));
  EXPECT_EQ(views().counters().untold, 2u);
}

TEST_F(NodeViewsTest, a_node_that_cannot_tell_says_so_and_is_asked_nothing) {
  const PeerId node = web.connect_as(MemoryWeb::kUser);
  pmd.ask(node, register_text("id1", ""));
  const std::string told = web.get("/api/node?id=id1");
  EXPECT_EQ(complaint("page-node.v1", told), "");
  EXPECT_THAT(told, HasSubstr(R"("untold":"It tells nothing of itself: )"));
  EXPECT_THAT(pmd.receive(node), IsEmpty());
}

TEST_F(NodeViewsTest, a_reading_has_its_time_and_the_latency_of_whichever_part_tells_it) {
  const PeerId node = add_node("id1");
  web.get("/api/node?id=id1");
  tell_parts(node, [](std::uint64_t after) {
    const std::string latency =
        after > 0 ? "" : R"(,"latency":{"queue_wait":{"buckets":[[8,90],[1000,10]]},"handler":{"buckets":[]}})";
    return R"({"at":)" + std::to_string(70 + after) + R"(,"node":{"sent":{},"received":{})" + latency +
           R"(},"peers":[])" + (after > 0 ? "}" : R"(,"next":7})");
  });
  EXPECT_THAT(web.get("/api/node?id=id1"),
              HasSubstr(R"("atUs":77,"latency":{"wait":{"p50Ns":8,"p90Ns":8,"p99Ns":1023,"p999Ns":1023}},"sent":{)"));
  pmd.advance(NodeViews::kReadInterval);
  web.get("/api/node?id=id1");
  tell_parts(node, [](std::uint64_t) { return part(""); });
  EXPECT_THAT(web.get("/api/node?id=id1"), HasSubstr(R"("latency":{},)")) << "that of before is not told again";
}

TEST_F(NodeViewsTest, a_node_is_read_once_a_second_however_often_it_is_looked_at) {
  const PeerId node = add_node("id1");
  std::size_t asked = 0;
  for (int i = 0; i < 20; ++i) {
    web.get("/api/node?id=id1");
    asked += tell_parts(node, [](std::uint64_t) { return part(""); });
  }
  EXPECT_EQ(asked, 1u);
  EXPECT_EQ(views().counters().readings, 1u);
  pmd.advance(NodeViews::kReadInterval);
  web.get("/api/node?id=id1");
  EXPECT_EQ(tell_parts(node, [](std::uint64_t) { return part(""); }), 1u);
}

TEST_F(NodeViewsTest, more_than_was_received_breaks_the_law_of_a_node_with_what_waits_in_its_mailbox) {
  const PeerId node = add_node("id1");
  web.get("/api/node?id=id1");
  tell_parts(node, [](std::uint64_t) {
    return R"({"at":1,"node":{"sent":{},"received":{"received":4,"handled":3},"mailbox_size":5},"peers":[]})";
  });
  EXPECT_THAT(web.get("/api/node?id=id1"), HasSubstr(R"("waiting":5,"unfinished":0,"missing":-4,)"));
}

TEST_F(NodeViewsTest, a_node_that_is_slow_with_each_part_is_told_without_the_rest) {
  const PeerId node = add_node("id1");
  std::uint64_t asked = 0;
  for (; asked < PeersReading::kPartsMax; ++asked) {
    web.get("/api/node?id=id1");
    const std::vector<std::string> questions = pmd.receive(node);
    if (questions.empty()) break;
    pmd.advance(base::milliseconds(900));
    answer(node, questions.front(), part(peer("p" + std::to_string(asked)), asked + 1));
    pmd.advance(base::milliseconds(10));
    if (views().counters().cut > 0) break;
  }
  EXPECT_EQ(asked, 5u);
  EXPECT_THAT(web.get("/api/node?id=id1"),
              AllOf(HasSubstr(R"("p0")"), HasSubstr(R"("p5")"), HasSubstr(R"("isCut":true)")));
}

TEST_F(NodeViewsTest, of_peers_without_end_only_so_many_are_kept) {
  const PeerId node = add_node("id1");
  web.get("/api/node?id=id1");
  EXPECT_EQ(tell_parts(node, [](std::uint64_t after) { return part(peer("p" + std::to_string(after)), after + 1); }),
            PeersReading::kPartsMax);
  EXPECT_THAT(web.get("/api/node?id=id1"), AllOf(HasSubstr(R"("p255")"), HasSubstr(R"("isCut":true)")));
  tell_parts(node, [](std::uint64_t after) {
    std::string peers;
    for (int i = 0; i < 100; ++i) peers += (i > 0 ? "," : "") + peer(std::string(150, 'x'));
    return part(peers, after + 1);
  });
  const std::string told = web.get("/api/node?id=id1");
  EXPECT_THAT(told, HasSubstr(R"("isCut":true)"));
  EXPECT_LE(told.size(), NodeViews::kBytesMax + 1024);
  EXPECT_EQ(views().counters().cut, 2u);
}

TEST_F(NodeViewsTest, so_many_nodes_are_looked_at_at_the_same_time) {
  for (std::size_t i = 0; i <= NodeViews::kViewsMax; ++i) add_node("id" + std::to_string(i));
  for (std::size_t i = 0; i < NodeViews::kViewsMax; ++i) web.get("/api/node?id=id" + std::to_string(i));
  EXPECT_THAT(web.get("/api/node?id=id" + std::to_string(NodeViews::kViewsMax), 0, "503"), HasSubstr("too many"));
  EXPECT_EQ(views().counters().refused, 1u);
  pmd.advance(NodeViews::kLookTime + base::seconds(2));
  EXPECT_THAT(web.get("/api/node?id=id" + std::to_string(NodeViews::kViewsMax)), Not(HasSubstr("too many")));
}

TEST_F(NodeViewsTest, one_user_takes_half_of_the_places) {
  for (std::size_t i = 0; i <= NodeViews::kViewsPerUserMax; ++i) add_node("id" + std::to_string(i));
  add_node("theirs", MemoryWeb::kOtherUser);
  for (std::size_t i = 0; i < NodeViews::kViewsPerUserMax; ++i)
    web.get("/api/node?id=id" + std::to_string(i), MemoryWeb::kUser);
  const std::string last = "/api/node?id=id" + std::to_string(NodeViews::kViewsPerUserMax);
  EXPECT_THAT(web.get(last, MemoryWeb::kUser, "503"), HasSubstr("too many"));
  EXPECT_THAT(web.get("/api/node?id=theirs", MemoryWeb::kOtherUser), HasSubstr("isAwaited"));
  EXPECT_THAT(web.get(last), HasSubstr("isAwaited")) << "root";
}

TEST_F(NodeViewsTest, who_looks_at_a_node_keeps_no_place_of_another_user_who_has_gone) {
  for (std::size_t i = 0; i < NodeViews::kViewsMax; ++i) add_node("id" + std::to_string(i));
  const auto look_at_all = [this](std::uint32_t viewer) {
    for (std::size_t i = 0; i < NodeViews::kViewsMax; ++i) web.get("/api/node?id=id" + std::to_string(i), viewer);
  };
  look_at_all(0);
  ASSERT_EQ(views().size(), NodeViews::kViewsMax);
  for (int i = 0; i < 8; ++i) {
    pmd.advance(base::seconds(1));
    look_at_all(MemoryWeb::kUser);
  }
  EXPECT_EQ(views().size(), NodeViews::kViewsPerUserMax);
}

TEST_F(NodeViewsTest, a_node_whose_name_changes_hands_keeps_the_place_of_who_looks_at_it) {
  const PeerId first = add_node("id1");
  web.get("/api/node?id=id1");
  pmd.hang_up(first);
  add_node("id1", MemoryWeb::kOtherUser);
  for (std::size_t i = 0; i < NodeViews::kViewsPerUserMax; ++i)
    add_node("of-other" + std::to_string(i), MemoryWeb::kOtherUser);
  web.get("/api/node?id=id1", MemoryWeb::kOtherUser);
  for (std::size_t i = 0; i < NodeViews::kViewsPerUserMax; ++i)
    EXPECT_THAT(web.get("/api/node?id=of-other" + std::to_string(i), MemoryWeb::kOtherUser), HasSubstr("isAwaited"));
}

TEST_F(NodeViewsTest, a_node_that_owes_an_answer_keeps_its_place_until_then) {
  const PeerId node = add_node("id1");
  web.get("/api/node?id=id1");
  pmd.advance(base::milliseconds(1900));
  tell(node, part("", 7));
  pmd.advance(base::milliseconds(900));
  tell(node, part("", 8));
  pmd.advance(base::milliseconds(1200));
  EXPECT_THAT(pmd.receive(node), SizeIs(1)) << "its third part";
  EXPECT_EQ(views().size(), 1u) << "nobody looks any more";
  pmd.advance(StatsRelay::kTimeout);
  EXPECT_EQ(views().size(), 0u);
}

TEST_F(NodeViewsTest, however_many_users_take_places_so_many_questions_are_under_way_and_the_rest_waits) {
  constexpr std::uint32_t kUsers = 8;
  static_assert(kUsers * (NodeViews::kViewsMax / kUsers) == NodeViews::kViewsMax);
  const auto id = [](std::uint32_t user, std::size_t i) { return std::to_string(user) + '-' + std::to_string(i); };
  std::vector<PeerId> nodes;
  for (std::uint32_t user = 0; user < kUsers; ++user) {
    for (std::size_t i = 0; i < NodeViews::kViewsMax; ++i)
      nodes.push_back(add_node(id(user, i), MemoryWeb::kUser + user));
  }
  const auto asked = [this] { return pmd.server().counters().stats_asked; };
  for (std::size_t i = 0; i < NodeViews::kViewsMax; ++i) web.get("/api/node?id=" + id(0, i));
  for (std::uint32_t user = 1; user < kUsers; ++user) {
    for (std::size_t i = 0; i < NodeViews::kViewsPerUserMax; ++i)
      web.get("/api/node?id=" + id(user, i), MemoryWeb::kUser + user);
  }
  EXPECT_EQ(asked(), NodeViews::kAskedMax);
  EXPECT_GT(views().counters().delayed, 0u);
  EXPECT_EQ(views().size(), NodeViews::kViewsMax);
  pmd.advance(StatsRelay::kTimeout);
  pmd.turn();
  EXPECT_GT(asked(), NodeViews::kAskedMax) << "places are free again";
  EXPECT_LE(asked(), NodeViews::kAskedMax + NodeViews::kViewsMax);
}

/// Users with kViewsPerUserMax nodes each.
class NodeViewsOfUsers : public NodeViewsTest {
 protected:
  static constexpr std::uint32_t kUsers = 3;
  static constexpr std::size_t kShare = NodeViews::kViewsMax / kUsers;

  void SetUp() override {
    for (std::uint32_t user = 0; user < kUsers; ++user) {
      for (std::size_t i = 0; i < NodeViews::kViewsPerUserMax; ++i)
        nodes_[user].push_back(add_node(id(user, i), MemoryWeb::kUser + user));
    }
  }
  static std::string id(std::uint32_t user, std::size_t i) {
    return "of" + std::to_string(user) + '-' + std::to_string(i);
  }
  /// Looks at all of the user's nodes; how many are shown.
  std::size_t look(std::uint32_t user) {
    std::size_t shown = 0;
    for (std::size_t i = 0; i < NodeViews::kViewsPerUserMax; ++i) {
      if (web.get("/api/node?id=" + id(user, i), MemoryWeb::kUser + user).starts_with("{")) ++shown;
    }
    return shown;
  }
  void tell_all_of(std::uint32_t user) {
    for (const PeerId node : nodes_[user]) tell_parts(node, [](std::uint64_t) { return part(""); });
  }

 private:
  std::array<std::vector<PeerId>, kUsers> nodes_;
};

TEST_F(NodeViewsOfUsers, one_without_a_place_gets_its_share_of_those_of_the_users_with_most) {
  EXPECT_EQ(look(0), NodeViews::kViewsMax / 2);
  EXPECT_EQ(look(1), NodeViews::kViewsMax / 2);
  for (std::uint32_t user = 0; user < kUsers; ++user) tell_all_of(user);
  EXPECT_EQ(look(2), kShare);
  EXPECT_EQ(look(0) + look(1) + look(2), NodeViews::kViewsMax) << "nobody takes back what is not its share";
  EXPECT_EQ(views().counters().displaced, kShare);
}

TEST_F(NodeViewsOfUsers, a_node_that_owes_no_answer_goes_first_whoever_of_those_with_more_than_a_share_looks_at_it) {
  look(0);
  look(1);
  tell_all_of(1);
  EXPECT_EQ(look(2), kShare);
  EXPECT_EQ(look(0), NodeViews::kViewsPerUserMax);
  EXPECT_EQ(look(1), NodeViews::kViewsPerUserMax - kShare);
}

TEST_F(NodeViewsOfUsers, nodes_that_do_not_answer_keep_no_places_from_one_without) {
  look(0);
  look(1);
  EXPECT_EQ(look(2), kShare);
  pmd.advance(StatsRelay::kTimeout);
  EXPECT_EQ(look(2), kShare);
  EXPECT_EQ(views().size(), NodeViews::kViewsMax);
}

}  // namespace
}  // namespace distflow::pmd
