// What nodes tell, as it is read, compared and shown: no programs, no time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/audit.hpp"
#include "cli/mesh_stats.hpp"
#include "cli/node_page.hpp"
#include "cli/ping.hpp"
#include "cli/top.hpp"

namespace distflow::cli {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

NodeCounts node(const std::string& id) {
  NodeCounts counts;
  counts.node = {.node_id = id, .alias = id, .host = "h", .port = 7};
  counts.json = "{}";
  return counts;
}

PeerCounts sent_to(const std::string& id, const SendStats& sent) {
  PeerCounts peer;
  peer.node_id = id;
  peer.via = "tcp";
  peer.sent = sent;
  return peer;
}

PeerCounts received_from(const std::string& id, const ReceiveStats& received) {
  PeerCounts peer;
  peer.node_id = id;
  peer.via = "none";
  peer.received = received;
  return peer;
}

TEST(MeshStats, a_part_is_read_and_the_next_one_adds_its_peers) {
  NodeCounts counts;
  std::uint64_t next = 0;
  ASSERT_TRUE(
      take_part(R"({"at":5,"queued":2,"node":{"sent":{"accepted":9,"dropped_shutdown":1},"received":{"handled":3},)"
                R"("cpu_us":7},"peers":[{"node_id":"a","via":"tcp","queued":1,"sent":{"written":4},"received":{}}],)"
                R"("next":12})",
                counts, next));
  EXPECT_EQ(next, 12u);
  ASSERT_TRUE(take_part(R"({"at":6,"node":{},"peers":[{"node_id":"b"}]})", counts, next));
  EXPECT_EQ(next, 0u);
  EXPECT_EQ(counts.sent.accepted, 9u);
  EXPECT_EQ(counts.at_us, 6u);
  ASSERT_EQ(counts.peers.size(), 2u);
  EXPECT_EQ(counts.peers[0].sent.written, 4u);
  EXPECT_EQ(counts.peers[1].node_id, "b");
}

TEST(MeshStats, what_is_no_answer_is_not_taken_for_one) {
  NodeCounts counts;
  std::uint64_t next = 0;
  for (const char* json : {"{}", "[]", R"({"node":{}})", R"({"node":{},"peers":{}})", R"({"peers":[]})"})
    EXPECT_FALSE(take_part(json, counts, next)) << json;
  EXPECT_TRUE(take_part(R"({"at":-1,"node":{"sent":7},"peers":[7,{"sent":[]}]})", counts, next));
}

TEST(MeshStats, a_sum_that_does_not_hold_is_named_with_what_is_missing) {
  NodeCounts counts = node("a");
  counts.sent = {.accepted = 10, .written = 5, .dropped_unreachable = 2};
  counts.queued = 1;
  EXPECT_EQ(law_of_sent(counts.sent, 1).missing, 2);
  const Report report = report_node({}, counts, {}, {});
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.out, HasSubstr("sent      10 accepted = 5 written + 1 queued + 2 dropped: BROKEN by 2\n"));
  counts.queued = 3;
  EXPECT_EQ(report_node({}, counts, {}, {}).exit_code, 0);
}

TEST(MeshStats, a_message_that_is_being_handled_breaks_no_sum_and_one_too_many_does) {
  EXPECT_TRUE(law_of_received({.received = 5, .handled = 3}, 1).holds());
  EXPECT_FALSE(law_of_received({.received = 5, .handled = 3}, 3).holds());
  EXPECT_EQ(waiting_of({.received = 5, .handled = 3, .conflated = 1}), 1u);
}

