#include "pmd/server/server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <regex>

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

class ServerTest : public OverStores {
 protected:
  void SetUp() override { ASSERT_TRUE(pmd.start()); }
  MemoryPmd pmd{{}, store()};
};
DF_OVER_STORES(ServerTest);

TEST_P(ServerTest, a_request_without_request_id_is_answered_without_one) {
  EXPECT_EQ(pmd.ask(pmd.connect(), R"({"type":"list"})"), R"({"type":"response","payload":{"nodes":[]}})");
}

TEST_P(ServerTest, a_request_id_comes_back_as_it_came) {
  EXPECT_EQ(pmd.ask(pmd.connect(), R"({"requestId":{"a":[1e400]},"type":"heartbeat","payload":{"nodeId":"x"}})"),
            R"({"type":"response","requestId":{"a":[1e400]},"payload":{"error":"Node not found"}})");
}

TEST_P(ServerTest, an_unknown_type_is_answered_as_such) {
  EXPECT_EQ(pmd.ask(pmd.connect(), request_text("dance")),
            R"({"type":"response","requestId":"r","payload":{"error":"Unknown message type"}})");
}

TEST_P(ServerTest, hello_is_answered_with_version_caps_process_id_and_start_time) {
  EXPECT_EQ(
      pmd.ask(pmd.connect(), request_text("hello", R"({"version":1,"caps":[]})")),
      R"({"type":"response","requestId":"r","payload":{"version":1,"caps":["pmd-shutdown","principals","stats","groups"],)"
      R"("pid":0,"startTime":1795374131949}})");
}

/// Of a registration of ours.
constexpr const char* kCaps = R"(,"caps":["pmd-shutdown"])";

TEST_P(ServerTest, a_node_has_the_user_who_registered_it_in_every_answer_and_event) {
  const auto watcher = pmd.connect();
  pmd.ask(watcher, request_text("watch"));
  const auto peer = pmd.connect();
  pmd.network().set_owner(peer, io::PeerOwner::user(1001));
  pmd.ask(peer, register_text("id1", "pong", kCaps));
  EXPECT_THAT(pmd.receive(watcher), ElementsAre(HasSubstr(R"("uid":1001})")));
  EXPECT_THAT(pmd.ask(watcher, request_text("list")), HasSubstr(R"("uid":1001})"));
  EXPECT_THAT(pmd.ask(watcher, request_text("resolve", R"({"alias":"pong"})")), HasSubstr(R"("uid":1001})"));
  EXPECT_THAT(pmd.ask(watcher, request_text("watch")), HasSubstr(R"("uid":1001})"));
}

TEST_P(ServerTest, a_typescript_node_has_no_key_that_its_clients_do_not_know) {
  const auto peer = pmd.connect();
  pmd.network().set_owner(peer, io::PeerOwner::user(1001));
  pmd.ask(peer, register_text("id1", "pong"));
  EXPECT_THAT(pmd.ask(peer, request_text("list")), ::testing::Not(HasSubstr("uid")));
  EXPECT_EQ(pmd.network().owner_questions(peer), 1) << "it counts for its user all the same";
}

TEST_P(ServerTest, nobody_registers_as_another_user_than_the_system_tells) {
  const auto unknown = pmd.connect();
  pmd.ask(unknown, register_text("id1", "a", std::string(kCaps) + R"(,"uid":0)"));
  EXPECT_THAT(pmd.ask(unknown, request_text("list")), ::testing::Not(HasSubstr("uid")));
  const auto known = pmd.connect();
  pmd.network().set_owner(known, io::PeerOwner::user(1001));
  pmd.ask(known, register_text("id2", "b", std::string(kCaps) + R"(,"uid":0)"));
  EXPECT_THAT(pmd.ask(unknown, request_text("resolve", R"({"alias":"b"})")), HasSubstr(R"("uid":1001})"));
}

TEST_P(ServerTest, the_system_is_asked_for_a_user_once_a_connection_that_registers_and_for_no_other) {
  const auto looker = pmd.connect();
  const auto node = pmd.connect();
  pmd.ask(looker, request_text("list"));
  for (const char* id : {"id1", "id2", "id1"}) pmd.ask(node, register_text(id, std::string("alias-") + id, kCaps));
  EXPECT_EQ(pmd.network().owner_questions(looker), 0);
  EXPECT_EQ(pmd.network().owner_questions(node), 1);
}

TEST_P(ServerTest, a_node_that_another_user_takes_over_with_its_secret_is_that_users) {
  const auto first = pmd.connect();
  pmd.network().set_owner(first, io::PeerOwner::user(1001));
  pmd.ask(first, register_text("id1", "a", std::string(kCaps) + R"(,"secret":"s")"));
  const auto next = pmd.connect();
  pmd.ask(next, register_text("id1", "a", std::string(kCaps) + R"(,"secret":"s")"));
  EXPECT_THAT(pmd.ask(next, request_text("list")), ::testing::Not(HasSubstr("uid")));
}

