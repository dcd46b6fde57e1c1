// Questions for the counters of nodes: who may ask, what is believed, and that each question has one answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pmd/server/stats_relay.hpp"
#include "protocol/pmd_reply.hpp"
#include "tests/support/memory_pmd.hpp"
#include "tests/support/over_stores.hpp"
#include "tests/support/pmd_requests.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kTells = R"(,"caps":["stats"])";

std::string stats_text(const std::string& name, const std::string& id = "r") {
  return R"({"type":"stats","payload":{"node":")" + name + R"("},"requestId":")" + id + R"("})";
}
std::string answer_text(std::uint64_t id, const std::string& stats = R"({"at":1})") {
  return R"({"type":"stats:answer","payload":{"id":)" + std::to_string(id) + R"(,"stats":)" + stats + "}}";
}
std::string error_text(std::string_view error) { return protocol::error_response(R"("r")", error); }

class StatsRelayTest : public OverStores {
 protected:
  void SetUp() override { ASSERT_TRUE(pmd.start()); }

  MemoryPmd::PeerId connect_as(std::uint32_t uid) {
    const auto peer = pmd.connect();
    pmd.network().set_owner(peer, io::PeerOwner::user(uid));
    return peer;
  }
  /// A node of user 1001.
  MemoryPmd::PeerId add_node(const std::string& id, const std::string& caps = kTells) {
    const auto node = connect_as(1001);
    pmd.ask(node, register_text(id, "alias-" + id, caps));
    return node;
  }
  std::vector<std::string> received_by(MemoryPmd::PeerId peer) { return pmd.receive(peer); }

  MemoryPmd pmd{{}, store()};
};
DF_OVER_STORES(StatsRelayTest);

TEST_P(StatsRelayTest, a_question_is_brought_to_the_node_and_its_answer_to_the_client) {
  const auto node = add_node("id1");
  const auto client = connect_as(1001);
  pmd.send(client, stats_text("alias-id1"));
  EXPECT_THAT(
      received_by(node),
      ElementsAre(R"({"type":"event","payload":{"event":"stats:ask","nodeId":"id1","id":1,"after":0,"max":32768}})"));
  EXPECT_THAT(received_by(client), IsEmpty());
  pmd.send(node, answer_text(1, R"({"at":7, "x":[1e400]})"));
  const std::vector<std::string> answers = received_by(client);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_THAT(answers[0],
              ::testing::StartsWith(R"({"type":"response","requestId":"r","payload":{"node":{"nodeId":"id1",)"));
  EXPECT_THAT(answers[0], ::testing::EndsWith(R"(,"stats":{"at":7, "x":[1e400]}}})"));
  EXPECT_THAT(received_by(node), IsEmpty()) << "an answer is not answered";
}

TEST_P(StatsRelayTest, the_part_that_is_asked_for_is_the_one_that_the_node_is_asked_for) {
  const auto node = add_node("id1");
  const auto client = connect_as(1001);
  pmd.send(client, request_text("stats", R"({"node":"id1","after":57})"));
  EXPECT_THAT(received_by(node), ElementsAre(HasSubstr(R"("after":57)")));
}

