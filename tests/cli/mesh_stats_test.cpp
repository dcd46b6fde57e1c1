// What nodes tell, as it is read, compared and shown: no programs, no time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <utility>
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
  EXPECT_THAT(report_top(arguments, {before}, {now}, {}), ContainsRegex("\na +100 +25 +0 +0 +- +- +25% +- +-\n"));
  EXPECT_THAT(report_top(arguments, {now}, {before}, {}), ContainsRegex("\na +0 +0 ")) << "a node that began anew";
}

TEST(MeshStats, the_p99_of_a_round_is_of_the_messages_of_that_round) {
  NodeCounts before = node("a");
  before.at_us = 1'000'000;
  before.latency.emplace();
  before.latency->handler.record(5'000'000, 1000);
  NodeCounts now = before;
  now.at_us = 2'000'000;
  now.latency->queue_wait.record(900, 10);
  now.latency->handler.record(20'000, 10);
  Arguments arguments;
  EXPECT_THAT(report_top(arguments, {before}, {now}, {}), ContainsRegex("\na +0 +0 +0 +0 +959 ns +20.5 us +0% "));
  EXPECT_THAT(report_top(arguments, {}, {now}, {}), ContainsRegex("\na +0 +0 +0 +0 +959 ns +5.2 ms +0% "))
      << "since it began";
  arguments.is_json = true;
  EXPECT_THAT(report_top(arguments, {before}, {now}, {}), HasSubstr(R"("queueWaitP99Us":0.959,"handlerP99Us":20.479)"));
  NodeCounts later = now;
  later.at_us = 3'000'000;
  EXPECT_THAT(report_top(arguments, {now}, {later}, {}), Not(HasSubstr("P99"))) << "nothing came meanwhile";
}

TEST(MeshStats, latencies_that_a_node_tells_are_read_whatever_they_are) {
  NodeCounts counts;
  std::uint64_t next = 0;
  const auto told = [](const std::string& latency) {
    return R"({"at":1,"queued":0,"node":{"sent":{},"received":{},"latency":)" + latency + R"(},"peers":[]})";
  };
  ASSERT_TRUE(take_part(told(R"({"queue_wait":{"sum_ns":9,"buckets":[[896,5],[8,2]]},"handler":{}})"), counts, next));
  ASSERT_TRUE(counts.latency);
  EXPECT_EQ(counts.latency->queue_wait.count(), 7U);
  EXPECT_EQ(counts.latency->queue_wait.quantile(1), 959U);
  EXPECT_EQ(counts.latency->handler.count(), 0U);
  for (const char* odd :
       {"7", "null", "[]", R"({"queue_wait":[],"handler":7})",
        R"({"queue_wait":{"buckets":[1,[],[1],["x",2],[-1,-1],[1,2,3]]},"handler":{"buckets":{}}})"}) {
    EXPECT_TRUE(take_part(told(odd), counts, next)) << odd;
  }
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
  const Report none = report_ping({}, {.node_id = "a", .host = "h", .port = 7}, {.asked = 3, .sent = 3, .times = {}});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_EQ(none.out, "3 pings to 'a' (a) at h:7 over TCP, 0 answered\n");
  const std::vector<base::Duration> times{base::milliseconds(1)};
  EXPECT_EQ(
      report_ping({}, {.node_id = "a", .host = "h", .port = 7}, {.asked = 1, .sent = 1, .times = times}).exit_code, 0);
}

TEST(MeshStats, pings_that_were_never_sent_because_the_connection_ended_were_not_answered) {
  const std::vector<base::Duration> times{base::milliseconds(1)};
  const Report cut =
      report_ping({}, {.node_id = "a", .host = "h", .port = 7}, {.asked = 10, .sent = 1, .times = times});
  EXPECT_EQ(cut.exit_code, 1);
  EXPECT_EQ(cut.err, "The connection ended after 1 of 10 pings.\n");
}

TEST(MeshStats, an_audit_that_no_node_tells_anything_has_compared_nothing) {
  NodeCounts silent = node("a");
  silent.why_untold = "no";
  EXPECT_EQ(report_audit({}, {silent}, {}).exit_code, 1);
  EXPECT_EQ(report_audit({}, {silent, node("b")}, {}).exit_code, 0);
  EXPECT_EQ(report_audit({}, {}, {}).exit_code, 0) << "no nodes, no messages";
}

TEST(MeshStats, numbers_that_no_counter_has_break_a_sum_and_nothing_else) {
  const std::uint64_t most = INT64_MAX;
  EXPECT_FALSE(law_of_sent({.accepted = most, .written = most}, 2).holds());
  EXPECT_EQ(law_of_sent({.accepted = most, .written = most}, 2).missing, -2);
  EXPECT_FALSE(law_of_sent({.accepted = 0, .written = most, .dropped_shutdown = most}, most).holds());
  EXPECT_EQ(waiting_of({.received = 0, .handled = most, .dropped_shutdown = most}), 2u);
}

/// A node that answers each question at once, as `answer` says, and counts them.
class TellingNode {
 public:
  using Answer = std::function<std::string(std::uint64_t after)>;
  explicit TellingNode(Answer answer) : answer_(std::move(answer)) {}

  NodeCounts read(const ReadingBounds& bounds) {
    const AskForStats ask = [this](const std::vector<pmd::StatsQuestion>& questions) {
      std::vector<Result<pmd::ToldStats>> answers;
      for (const pmd::StatsQuestion& question : questions) {
        ++asked_;
        pmd::ToldStats told;
        told.json = answer_(question.after);
        answers.emplace_back(std::move(told));
      }
      return answers;
    };
    return read_counts(ask, {node("a").node}, bounds).front();
  }
  [[nodiscard]] std::size_t asked() const { return asked_; }

 private:
  const Answer answer_;
  std::size_t asked_ = 0;
};

/// The part from place `after` on of an endless list of peers, `count` of them.
std::string part_with(std::size_t count, std::uint64_t after) {
  std::string peers;
  for (std::size_t i = 0; i < count; ++i)
    peers += (i == 0 ? R"({"node_id":")" : R"(,{"node_id":")") + std::to_string(after + i) + R"("})";
  return R"({"at":1,"node":{},"peers":[)" + peers + R"(],"next":)" + std::to_string(after + count + 1) + "}";
}

