// The links between nodes on the page of a PMD: when nodes are asked, who is told, and the bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/envelope.hpp"
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
  static std::string stats(const std::string& peers, std::uint64_t next = 0) {
    return R"({"at":7,"queued":1,"node":{"sent":{},"received":{}},"peers":[)" + peers +
           (next > 0 ? "],\"next\":" + std::to_string(next) : "]") + "}";
  }
  static std::string peer(const std::string& id) {
    return R"({"node_id":")" + id +
           R"(","via":"memory","queued":1,"sent":{"accepted":9,"written":5,)"
           R"("dropped_unreachable":3},"received":{"received":4,"handled":3,"dropped_shutdown":1}})";
  }
  /// A node that tells nothing, and that MemoryWeb::kUser is not told of: links to it are.
  void add_end(const std::string& id) { add_node(id, MemoryWeb::kOtherUser, ""); }
  /// Nodes with connections of their own.
  std::vector<PeerId> add_nodes(std::size_t count) {
    std::vector<PeerId> nodes;
    for (std::size_t i = 0; i < count; ++i) nodes.push_back(add_node("id" + std::to_string(i)));
    return nodes;
  }
  static std::string path_of(std::size_t count) {
    std::string path = "/api/links?";
    for (std::size_t i = 0; i < count; ++i) path += "id=id" + std::to_string(i) + '&';
    return path;
  }
  /// Nodes that have answered once, and may be read again.
  std::vector<PeerId> add_known_nodes(std::size_t count) {
    std::vector<PeerId> nodes = add_nodes(count);
    web.get(path_of(count));
    for (int i = 0; i < 2; ++i) {
      for (const PeerId node : nodes) tell(node, stats(""));
    }
    EXPECT_EQ(links().counters().told, count);
    pmd.advance(MeshLinks::kReadInterval);
    return nodes;
  }
  void pause() { pmd.advance(PeersReading::kPause + base::milliseconds(1)); }
  const MeshLinks& links() { return web.web().mesh_links(); }
};

TEST_F(MeshLinksTest, nodes_are_told_with_the_links_of_each) {
  const PeerId one = add_node("id1");
  const PeerId two = add_node("id2");
  add_end("p1");
  add_end("p\\\"2");
  const std::string path = "/api/links?id=id1&id=id2&id=p1&id=p%222";
  const std::string first = web.get(path, MemoryWeb::kUser);
  EXPECT_EQ(complaint("page-links.v1", first), "");
  EXPECT_THAT(first, AllOf(HasSubstr(kAwaited), HasSubstr(R"({"nodeId":"id2","isAw)")));
  EXPECT_EQ(tell(one, stats(peer("p1") + R"(,{"via":"tcp"},7,)" + peer("p\\\"2"))), 1u);
  EXPECT_EQ(tell(two, stats("")), 1u);
  const std::string link = R"("via":"memory","queued":1,"written":5,"received":4,"notSent":{"unreachable":3},)"
                           R"("dropped":{"shutdown":1}})";
  EXPECT_EQ(
      web.get(path, MemoryWeb::kUser),
      R"({"leftOut":0,"nodes":[{"nodeId":"id1","atUs":7,"links":[{"to":"p1",)" + link + R"(,{"to":"p\"2",)" + link +
          R"(],"others":0,"isCut":false},{"nodeId":"id2","atUs":7,"links":[],"others":0,"isCut":false}]})" + "\n");
  EXPECT_EQ(links().counters().told, 2u);
  EXPECT_EQ(complaint("page-links.v1", web.get(path)), "");
}

TEST_F(MeshLinksTest, the_silence_of_a_node_is_not_taken_for_that_of_the_next_one_of_its_name) {
  const PeerId first = add_node("id1");
  web.get("/api/links?id=id1");
  pmd.advance(base::seconds(1));
  pmd.send(first, R"({"type":"unregister","payload":{"nodeId":"id1"}})");
  const PeerId second = add_node("id1", MemoryWeb::kOtherUser);
  const auto look = [this] { return web.get("/api/links?id=id1", MemoryWeb::kOtherUser); };
  EXPECT_THAT(look(), HasSubstr(kAwaited));
  EXPECT_THAT(pmd.receive(second), IsEmpty()) << "one question to a node at a time";
  pmd.advance(StatsRelay::kTimeout - base::seconds(1) + base::milliseconds(100));
  EXPECT_EQ(pmd.server().counters().stats_unanswered, 1u);
  EXPECT_THAT(look(), HasSubstr(kAwaited));
  EXPECT_EQ(tell(second, stats("")), 1u);
  EXPECT_THAT(look(), HasSubstr(R"("links":[])"));
  EXPECT_EQ(links().counters().untold, 0u);
}

TEST_F(MeshLinksTest, a_question_keeps_its_place_when_the_name_of_its_node_changes_hands) {
  const std::vector<PeerId> nodes = add_known_nodes(MeshLinks::kAskedMax + 1);
  const auto asked = [this] { return pmd.server().counters().stats_asked; };
  const std::uint64_t before = asked();
  web.get(path_of(nodes.size()));
  EXPECT_EQ(asked() - before, MeshLinks::kAskedMax);
  for (std::size_t i = 0; i < 4; ++i) {
    const std::string id = "id" + std::to_string(i);
    pmd.send(nodes[i], R"({"type":"unregister","payload":{"nodeId":")" + id + "\"}}");
    add_node(id, MemoryWeb::kOtherUser);
  }
  web.get(path_of(nodes.size()));
  EXPECT_EQ(asked() - before, MeshLinks::kAskedMax);
}