TEST_P(StatsRelayTest, what_is_asked_for_is_what_the_node_is_asked_for_and_only_its_user_may) {
  const auto node = add_node("id1");
  for (const char* what : {"dead-letters", "redrive"}) {
    const std::string question = request_text("stats", std::string(R"({"node":"id1","what":")") + what + R"("})");
    EXPECT_THAT(pmd.ask(connect_as(1002), question), HasSubstr(protocol::kStatsDenied));
    EXPECT_THAT(received_by(node), IsEmpty());
    pmd.send(connect_as(1001), question);
    EXPECT_THAT(received_by(node), ElementsAre(HasSubstr(std::string(R"("what":")") + what + '"')));
  }
  EXPECT_THAT(pmd.ask(connect_as(1001), request_text("stats", R"({"node":"id1","what":"later"})")),
              HasSubstr(protocol::kStatsUnknown));
  EXPECT_THAT(received_by(node), IsEmpty());
}

TEST_P(StatsRelayTest, a_node_that_nobody_asks_of_is_sent_nothing) {
  const auto node = add_node("id1");
  const auto other = add_node("id2");
  pmd.send(connect_as(1001), stats_text("id2"));
  pmd.advance(base::seconds(5));
  EXPECT_THAT(received_by(node), IsEmpty());
  EXPECT_EQ(received_by(other).size(), 1u);
}

TEST_P(StatsRelayTest, only_the_nodes_user_and_root_are_answered) {
  const auto node = add_node("id1");
  EXPECT_EQ(pmd.ask(connect_as(1002), stats_text("id1")), error_text(protocol::kStatsDenied));
  EXPECT_EQ(pmd.ask(pmd.connect(), stats_text("id1")), error_text(protocol::kStatsDenied)) << "nobody knows who it is";
  EXPECT_THAT(received_by(node), IsEmpty());
  pmd.send(connect_as(0), stats_text("id1"));
  EXPECT_EQ(received_by(node).size(), 1u);
  EXPECT_EQ(pmd.server().counters().stats_refused, 2u);
}

TEST_P(StatsRelayTest, of_a_node_whose_user_is_not_known_only_root_may_ask) {
  const auto node = pmd.connect();
  pmd.ask(node, register_text("id1", "a", kTells));
  EXPECT_EQ(pmd.ask(connect_as(1001), stats_text("id1")), error_text(protocol::kStatsDenied));
  pmd.send(connect_as(0), stats_text("id1"));
  EXPECT_EQ(received_by(node).size(), 1u);
}

TEST_P(StatsRelayTest, a_node_without_the_cap_is_not_asked) {
  const auto ours = add_node("id1", R"(,"caps":["other"])");
  const auto typescript = add_node("id2", "");
  EXPECT_EQ(pmd.ask(connect_as(0), stats_text("id1")), error_text(protocol::kStatsUntold));
  EXPECT_EQ(pmd.ask(connect_as(0), stats_text("id2")), error_text(protocol::kStatsUntold));
  EXPECT_THAT(received_by(ours), IsEmpty());
  EXPECT_THAT(received_by(typescript), IsEmpty());
}

TEST_P(StatsRelayTest, a_name_that_nobody_has_is_not_found) {
  EXPECT_EQ(pmd.ask(connect_as(0), stats_text("nobody")), kNotFound);
  EXPECT_EQ(pmd.ask(connect_as(0), request_text("stats", R"({"node":7})")), kNotFound);
  EXPECT_EQ(pmd.ask(connect_as(0), request_text("stats", "[]")), kNotFound);
}

TEST_P(StatsRelayTest, an_answer_is_believed_on_the_connection_that_was_asked_and_once) {
  const auto node = add_node("id1");
  const auto liar = add_node("id2");
  const auto client = connect_as(1001);
  pmd.send(client, stats_text("id1"));
  pmd.send(liar, answer_text(1, R"({"lie":1})"));
  pmd.send(client, answer_text(1, R"({"lie":2})"));
  EXPECT_THAT(received_by(client), IsEmpty());
  pmd.send(node, answer_text(1));
  pmd.send(node, answer_text(1));
  pmd.send(node, answer_text(2));
  EXPECT_THAT(received_by(client), ElementsAre(HasSubstr(R"("stats":{"at":1})")));
  EXPECT_EQ(pmd.server().counters().stats_unasked, 4u);
}

TEST_P(StatsRelayTest, an_answer_that_is_no_object_tells_nothing) {
  const auto node = add_node("id1");
  const auto client = connect_as(1001);
  for (const char* payload : {R"({"id":1})", R"({"id":2,"stats":7})", R"({"id":3,"stats":null})"}) {
    pmd.send(client, stats_text("id1"));
    pmd.send(node, R"({"type":"stats:answer","payload":)" + std::string(payload) + "}");
    EXPECT_THAT(received_by(client), ElementsAre(error_text(protocol::kStatsBusy))) << payload;
  }
}

TEST_P(StatsRelayTest, a_node_that_is_silent_or_leaves_does_not_keep_the_client_waiting) {
  const auto silent = add_node("id1");
  const auto leaver = add_node("id2");
  const auto client = connect_as(1001);
  pmd.send(client, stats_text("id1"));
  pmd.send(client, stats_text("id2"));
  pmd.hang_up(leaver);
  EXPECT_THAT(received_by(client), ElementsAre(kNotFound));
  pmd.advance(StatsRelay::kTimeout + base::milliseconds(200));
  EXPECT_THAT(received_by(client), ElementsAre(error_text(protocol::kStatsUnanswered)));
  EXPECT_EQ(pmd.server().counters().stats_unanswered, 1u);
  pmd.send(silent, answer_text(1));
  EXPECT_THAT(received_by(client), IsEmpty()) << "it is too late";
}

TEST_P(StatsRelayTest, a_question_that_its_nodes_connection_has_no_room_for_is_refused_at_once) {
  ServerOptions options;
  options.reply_backlog_max = 100;  // bytes: room for each reply below
  options.watcher_backlog_max = 0;
  MemoryPmd small(options, store());
  ASSERT_TRUE(small.start());
  const auto node = small.connect();
  small.network().set_owner(node, io::PeerOwner::user(1001));
  const std::string id(100, 'i');
  ASSERT_EQ(small.ask(node, register_text(id, "a", kTells)), kSuccess);
  const auto client = small.connect();
  small.network().set_owner(client, io::PeerOwner::user(1001));
  for (std::uint32_t i = 0; i <= StatsRelay::kPendingPerNodeMax; ++i) {
    ASSERT_EQ(small.ask(client, stats_text("a")), error_text(protocol::kStatsBusy)) << i;
  }
  EXPECT_EQ(small.server().counters().stats_asked, 0u);
  EXPECT_EQ(small.server().counters().stats_refused, StatsRelay::kPendingPerNodeMax + 1);
}

TEST_P(StatsRelayTest, a_node_that_has_unregistered_meanwhile_is_not_found) {
  const auto node = add_node("id1");
  const auto client = connect_as(1001);
  pmd.send(client, stats_text("id1"));
  pmd.send(node, unregister_text("id1"));
  pmd.send(node, answer_text(1));
  EXPECT_THAT(received_by(client), ElementsAre(kNotFound));
}

TEST_P(StatsRelayTest, an_alias_that_is_the_nodes_id_is_no_harm_to_its_answers) {
  const auto node = add_node("id1");
  const auto client = connect_as(1001);
  pmd.send(client, stats_text("alias-id1"));
  pmd.ask(connect_as(1002), register_text("id2", "id1", kTells));
  pmd.send(node, answer_text(1));
  EXPECT_THAT(received_by(client), ElementsAre(HasSubstr(R"("nodeId":"id1")")));
}

TEST_P(StatsRelayTest, a_client_that_has_gone_is_owed_nothing) {
  const auto node = add_node("id1");
  const auto client = connect_as(1001);
  for (std::uint32_t i = 0; i < StatsRelay::kPendingPerNodeMax; ++i) pmd.send(client, stats_text("id1"));
  pmd.hang_up(client);
  pmd.send(node, answer_text(1));
  const auto next = connect_as(1001);
  received_by(node);
  pmd.send(next, stats_text("id1"));
  EXPECT_EQ(received_by(node).size(), 1u) << "its places are free";
}

TEST_P(StatsRelayTest, at_the_bound_of_a_node_more_are_refused_until_it_answers) {
  const auto node = add_node("id1");
  const auto client = connect_as(1001);
  for (std::uint32_t i = 0; i < StatsRelay::kPendingPerNodeMax; ++i) pmd.send(client, stats_text("id1"));
  EXPECT_EQ(pmd.ask(connect_as(1001), stats_text("id1")), error_text(protocol::kStatsBusy));
  EXPECT_EQ(received_by(node).size(), StatsRelay::kPendingPerNodeMax);
  pmd.send(node, answer_text(1));
  pmd.send(client, stats_text("id1"));
  EXPECT_EQ(received_by(node).size(), 1u);
}

TEST_P(StatsRelayTest, root_and_the_nodes_user_each_have_half_of_the_places_of_a_node_that_does_not_answer) {
  constexpr std::uint32_t kHalf = StatsRelay::kPendingPerNodeMax / 2;
  const auto node = add_node("id1");
  const auto users = connect_as(1001);
  const auto roots = connect_as(0);
  const auto ask = [&](MemoryPmd::PeerId client, const std::string& request_id) {
    pmd.send(client, stats_text("id1", request_id));
  };
  for (std::uint32_t i = 0; i < StatsRelay::kPendingPerNodeMax; ++i) ask(users, "u" + std::to_string(i));
  ask(roots, "r");
  EXPECT_THAT(received_by(users), ElementsAre(protocol::error_response(R"("u0")", protocol::kStatsBusy)))
      << "the longest unanswered one makes room";
  for (std::uint32_t i = 1; i < kHalf; ++i) ask(roots, "r");
  EXPECT_THAT(received_by(roots), IsEmpty());
  EXPECT_EQ(received_by(users).size(), kHalf - 1);
  for (const auto client : {users, roots}) {
    EXPECT_EQ(pmd.ask(client, stats_text("id1")), error_text(protocol::kStatsBusy)) << "its half, and no more";
  }
  EXPECT_EQ(pmd.server().counters().stats_displaced, kHalf);
  EXPECT_EQ(received_by(node).size(), StatsRelay::kPendingPerNodeMax + kHalf);
  EXPECT_EQ(pmd.server().broken_invariant(), nullptr);
  pmd.hang_up(roots);
  ask(users, "u");
  EXPECT_THAT(received_by(users), IsEmpty()) << "alone it may have all";
}

TEST_P(StatsRelayTest, at_the_bounds_of_a_client_of_a_user_and_of_all_more_are_refused) {
  std::vector<MemoryPmd::PeerId> nodes;
  for (int i = 0; i < 40; ++i) nodes.push_back(add_node("id" + std::to_string(i)));
  const auto ask_all = [&](MemoryPmd::PeerId client, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) pmd.send(client, stats_text("id" + std::to_string(i % nodes.size())));
    return received_by(client).size();
  };
  static_assert(StatsRelay::kPendingPerUserMax == 2 * StatsRelay::kPendingPerClientMax);
  EXPECT_EQ(ask_all(connect_as(0), StatsRelay::kPendingPerClientMax), 0u);
  const auto greedy = connect_as(0);
  EXPECT_EQ(ask_all(greedy, StatsRelay::kPendingPerClientMax), 0u);
  EXPECT_EQ(ask_all(greedy, 3), 3u);
  EXPECT_EQ(ask_all(connect_as(0), 1), 1u) << "the bound of a user, over all of its connections";
  const auto others = connect_as(1001);
  EXPECT_EQ(ask_all(others, StatsRelay::kPendingPerClientMax), 0u) << "another user has its share";
  EXPECT_EQ(ask_all(connect_as(1001), StatsRelay::kPendingPerClientMax), 0u);
  EXPECT_EQ(ask_all(connect_as(1001), 1), 1u) << "the bound of all";
  EXPECT_EQ(pmd.server().counters().stats_displaced, 0u);
  pmd.hang_up(greedy);
  EXPECT_EQ(ask_all(connect_as(0), StatsRelay::kPendingPerClientMax), 0u) << "what has ended is given back";
}

TEST_P(StatsRelayTest, users_whose_nodes_do_not_answer_leave_an_equal_share_to_a_third) {
  const auto ask_many = [&](std::uint32_t user, const std::string& prefix, std::uint32_t count) {
    const auto client = connect_as(user);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::string id = prefix + std::to_string(i / StatsRelay::kPendingPerNodeMax);
      if (i % StatsRelay::kPendingPerNodeMax == 0) pmd.ask(connect_as(user), register_text(id, "a-" + id, kTells));
      pmd.send(client, stats_text(id));
    }
    return client;
  };
  constexpr std::uint32_t kShare = StatsRelay::kPendingMax / 3;
  const auto oldest = ask_many(1001, "a", StatsRelay::kPendingPerClientMax);
  const auto newest = ask_many(1001, "b", StatsRelay::kPendingPerClientMax);
  ask_many(1002, "c", StatsRelay::kPendingPerClientMax);
  ask_many(1002, "d", StatsRelay::kPendingPerClientMax);
  const auto third = ask_many(1003, "e", 1);
  EXPECT_THAT(received_by(third), IsEmpty()) << "it has been asked";
  EXPECT_THAT(received_by(oldest), ElementsAre(error_text(protocol::kStatsBusy)));
  EXPECT_THAT(received_by(ask_many(1003, "f", StatsRelay::kPendingPerClientMax)), IsEmpty());
  const auto last = ask_many(1003, "g", kShare - StatsRelay::kPendingPerClientMax);
  EXPECT_EQ(received_by(last).size(), 1u) << "its share, and no more";
  EXPECT_EQ(pmd.server().counters().stats_displaced, kShare);
  EXPECT_THAT(received_by(newest), IsEmpty()) << "the longest unanswered ones are refused first";
  EXPECT_EQ(pmd.server().broken_invariant(), nullptr);
  pmd.advance(StatsRelay::kTimeout);
  EXPECT_EQ(received_by(newest).size(), StatsRelay::kPendingPerClientMax);
  EXPECT_EQ(pmd.server().counters().stats_unanswered, StatsRelay::kPendingMax);
}

TEST_P(StatsRelayTest, questions_of_the_pmds_own_have_their_places_beside_those_of_clients) {
  StatsRelay& relay = pmd.server().stats_relay();
  const auto ask_inside = [&](const std::string& id) {
    return relay.ask_inside(*pmd.server().registry().resolve(id), 0);
  };
  const auto client = connect_as(1001);
  const auto other = connect_as(0);
  for (std::size_t i = 0; i < StatsRelay::kPendingMax / StatsRelay::kPendingPerNodeMax; ++i) {
    const std::string id = "id" + std::to_string(i);
    add_node(id);
    const auto of_half = connect_as(i % 2 == 0 ? 1001 : 0);
    for (std::uint32_t n = 0; n < StatsRelay::kPendingPerNodeMax; ++n) pmd.send(of_half, stats_text(id));
  }
  EXPECT_EQ(pmd.ask(client, stats_text("id0")), error_text(protocol::kStatsBusy));
  for (std::uint32_t n = 0; n < StatsRelay::kPendingPerNodeMax; ++n) EXPECT_TRUE(ask_inside("id0"));
  EXPECT_FALSE(ask_inside("id0")) << "the bound of a connection";
  EXPECT_TRUE(ask_inside("id1"));
  pmd.advance(StatsRelay::kTimeout);
  for (std::uint32_t n = 0; n < StatsRelay::kPendingPerNodeMax; ++n) EXPECT_TRUE(ask_inside("id0"));
  pmd.send(other, stats_text("id0"));
  EXPECT_THAT(received_by(other), IsEmpty()) << "it has been asked";
  EXPECT_EQ(pmd.server().broken_invariant(), nullptr);
}

TEST_P(StatsRelayTest, an_answer_beyond_its_bound_is_not_passed_on) {
  const auto node = add_node("id1");
  const auto client = connect_as(1001);
  const auto ask_for = [&](std::uint64_t id, std::size_t size) {
    pmd.send(client, stats_text("id1"));
    pmd.send(node, answer_text(id, R"({"x":")" + std::string(size - 8, 'x') + R"("})"));
    return received_by(client);
  };
  EXPECT_THAT(ask_for(1, StatsRelay::kAnswerSizeMax + 1), ElementsAre(error_text(protocol::kStatsTooLarge)));
  EXPECT_THAT(ask_for(2, StatsRelay::kAnswerSizeMax), ElementsAre(HasSubstr(R"("stats":{"x":)")));
}

TEST_P(StatsRelayTest, a_request_id_that_is_long_is_not_kept) {
  const auto node = add_node("id1");
  const std::string id(StatsRelay::kRequestIdSizeMax + 1, 'x');
  EXPECT_THAT(pmd.ask(connect_as(1001), stats_text("id1", id)), HasSubstr("longer than 256 bytes"));
  EXPECT_THAT(received_by(node), IsEmpty());
}

}  // namespace
}  // namespace distflow::pmd