TEST(MeshStats, a_node_that_tells_of_ever_more_peers_is_given_up_with_all_of_them) {
  TellingNode endless([](std::uint64_t after) { return part_with(1000, after); });
  const NodeCounts counts = endless.read({.until = base::kNever});
  EXPECT_EQ(counts.why_untold, "it tells of more peers than a node counts");
  EXPECT_TRUE(counts.peers.empty());
  EXPECT_EQ(endless.asked(), kPeersMax / 1000 + 1);
}

TEST(MeshStats, a_node_that_has_ever_more_parts_and_no_peer_in_them_is_given_up) {
  TellingNode empty([](std::uint64_t after) {
    return R"({"at":1,"node":{},"peers":[{},{},{"node_id":""}],"next":)" + std::to_string(after + 1) + "}";
  });
  const NodeCounts counts = empty.read({.until = base::kNever});
  EXPECT_EQ(counts.why_untold, "what it tells cannot be read");
  EXPECT_EQ(empty.asked(), 1u);
}

TEST(MeshStats, reading_ends_at_its_time_and_when_it_is_told_to) {
  TellingNode slow([](std::uint64_t after) { return part_with(1, after); });
  const NodeCounts late = slow.read({.until = base::Instant::min()});
  EXPECT_EQ(slow.asked(), 1u);
  EXPECT_EQ(late.why_untold, "it has not told all of them in time");
  EXPECT_TRUE(late.peers.empty());
  std::atomic<bool> is_over{false};
  TellingNode until_told([&](std::uint64_t after) {
    is_over = after >= 3;
    return part_with(1, after);
  });
  EXPECT_FALSE(until_told.read({.until = base::kNever, .is_over = &is_over}).is_told());
  EXPECT_LE(until_told.asked(), 4u);
}

}  // namespace
}  // namespace distflow::cli
