// What a node tells of itself through its PMD, and to whom; and its answers to pings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/json_grammar.hpp"
#include "runtime/node/introspection.hpp"
#include "tests/runtime/stats_asker.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/lone_directory.hpp"
#include "tests/support/node_frames.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;

runtime::DeadLetters no_letters(LoneDirectory& lone) { return {lone.reactor(), *lone, {}}; }

class Introspected : public ::testing::Test {
 protected:
  Cluster cluster_;
};

TEST_F(Introspected, a_node_tells_its_counters_and_those_of_each_peer) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  TestNode& pong = cluster_.add_node({.alias = "pong"});
  pong.record_messages();
  for (int i = 0; i < 3; ++i) ping.send("pong", "1");
  ASSERT_TRUE(cluster_.turn_until([&] { return pong.messages.size() == 3; }));
  StatsAsker asker(cluster_);
  const Result<pmd::ToldStats> told = asker.ask("pong");
  ASSERT_TRUE(told) << told.error().message();
  ASSERT_EQ(told->refusal, "");
  EXPECT_EQ(told->node->node_id, pong->node_id());
  const rapidjson::Document stats = parsed(told->json);
  EXPECT_EQ(stats["node"]["received"]["handled"].GetUint64(), 3u);
  EXPECT_FALSE(stats.HasMember("next"));
  ASSERT_EQ(stats["peers"].Size(), 1u);
  EXPECT_EQ(stats["peers"][0]["node_id"].GetString(), ping->node_id());
  EXPECT_EQ(stats["peers"][0]["received"]["received"].GetUint64(), 3u);
  EXPECT_EQ(pong.stats().stats_told, 1u);

  const Result<pmd::ToldStats> sender = asker.ask("ping");
  ASSERT_TRUE(sender);
  const rapidjson::Document sent = parsed(sender->json);
  EXPECT_EQ(sent["peers"][0]["sent"]["written"].GetUint64(), 3u);
  EXPECT_EQ(sent["queued"].GetUint64(), 0u);
  EXPECT_STREQ(sent["peers"][0]["via"].GetString(), "tcp");
}

TEST_F(Introspected, what_waits_is_counted_where_it_waits) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  TestNode& pong = cluster_.add_node({.alias = "pong"});
  ASSERT_TRUE(cluster_.turn_until([&] { return ping->directory().find("pong") != nullptr; }));
  runtime::Link& link = ping->directory().link_of(*ping->directory().find("pong"));
  for (int i = 0; i < 5; ++i) ping.send("pong", "1");
  EXPECT_EQ(link.queued_count(), 5u);
  pong.record_messages();
  ASSERT_TRUE(cluster_.turn_until([&] { return pong.messages.size() == 5; }));
  EXPECT_EQ(link.queued_count(), 0u);
}

TEST_F(Introspected, a_node_whose_option_is_off_is_not_asked) {
  TestNode& closed = cluster_.add_node({.alias = "closed", .introspection = false});
  StatsAsker asker(cluster_);
  const Result<pmd::ToldStats> told = asker.ask("closed");
  ASSERT_TRUE(told);
  EXPECT_EQ(told->refusal, protocol::kStatsUntold);
  EXPECT_EQ(closed.stats().stats_told, 0u);
  EXPECT_EQ(cluster_.pmd().counters().stats_asked, 0u);
}

TEST_F(Introspected, while_nobody_asks_nothing_is_asked_and_told) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  TestNode& pong = cluster_.add_node({.alias = "pong"});
  pong.record_messages();
  ping.send("pong", "1");
  ASSERT_TRUE(cluster_.turn_until([&] { return pong.messages.size() == 1; }));
  EXPECT_EQ(cluster_.pmd().counters().stats_asked, 0u);
  EXPECT_EQ(ping.stats().stats_told + pong.stats().stats_told, 0u);
}

TEST_F(Introspected, a_name_that_nobody_has_is_not_found) {
  StatsAsker asker(cluster_);
  EXPECT_EQ(asker.ask("nobody").error(), Errc::node_not_found);
}

