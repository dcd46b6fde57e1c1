// Counters as members of a JSON object, under the names of the counter table: for to_json() and for what a node reports
// its PMD.
//
// Pure functions; any thread. They throw std::bad_alloc without memory.
// Use: std::string out = "{"; append_node_counters(out, stats); out += '}';
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <distflow/stats.hpp>

namespace distflow::runtime {

/// The name of a member, which needs no escapes, behind a comma where it is not the first of its object.
void append_member(std::string& out, std::string_view name);
void append_count(std::string& out, std::string_view name, std::uint64_t count);
void append_text(std::string& out, std::string_view name, std::string_view text);

/// The members "sent" and "received".
void append_traffic(std::string& out, const SendStats& sent, const ReceiveStats& received);
/// The member "latency": {"queue_wait":{...},"handler":{...}}, each with "count", "sum_ns", "p50_ns", "p90_ns",
/// "p99_ns", "p999_ns", and as "buckets" [[least value in ns, count],...] of those with any. At most kLatencySizeMax
/// bytes.
inline constexpr std::size_t kLatencySizeMax = 24 * 1024;
void append_latency(std::string& out, const LatencyStats& latency);
/// What is the node's and no peer's, with its requests and its backend.
void append_node_counters(std::string& out, const NodeStats& stats);

}  // namespace distflow::runtime
