// A node's counters as text for other programs: JSON, and the format that Prometheus reads.
//
// Pure functions; any thread. Both throw std::bad_alloc without memory.
// Use: std::string body = distflow::to_prometheus(node.stats());
#pragma once

#include <string>

#include <distflow/stats.hpp>

#include <distflow/version.hpp>

namespace distflow {

/// One JSON object on one line, whose members have the names of NodeStats and of the structures in it:
/// {"sent":{"accepted":1,...},"received":{...},"peers":[{"node_id":"...","sent":{...},"received":{...}}],"asks":{...},
/// "latency":{"queue_wait":{"count":9,"sum_ns":1,"p50_ns":1,"p90_ns":1,"p99_ns":1,"p999_ns":1,"buckets":[[least,count],
/// ...]},"handler":{...}},"wakes":1,...}; `least` is the least value of a bucket in ns.
/// Valid UTF-8 whatever peers call themselves: a byte that is none becomes U+FFFD.
[[nodiscard]] DISTFLOW_API std::string to_json(const NodeStats& stats);

/// The text format of Prometheus, version 0.0.4 (Content-Type: text/plain; version=0.0.4). Of the node:
/// distflow_NAME_total for a counter, distflow_NAME for a gauge; of its requests distflow_asks_NAME_total and
/// distflow_asks_NAME. Histograms of LatencyStats:
/// distflow_queue_wait_seconds and distflow_handler_seconds, with 14 bounds from 1 µs to 69 s. Of each peer:
/// distflow_sent_NAME_total and distflow_received_NAME_total with the label peer, its nodeId as printable() has it;
/// their sum is the node's.
[[nodiscard]] DISTFLOW_API std::string to_prometheus(const NodeStats& stats);

}  // namespace distflow
