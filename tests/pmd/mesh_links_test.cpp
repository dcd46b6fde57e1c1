// The links between nodes on the page of a PMD: when nodes are asked, who is told, and the bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

constexpr const char* kNothing = "{\"leftOut\":0,\"nodes\":[]}\n";
constexpr const char* kAwaited = R"({"nodeId":"id1","isAwaited":true,"untold":"It has not told them yet"})";

class MeshLinksTest : public TellingNodes {
 protected:
  static std::string stats(const std::string& peers, const std::string& more = "") {
    return R"({"at":7,"queued":1,"node":{"sent":{},"received":{}},"peers":[)" + peers + "]" + more + "}";
  }
  static std::string peer(const std::string& id) {
    return R"({"node_id":")" + id +
           R"(","via":"memory","queued":1,"sent":{"accepted":9,"written":5,)"
           R"("dropped_unreachable":3},"received":{"received":4,"handled":3,"dropped_shutdown":1}})";
  }
  const MeshLinks& links() { return web.web().mesh_links(); }
};

TEST_F(MeshLinksTest, nodes_are_told_with_the_links_of_each) {
  const PeerId one = add_node("id1");
  const PeerId two = add_node("id2");
  const std::string first = web.get("/api/links?id=id1&id=id2");
  EXPECT_EQ(complaint("page-links.v1", first), "");
  EXPECT_THAT(first, AllOf(HasSubstr(kAwaited), HasSubstr(R"({"nodeId":"id2","isAw)")));
  EXPECT_EQ(tell(one, stats(peer("p1") + R"(,{"via":"tcp"},7,)" + peer("p\\\"2"))), 1u);
  EXPECT_EQ(tell(two, stats("")), 1u);
  const std::string link = R"("via":"memory","queued":1,"written":5,"received":4,"notSent":{"unreachable":3},)"
                           R"("dropped":{"shutdown":1}})";
  EXPECT_EQ(web.get("/api/links?id=id1&id=id2"),
            R"({"leftOut":0,"nodes":[{"nodeId":"id1","atUs":7,"links":[{"to":"p1",)" + link + R"(,{"to":"p\"2",)" +
                link + R"(],"isCut":false},{"nodeId":"id2","atUs":7,"links":[],"isCut":false}]})" + "\n");
  EXPECT_EQ(links().counters().told, 2u);
  EXPECT_EQ(complaint("page-links.v1", web.get("/api/links?id=id1&id=id2")), "");
}

TEST_F(MeshLinksTest, nobody_is_asked_unless_somebody_looks_and_then_once_a_second) {
  const PeerId node = add_node("id1");
  pmd.advance(base::seconds(10));
  EXPECT_THAT(pmd.receive(node), IsEmpty());
  for (int i = 0; i < 3; ++i) web.get("/api/links?id=id1");
  EXPECT_EQ(tell(node, stats("")), 1u) << "it owes an answer";
  web.get("/api/links?id=id1");
  EXPECT_THAT(pmd.receive(node), IsEmpty()) << "it has just told";
  pmd.advance(MeshLinks::kAskInterval);
  web.get("/api/links?id=id1");
  EXPECT_EQ(tell(node, stats("")), 1u);
  pmd.advance(MeshLinks::kLookTime + base::seconds(2));
  EXPECT_EQ(links().size(), 0u);
  EXPECT_THAT(pmd.receive(node), IsEmpty());
  pmd.hang_up(node);  // its registration had a time to live
  EXPECT_EQ(pmd.reactor().timers().next_deadline(), base::kNever);
}

TEST_F(MeshLinksTest, the_nodes_of_others_are_not_there) {
  const PeerId node = add_node("id1", MemoryWeb::kOtherUser);
  EXPECT_EQ(web.get("/api/links?id=id1&id=gone", MemoryWeb::kUser), kNothing);
  EXPECT_EQ(web.get("/api/links", MemoryWeb::kUser), kNothing);
  EXPECT_THAT(pmd.receive(node), IsEmpty());
  EXPECT_EQ(links().size(), 0u);
  EXPECT_THAT(web.get("/api/links?id=id1", MemoryWeb::kOtherUser), HasSubstr(kAwaited));
  tell(node, stats(peer("p1")));
  EXPECT_EQ(web.get("/api/links?id=id1", MemoryWeb::kUser), kNothing);
  EXPECT_THAT(web.get("/api/links?id=id1"), HasSubstr("p1")) << "root";
}

TEST_F(MeshLinksTest, what_a_node_has_told_is_not_told_to_the_next_user_of_its_name) {
  const PeerId first = add_node("id1");
  web.get("/api/links?id=id1", MemoryWeb::kUser);
  tell(first, stats(peer("p1")));
  EXPECT_THAT(web.get("/api/links?id=id1", MemoryWeb::kUser), HasSubstr("p1"));
  pmd.hang_up(first);
  const PeerId second = add_node("id1", MemoryWeb::kOtherUser);
  EXPECT_THAT(web.get("/api/links?id=id1", MemoryWeb::kOtherUser), AllOf(HasSubstr(kAwaited), Not(HasSubstr("p1"))));
  EXPECT_THAT(pmd.receive(second), SizeIs(1)) << "what the one before was asked does not keep it from being asked";
}

TEST_F(MeshLinksTest, a_node_that_tells_nothing_is_told_with_the_reason) {
  const PeerId mute = web.connect_as(MemoryWeb::kUser);
  pmd.ask(mute, register_text("mute", ""));
  EXPECT_THAT(web.get("/api/links?id=mute"), HasSubstr(R"({"nodeId":"mute","untold":"It tells nothing of itself"})"));
  EXPECT_THAT(pmd.receive(mute), IsEmpty());
  const PeerId liar = add_node("liar");
  web.get("/api/links?id=liar");
  tell(liar, "{}");
  EXPECT_THAT(web.get("/api/links?id=liar"), HasSubstr(R"({"nodeId":"liar","untold":"What it tells cannot be read"})"));
  pmd.advance(MeshLinks::kAskInterval);
  web.get("/api/links?id=liar");
  pmd.advance(StatsRelay::kTimeout + base::milliseconds(200));
  EXPECT_THAT(web.get("/api/links?id=liar"), HasSubstr(R"("untold":"The node did not answer in time")"));
  EXPECT_EQ(links().counters().untold, 2u);
}

TEST_F(MeshLinksTest, what_a_liar_tells_is_json_still) {
  const PeerId node = add_node("id1");
  for (const char* peers : {R"({"node_id":7})", R"({"node_id":"a","via":7,"queued":-1,"sent":[],"received":"x"})",
                            R"({"node_id":"<b>","via":"<i>","sent":{"dropped_<b>":1}})", R"([],null,"x")"}) {
    web.get("/api/links?id=id1");
    tell(node, stats(peers));
    EXPECT_THAT(web.get("/api/links?id=id1"), AllOf(HasSubstr(R"("links":[)"), Not(HasSubstr(R"("<b>":)")))) << peers;
    pmd.advance(MeshLinks::kAskInterval);
  }
}

TEST_F(MeshLinksTest, of_peers_without_end_only_so_many_are_kept_and_the_answer_says_so) {
  const PeerId node = add_node("id1");
  std::string peers = peer("p0");
  for (int i = 1; i < 80; ++i) peers += "," + peer("p" + std::to_string(i));
  web.get("/api/links?id=id1");
  tell(node, stats(peers));
  std::string told = web.get("/api/links?id=id1");
  EXPECT_THAT(told, AllOf(HasSubstr(R"("to":"p0")"), Not(HasSubstr(R"("to":"p79")")), HasSubstr(R"("isCut":true)")));
  EXPECT_LE(told.size(), MeshLinks::kNodeBytesMax + 256);
  pmd.advance(MeshLinks::kAskInterval);
  web.get("/api/links?id=id1");
  tell(node, stats(peer("p1"), R"(,"next":7)"));
  EXPECT_THAT(web.get("/api/links?id=id1"), HasSubstr(R"("isCut":true)")) << "there are more parts";
  EXPECT_EQ(links().counters().cut, 2u);
}

TEST_F(MeshLinksTest, a_request_names_so_many_nodes_and_so_many_are_kept) {
  const PeerId node = web.connect_as(MemoryWeb::kUser);
  for (std::size_t i = 0; i <= MeshLinks::kNodesMax; ++i)
    pmd.ask(node, register_text("id" + std::to_string(i), "", kTells));
  const auto look = [this](std::size_t first, std::size_t count) {
    std::string path = "/api/links?";
    for (std::size_t i = first; i < first + count; ++i) path += "id=id" + std::to_string(i) + '&';
    return web.get(path);
  };
  EXPECT_THAT(look(0, MeshLinks::kNamedMax + 1), HasSubstr(R"({"leftOut":1,)"));
  EXPECT_EQ(links().counters().asked, std::uint64_t{StatsRelay::kPendingPerNodeMax}) << "of one connection";
  EXPECT_EQ(links().counters().not_asked, MeshLinks::kNamedMax - StatsRelay::kPendingPerNodeMax);
  for (std::size_t i = 0; i < MeshLinks::kNodesMax; i += MeshLinks::kNamedMax)
    EXPECT_THAT(look(i, MeshLinks::kNamedMax), HasSubstr(R"({"leftOut":0,)"));
  EXPECT_THAT(look(MeshLinks::kNodesMax, 1), HasSubstr(R"({"leftOut":1,"nodes":[]})"));
  EXPECT_EQ(links().size(), MeshLinks::kNodesMax);
  EXPECT_EQ(links().counters().left_out, 2u);
  pmd.advance(MeshLinks::kLookTime + base::seconds(2));
  EXPECT_THAT(look(MeshLinks::kNodesMax, 1), HasSubstr(R"({"leftOut":0,)"));
}

TEST_F(MeshLinksTest, all_nodes_of_one_connection_have_their_turn) {
  const PeerId node = web.connect_as(MemoryWeb::kUser);
  std::string path = "/api/links?";
  for (std::size_t i = 0; i < MeshLinks::kNamedMax; ++i) {
    pmd.ask(node, register_text("id" + std::to_string(i), "", kTells));
    path += "id=id" + std::to_string(i) + '&';
  }
  web.get(path);
  EXPECT_EQ(tell(node, stats("")), std::size_t{StatsRelay::kPendingPerNodeMax});
  web.get(path);
  EXPECT_EQ(tell(node, stats("")), std::size_t{StatsRelay::kPendingPerNodeMax}) << "at once: they have not been asked";
  EXPECT_THAT(web.get(path), Not(HasSubstr("isAwaited")));
  pmd.advance(MeshLinks::kAskInterval);
  web.get(path);
  EXPECT_THAT(pmd.receive(node).front(), AllOf(HasSubstr(R"("nodeId":"id)"), Not(HasSubstr(R"("nodeId":"id0")"))))
      << "each request begins at another place";
}

TEST_F(MeshLinksTest, one_user_takes_half_of_the_places) {
  const PeerId other = add_node("theirs", MemoryWeb::kOtherUser);
  const PeerId node = web.connect_as(MemoryWeb::kUser);
  for (std::size_t i = 0; i <= MeshLinks::kNodesPerUserMax; ++i)
    pmd.ask(node, register_text("id" + std::to_string(i), "", kTells));
  for (std::size_t i = 0; i < MeshLinks::kNodesPerUserMax; i += MeshLinks::kNamedMax) {
    std::string path = "/api/links?";
    for (std::size_t k = i; k < i + MeshLinks::kNamedMax; ++k) path += "id=id" + std::to_string(k) + '&';
    EXPECT_THAT(web.get(path, MemoryWeb::kUser), HasSubstr(R"({"leftOut":0,)"));
  }
  const std::string last = "/api/links?id=id" + std::to_string(MeshLinks::kNodesPerUserMax);
  EXPECT_THAT(web.get(last, MemoryWeb::kUser), HasSubstr(R"({"leftOut":1,"nodes":[]})"));
  EXPECT_THAT(web.get("/api/links?id=theirs", MemoryWeb::kOtherUser), HasSubstr(R"({"leftOut":0,)"));
  EXPECT_THAT(web.get(last), HasSubstr(R"({"leftOut":0,)")) << "root";
  EXPECT_THAT(pmd.receive(other), SizeIs(1));
}

TEST_F(MeshLinksTest, a_question_of_another_view_answers_it_too) {
  const PeerId node = add_node("id1");
  web.get("/api/links?id=id1");
  web.get("/api/node?id=id1");
  EXPECT_EQ(tell(node, stats(peer("p1"))), 2u);
  EXPECT_THAT(web.get("/api/links?id=id1"), HasSubstr(R"("to":"p1")"));
  EXPECT_THAT(web.get("/api/node?id=id1"), HasSubstr(R"("nodeId":"p1")"));
  EXPECT_EQ(links().counters().told, 1u);
}

TEST_F(MeshLinksTest, its_counters_are_metrics) {
  EXPECT_THAT(web.get("/metrics"), HasSubstr("\ndistflow_pmd_mesh_links_asked_total 0\n"));
}

}  // namespace
}  // namespace distflow::pmd
