#include <distflow/stats_text.hpp>

#include <charconv>
#include <cstdint>
#include <limits>
#include <string_view>

#include <distflow/printable.hpp>

#include "base/escape.hpp"
#include "runtime/counters/counter_table.hpp"
#include "runtime/counters/stats_json.hpp"

namespace distflow {
namespace {

using runtime::CounterKind;

void append_number(std::string& out, std::uint64_t value) {
  char digits[std::numeric_limits<std::uint64_t>::digits10 + 1];
  out.append(digits, std::to_chars(std::begin(digits), std::end(digits), value).ptr);
}

/// As the text format asks for it: a backslash and the end of a line anywhere, a quote in a label's value.
void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '\\': out += "\\\\"; break;
      case '"': out += "\\\""; break;
      case '\n': out += "\\n"; break;
      default: out += c;
    }
  }
}

std::string metric_name(std::string_view prefix, std::string_view name, CounterKind kind) {
  return std::string(prefix).append(name).append(kind == CounterKind::counter ? "_total" : "");
}

void append_head(std::string& out, const std::string& name, std::string_view help, CounterKind kind) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name);
  out.append(kind == CounterKind::counter ? " counter\n" : " gauge\n");
}

/// One metric for each row, with a sample for each peer.
template <class Rows, class Stats>
void append_peers(std::string& out, std::string_view prefix, const Rows& rows, Stats PeerStats::*part,
                  const NodeStats& stats) {
  for (const auto& row : rows) {
    const std::string name = metric_name(prefix, row.name, CounterKind::counter);
    append_head(out, name, row.help, CounterKind::counter);
    for (const PeerStats& peer : stats.peers) {
      out.append(name).append("{peer=\"");
      append_escaped(out, printable(peer.node_id));
      out += "\"} ";
      append_number(out, (peer.*part).*row.member);
      out += '\n';
    }
  }
}

/// One metric without labels for each row.
template <class Rows, class Stats>
void append_counters(std::string& out, std::string_view prefix, const Rows& rows, const Stats& stats) {
  for (const auto& row : rows) {
    const std::string name = metric_name(prefix, row.name, row.kind);
    append_head(out, name, row.help, row.kind);
    out.append(name).append(" ");
    append_number(out, row.value(stats));
    out += '\n';
  }
}

/// Nanoseconds as seconds, in all their digits.
void append_seconds(std::string& out, std::uint64_t nanoseconds) {
  constexpr std::uint64_t second = 1'000'000'000;
  append_number(out, nanoseconds / second);
  out += '.';
  std::string digits;
  append_number(digits, nanoseconds % second);
  out.append(9 - digits.size(), '0').append(digits);
}

/// A histogram of seconds, with a bound at every second doubling from a microsecond on: buckets of Prometheus are
/// counted for each node and kept by it for ever.
void append_histogram(std::string& out, const std::string& name, std::string_view help, const Histogram& histogram) {
  constexpr unsigned first = 10, last = 36;  // 2^10 to 2^36 ns, 1.024 µs to 69 s
  out.append("# HELP ").append(name).append(" ").append(help);
  out.append("\n# TYPE ").append(name).append(" histogram\n");
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  for (unsigned bits = first; bits <= last; bits += 2) {
    const std::uint64_t bound = std::uint64_t{1} << bits;
    for (; Histogram::least_of(bucket) < bound; ++bucket) seen += histogram.count_in(bucket);
    out.append(name).append("_bucket{le=\"");
    append_seconds(out, bound);
    out += "\"} ";
    append_number(out, seen);
    out += '\n';
  }
  out.append(name).append("_bucket{le=\"+Inf\"} ");
  append_number(out, histogram.count());
  out.append("\n").append(name).append("_sum ");
  append_seconds(out, histogram.sum());
  out.append("\n").append(name).append("_count ");
  append_number(out, histogram.count());
  out += '\n';
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
  append_peers(out, "distflow_sent_", runtime::kSendCounters, &PeerStats::sent, stats);
  append_peers(out, "distflow_received_", runtime::kReceiveCounters, &PeerStats::received, stats);
  append_counters(out, "distflow_asks_", runtime::kAskCounters, stats.asks);
  append_counters(out, "distflow_", runtime::kNodeCounters, stats);
  append_histogram(out, "distflow_queue_wait_seconds", "estimated times that messages wait for their handler",
                   stats.latency.queue_wait);
  append_histogram(out, "distflow_handler_seconds", "estimated times that handlers take for a message",
                   stats.latency.handler);
  return out;
}

}  // namespace distflow