TEST_F(MeshLinksTest, all_parts_of_its_peers_are_read_and_links_to_nodes_that_are_not_named_are_counted) {
  const PeerId node = add_node("id1");
  for (const char* id : {"p1", "p2", "p3"}) add_end(id);
  const std::string path = "/api/links?id=id1&id=p1&id=p3";
  web.get(path, MemoryWeb::kUser);
  EXPECT_EQ(tell(node, stats(peer("p1") + ',' + peer("x"), 2)), 1u);
  EXPECT_THAT(web.get(path, MemoryWeb::kUser), HasSubstr(kAwaited)) << "a part is not all of its links";
  EXPECT_EQ(tell_parts(node, [](std::uint64_t after) { return after == 2 ? stats(peer("p2"), 3) : stats(peer("p3")); }),
            2u);
  EXPECT_THAT(web.get(path, MemoryWeb::kUser),
              AllOf(HasSubstr(R"("links":[{"to":"p1",)"), HasSubstr(R"({"to":"p3",)"), Not(HasSubstr("p2")),
                    HasSubstr(R"(],"others":2,"isCut":false}]})")));
  EXPECT_EQ(links().counters().asked, 3u);
  EXPECT_EQ(links().counters().readings, 1u);
}

TEST_F(MeshLinksTest, viewers_share_a_reading_and_each_is_told_of_the_links_between_its_nodes) {
  const PeerId node = add_node("id1");
  for (const char* id : {"p1", "p2"}) add_end(id);
  web.get("/api/links?id=id1&id=p1", MemoryWeb::kUser);
  web.get("/api/links?id=id1&id=p2");
  EXPECT_EQ(tell(node, stats(peer("p1") + ',' + peer("p2"))), 1u);
  EXPECT_THAT(web.get("/api/links?id=id1&id=p1", MemoryWeb::kUser),
              AllOf(HasSubstr(R"("to":"p1")"), Not(HasSubstr("p2")), HasSubstr(R"("others":1)")));
  EXPECT_THAT(web.get("/api/links?id=id1&id=p2"),
              AllOf(HasSubstr(R"("to":"p2")"), Not(HasSubstr("p1")), HasSubstr(R"("others":1)")));
}

TEST_F(MeshLinksTest, a_link_to_a_node_that_is_named_later_comes_with_the_next_reading) {
  const PeerId node = add_node("id1");
  add_end("p1");
  web.get("/api/links?id=id1");
  tell(node, stats(peer("p1")));
  EXPECT_THAT(web.get("/api/links?id=id1&id=p1", MemoryWeb::kUser), HasSubstr(R"("links":[],"others":1)"));
  pmd.advance(MeshLinks::kReadInterval);
  web.get("/api/links?id=id1&id=p1", MemoryWeb::kUser);
  tell(node, stats(peer("p1")));
  EXPECT_THAT(web.get("/api/links?id=id1&id=p1", MemoryWeb::kUser),
              AllOf(HasSubstr(R"("to":"p1")"), HasSubstr(R"("others":0)")));
}

TEST_F(MeshLinksTest, nobody_is_asked_unless_somebody_looks_and_then_once_a_second) {
  const PeerId node = add_node("id1");
  pmd.advance(base::seconds(10));
  EXPECT_THAT(pmd.receive(node), IsEmpty());
  for (int i = 0; i < 3; ++i) web.get("/api/links?id=id1");
  EXPECT_EQ(tell(node, stats("")), 1u) << "it owes an answer";
  web.get("/api/links?id=id1");
  EXPECT_THAT(pmd.receive(node), IsEmpty()) << "it has just told";
  pmd.advance(MeshLinks::kReadInterval);
  web.get("/api/links?id=id1");
  EXPECT_EQ(tell(node, stats("")), 1u);
  pmd.advance(MeshLinks::kLookTime + base::seconds(2));
  EXPECT_EQ(links().size(), 0u);
  EXPECT_THAT(pmd.receive(node), IsEmpty());
  pmd.hang_up(node);  // its registration had a time to live
  EXPECT_EQ(pmd.reactor().timers().next_deadline(), base::kNever);
}