TEST(Introspection, peers_that_do_not_fit_into_a_frame_come_in_parts_each_once) {
  LoneDirectory lone;
  io::Reactor& reactor = lone.reactor();
  runtime::Carriers carriers;
  const runtime::DeadLetters letters = no_letters(lone);
  runtime::Introspection introspection(reactor, lone.traffic(), *lone, carriers, letters);
  for (int i = 0; i < 20; ++i) {
    runtime::add_owned(lone.traffic().of("peer" + std::to_string(i)).out.accepted, 1);
    runtime::add_owned(lone.traffic().of("peer" + std::to_string(i)).out.written, 1);
  }
  lone.traffic().of("without messages");
  std::vector<std::string> seen;
  std::uint64_t after = 0;
  int parts = 0;
  do {
    const std::string text = introspection.tell({.node_id = "self", .id = 1, .after = after, .size_max = 4096}, {});
    ASSERT_LE(protocol::stats_answer(UINT64_MAX, text).size(), 4096u);
    const rapidjson::Document part = parsed(text);
    for (const auto& peer : part["peers"].GetArray()) seen.emplace_back(peer["node_id"].GetString());
    after = part.HasMember("next") ? part["next"].GetUint64() : 0;
    ASSERT_LT(++parts, 20);
  } while (after > 0);
  EXPECT_GT(parts, 1);
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) expected.push_back("peer" + std::to_string(i));
  EXPECT_EQ(seen, expected);
}

TEST(Introspection, what_peers_call_themselves_does_not_break_the_text) {
  LoneDirectory lone;
  runtime::Carriers carriers;
  const runtime::DeadLetters letters = no_letters(lone);
  runtime::Introspection introspection(lone.reactor(), lone.traffic(), *lone, carriers, letters);
  for (const char* name : {"a\"},{", "\xff\xfe", "\x1b[2J", "\\"})
    runtime::add_owned(lone.traffic().of(name).in.received, 1);
  const std::string text = introspection.tell({.node_id = "self", .id = 1, .after = 0, .size_max = 32768}, {});
  EXPECT_TRUE(protocol::is_json(text)) << text;
  EXPECT_EQ(parsed(text)["peers"].Size(), 4u);
}

TEST(Introspection, a_frame_into_which_nothing_fits_and_too_many_questions_are_refused) {
  LoneDirectory lone;
  runtime::Carriers carriers;
  const runtime::DeadLetters letters = no_letters(lone);
  runtime::Introspection introspection(lone.reactor(), lone.traffic(), *lone, carriers, letters);
  EXPECT_EQ(introspection.tell({.node_id = "self", .id = 1, .after = 0, .size_max = 100}, {}), "");
  EXPECT_EQ(introspection.refused(), 1u);
  const protocol::StatsPart part{.node_id = "self", .id = 1, .after = 0, .size_max = 32768};
  for (std::uint32_t i = 1; i < runtime::Introspection::kPartsPerSecondMax; ++i)
    ASSERT_NE(introspection.tell(part, {}), "");
  EXPECT_EQ(introspection.tell(part, {}), "");
  EXPECT_EQ(introspection.refused(), 2u);
  lone.pass(base::seconds(2));
  EXPECT_NE(introspection.tell(part, {}), "");
}

std::string ping_frame(const std::string& to, const std::string& nonce) {
  return frame_of(
      protocol::write_control_frame("stranger", to, 1, {.kind = protocol::ControlFrame::Kind::ping, .nonce = nonce}));
}

TEST(Pings, are_answered_to_whoever_asks_on_the_connection_that_they_came_on) {
  SocketCluster cluster;
  TestNode& pong = cluster.add_node({.alias = "pong"});
  pong.record_messages();
  RawSocket stranger = RawSocket::connected_to(pong->port());
  ASSERT_TRUE(stranger.send(ping_frame(pong->node_id(), "n1") + ping_frame(pong->node_id(), "n2")));
  std::string bytes;
  ASSERT_TRUE(cluster.turn_until([&] {
    bytes += stranger.receive_now();
    return bytes.find("pong n2") != std::string::npos;
  }));
  EXPECT_THAT(bytes, HasSubstr(R"("from":")" + pong->node_id() + R"(","to":"stranger")"));
  EXPECT_THAT(bytes, HasSubstr(R"("connection":"pong n1")"));
  EXPECT_TRUE(pong.messages.empty());
  EXPECT_EQ(pong.stats().malformed, 0u);
}

TEST(Pings, of_a_peer_that_does_not_read_are_dropped_and_counted) {
  SocketCluster cluster;
  TestNode& pong = cluster.add_node({.alias = "pong"});
  RawSocket deaf;
  deaf.limit_receive_buffer(4096);
  ASSERT_TRUE(deaf.connect(pong->port()));
  std::string many;
  for (int i = 0; i < 100; ++i) many += ping_frame(pong->node_id(), std::string(64, 'x'));
  ASSERT_TRUE(cluster.turn_until([&] {
    // Less than a socket holds, so that this thread, which turns the node, never waits here.
    EXPECT_TRUE(deaf.send(many));
    return pong.stats().pings_dropped > 0;
  }));
}

}  // namespace
}  // namespace distflow::test