TEST_P(ServerTest, list_is_in_the_order_of_registration) {
  const auto peer = pmd.connect();
  for (const char* id : {"c", "a", "b"}) pmd.ask(peer, register_text(id, std::string("alias-") + id));
  EXPECT_THAT(pmd.ask(peer, request_text("list")), ::testing::ContainsRegex(R"("c".*"a".*"b")"));
}

TEST_P(ServerTest, a_watcher_that_registers_is_answered_first_and_then_told_of_its_own_join) {
  const auto peer = pmd.connect();
  pmd.ask(peer, request_text("watch"));
  pmd.send(peer, register_text("id1", "pong"));
  EXPECT_THAT(pmd.receive(peer), ElementsAre(kSuccess, HasSubstr("peer:join")));
}

TEST_P(ServerTest, watching_twice_tells_each_event_once) {
  const auto watcher = pmd.connect();
  const auto node = pmd.connect();
  pmd.ask(watcher, request_text("watch"));
  pmd.ask(watcher, request_text("watch"));
  pmd.ask(node, register_text("id1", "pong"));
  EXPECT_THAT(pmd.receive(watcher), ElementsAre(HasSubstr("peer:join")));
}

TEST_P(ServerTest, the_revisions_told_to_a_watcher_have_no_gap) {
  const auto watcher = pmd.connect();
  const auto a = pmd.connect();
  const auto b = pmd.connect();
  pmd.ask(a, register_text("id1", "one"));
  EXPECT_THAT(pmd.ask(watcher, request_text("watch")), HasSubstr(R"("rev":1)"));
  pmd.ask(b, register_text("id2", "two"));
  pmd.ask(a, register_text("id1", "three"));
  pmd.ask(b, unregister_text("id2"));
  pmd.hang_up(a);
  EXPECT_THAT(pmd.receive(watcher), ElementsAre(HasSubstr(R"("rev":2})"), HasSubstr(R"("rev":3})"),
                                                HasSubstr(R"("rev":4})"), HasSubstr(R"("rev":5})")));
}

TEST_P(ServerTest, a_reset_connection_takes_its_nodes_with_it) {
  const auto node = pmd.connect();
  pmd.ask(node, register_text("id1", "pong"));
  pmd.network().reset(node);
  pmd.turn();
  EXPECT_EQ(pmd.server().registry().size(), 0u);
}

TEST_P(ServerTest, requests_before_a_half_close_are_answered) {
  const auto peer = pmd.connect();
  pmd.network().write(peer, framed(request_text("list")));
  pmd.hang_up(peer);
  EXPECT_THAT(pmd.receive(peer), ElementsAre(kNoNodes));
  EXPECT_TRUE(pmd.network().is_closed(peer));
}

// Look-ups in a row are put off and answered together: nothing that comes between them may overtake them.
TEST_P(ServerTest, look_ups_are_answered_in_their_places_among_other_requests) {
  const auto peer = pmd.connect();
  std::string stream;
  std::vector<std::string> expected;
  const auto ask = [&](const std::string& request, const std::string& part_of_answer) {
    stream += framed(request);
    expected.push_back(part_of_answer);
  };
  for (int i = 0; i < 40; ++i) ask(resolve_text("pong"), "Node not found");
  ask(register_text("id1", "pong"), R"("success":true)");
  for (int i = 0; i < 3; ++i) ask(resolve_text("pong"), R"("nodeId":"id1")");
  ask("bad", "Invalid JSON");
  ask(resolve_text("id1"), R"("alias":"pong")");
  ask(unregister_text("id1"), R"("success":true)");
  ask(resolve_text("id1"), "Node not found");
  pmd.network().write(peer, stream);
  pmd.turn();
  const std::vector<std::string> answers = pmd.receive(peer);
  ASSERT_EQ(answers.size(), expected.size());
  for (std::size_t i = 0; i < answers.size(); ++i) EXPECT_THAT(answers[i], HasSubstr(expected[i])) << i;
  EXPECT_EQ(pmd.server().counters().requests, expected.size() - 1);
}

TEST_P(ServerTest, every_cut_of_a_stream_of_requests_gives_the_same_answers) {
  const std::string stream = framed(register_text("id1", "pong")) + framed("bad") + framed(resolve_text("pong")) +
                             framed(unregister_text("id1"));
  const auto whole = pmd.connect();
  pmd.network().write(whole, stream);
  pmd.turn();
  const auto expected = pmd.receive(whole);
  ASSERT_EQ(expected.size(), 4u);
  for (std::size_t cut = 1; cut < stream.size(); ++cut) {
    const auto peer = pmd.connect();
    pmd.network().write(peer, stream.substr(0, cut));
    pmd.turn();
    pmd.network().write(peer, stream.substr(cut));
    pmd.turn();
    ASSERT_EQ(pmd.receive(peer), expected) << cut;
    pmd.hang_up(peer);
  }
}

