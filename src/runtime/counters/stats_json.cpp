#include "runtime/counters/stats_json.hpp"

#include "protocol/json_write.hpp"
#include "runtime/counters/counter_table.hpp"
#include "runtime/counters/number_text.hpp"

namespace distflow::runtime {
namespace {

template <class Rows, class Stats>
void append_counters(std::string& out, std::string_view name, const Rows& rows, const Stats& stats) {
  append_member(out, name);
  out += '{';
  for (const auto& row : rows) append_count(out, row.name, stats.*row.member);
  out += '}';
}

void append_histogram(std::string& out, std::string_view name, const Histogram& histogram) {
  append_member(out, name);
  out += '{';
  append_count(out, "count", histogram.count());
  append_count(out, "sum_ns", histogram.sum());
  append_count(out, "p50_ns", histogram.quantile(0.5));
  append_count(out, "p90_ns", histogram.quantile(0.9));
  append_count(out, "p99_ns", histogram.quantile(0.99));
  append_count(out, "p999_ns", histogram.quantile(0.999));
  append_member(out, "buckets");
  out += '[';
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    if (histogram.count_in(i) == 0) continue;
    out += out.back() == '[' ? "[" : ",[";
    append_number(out, Histogram::least_of(i));
    out += ',';
    append_number(out, histogram.count_in(i));
    out += ']';
  }
  out += "]}";
}

}  // namespace

void append_member(std::string& out, std::string_view name) {
  if (out.back() != '{') out += ',';
  out.append("\"").append(name).append("\":");
}

void append_count(std::string& out, std::string_view name, std::uint64_t count) {
  append_member(out, name);
  append_number(out, count);
}

void append_text(std::string& out, std::string_view name, std::string_view text) {
  append_member(out, name);
  protocol::append_json_string(out, text);
}

void append_traffic(std::string& out, const SendStats& sent, const ReceiveStats& received) {
  append_counters(out, "sent", kSendCounters, sent);
  append_counters(out, "received", kReceiveCounters, received);
}

void append_latency(std::string& out, const LatencyStats& latency) {
  append_member(out, "latency");
  out += '{';
  append_histogram(out, "queue_wait", latency.queue_wait);
  append_histogram(out, "handler", latency.handler);
  out += '}';
}

void append_node_counters(std::string& out, const NodeStats& stats) {
  append_member(out, "asks");
  out += '{';
  for (const auto& row : kAskCounters) append_count(out, row.name, row.value(stats.asks));
  out += '}';
  for (const auto& row : kNodeCounters) {
    append_member(out, row.name);
    if (row.is_flag) {
      out += row.value(stats) != 0 ? "true" : "false";
    } else {
      append_number(out, row.value(stats));
    }
  }
  append_text(out, "backend", stats.backend);
  append_text(out, "backend_fallback_reason", stats.backend_fallback_reason);
}

}  // namespace distflow::runtime