TEST_F(MeshLinksTest, a_reading_goes_no_further_when_nobody_looks_any_more) {
  const auto silent = add_nodes(MeshLinks::kAskedMax);
  const PeerId node = add_node("late");
  web.get(path_of(silent.size()) + "id=late");
  EXPECT_THAT(pmd.receive(node), IsEmpty()) << "it waits for its turn";
  pmd.advance(StatsRelay::kTimeout);
  std::uint64_t parts = 0;
  for (int i = 0; i < 9; ++i) {
    parts += tell(node, stats("", parts + 1));
    pmd.advance(base::milliseconds(500));
  }
  EXPECT_EQ(parts, 7u) << "those of 3 s: kLookTime is over then, and the time of the reading itself is not";
  EXPECT_EQ(links().counters().cut, 0u);
  EXPECT_EQ(links().size(), 0u);
}

TEST_F(MeshLinksTest, the_nodes_of_others_are_not_there) {
  const PeerId node = add_node("id1", MemoryWeb::kOtherUser);
  add_end("p1");
  EXPECT_EQ(web.get("/api/links?id=id1&id=gone", MemoryWeb::kUser), kNothing);
  EXPECT_EQ(web.get("/api/links", MemoryWeb::kUser), kNothing);
  EXPECT_THAT(pmd.receive(node), IsEmpty());
  EXPECT_THAT(web.get("/api/links?id=id1&id=p1", MemoryWeb::kOtherUser), HasSubstr(kAwaited));
  tell(node, stats(peer("p1")));
  EXPECT_EQ(web.get("/api/links?id=id1&id=p1", MemoryWeb::kUser), kNothing);
  EXPECT_THAT(web.get("/api/links?id=id1&id=p1"), HasSubstr(R"("to":"p1")")) << "root";
}

TEST_F(MeshLinksTest, what_a_node_has_told_is_not_told_to_the_next_user_of_its_name) {
  const PeerId first = add_node("id1");
  add_node("p1", MemoryWeb::kUser, "");
  const std::string path = "/api/links?id=id1&id=p1";
  web.get(path, MemoryWeb::kUser);
  tell(first, stats(peer("p1")));
  EXPECT_THAT(web.get(path, MemoryWeb::kUser), HasSubstr(R"("to":"p1")"));
  pmd.hang_up(first);
  const PeerId second = add_node("id1", MemoryWeb::kOtherUser);
  EXPECT_THAT(web.get(path, MemoryWeb::kOtherUser), AllOf(HasSubstr(kAwaited), Not(HasSubstr("p1"))));
  EXPECT_THAT(pmd.receive(second), SizeIs(1)) << "what the one before was asked does not keep it from being asked";
}

TEST_F(MeshLinksTest, a_name_that_changes_hands_between_two_parts_is_read_anew) {
  const PeerId first = add_node("id1");
  add_node("p1", MemoryWeb::kUser, "");
  const std::string path = "/api/links?id=id1&id=p1";
  web.get(path, MemoryWeb::kUser);
  EXPECT_EQ(tell(first, stats(peer("p1"), 7)), 1u);
  pmd.hang_up(first);
  const PeerId second = add_node("id1", MemoryWeb::kOtherUser);
  EXPECT_THAT(web.get(path, MemoryWeb::kOtherUser), HasSubstr(kAwaited));
  tell_parts(second, [](std::uint64_t after) {
    EXPECT_EQ(after, 0u);
    return stats("");
  });
  EXPECT_THAT(web.get(path, MemoryWeb::kOtherUser), HasSubstr(R"("links":[],"others":0,)"));
}

TEST_F(MeshLinksTest, a_node_whose_name_changes_hands_while_it_waits_is_not_asked_for_who_looked_at_the_other) {
  const PeerId first = add_node("first");
  const auto silent = add_nodes(MeshLinks::kUnprovenMax);
  web.get("/api/links?id=first&" + path_of(silent.size()).substr(11));
  EXPECT_EQ(tell(first, stats("", 7)), 1u) << "the next part waits for the end of the pause";
  pmd.hang_up(first);
  const PeerId second = add_node("first", MemoryWeb::kOtherUser);
  pmd.advance(StatsRelay::kTimeout + base::seconds(1));
  EXPECT_THAT(pmd.receive(second), IsEmpty());
  EXPECT_EQ(links().counters().untold, silent.size() + 1);
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
  pmd.advance(MeshLinks::kReadInterval);
  web.get("/api/links?id=liar");
  pmd.advance(StatsRelay::kTimeout + base::milliseconds(200));
  EXPECT_THAT(web.get("/api/links?id=liar"), HasSubstr(R"("untold":"The node did not answer in time")"));
  EXPECT_EQ(links().counters().untold, 2u);
}

