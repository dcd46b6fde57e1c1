#include <distflow/stats_text.hpp>

#include <string>
#include <string_view>

#include "base/escape.hpp"
#include "runtime/counters/counter_table.hpp"
#include "runtime/counters/prometheus.hpp"
#include "runtime/counters/stats_json.hpp"

namespace distflow {
namespace {

using runtime::CounterKind;

/// One metric for each row, with a sample for each peer.
template <class Rows, class Stats>
void append_peers(std::string& out, std::string_view prefix, const Rows& rows, Stats PeerStats::*part,
                  const NodeStats& stats) {
  for (const auto& row : rows) {
    const std::string name = runtime::metric_name(prefix, row.name, CounterKind::counter);
    runtime::append_metric_head(out, name, row.help, CounterKind::counter);
    for (const PeerStats& peer : stats.peers) {
      std::string labels;
      runtime::append_label(labels, "peer", peer.node_id);
      runtime::append_sample(out, name, labels, (peer.*part).*row.member);
    }
  }
}

/// One metric without labels for each row.
template <class Rows, class Stats>
void append_counters(std::string& out, std::string_view prefix, const Rows& rows, const Stats& stats) {
  for (const auto& row : rows) {
    const std::string name = runtime::metric_name(prefix, row.name, row.kind);
    runtime::append_metric_head(out, name, row.help, row.kind);
    runtime::append_sample(out, name, {}, row.value(stats));
  }
}

}  // namespace

std::string to_json(const NodeStats& stats) {
  std::string out = "{";
  runtime::append_traffic(out, stats.sent, stats.received);
  runtime::append_member(out, "peers");
  out += '[';
  for (const PeerStats& peer : stats.peers) {
    out += &peer == stats.peers.data() ? "{" : ",{";
    runtime::append_text(out, "node_id", peer.node_id);
    runtime::append_traffic(out, peer.sent, peer.received);
    out += '}';
  }
  out += ']';
  runtime::append_latency(out, stats.latency);
  runtime::append_node_counters(out, stats);
  out += '}';
  return base::printable_json(out);
}

std::string to_prometheus(const NodeStats& stats) {
  std::string out;
  append_peers(out, runtime::kSentMetrics, runtime::kSendCounters, &PeerStats::sent, stats);
  append_peers(out, runtime::kReceivedMetrics, runtime::kReceiveCounters, &PeerStats::received, stats);
  append_counters(out, runtime::kAskMetrics, runtime::kAskCounters, stats.asks);
  append_counters(out, runtime::kNodeMetrics, runtime::kNodeCounters, stats);
  for (const runtime::LatencyRow& row : runtime::kLatencies) {
    runtime::append_histogram_head(out, row);
    runtime::append_histogram(out, row.metric, {}, stats.latency.*row.member);
  }
  return out;
}

}  // namespace distflow
