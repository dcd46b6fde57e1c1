// The counters as text: valid whatever peers call themselves, complete, and under the members' names.
#include <distflow/stats_text.hpp>

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/json.hpp>

#include "runtime/counters/counter_table.hpp"
#include "runtime/counters/stats_json.hpp"

namespace distflow {
namespace {

/// Names that would break out of a string, a label or a line.
const std::vector<std::string> kHostileNames = {
    "a\"} 1\nevil_total 7", "back\\slash\\",          "\xff\xfe", "\x1b[2J", "} {peer=\"x\"",
    "line\r\nfeed",         std::string("nul\0in", 6)};

/// Stats in which every counter differs from every other.
NodeStats numbered() {
  NodeStats stats;
  std::uint64_t next = 1;
  const auto fill = [&next](const auto& rows, auto& counters) {
    for (const auto& row : rows) counters.*row.member = next++;
  };
  fill(runtime::kSendCounters, stats.sent);
  fill(runtime::kReceiveCounters, stats.received);
  for (const std::string& name : kHostileNames) {
    PeerStats& peer = stats.peers.emplace_back();
    peer.node_id = name;
    fill(runtime::kSendCounters, peer.sent);
    fill(runtime::kReceiveCounters, peer.received);
  }
  stats.latency.queue_wait.record(900, 5);
  stats.latency.queue_wait.record(3'000'000'000, 2);
  stats.latency.handler.record(70'000'000'000'000);  // more than any bucket has
  stats.asks.asked = next++;
  stats.asks.failed_deadline = next++;
  stats.asks.waiting = next++;
  stats.wakes = UINT64_MAX;
  stats.mailbox_bytes = 4711;
  stats.is_registered = true;
  stats.backend = "epoll";
  stats.backend_fallback_reason = "io_uring is \"denied\"";
  return stats;
}

TEST(StatsText, json_has_every_counter_under_the_name_of_its_member) {
  const NodeStats stats = numbered();
  const std::string text = to_json(stats);
  const Result<rapidjson::Document> document = parse_json(text);
  ASSERT_TRUE(document) << text;
  const auto expect_all = [](const rapidjson::Value& object, const auto& rows, const auto& counters) {
    ASSERT_EQ(object.MemberCount(), rows.size());
    for (const auto& row : rows) {
      ASSERT_TRUE(object.HasMember(std::string(row.name).c_str())) << row.name;
      EXPECT_EQ(object[std::string(row.name).c_str()].GetUint64(), counters.*row.member) << row.name;
    }
  };
  expect_all((*document)["sent"], runtime::kSendCounters, stats.sent);
  expect_all((*document)["received"], runtime::kReceiveCounters, stats.received);
  const rapidjson::Value& peers = (*document)["peers"];
  ASSERT_EQ(peers.Size(), stats.peers.size());
  for (rapidjson::SizeType i = 0; i < peers.Size(); ++i) {
    expect_all(peers[i]["sent"], runtime::kSendCounters, stats.peers[i].sent);
    expect_all(peers[i]["received"], runtime::kReceiveCounters, stats.peers[i].received);
  }
  EXPECT_EQ(peers[0]["node_id"].GetString(), kHostileNames[0]);
  EXPECT_STREQ(peers[2]["node_id"].GetString(), "\xef\xbf\xbd\xef\xbf\xbd") << "what is no UTF-8";
  const rapidjson::Value& asks = (*document)["asks"];
  ASSERT_EQ(asks.MemberCount(), runtime::kAskCounters.size());
  for (const auto& row : runtime::kAskCounters)
    EXPECT_EQ(asks[std::string(row.name).c_str()].GetUint64(), row.value(stats.asks)) << row.name;
  for (const auto& row : runtime::kNodeCounters) {
    const rapidjson::Value& value = (*document)[std::string(row.name).c_str()];
    EXPECT_EQ(row.is_flag ? std::uint64_t{value.GetBool()} : value.GetUint64(), row.value(stats)) << row.name;
  }
  const rapidjson::Value& wait = (*document)["latency"]["queue_wait"];
  EXPECT_EQ(wait["count"].GetUint64(), 7U);
  EXPECT_EQ(wait["sum_ns"].GetUint64(), 6'000'004'500U);
  EXPECT_EQ(wait["p50_ns"].GetUint64(), 959U);
  ASSERT_EQ(wait["buckets"].Size(), 2U);
  EXPECT_EQ(wait["buckets"][0][0].GetUint64(), 896U);
  EXPECT_EQ(wait["buckets"][0][1].GetUint64(), 5U);
  EXPECT_EQ((*document)["wakes"].GetUint64(), UINT64_MAX);
  EXPECT_STREQ((*document)["backend_fallback_reason"].GetString(), "io_uring is \"denied\"");
  EXPECT_EQ(text.find('\n'), std::string::npos) << "one line";
}

TEST(StatsText, json_of_a_node_that_did_nothing_is_json) { EXPECT_TRUE(parse_json(to_json(NodeStats()))); }

TEST(StatsText, latencies_take_no_more_than_their_bound_whatever_was_counted) {
  NodeStats stats;
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    stats.latency.queue_wait.add_to(i, UINT64_MAX, UINT64_MAX);
    stats.latency.handler.add_to(i, UINT64_MAX, UINT64_MAX);
  }
  std::string out = "{";
  runtime::append_latency(out, stats.latency);
  EXPECT_LE(out.size(), runtime::kLatencySizeMax);
  EXPECT_TRUE(parse_json(out + '}'));
}

/// A line of the text format, read by its grammar: a name, at most one label, a number. False when it is none. `peer`
/// is the value of the label, whichever it is.
bool read_sample(const std::string& line, std::string& name, std::string& peer, std::string& value) {
  std::size_t at = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
  if (at == 0 || at == std::string::npos) return false;
  name = line.substr(0, at);
  peer.clear();
  for (const std::string_view label : {"{peer=\"", "{le=\""}) {
    if (line.compare(at, label.size(), label) != 0) continue;
    for (at += label.size(); at < line.size() && line[at] != '"'; ++at) {
      if (line[at] == '\\' && ++at == line.size()) return false;
      peer += line[at];
    }
    if (line.compare(at, 2, "\"}") != 0) return false;
    at += 2;
  }
  value = line.substr(std::min(line.size(), at + 1));
  return line[at] == ' ' && !value.empty() && value.find_first_not_of("0123456789.") == std::string::npos;
}

TEST(StatsText, prometheus_reads_each_line_as_a_comment_or_as_one_sample_whatever_peers_call_themselves) {
  const NodeStats stats = numbered();
  std::istringstream lines(to_prometheus(stats));
  std::map<std::string, std::map<std::string, std::string>> samples;  // by name and peer
  std::map<std::string, std::string> types;
  std::set<std::string> helps;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first, what, name, type;
    words >> first >> what >> name >> type;
    if (first == "#" && what == "HELP") {
      EXPECT_TRUE(helps.insert(name).second) << name << " twice";
      EXPECT_FALSE(type.empty()) << "no help";
    } else if (first == "#") {
      EXPECT_EQ(what, "TYPE");
      EXPECT_TRUE(types.emplace(name, type).second) << name << " twice";
      EXPECT_TRUE(helps.contains(name)) << name;
      EXPECT_EQ(type, name.ends_with("_total") ? "counter" : name.ends_with("_seconds") ? "histogram" : "gauge");
    } else {
      std::string peer, value;
      ASSERT_TRUE(read_sample(line, name, peer, value)) << line;
      std::string family = name;
      for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
        if (name.ends_with(suffix) && types.contains(name.substr(0, name.size() - suffix.size())))
          family.resize(name.size() - suffix.size());
      }
      EXPECT_TRUE(types.contains(family)) << "before its type: " << line;
      EXPECT_TRUE(samples[name].emplace(peer, value).second) << "twice: " << line;
    }
  }
  const std::size_t peer_counters = runtime::kSendCounters.size() + runtime::kReceiveCounters.size();
  EXPECT_EQ(types.size(), peer_counters + runtime::kAskCounters.size() + runtime::kNodeCounters.size() + 2);
  const auto& waits = samples.at("distflow_queue_wait_seconds_bucket");
  EXPECT_EQ(waits.size(), 15U);
  EXPECT_EQ(waits.at("0.000001024"), "5");
  EXPECT_EQ(waits.at("1.073741824"), "5");
  EXPECT_EQ(waits.at("4.294967296"), "7");
  EXPECT_EQ(waits.at("+Inf"), "7");
  EXPECT_EQ(samples.at("distflow_queue_wait_seconds_sum").at(""), "6.000004500");
  EXPECT_EQ(samples.at("distflow_queue_wait_seconds_count").at(""), "7");
  EXPECT_EQ(samples.at("distflow_handler_seconds_bucket").at("68.719476736"), "0");
  EXPECT_EQ(samples.at("distflow_handler_seconds_bucket").at("+Inf"), "1");
  EXPECT_EQ(samples.at("distflow_asks_failed_deadline_total").at(""), std::to_string(stats.asks.failed_deadline));
  EXPECT_EQ(samples.at("distflow_asks_waiting").at(""), std::to_string(stats.asks.waiting));
  EXPECT_EQ(samples.at("distflow_wakes_total").at(""), std::to_string(UINT64_MAX));
  EXPECT_EQ(samples.at("distflow_mailbox_bytes").at(""), "4711");
  EXPECT_EQ(samples.at("distflow_is_registered").at(""), "1");
  EXPECT_EQ(samples.at("distflow_sent_accepted_total").size(), kHostileNames.size());
  EXPECT_EQ(samples.at("distflow_sent_accepted_total").at("back\\\\slash\\\\"),
            std::to_string(stats.peers[1].sent.accepted));
  EXPECT_EQ(samples.at("distflow_received_conflated_total").at("\\u{1b}[2J"),
            std::to_string(stats.peers[3].received.conflated));
  EXPECT_FALSE(samples.contains("evil_total"));
}

TEST(StatsText, a_peer_that_is_counted_is_in_the_sums_with_each_of_its_counters) {
  runtime::TrafficTable table;
  std::uint64_t next = 1;
  for (const char* const id : {"one", "two"}) {
    runtime::Traffic& traffic = table.of(id);
    for (const auto& row : runtime::kSendCounters) traffic.out.*row.live = next++;
    for (const auto& row : runtime::kReceiveCounters) traffic.in.*row.live = next++;
  }
  NodeStats stats;
  table.snapshot(stats);
  NodeStats sums;
  table.add_up(sums);
  ASSERT_EQ(stats.peers.size(), 2U);
  std::uint64_t first = 1;
  const auto expect_sum = [&](const auto& rows, auto PeerStats::*part, const auto& sum, const auto& other) {
    for (const auto& row : rows) {
      const std::uint64_t of_one = (stats.peers[0].*part).*row.member;
      EXPECT_EQ(of_one, first++) << row.name;
      EXPECT_EQ(sum.*row.member, of_one + (stats.peers[1].*part).*row.member) << row.name;
      EXPECT_EQ(other.*row.member, sum.*row.member) << row.name;
    }
  };
  expect_sum(runtime::kSendCounters, &PeerStats::sent, stats.sent, sums.sent);
  expect_sum(runtime::kReceiveCounters, &PeerStats::received, stats.received, sums.received);
}

}  // namespace
}  // namespace distflow
