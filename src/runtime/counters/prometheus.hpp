// Counters in the text format of Prometheus, version 0.0.4: for a node's own text and for the command line's, which
// has many nodes in one text.
//
// Pure functions; any thread. They throw std::bad_alloc without memory.
//   1. A family's head comes once, before its samples.
//   2. `labels` is what append_label() has written; empty: the sample has none.
// Use: append_metric_head(out, name, row.help, row.kind); append_sample(out, name, labels, row.value(stats));
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <distflow/stats.hpp>

#include "runtime/counters/counter_table.hpp"

namespace distflow::runtime {

// What the names of the metrics begin with: of peers or their sum, of requests, of the node.
inline constexpr std::string_view kSentMetrics = "distflow_sent_";
inline constexpr std::string_view kReceivedMetrics = "distflow_received_";
inline constexpr std::string_view kAskMetrics = "distflow_asks_";
inline constexpr std::string_view kNodeMetrics = "distflow_";

/// A histogram of LatencyStats.
struct LatencyRow {
  std::string_view metric;
  std::string_view help;
  Histogram LatencyStats::*member;
};
inline constexpr std::array kLatencies = {
    LatencyRow{"distflow_queue_wait_seconds", "estimated times that messages wait for their handler",
               &LatencyStats::queue_wait},
    LatencyRow{"distflow_handler_seconds", "estimated times that handlers take for a message", &LatencyStats::handler},
};

/// "distflow_sent_accepted_total".
[[nodiscard]] std::string metric_name(std::string_view prefix, std::string_view name, CounterKind kind);

/// Adds `name="value"`, behind a comma where it is not the first. `value` is made printable and escaped;
/// two values that differ are written differently.
void append_label(std::string& labels, std::string_view name, std::string_view value);

/// The lines HELP and TYPE.
void append_metric_head(std::string& out, std::string_view name, std::string_view help, CounterKind kind);
void append_sample(std::string& out, std::string_view name, std::string_view labels, std::uint64_t value);

void append_histogram_head(std::string& out, const LatencyRow& row);
/// In seconds, with a bound at every second doubling from a microsecond on: buckets of Prometheus are counted for each
/// node and kept by it for ever.
void append_histogram(std::string& out, std::string_view name, std::string_view labels, const Histogram& histogram);

}  // namespace distflow::runtime