TEST_F(MeshLinksTest, what_a_liar_tells_is_json_still) {
  const PeerId node = add_node("id1");
  for (const char* id : {"a", "<b>"}) add_end(id);
  for (const char* peers : {R"({"node_id":7})", R"({"node_id":"a","via":7,"queued":-1,"sent":[],"received":"x"})",
                            R"({"node_id":"<b>","via":"<i>","sent":{"dropped_<b>":1}})", R"([],null,"x")"}) {
    const std::string path = "/api/links?id=id1&id=a&id=<b>";
    web.get(path);
    tell(node, stats(peers));
    EXPECT_THAT(web.get(path), AllOf(HasSubstr(R"("links":[)"), Not(HasSubstr(R"("<b>":)")))) << peers;
    EXPECT_EQ(complaint("page-links.v1", web.get(path)), "") << peers;
    pmd.advance(MeshLinks::kReadInterval);
  }
}

TEST_F(MeshLinksTest, of_links_and_parts_without_end_only_so_many_are_kept_and_the_answer_says_so) {
  const PeerId node = add_node("id1");
  add_end("p1");
  const std::string path = "/api/links?id=id1&id=p1";
  std::string peers = peer("p1");
  for (int i = 1; i < 80; ++i) peers += "," + peer("p1");
  const auto look = [&](std::uint64_t first_parts, const std::string& of_part) {
    web.get(path, MemoryWeb::kUser);
    const std::size_t asked =
        tell_parts(node, [&](std::uint64_t after) { return stats(of_part, after < first_parts ? after + 1 : 0); });
    pmd.advance(MeshLinks::kReadInterval);
    return asked;
  };
  EXPECT_EQ(look(3, peers), 4u);
  EXPECT_THAT(web.get(path, MemoryWeb::kUser), HasSubstr(R"("others":0,"isCut":false)")) << "320 of them have room";
  EXPECT_LT(look(90, peers), 90u);
  const std::string told = web.get(path, MemoryWeb::kUser);
  EXPECT_THAT(told, HasSubstr(R"("isCut":true)"));
  EXPECT_LE(told.size(), MeshLinks::kNodeBytesMax + 256);
  EXPECT_EQ(look(2 * PeersReading::kPartsMax, peer("x")), PeersReading::kPartsMax);
  EXPECT_THAT(web.get(path, MemoryWeb::kUser), HasSubstr(R"("links":[],"others":256,"isCut":true)"));
  EXPECT_EQ(links().counters().cut, 2u);
}