TEST_P(ServerTest, shutdown_ends_in_time_although_a_peer_does_not_read) {
  const auto deaf = pmd.connect();
  pmd.network().set_window(deaf, 0);
  pmd.send(deaf, request_text("list"));
  pmd.server().begin_shutdown();
  pmd.advance(base::milliseconds(900));
  EXPECT_FALSE(pmd.server().is_finished());
  pmd.advance(base::milliseconds(200));
  EXPECT_TRUE(pmd.server().is_finished());
}

TEST_P(ServerTest, nobody_expires_because_the_pmd_itself_stood_still) {
  const auto node = pmd.connect();
  const auto dead = pmd.connect();
  pmd.ask(node, register_text("id1", "alive", R"(,"ttl":1000)"));
  pmd.ask(dead, register_text("id2", "dead", R"(,"ttl":1000)"));
  pmd.stall(std::chrono::hours(1));
  pmd.ask(node, heartbeat_text("id1"));
  EXPECT_EQ(pmd.server().registry().size(), 2u);
  EXPECT_EQ(pmd.server().counters().stalls, 1u);
  for (int i = 0; i < 11; ++i) {
    pmd.advance(base::milliseconds(500));
    pmd.ask(node, heartbeat_text("id1"));
  }
  EXPECT_EQ(pmd.ask(node, resolve_text("dead")), kNotFound);
  EXPECT_THAT(pmd.ask(node, resolve_text("alive")), HasSubstr("id1"));
  EXPECT_EQ(pmd.server().counters().stalls, 1u);
}

TEST(ServerStart, it_listens_without_ipv6_where_there_is_none) {
  MemoryPmd pmd;
  pmd.network().refuse_listening(io::Address::Family::ipv6, EADDRNOTAVAIL);
  ASSERT_TRUE(pmd.start());
  EXPECT_EQ(pmd.ask(pmd.connect(), request_text("list")), kNoNodes);
}

TEST(ServerStart, whoever_has_127_0_0_1_has_the_port) {
  MemoryPmd pmd;
  pmd.network().refuse_listening(io::Address::Family::ipv4, EADDRINUSE);
  const Result<void> started = pmd.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, std::errc::address_in_use);
}

TEST(ServerStart, a_host_that_is_no_address_is_refused) {
  ServerOptions options;
  options.host = "example.org";
  MemoryPmd pmd(options);
  EXPECT_EQ(pmd.start().error(), Errc::invalid_address);
}

/// What TypeScript peers do not look at: times, and our own keys.
std::string without_extras(std::string text) {
  text = std::regex_replace(text, std::regex(R"("lastHeartbeat":\d+)"), R"("lastHeartbeat":0)");
  text = std::regex_replace(text, std::regex(R"(("success":true),"rev":\d+,"nodes":\[.*\]\})"), "$1}");
  return std::regex_replace(text, std::regex(R"(,"rev":\d+)"), "");
}

/// Says on each connection what TypeScript peers said, in their order, and compares what they were answered.
void replay(const std::string& file, StoreChoice store) {
  MemoryPmd pmd({}, store);
  ASSERT_TRUE(pmd.start());
  std::ifstream lines(DISTFLOW_TEST_DATA "/" + file);
  ASSERT_TRUE(lines) << file;
  std::map<std::string, MemoryPmd::PeerId> peers;
  std::map<std::string, std::vector<std::string>> expected;
  std::map<std::string, std::vector<std::string>> answered;
  const std::regex form(R"((c\d+)([<>]) (?:CLOSE|\d+ (.*)))");
  std::string refused;  // the connection whose shutdown ours refuses, and TypeScript's does not
  for (std::string line; std::getline(lines, line);) {
    std::smatch part;
    ASSERT_TRUE(std::regex_match(line, part, form)) << line;
    if (!peers.contains(part[1])) peers.emplace(part[1], pmd.connect());
    const std::string body = part[3];
    if (part[2] == "<") {
      const bool is_otherwise = part[1] == refused && !body.empty();
      const std::string refusal = protocol::error_response(R"("req_1")", protocol::nodes_registered(1));
      if (!body.empty()) expected[part[1]].push_back(is_otherwise ? refusal : without_extras(body));
      continue;
    }
    if (body.find(R"("type":"shutdown")") != std::string::npos) refused = part[1];
    const MemoryPmd::PeerId peer = peers.at(part[1]);
    body.empty() ? pmd.hang_up(peer) : pmd.send(peer, body);
    for (const auto& [name, id] : peers) {
      for (const std::string& frame : pmd.receive(id)) answered[name].push_back(without_extras(frame));
    }
  }
  EXPECT_EQ(answered, expected);
}

class Recordings : public OverStores {};
DF_OVER_STORES(Recordings);

TEST_P(Recordings, the_latest_typescript_peers_get_what_they_got_from_their_own_pmd) {
  replay("typescript-latest.log", store());
}

}  // namespace
}  // namespace distflow::pmd
