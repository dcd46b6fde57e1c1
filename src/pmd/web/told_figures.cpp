#include "pmd/web/told_figures.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <distflow/histogram.hpp>

#include "protocol/json_members.hpp"
#include "protocol/json_write.hpp"

namespace distflow::pmd {

using protocol::find_members;

namespace {

constexpr std::string_view kDropped = "dropped_";

bool is_reason(std::string_view name) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789_";
  return !name.empty() && name.size() <= kReasonSizeMax && name.find_first_not_of(letters) == std::string_view::npos;
}

/// The sum of all drops among the members of `counters`; their reasons go to `json`.
std::uint64_t read_drops(std::string_view counters, std::string& json) {
  std::uint64_t all = 0;
  std::size_t named = 0;
  json = "{";
  // Not in what follows: whether it is an object. What is none has no drops.
  static_cast<void>(protocol::for_each_member(counters, [&](std::string_view key, std::string_view value) {
    if (!key.starts_with(kDropped)) return true;
    const std::uint64_t count = read_count(value);
    all += count;
    const std::string_view reason = key.substr(kDropped.size());
    if (count == 0 || !is_reason(reason) || named == kReasonsMax) return true;
    if (named++ > 0) json += ',';
    protocol::append_json_string(json, reason);
    json += ':' + std::to_string(count);
    return true;
  }));
  json += '}';
  return all;
}

Histogram read_histogram(std::string_view json) {
  Histogram histogram;
  const auto found = find_members(json, std::array<std::string_view, 1>{"buckets"});
  if (!found) return histogram;
  static_cast<void>(protocol::for_each_element((*found)[0], [&histogram](std::string_view bucket) {
    std::array<std::uint64_t, 2> pair{};
    std::size_t size = 0;
    static_cast<void>(protocol::for_each_element(bucket, [&](std::string_view number) {
      pair[size] = read_count(number);
      return ++size < pair.size();
    }));
    histogram.add_to(Histogram::bucket_of(pair[0]), pair[1], 0);
    return true;
  }));
  return histogram;
}

std::optional<std::uint64_t> p99(const Histogram& histogram) {
  return histogram.count() == 0 ? std::nullopt : std::optional(histogram.quantile(0.99));
}

std::array<Histogram, 2> read_latency(std::string_view json) {
  const auto found = find_members(json, std::array<std::string_view, 2>{"queue_wait", "handler"});
  if (!found) return {};
  return {read_histogram((*found)[0]), read_histogram((*found)[1])};
}

}  // namespace

std::uint64_t read_count(std::string_view json) {
  const auto count = protocol::decode_integer(json);
  return count && *count > 0 ? static_cast<std::uint64_t>(*count) : 0;
}

ToldTraffic read_traffic(std::string_view sent, std::string_view received) {
  ToldTraffic traffic;
  traffic.not_sent = read_drops(sent, traffic.not_sent_json);
  traffic.dropped = read_drops(received, traffic.dropped_json);
  if (const auto found = find_members(sent, std::array<std::string_view, 2>{"accepted", "written"})) {
    traffic.accepted = read_count((*found)[0]);
    traffic.written = read_count((*found)[1]);
  }
  if (const auto found = find_members(received, std::array<std::string_view, 3>{"received", "handled", "conflated"})) {
    traffic.received = read_count((*found)[0]);
    traffic.handled = read_count((*found)[1]);
    traffic.conflated = read_count((*found)[2]);
  }
  return traffic;
}

std::optional<ToldFigures> read_figures(std::string_view stats) {
  const auto found = find_members(stats, std::array<std::string_view, 5>{"at", "queued", "node", "peers", "next"});
  if (!found) return std::nullopt;
  const auto& [at, queued, node, peers, next] = *found;
  const auto of_node =
      find_members(node, std::array<std::string_view, 4>{"sent", "received", "mailbox_size", "latency"});
  if (!of_node) return std::nullopt;
  const auto& [sent, received, mailbox, latency] = *of_node;
  return ToldFigures{.at_us = read_count(at),
                     .queued = read_count(queued),
                     .mailbox = read_count(mailbox),
                     .traffic = read_traffic(sent, received),
                     .latency = latency,
                     .peers = peers,
                     .next = read_count(next)};
}

std::string latency_json(std::string_view latency) {
  constexpr std::array<std::pair<const char*, double>, 4> quantiles{
      {{"p50Ns", 0.5}, {"p90Ns", 0.9}, {"p99Ns", 0.99}, {"p999Ns", 0.999}}};
  const std::array<Histogram, 2> histograms = read_latency(latency);
  std::string out = "{";
  for (std::size_t i = 0; i < histograms.size(); ++i) {
    if (histograms[i].count() == 0) continue;
    if (out.size() > 1) out += ',';
    out += i == 0 ? R"("wait":)" : R"("handler":)";
    char before = '{';
    for (const auto& [name, quantile] : quantiles) {
      ((out += before) += '"') += name;
      out += "\":" + std::to_string(histograms[i].quantile(quantile));
      before = ',';
    }
    out += '}';
  }
  return out += '}';
}

ToldTimes p99_since(std::string_view before, std::string_view latency) {
  const std::array<Histogram, 2> earlier = read_latency(before);
  const std::array<Histogram, 2> now = read_latency(latency);
  return {.wait = p99(now[0].since(earlier[0])), .handler = p99(now[1].since(earlier[1]))};
}

}  // namespace distflow::pmd
