#include "cli/mesh_stats.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include <distflow/printable.hpp>

#include "io/clock.hpp"
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

void read_histogram(std::string_view json, Histogram& histogram) {
  const auto found = find_members(json, std::array<std::string_view, 2>{"sum_ns", "buckets"});
  if (!found) return;
  const auto& [sum, buckets] = *found;
  histogram.add_to(0, 0, to_count(sum));
  // Not in what follows: whether it can be read. What cannot is left out.
  static_cast<void>(protocol::for_each_element(buckets, [&histogram](std::string_view bucket) {
    std::array<std::uint64_t, 2> pair{};
    std::size_t size = 0;
    static_cast<void>(protocol::for_each_element(bucket, [&](std::string_view number) {
      if (size < pair.size()) pair[size] = to_count(number);
      return ++size < pair.size();
    }));
    histogram.add_to(Histogram::bucket_of(pair[0]), pair[1], 0);
    return true;
  }));
}

std::optional<LatencyStats> read_latency(std::string_view json) {
  if (json.empty()) return std::nullopt;
  const auto found = find_members(json, std::array<std::string_view, 2>{"queue_wait", "handler"});
  if (!found) return std::nullopt;
  LatencyStats latency;
  read_histogram((*found)[0], latency.queue_wait);
  read_histogram((*found)[1], latency.handler);
  return latency;
}

void read_node(std::string_view json, NodeCounts& counts) {
  constexpr std::array<std::string_view, 7> names = {
      "sent", "received", "mailbox_size", "mailbox_high_water", "parked_messages", "cpu_us", "latency"};
  const auto found = find_members(json, names);
  if (!found) return;
  const auto& [sent, received, mailbox_size, mailbox_high_water, parked, cpu, latency] = *found;
  read_rows(sent, runtime::kSendCounters, counts.sent);
  read_rows(received, runtime::kReceiveCounters, counts.received);
  counts.mailbox_size = to_count(mailbox_size);
  counts.mailbox_high_water = to_count(mailbox_high_water);
  counts.parked = to_count(parked);
  counts.cpu_us = to_count(cpu);
  counts.latency = read_latency(latency);
  counts.json = json;
}

void read_peer(std::string_view json, std::vector<PeerCounts>& peers) {
  constexpr std::array<std::string_view, 5> names = {"node_id", "via", "queued", "sent", "received"};
  const auto found = find_members(json, names);
  if (!found) return;
  const auto& [node_id, via, queued, sent, received] = *found;
  if (decode_string(node_id).value_or("").empty()) return;
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

/// Modulo 2^64.
std::int64_t difference(std::uint64_t left, std::uint64_t right) {
  return static_cast<std::int64_t>(left - right);  // numbers that a node reports: no sum of theirs is undefined
}

std::string why(const Result<pmd::ToldStats>& told) {
  if (!told) return told.error() == Errc::node_not_found ? "it has left" : told.error().message();
  if (told->refusal == protocol::kUnknownMessageType) return "its PMD is of a version that forwards no stats";
  return printable(told->refusal);
}

/// What has been reported of each node, and what is still to be asked.
class Reading {
 public:
  Reading(const Nodes& nodes, bool are_peers_read) : are_peers_read_(are_peers_read), counts_(nodes.size()) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      counts_[i].node = nodes[i];
      open_.push_back({.place = i, .after = 0});
    }
  }

  [[nodiscard]] bool is_complete() const { return open_.empty(); }

  /// Asks for some of what is open. All first parts come before the second ones.
  void take(const AskForStats& ask) {
    constexpr std::size_t at_once = 128;
    std::vector<pmd::StatsQuestion> questions;
    for (std::size_t i = 0; i < std::min(at_once, open_.size()); ++i)
      questions.push_back({.node_id = counts_[open_[i].place].node.node_id, .after = open_[i].after});
    const std::vector<Result<pmd::ToldStats>> answers = ask(questions);
    for (const Result<pmd::ToldStats>& answer : answers) {
      const Open asked = open_.front();
      open_.pop_front();
      take(asked, answer);
    }
  }

  /// What is open has not been reported in time.
  std::vector<NodeCounts> take_counts() && {
    for (const Open& open : open_) give_up(counts_[open.place], "it has not told all of them in time");
    return std::move(counts_);
  }

 private:
  struct Open {
    std::size_t place;  // in counts_
    std::uint64_t after;
  };

  void take(const Open& asked, const Result<pmd::ToldStats>& answer) {
    NodeCounts& counts = counts_[asked.place];
    if (!answer || !answer->refusal.empty()) return give_up(counts, why(answer));
    const std::size_t before = counts.peers.size();
    std::uint64_t next = 0;
    if (!take_part(answer->json, counts, next)) return give_up(counts, "what it tells cannot be read");
    if (!are_peers_read_) return counts.peers.clear();
    peer_count_ += counts.peers.size() - before;
    if (counts.peers.size() > kPeersMax) return give_up(counts, "it tells of more peers than a node counts");
    if (peer_count_ > kPeersOfAllMax) return give_up(counts, "all nodes together tell of too many peers");
    if (next <= asked.after) return;
    // Each part but the last one has a peer: so there is an end of asking.
    if (counts.peers.size() == before) return give_up(counts, "what it tells cannot be read");
    open_.push_back({.place = asked.place, .after = next});
  }

  /// A part of its peers would look like losses.
  void give_up(NodeCounts& counts, std::string reason) {
    peer_count_ -= counts.peers.size();
    counts.peers = {};
    counts.why_untold = std::move(reason);
  }

  const bool are_peers_read_;
  std::vector<NodeCounts> counts_;
  std::deque<Open> open_;
  std::size_t peer_count_ = 0;
};

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

std::vector<NodeCounts> read_counts(const AskForStats& ask, const Nodes& nodes, const ReadingBounds& bounds) {
  Reading reading(nodes, bounds.are_peers_read);
  while (!reading.is_complete()) {
    reading.take(ask);
    const bool is_over = bounds.is_over != nullptr && bounds.is_over->load(std::memory_order_relaxed);
    if (is_over || io::system_now() >= bounds.until) break;
  }
  return std::move(reading).take_counts();
}

std::vector<NodeCounts> read_counts(pmd::BlockingClient& client, const Nodes& nodes, const ReadingBounds& bounds) {
  return read_counts([&client](const auto& questions) { return client.stats(questions); }, nodes, bounds);
}

std::string latency_text(std::uint64_t ns) {
  const auto value = static_cast<double>(ns);
  if (value < 1e3) return fmt::format("{} ns", ns);
  if (value < 1e6) return fmt::format("{:.1f} us", value / 1e3);
  return value < 1e9 ? fmt::format("{:.1f} ms", value / 1e6) : fmt::format("{:.1f} s", value / 1e9);
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