TEST_F(MeshLinksTest, links_to_all_named_nodes_have_room_unless_their_names_are_long_and_the_answer_says_so) {
  const auto look = [this](std::size_t name_size) {
    const auto name = [name_size](std::size_t i) {
      const std::string number = std::to_string(1000 + i);
      return std::string(name_size - number.size(), 'n') + number;
    };
    const PeerId node = add_node(name(0));
    const PeerId ends = web.connect_as(MemoryWeb::kUser);
    for (std::size_t i = 1; i < MeshLinks::kNodesMax; ++i) pmd.ask(ends, register_text(name(i), "", ""));
    for (std::size_t i = 1; i < MeshLinks::kNodesMax; i += 15) {
      std::string path = "/api/links?id=" + name(0);
      for (std::size_t k = i; k < i + 15; ++k) path += "&id=" + name(k);
      EXPECT_THAT(web.get(path), HasSubstr(R"({"leftOut":0,)"));
    }
    tell(node, stats(""));  // the first reading knows those that its own request has named
    pmd.advance(MeshLinks::kReadInterval);
    const std::string some = "/api/links?id=" + name(0) + "&id=" + name(1) + "&id=" + name(MeshLinks::kNodesMax - 1);
    web.get(some);
    constexpr std::size_t kOfPart = 51;
    tell_parts(node, [&](std::uint64_t after) {
      std::string peers;
      for (std::size_t i = after; i < after + kOfPart; ++i) peers += (i > after ? "," : "") + peer(name(i + 1));
      const std::uint64_t next = after + kOfPart;
      return stats(peers, next < MeshLinks::kNodesMax - 1 ? next : 0);
    });
    const std::string told = web.get(some);
    for (const PeerId peer : {node, ends}) pmd.hang_up(peer);
    pmd.advance(MeshLinks::kLookTime + base::seconds(2));
    return told;
  };
  const std::string all = look(16);  // the size of a nodeId
  EXPECT_THAT(all, AllOf(HasSubstr(R"(1001",)"), HasSubstr(R"("others":253,"isCut":false)")));
  EXPECT_THAT(all, HasSubstr(R"(1255",)"));
  const std::string some = look(protocol::kIdSizeMax);
  EXPECT_THAT(some, AllOf(HasSubstr(R"(1001","via")"), Not(HasSubstr(R"(1255","via")")), HasSubstr(R"("isCut":true)")));
  EXPECT_EQ(links().counters().cut, 1u);
}

TEST_F(MeshLinksTest, so_many_questions_are_under_way_and_who_has_told_a_part_waits_behind_the_others) {
  const auto nodes = add_known_nodes(MeshLinks::kAskedMax + 2);
  const MeshLinkCounters before = links().counters();
  web.get(path_of(nodes.size()));
  EXPECT_EQ(links().counters().asked - before.asked, std::uint64_t{MeshLinks::kAskedMax});
  EXPECT_EQ(links().counters().delayed - before.delayed, 2u);
  const PeerId first_waiting = nodes[nodes.size() - 2];
  const PeerId last_waiting = nodes.back();
  for (int i = 0; i < 3; ++i) pmd.advance(MeshLinks::kPlaceInterval);
  EXPECT_THAT(pmd.receive(first_waiting), IsEmpty());
  EXPECT_EQ(links().counters().delayed - before.delayed, 2u) << "each once";
  EXPECT_EQ(tell(nodes[0], stats("", 7)), 1u);
  pause();
  EXPECT_THAT(pmd.receive(first_waiting), SizeIs(1));
  EXPECT_THAT(pmd.receive(nodes[0]), IsEmpty());
  EXPECT_EQ(tell(nodes[1], stats("")), 1u);
  EXPECT_THAT(pmd.receive(last_waiting), SizeIs(1));
  EXPECT_EQ(tell(nodes[2], stats("")), 1u);
  EXPECT_THAT(pmd.receive(nodes[0]), SizeIs(1)) << "its second part";
  EXPECT_EQ(links().counters().delayed - before.delayed, 3u);
}

TEST_F(MeshLinksTest, a_question_takes_its_place_until_it_is_answered_though_nobody_looks_any_more) {
  const auto nodes = add_known_nodes(MeshLinks::kAskedMax);
  const PeerId other = add_node("other");
  web.get(path_of(nodes.size()));
  std::uint64_t next = 0;
  for (base::Duration time = MeshLinks::kLookTime; time > base::milliseconds(500); time -= base::milliseconds(500)) {
    ++next;
    for (const PeerId node : nodes) EXPECT_EQ(tell(node, stats("", next)), 1u);
    pmd.advance(base::milliseconds(500));
  }
  pmd.advance(base::seconds(1));
  web.get("/api/links?id=other");
  EXPECT_THAT(pmd.receive(other), IsEmpty());
  pmd.advance(StatsRelay::kTimeout);
  EXPECT_THAT(pmd.receive(other), SizeIs(1));
  EXPECT_EQ(links().size(), 1u);
}

TEST_F(MeshLinksTest, a_node_that_answers_at_once_is_asked_for_its_parts_with_a_pause_between_two) {
  const PeerId node = add_node("id1");
  web.get("/api/links?id=id1");
  EXPECT_EQ(tell(node, stats("", 1)), 1u);
  web.get("/api/links?id=id1");
  pmd.advance(PeersReading::kPause - base::milliseconds(2));
  EXPECT_THAT(pmd.receive(node), IsEmpty());
  pmd.advance(base::milliseconds(3));
  EXPECT_EQ(tell(node, stats("")), 1u);
  EXPECT_THAT(web.get("/api/links?id=id1"), HasSubstr(R"("isCut":false)"));
}

TEST_F(MeshLinksTest, a_large_node_is_read_whole_beside_any_number_that_do_not_answer) {
  constexpr std::size_t kSilent = 40;
  constexpr std::uint64_t kParts = 50;
  add_nodes(kSilent);
  const PeerId large = add_node("large");
  const std::string path = path_of(kSilent) + "id=large";
  std::uint64_t parts = 0;
  for (int i = 0; i < 600 && parts < kParts; ++i) {
    if (i % 100 == 0) web.get(path, MemoryWeb::kUser);
    pmd.advance(base::milliseconds(10));
    parts += tell(large, stats("", parts + 1 < kParts ? parts + 1 : 0));
  }
  EXPECT_EQ(parts, kParts);
  EXPECT_EQ(links().counters().cut, 0u);
  EXPECT_THAT(web.get(path, MemoryWeb::kUser),
              HasSubstr(R"({"nodeId":"large","atUs":7,"links":[],"others":0,"isCut":false})"));
}

TEST_F(MeshLinksTest, nodes_that_were_silent_are_asked_behind_one_that_was_asked_nothing_yet) {
  constexpr std::size_t kSilent = 40;
  const auto silent = add_nodes(kSilent);
  const PeerId fresh = add_node("fresh");
  for (int i = 0; i < 8; ++i) {
    web.get(path_of(kSilent), MemoryWeb::kUser);
    pmd.advance(base::seconds(1));
  }
  EXPECT_GE(links().counters().untold, kSilent);
  web.get(path_of(kSilent), MemoryWeb::kUser);
  web.get("/api/links?id=fresh", MemoryWeb::kUser);
  pmd.advance(StatsRelay::kTimeout + MeshLinks::kPlaceInterval);
  EXPECT_THAT(pmd.receive(fresh), SizeIs(1));
}

TEST_F(MeshLinksTest, nodes_that_answer_now_and_then_have_no_places_of_those_that_answer) {
  const auto fickle = add_nodes(MeshLinks::kAskedPerUserMax);
  const PeerId steady = add_node("steady");
  const std::string path = path_of(fickle.size()) + "id=steady";
  // All answer so many readings, then the steady one alone; whether that is asked at once then.
  const auto look = [&](int readings) {
    for (int i = 0; i < readings; ++i) {
      web.get(path, MemoryWeb::kUser);
      for (int k = 0; k < 3; ++k) {
        for (const PeerId node : fickle) tell(node, stats(""));
        tell(steady, stats(""));
      }
      pmd.advance(MeshLinks::kReadInterval);
    }
    web.get(path, MemoryWeb::kUser);
    const bool is_asked_at_once = tell(steady, stats("")) == 1;
    for (int i = 0; i < 2; ++i) {  // who has waited for a place is asked later
      pmd.advance(StatsRelay::kTimeout + MeshLinks::kPlaceInterval);
      tell(steady, stats(""));
    }
    for (const PeerId node : fickle) pmd.receive(node);
    return is_asked_at_once;
  };
  EXPECT_FALSE(look(1)) << "they have answered so far";
  EXPECT_TRUE(look(1)) << "they owe two readings";
  EXPECT_TRUE(look(2)) << "they owe four";
  EXPECT_FALSE(look(8)) << "they have answered eight";
}

TEST_F(MeshLinksTest, a_node_that_was_silent_once_counts_as_one_that_answers_behind_two_readings) {
  const auto nodes = add_known_nodes(MeshLinks::kUnprovenPerUserMax + 1);
  const std::string path = path_of(nodes.size());
  const auto answer_all = [&] {
    for (int i = 0; i < 2; ++i) {
      for (const PeerId node : nodes) tell(node, stats(""));
    }
    pmd.advance(MeshLinks::kReadInterval);
  };
  const auto asked_at_once = [&] {
    const std::uint64_t before = links().counters().asked;
    web.get(path, MemoryWeb::kUser);
    return links().counters().asked - before;
  };
  EXPECT_EQ(asked_at_once(), nodes.size());
  pmd.advance(StatsRelay::kTimeout + base::milliseconds(200));
  for (const PeerId node : nodes) pmd.receive(node);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(asked_at_once(), std::uint64_t{MeshLinks::kUnprovenPerUserMax});
    answer_all();
  }
  EXPECT_EQ(asked_at_once(), nodes.size());
}

TEST_F(MeshLinksTest, a_node_whose_connection_has_no_place_is_asked_when_it_has_one) {
  const PeerId node = web.connect_as(MemoryWeb::kUser);
  for (std::uint32_t i = 0; i < StatsRelay::kPendingPerNodeMax; ++i)
    pmd.ask(node, register_text("id" + std::to_string(i), "", kTells));
  web.get("/api/figures");
  pmd.turn();
  web.get("/api/links?id=id0");
  pmd.advance(2 * MeshLinks::kPlaceInterval);
  EXPECT_EQ(links().counters().refused, 1u) << "once";
  EXPECT_EQ(links().counters().delayed, 0u) << "it does not wait for others of its kind";
  EXPECT_EQ(tell(node, stats("")), std::size_t{StatsRelay::kPendingPerNodeMax}) << "for their figures";
  pmd.advance(MeshLinks::kPlaceInterval);
  EXPECT_EQ(tell(node, stats("")), 1u);
  EXPECT_THAT(web.get("/api/links?id=id0"), HasSubstr(R"("links":[])"));
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
  EXPECT_EQ(links().counters().refused, MeshLinks::kNamedMax - StatsRelay::kPendingPerNodeMax);
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
  EXPECT_EQ(tell(node, stats("")), std::size_t{StatsRelay::kPendingPerNodeMax}) << "at once: they have waited";
  EXPECT_THAT(web.get(path), Not(HasSubstr("isAwaited")));
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
  EXPECT_EQ(links().counters().asked, std::uint64_t{MeshLinks::kUnprovenPerUserMax});
  const std::string last = "/api/links?id=id" + std::to_string(MeshLinks::kNodesPerUserMax);
  EXPECT_THAT(web.get(last, MemoryWeb::kUser), HasSubstr(R"({"leftOut":1,"nodes":[]})"));
  EXPECT_THAT(web.get("/api/links?id=theirs", MemoryWeb::kOtherUser), HasSubstr(R"({"leftOut":0,)"));
  EXPECT_THAT(web.get(last), HasSubstr(R"({"leftOut":0,)")) << "root";
  EXPECT_THAT(pmd.receive(other), SizeIs(1));
}

TEST_F(MeshLinksTest, other_users_together_leave_places_to_root) {
  const auto name_all_of = [this](std::uint32_t user, const std::string& prefix) {
    const PeerId node = web.connect_as(user);
    std::size_t left_out = 0;
    for (std::size_t i = 0; i < MeshLinks::kNodesPerUserMax; ++i) {
      pmd.ask(node, register_text(prefix + std::to_string(i), "", kTells));
      const std::string answer = web.get("/api/links?id=" + prefix + std::to_string(i), user);
      if (answer.find(R"({"leftOut":0,)") == std::string::npos) ++left_out;
    }
    return left_out;
  };
  EXPECT_EQ(name_all_of(MemoryWeb::kUser, "one"), 0u);
  EXPECT_EQ(name_all_of(MemoryWeb::kOtherUser, "other"), MeshLinks::kNodesPerUserMax - MeshLinks::kNodesOfUsersMax / 2);
  EXPECT_THAT(web.get("/api/links?id=other127"), HasSubstr(R"({"leftOut":0,)")) << "root";
}

TEST_F(MeshLinksTest, who_names_a_node_keeps_no_place_of_another_user_who_has_gone) {
  const PeerId node = web.connect_as(MemoryWeb::kUser);
  const auto name_all = [this](std::uint32_t viewer) {
    for (std::size_t i = 0; i < MeshLinks::kNodesMax; i += MeshLinks::kNamedMax) {
      std::string path = "/api/links?";
      for (std::size_t k = i; k < i + MeshLinks::kNamedMax; ++k) path += "id=id" + std::to_string(k) + '&';
      web.get(path, viewer);
    }
  };
  for (std::size_t i = 0; i < MeshLinks::kNodesMax; ++i) pmd.ask(node, register_text("id" + std::to_string(i), ""));
  name_all(0);
  ASSERT_EQ(links().size(), MeshLinks::kNodesMax);
  for (int i = 0; i < 8; ++i) {
    pmd.advance(base::seconds(1));
    name_all(MemoryWeb::kUser);
  }
  EXPECT_EQ(links().size(), MeshLinks::kNodesPerUserMax);
}

TEST_F(MeshLinksTest, a_user_without_places_gets_its_share_of_those_of_the_users_with_most) {
  constexpr std::uint32_t kUsers = 3;
  const auto id = [](std::uint32_t user, std::size_t i) {
    return "of" + std::to_string(user) + '-' + std::to_string(i);
  };
  for (std::uint32_t user = 0; user < kUsers; ++user) {
    const PeerId node = web.connect_as(MemoryWeb::kUser + user);
    for (std::size_t i = 0; i < MeshLinks::kNodesPerUserMax; ++i) pmd.ask(node, register_text(id(user, i), ""));
  }
  // Names all of them; how many are shown.
  const auto look = [&](std::uint32_t user) {
    std::size_t shown = 0;
    for (std::size_t i = 0; i < MeshLinks::kNodesPerUserMax; ++i) {
      const std::string answer = web.get("/api/links?id=" + id(user, i), MemoryWeb::kUser + user);
      if (answer.starts_with(R"({"leftOut":0,)")) ++shown;
    }
    return shown;
  };
  EXPECT_EQ(look(0), MeshLinks::kNodesPerUserMax);
  EXPECT_EQ(look(1), MeshLinks::kNodesOfUsersMax / 2);
  EXPECT_EQ(look(2), MeshLinks::kNodesOfUsersMax / kUsers);
  for (int i = 0; i < 3; ++i) {
    for (std::uint32_t user = 0; user < kUsers; ++user) EXPECT_EQ(look(user), MeshLinks::kNodesOfUsersMax / kUsers);
  }
  EXPECT_EQ(links().size(), MeshLinks::kNodesOfUsersMax);
  EXPECT_EQ(links().counters().displaced, 32u + 64u) << "for the second user, and for the third";
}

TEST_F(MeshLinksTest, a_node_that_owes_an_answer_keeps_its_place_from_others) {
  std::vector<std::string> paths;
  for (const std::uint32_t user : {MemoryWeb::kUser, MemoryWeb::kOtherUser}) {
    const PeerId node = web.connect_as(user);
    for (std::size_t i = 0; i < MeshLinks::kNodesOfUsersMax / 2; ++i) {
      const std::string id = "of" + std::to_string(user) + '-' + std::to_string(i);
      pmd.ask(node, register_text(id, "", kTells));
      web.get("/api/links?id=" + id, user);
    }
  }
  const std::uint64_t asked = links().counters().asked;
  ASSERT_EQ(asked, 2 * std::uint64_t{MeshLinks::kUnprovenPerUserMax});
  const std::uint32_t third = MemoryWeb::kUser + 2;
  const PeerId node = web.connect_as(third);
  for (std::size_t i = 0; i < MeshLinks::kNodesPerUserMax; ++i) {
    pmd.ask(node, register_text("third" + std::to_string(i), "", kTells));
    web.get("/api/links?id=third" + std::to_string(i), third);
  }
  EXPECT_EQ(links().size(), MeshLinks::kNodesOfUsersMax);
  EXPECT_EQ(links().counters().asked, asked) << "all that owe an answer are still there, and count";
}

TEST_F(MeshLinksTest, where_all_nodes_of_one_user_with_most_owe_an_answer_another_gives_a_place) {
  const std::uint32_t user_count = MeshLinks::kNodesOfUsersMax / MeshLinks::kAskedPerUserMax;
  const auto names_of = [](std::uint32_t user) {
    std::string names;
    for (std::uint32_t i = 0; i < MeshLinks::kAskedPerUserMax; ++i)
      names += "&id=of" + std::to_string(user) + '-' + std::to_string(i);
    return names;
  };
  const auto add_nodes_of = [this](std::uint32_t user, const std::string& caps) {
    std::vector<PeerId> nodes;
    for (std::uint32_t i = 0; i < MeshLinks::kAskedPerUserMax; ++i)
      nodes.push_back(add_node("of" + std::to_string(user) + '-' + std::to_string(i), MemoryWeb::kUser + user, caps));
    return nodes;
  };
  const std::vector<PeerId> silent = add_nodes_of(0, kTells);
  for (std::uint32_t user = 1; user <= user_count; ++user) add_nodes_of(user, "");
  const auto look = [&](std::uint32_t user) {
    return web.get("/api/links?" + names_of(user), MemoryWeb::kUser + user);
  };
  look(0);
  for (int i = 0; i < 2; ++i) {  // they answer once, so that all are asked at the same time then
    for (const PeerId node : silent) tell(node, stats(""));
  }
  pmd.advance(MeshLinks::kReadInterval);
  for (std::uint32_t user = 0; user < user_count; ++user) EXPECT_THAT(look(user), HasSubstr(R"({"leftOut":0,)"));
  ASSERT_EQ(links().size(), MeshLinks::kNodesOfUsersMax);
  for (const PeerId node : silent) EXPECT_THAT(pmd.receive(node), SizeIs(1));

  const std::size_t share = MeshLinks::kNodesOfUsersMax / (user_count + 1);
  const std::string answer = look(user_count);
  EXPECT_THAT(answer, HasSubstr("{\"leftOut\":" + std::to_string(MeshLinks::kAskedPerUserMax - share) + ','));
  EXPECT_EQ(links().counters().displaced, share);
  EXPECT_THAT(look(0), HasSubstr(R"({"leftOut":0,)")) << "theirs owe an answer";
}

TEST_F(MeshLinksTest, a_node_is_read_at_the_expense_of_who_may_see_it_and_not_of_who_named_it_first) {
  const PeerId theirs = add_node("theirs", MemoryWeb::kOtherUser);
  const PeerId node = web.connect_as(MemoryWeb::kUser);
  std::string path = "/api/links?id=theirs";
  for (std::size_t i = 1; i < MeshLinks::kNamedMax; ++i) {
    pmd.ask(node, register_text("id" + std::to_string(i), "", kTells));
    path += "&id=id" + std::to_string(i);
  }
  web.get(path, MemoryWeb::kUser);
  EXPECT_EQ(links().counters().asked, std::uint64_t{MeshLinks::kUnprovenPerUserMax});
  web.get("/api/links?id=theirs", MemoryWeb::kOtherUser);
  EXPECT_EQ(links().counters().asked, std::uint64_t{MeshLinks::kUnprovenPerUserMax + 1});
  EXPECT_THAT(pmd.receive(theirs), SizeIs(1));
}

TEST_F(MeshLinksTest, a_node_that_is_named_twice_is_told_once) {
  add_node("id1");
  const std::string answer = web.get("/api/links?id=id1&id=id1");
  EXPECT_THAT(answer, HasSubstr(R"([{"nodeId":"id1",)"));
  EXPECT_THAT(answer, Not(HasSubstr(R"(,{"nodeId":"id1",)")));
}

TEST_F(MeshLinksTest, a_question_of_another_view_answers_it_too) {
  const PeerId node = add_node("id1");
  add_end("p1");
  web.get("/api/links?id=id1&id=p1");
  web.get("/api/node?id=id1");
  EXPECT_EQ(tell(node, stats(peer("p1"))), 2u);
  EXPECT_THAT(web.get("/api/links?id=id1&id=p1"), HasSubstr(R"("to":"p1")"));
  EXPECT_THAT(web.get("/api/node?id=id1"), HasSubstr(R"("nodeId":"p1")"));
  EXPECT_EQ(links().counters().told, 1u);
}

TEST_F(MeshLinksTest, its_counters_are_metrics) {
  EXPECT_THAT(web.get("/metrics"), HasSubstr("\ndistflow_pmd_mesh_links_readings_total 0\n"));
}

}  // namespace
}  // namespace distflow::pmd
