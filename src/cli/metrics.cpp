#include "cli/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>

#include <distflow/printable.hpp>

#include "cli/exit_code.hpp"
#include "cli/node_page.hpp"
#include "io/clock.hpp"
#include "protocol/json_members.hpp"
#include "runtime/counters/counter_table.hpp"
#include "runtime/counters/prometheus.hpp"

namespace distflow::cli {
namespace {

using protocol::find_members;
using runtime::CounterKind;

/// Of the nodes that are left out, so many are named.
constexpr std::size_t kNamedMax = 10;

template <class Rows>
using ValuesOf = std::array<std::optional<std::uint64_t>, std::tuple_size_v<Rows>>;

/// A number that is not below 0, or a flag.
std::optional<std::uint64_t> to_value(std::string_view json) {
  if (json == "true" || json == "false") return json == "true" ? 1 : 0;
  const auto number = protocol::decode_integer(json);
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

/// What `json` has of the rows, by their names.
template <class Rows>
ValuesOf<Rows> read_values(std::string_view json, const Rows& rows) {
  std::array<std::string_view, std::tuple_size_v<Rows>> names;
  std::transform(rows.begin(), rows.end(), names.begin(), [](const auto& row) { return row.name; });
  ValuesOf<Rows> values;
  const auto found = find_members(json, names);
  if (!found) return values;
  std::transform(found->begin(), found->end(), values.begin(), to_value);
  return values;
}

std::string_view member_of(std::string_view json, std::string_view name) {
  const auto found = find_members(json, std::array<std::string_view, 1>{name});
  return found ? found->front() : std::string_view();
}

/// One node that reports, with what its series are told apart by.
struct Told {
  explicit Told(const NodeCounts& node_counts)
      : counts(node_counts),
        of_sent(read_values(member_of(counts.json, "sent"), runtime::kSendCounters)),
        of_received(read_values(member_of(counts.json, "received"), runtime::kReceiveCounters)),
        of_node(read_values(counts.json, runtime::kNodeCounters)),
        of_asks(read_values(member_of(counts.json, "asks"), runtime::kAskCounters)) {
    runtime::append_label(labels, "node", counts.node.node_id);
    runtime::append_label(labels, "alias", counts.node.alias.value_or(""));
  }

  const NodeCounts& counts;
  ValuesOf<decltype(runtime::kSendCounters)> of_sent;  // the messages of all its peers together
  ValuesOf<decltype(runtime::kReceiveCounters)> of_received;
  ValuesOf<decltype(runtime::kNodeCounters)> of_node;
  ValuesOf<decltype(runtime::kAskCounters)> of_asks;
  std::string labels;
};

template <class Row>
CounterKind kind_of(const Row& row) {
  if constexpr (requires { row.kind; }) {
    return row.kind;
  } else {
    return CounterKind::counter;  // of messages
  }
}

/// What a node does not report has no sample: a zero would be a lie.
template <class Rows>
void append_values(std::string& out, std::string_view prefix, const Rows& rows, ValuesOf<Rows> Told::*part,
                   const std::vector<Told>& nodes) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string name = runtime::metric_name(prefix, rows[i].name, kind_of(rows[i]));
    runtime::append_metric_head(out, name, rows[i].help, kind_of(rows[i]));
    for (const Told& told : nodes) {
      const std::optional<std::uint64_t>& value = (told.*part)[i];
      if (value) runtime::append_sample(out, name, told.labels, *value);
    }
  }
}

void append_latencies(std::string& out, const std::vector<Told>& nodes) {
  for (const runtime::LatencyRow& row : runtime::kLatencies) {
    runtime::append_histogram_head(out, row);
    for (const Told& told : nodes) {
      if (!told.counts.latency) continue;
      runtime::append_histogram(out, row.metric, told.labels, (*told.counts.latency).*row.member);
    }
  }
}

void append_pmd(std::string& out, const PmdFigures& pmd) {
  // The PMD's own /metrics has it under the same name.
  constexpr std::string_view nodes = "distflow_pmd_nodes";
  runtime::append_metric_head(out, nodes, "Registered nodes.", CounterKind::gauge);
  runtime::append_sample(out, nodes, {}, pmd.node_count);
  if (!pmd.start_time_ms) return;
  constexpr std::string_view start = "distflow_pmd_start_time_seconds";
  runtime::append_metric_head(out, start, "When the PMD began, since the Unix epoch.", CounterKind::gauge);
  out += fmt::format("{} {:.3f}\n", start, static_cast<double>(*pmd.start_time_ms) / 1e3);
}

/// A line for each of the first nodes that do not report.
std::string left_out_text(const std::vector<NodeCounts>& nodes) {
  std::string text;
  std::size_t count = 0;
  for (const NodeCounts& counts : nodes) {
    if (counts.is_told() || ++count > kNamedMax) continue;
    text += fmt::format("Node '{}' is left out: {}.\n", printable(name_of(counts.node)), counts.why_untold);
  }
  if (count > kNamedMax) text += fmt::format("{} more are left out: see 'distflow top'.\n", count - kNamedMax);
  return text;
}

ReadingBounds bounds_of(const Arguments& arguments) {
  return {.until = base::saturating_add(io::system_now(), arguments.timeout), .are_peers_read = false};
}

Report metrics_of_one(const Arguments& arguments, pmd::BlockingClient& client) {
  const Result<protocol::NodeInfo> node = client.resolve(arguments.name);
  if (!node) return report_error(arguments, node.error());
  const std::vector<NodeCounts> counts = read_counts(client, {*node}, bounds_of(arguments));
  if (!counts.front().is_told()) return report_untold(arguments, counts.front());
  return {.exit_code = kExitSuccess, .out = metrics_text(std::nullopt, counts), .err = {}};
}

}  // namespace

std::string metrics_text(const std::optional<PmdFigures>& pmd, const std::vector<NodeCounts>& nodes) {
  std::vector<Told> told;
  for (const NodeCounts& counts : nodes) {
    if (counts.is_told()) told.emplace_back(counts);
  }
  std::string out;
  if (pmd) append_pmd(out, *pmd);
  append_values(out, runtime::kSentMetrics, runtime::kSendCounters, &Told::of_sent, told);
  append_values(out, runtime::kReceivedMetrics, runtime::kReceiveCounters, &Told::of_received, told);
  append_values(out, runtime::kAskMetrics, runtime::kAskCounters, &Told::of_asks, told);
  append_values(out, runtime::kNodeMetrics, runtime::kNodeCounters, &Told::of_node, told);
  append_latencies(out, told);
  return out;
}

Report metrics(const Arguments& arguments, pmd::BlockingClient& client) {
  if (!arguments.name.empty()) return metrics_of_one(arguments, client);
  Result<Nodes> nodes = client.list();
  if (!nodes) return report_error(arguments, nodes.error());
  PmdFigures pmd{.node_count = nodes->size(), .start_time_ms = {}};
  if (const Result<protocol::Hello> hello = client.hello(); hello) pmd.start_time_ms = hello->start_time_ms;
  const std::vector<NodeCounts> counts =
      read_counts(client, select_nodes(*std::move(nodes), {}).nodes, bounds_of(arguments));
  const bool does_any_tell = counts.empty() || std::ranges::any_of(counts, &NodeCounts::is_told);
  return {.exit_code = does_any_tell ? kExitSuccess : kExitNo,
          .out = metrics_text(pmd, counts),
          .err = left_out_text(counts)};
}

}  // namespace distflow::cli