TEST(MeshStats, an_audit_joins_both_ends_and_counts_what_each_has_dropped) {
  NodeCounts a = node("a");
  a.peers = {sent_to("b", {.accepted = 10, .written = 8, .dropped_connection_lost = 2}),
             sent_to("gone", {.accepted = 1, .dropped_peer_left = 1})};
  NodeCounts b = node("b");
  b.peers = {received_from("a", {.received = 5, .handled = 4, .dropped_mailbox_newest = 1, .replies = 1})};
  NodeCounts silent = node("c");
  silent.why_untold = "no";
  const std::vector<LinkCounts> links = links_of({a, b, silent});
  ASSERT_EQ(links.size(), 2u);
  EXPECT_EQ(links[0].to, "b");
  EXPECT_EQ(links[0].lost(), 3u);
  EXPECT_EQ(links[0].between(), 2u) << "8 written, 5 messages and 1 reply come";
  EXPECT_EQ(links[1].lost(), 1u);
  EXPECT_EQ(links[1].between(), std::nullopt) << "the other end is not there to tell";
  const Report report = report_audit({}, {a, b, silent}, {});
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.out, ContainsRegex("a +b +10 +0 +2 connection_lost +2 +5 +0 +1 mailbox_newest\n"));
  EXPECT_THAT(report.out, HasSubstr("3 nodes, 2 links: 4 messages lost, 2 between two nodes.\n"));
  EXPECT_EQ(report.err, "Node 'c' does not tell its counters: no.\n");
}

TEST(MeshStats, who_tells_of_no_message_from_a_peer_has_received_none) {
  NodeCounts a = node("a");
  a.peers = {sent_to("b", {.accepted = 4, .written = 4})};
  const std::vector<LinkCounts> links = links_of({a, node("b")});
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0].between(), 4u);
}

TEST(MeshStats, rates_are_differences_by_the_clock_of_the_node) {
  NodeCounts before = node("a");
  before.at_us = 1'000'000;
  before.received.received = 100;
  NodeCounts now = before;
  now.at_us = 3'000'000;
  now.received.received = 300;
  now.sent.written = 50;
  now.cpu_us = 500'000;
  Arguments arguments;
  EXPECT_THAT(report_top(arguments, {before}, {now}, {}), ContainsRegex("\na +100 +25 +0 +0 +25% +- +-\n"));
  EXPECT_THAT(report_top(arguments, {now}, {before}, {}), ContainsRegex("\na +0 +0 ")) << "a node that began anew";
}

TEST(MeshStats, top_has_the_greatest_first_and_names_in_their_order) {
  NodeCounts few = node("a");
  few.received.dropped_mailbox_oldest = 1;
  NodeCounts many = node("b");
  many.sent.dropped_unreachable = 7;
  Arguments arguments;
  EXPECT_THAT(report_top(arguments, {}, {few, many}, {}), ContainsRegex("\nb .*7 unreachable\na .*1 mailbox_oldest\n"));
  arguments.sort = "name";
  EXPECT_THAT(report_top(arguments, {}, {many, few}, {}), ContainsRegex("\na .*\nb "));
}

TEST(MeshStats, what_nodes_call_themselves_and_their_ways_is_escaped) {
  NodeCounts counts = node("a\x1b[2J");
  PeerCounts peer = sent_to("\x1b]0;x", {});
  peer.via = "\x1b[1m";
  counts.peers = {peer};
  counts.json = "{\"x\":\"\u202e\"}";
  Arguments arguments;
  for (const bool is_json : {false, true}) {
    arguments.is_json = is_json;
    for (const std::string& text : {report_node(arguments, counts, {}, {}).out,
                                    report_audit(arguments, {counts}, {}).out, report_top(arguments, {}, {counts}, {})})
      EXPECT_EQ(text.find('\x1b') & text.find("\u202e"), std::string::npos) << text;
  }
}

TEST(MeshStats, a_percentile_is_one_of_the_times) {
  const std::vector<base::Duration> times{base::milliseconds(1), base::milliseconds(2), base::milliseconds(3),
                                          base::milliseconds(4)};
  EXPECT_EQ(percentile(times, 0), base::milliseconds(1));
  EXPECT_EQ(percentile(times, 50), base::milliseconds(2));
  EXPECT_EQ(percentile(times, 51), base::milliseconds(3));
  EXPECT_EQ(percentile(times, 99), base::milliseconds(4));
  EXPECT_EQ(percentile({base::milliseconds(7)}, 50), base::milliseconds(7));
}

TEST(MeshStats, pings_without_an_answer_are_an_answer_of_no) {
  const Report none = report_ping({}, {.node_id = "a", .host = "h", .port = 7}, 3, {});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_EQ(none.out, "3 pings to 'a' (a) at h:7 over TCP, 0 answered\n");
  EXPECT_EQ(report_ping({}, {.node_id = "a", .host = "h", .port = 7}, 1, {base::milliseconds(1)}).exit_code, 0);
}

}  // namespace
}  // namespace distflow::cli
