#include "cli/mesh_stats.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include <distflow/printable.hpp>

#include "protocol/json_members.hpp"
#include "protocol/pmd_reply.hpp"
#include "runtime/counters/counter_table.hpp"

namespace distflow::cli {
namespace {

using protocol::decode_integer;
using protocol::decode_string;
using protocol::find_members;

constexpr std::string_view kDropped = "dropped_";

std::uint64_t to_count(std::string_view json) {
  const auto count = decode_integer(json);
  return count && *count > 0 ? static_cast<std::uint64_t>(*count) : 0;
}

template <class Rows, class Stats>
void read_rows(std::string_view json, const Rows& rows, Stats& stats) {
  std::array<std::string_view, std::tuple_size_v<Rows>> names;
  std::transform(rows.begin(), rows.end(), names.begin(), [](const auto& row) { return row.name; });
  const auto found = find_members(json, names);
  if (!found) return;
  for (std::size_t i = 0; i < rows.size(); ++i) stats.*rows[i].member = to_count((*found)[i]);
}

void read_node(std::string_view json, NodeCounts& counts) {
  constexpr std::array<std::string_view, 6> names = {
      "sent", "received", "mailbox_size", "mailbox_high_water", "parked_messages", "cpu_us"};
  const auto found = find_members(json, names);
  if (!found) return;
  const auto& [sent, received, mailbox_size, mailbox_high_water, parked, cpu] = *found;
  read_rows(sent, runtime::kSendCounters, counts.sent);
  read_rows(received, runtime::kReceiveCounters, counts.received);
  counts.mailbox_size = to_count(mailbox_size);
  counts.mailbox_high_water = to_count(mailbox_high_water);
  counts.parked = to_count(parked);
  counts.cpu_us = to_count(cpu);
  counts.json = json;
}

void read_peer(std::string_view json, std::vector<PeerCounts>& peers) {
  constexpr std::array<std::string_view, 5> names = {"node_id", "via", "queued", "sent", "received"};
  const auto found = find_members(json, names);
  if (!found) return;
  const auto& [node_id, via, queued, sent, received] = *found;
  PeerCounts& peer = peers.emplace_back();
  peer.node_id = decode_string(node_id).value_or("");
  peer.via = decode_string(via).value_or("none");
  peer.queued = to_count(queued);
  read_rows(sent, runtime::kSendCounters, peer.sent);
  read_rows(received, runtime::kReceiveCounters, peer.received);
}

/// Calls `visit(name, count)` for each reason of a drop, without its prefix, whose count is not zero.
template <class Rows, class Stats, class Visit>
void for_each_drop(const Rows& rows, const Stats& stats, Visit visit) {
  for (const auto& row : rows) {
    const std::uint64_t count = stats.*row.member;
    if (count > 0 && row.name.starts_with(kDropped)) visit(row.name.substr(kDropped.size()), count);
  }
}

template <class Rows, class Stats>
std::string drops_as_text(const Rows& rows, const Stats& stats) {
  std::string text;
  for_each_drop(rows, stats, [&](std::string_view name, std::uint64_t count) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  });
  return text.empty() ? "-" : text;
}

template <class Rows, class Stats>
std::string drops_as_json(const Rows& rows, const Stats& stats) {
  std::string json;
  for_each_drop(rows, stats, [&](std::string_view name, std::uint64_t count) {
    json += fmt::format(R"({}"{}":{})", json.empty() ? "" : ",", name, count);
  });
  return "{" + json + "}";
}

std::int64_t difference(std::uint64_t left, std::uint64_t right) {
  return static_cast<std::int64_t>(left) - static_cast<std::int64_t>(right);
}

std::string why(const Result<pmd::ToldStats>& told) {
  if (!told) return told.error() == Errc::node_not_found ? "it has left" : told.error().message();
  if (told->refusal == protocol::kUnknownMessageType) return "its PMD is of a version that forwards no stats";
  return printable(told->refusal);
}

}  // namespace

bool take_part(std::string_view json, NodeCounts& counts, std::uint64_t& next) {
  const auto found = find_members(json, std::array<std::string_view, 5>{"at", "queued", "node", "peers", "next"});
  if (!found) return false;
  const auto& [at, queued, node, peers, following] = *found;
  if (node.empty()) return false;
  counts.at_us = to_count(at);
  counts.queued = to_count(queued);
  read_node(node, counts);
  next = to_count(following);
  return protocol::for_each_element(peers, [&](std::string_view peer) {
    read_peer(peer, counts.peers);
    return true;
  });
}

std::vector<NodeCounts> read_counts(pmd::BlockingClient& client, const Nodes& nodes) {
  std::vector<NodeCounts> all(nodes.size());
  std::vector<pmd::StatsQuestion> questions;
  std::vector<std::size_t> places;  // whose each question is
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    all[i].node = nodes[i];
    questions.push_back({.node_id = nodes[i].node_id});
    places.push_back(i);
  }
  // A node that tells of ever more peers is not asked for ever.
  constexpr int rounds_max = 1024;
  for (int round = 0; !questions.empty() && round < rounds_max; ++round) {
    const std::vector<Result<pmd::ToldStats>> answers = client.stats(questions);
    std::vector<pmd::StatsQuestion> further;
    std::vector<std::size_t> further_places;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      NodeCounts& counts = all[places[i]];
      std::uint64_t next = 0;
      if (!answers[i] || !answers[i]->refusal.empty()) {
        counts.why_untold = why(answers[i]);
      } else if (!take_part(answers[i]->json, counts, next)) {
        counts.why_untold = "what it tells cannot be read";
      } else if (next > questions[i].after) {
        further.push_back({.node_id = questions[i].node_id, .after = next});
        further_places.push_back(places[i]);
      }
    }
    questions = std::move(further);
    places = std::move(further_places);
  }
  return all;
}

Law law_of_sent(const SendStats& sent, std::uint64_t queued) {
  return {.name = "sent", .missing = difference(sent.accepted, sent.written + queued + sent.dropped())};
}

Law law_of_received(const ReceiveStats& received, std::uint64_t waiting) {
  const std::int64_t missing =
      difference(received.received, received.handled + waiting + received.conflated + received.dropped());
  return {.name = "received", .missing = std::min<std::int64_t>(missing, 0)};
}

std::uint64_t waiting_of(const ReceiveStats& received) {
  const std::int64_t waiting =
      difference(received.received, received.handled + received.conflated + received.dropped());
  return static_cast<std::uint64_t>(std::max<std::int64_t>(waiting, 0));
}

std::string drops_text(const SendStats& sent) { return drops_as_text(runtime::kSendCounters, sent); }
std::string drops_text(const ReceiveStats& received) { return drops_as_text(runtime::kReceiveCounters, received); }
std::string drops_json(const SendStats& sent) { return drops_as_json(runtime::kSendCounters, sent); }
std::string drops_json(const ReceiveStats& received) { return drops_as_json(runtime::kReceiveCounters, received); }

}  // namespace distflow::cli
