#include "cli/top.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <semaphore>
#include <utility>

#include <distflow/printable.hpp>

#include "cli/end_signals.hpp"
#include "cli/exit_code.hpp"
#include "cli/report.hpp"
#include "cli/table.hpp"
#include "io/clock.hpp"
#include "protocol/json_write.hpp"

namespace distflow::cli {
namespace {

// The terminal's commands "Erase in Display", all of it, and "Cursor Position" (ECMA-48, 8.3.39 and 8.3.21).
constexpr const char* kClear = "\x1b[2J\x1b[H";

struct Row {
  const NodeCounts* counts;
  double in = 0;   // messages a second
  double out = 0;  // messages a second
  double cpu = 0;  // per cent of one processor
  std::uint64_t dropped = 0;
  std::string via;
  std::optional<std::uint64_t> wait_p99{};     // ns; none: nothing was handled meanwhile
  std::optional<std::uint64_t> handler_p99{};  // ns
};

/// "2 memory, 1 tcp": how many peers are sent to in which way.
std::string via_text(const NodeCounts& counts) {
  std::map<std::string, int> ways;
  for (const PeerCounts& peer : counts.peers) {
    if (peer.via != "none") ++ways[peer.via];
  }
  std::string text;
  for (const auto& [way, count] : ways) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, printable(way));
  return text.empty() ? "-" : text;
}

double rate(std::uint64_t before, std::uint64_t now, double seconds) {
  return now > before && seconds > 0 ? static_cast<double>(now - before) / seconds : 0;
}

std::optional<std::uint64_t> p99(const Histogram& histogram) {
  return histogram.count() == 0 ? std::nullopt : std::optional(histogram.quantile(0.99));
}

std::string time_text(std::optional<std::uint64_t> ns) { return ns ? latency_text(*ns) : "-"; }

Row row_of(const NodeCounts& now, const NodeCounts* before) {
  Row row{.counts = &now, .dropped = now.sent.dropped() + now.received.dropped(), .via = via_text(now)};
  if (now.latency) {
    // Without an earlier look, or when the node began anew meanwhile: since it began.
    LatencyStats since = *now.latency;
    if (before != nullptr && before->latency && before->at_us < now.at_us) {
      since.queue_wait = since.queue_wait.since(before->latency->queue_wait);
      since.handler = since.handler.since(before->latency->handler);
    }
    row.wait_p99 = p99(since.queue_wait);
    row.handler_p99 = p99(since.handler);
  }
  if (before == nullptr || !before->is_told() || before->at_us >= now.at_us) return row;
  const double seconds = static_cast<double>(now.at_us - before->at_us) / 1e6;
  row.in = rate(before->received.received, now.received.received, seconds);
  row.out = rate(before->sent.written, now.sent.written, seconds);
  row.cpu = rate(before->cpu_us, now.cpu_us, seconds) / 1e4;
  return row;
}

/// By name, or from the greatest on.
void sort(std::vector<Row>& rows, const std::string& column) {
  const auto value = [&column](const Row& row) -> double {
    if (column == "in") return row.in;
    if (column == "out") return row.out;
    if (column == "queued") return static_cast<double>(row.counts->queued);
    if (column == "mailbox") return static_cast<double>(row.counts->mailbox_size);
    if (column == "cpu") return row.cpu;
    if (column == "p99") return static_cast<double>(row.wait_p99.value_or(0) + row.handler_p99.value_or(0));
    return static_cast<double>(row.dropped);
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    if (column == "name") return name_of(a.counts->node) < name_of(b.counts->node);
    return value(a) > value(b);
  });
}

/// Why messages were dropped, at either side.
std::string why_dropped(const NodeCounts& counts) {
  const std::string sent = drops_text(counts.sent);
  std::string received = drops_text(counts.received);
  if (sent == "-") return received;
  return received == "-" ? sent : sent + ", " + received;
}

std::string as_text(const std::vector<Row>& rows, const Screen& screen) {
  Table table({"NAME", "IN/S", "OUT/S", "QUEUED", "MAILBOX", "WAIT P99", "HANDLER P99", "CPU", "VIA", "DROPPED"});
  for (const Row& row : rows) {
    const NodeCounts& counts = *row.counts;
    const std::string name = printable(name_of(counts.node));
    if (counts.is_told()) {
      table.add({name, fmt::format("{:.0f}", row.in), fmt::format("{:.0f}", row.out), fmt::format("{}", counts.queued),
                 fmt::format("{}", counts.mailbox_size), time_text(row.wait_p99), time_text(row.handler_p99),
                 fmt::format("{:.0f}%", row.cpu), row.via, why_dropped(counts)});
    } else {
      table.add({name, "?", "?", "?", "?", "?", "?", "?", "?", counts.why_untold});
    }
  }
  return table.text(screen);
}

std::string as_json(const std::vector<Row>& rows) {
  std::string json = fmt::format(R"({{"time":{},"nodes":[)", io::system_wall_ms());
  for (const Row& row : rows) {
    const NodeCounts& counts = *row.counts;
    json += &row == rows.data() ? R"({"nodeId":)" : R"(,{"nodeId":)";
    protocol::append_json_string(json, counts.node.node_id);
    json += R"(,"name":)";
    protocol::append_json_string(json, name_of(counts.node));
    if (counts.is_told()) {
      json += fmt::format(
          R"(,"inPerSecond":{:.3f},"outPerSecond":{:.3f},"queued":{},"mailbox":{},"cpuPercent":{:.3f},"via":)", row.in,
          row.out, counts.queued, counts.mailbox_size, row.cpu);
      protocol::append_json_string(json, row.via);
      if (row.wait_p99) json += fmt::format(R"(,"queueWaitP99Us":{:.3f})", static_cast<double>(*row.wait_p99) / 1e3);
      if (row.handler_p99)
        json += fmt::format(R"(,"handlerP99Us":{:.3f})", static_cast<double>(*row.handler_p99) / 1e3);
      json += fmt::format(R"(,"notSent":{},"dropped":{}}})", drops_json(counts.sent), drops_json(counts.received));
    } else {
      json += R"(,"untold":)";
      protocol::append_json_string(json, counts.why_untold);
      json += '}';
    }
  }
  return json + "]}";
}

}  // namespace

const std::vector<std::string>& top_columns() {
  static const std::vector<std::string> columns{"dropped", "name", "in", "out", "queued", "mailbox", "p99", "cpu"};
  return columns;
}

std::string report_top(const Arguments& arguments, const std::vector<NodeCounts>& before,
                       const std::vector<NodeCounts>& now, const Screen& screen) {
  std::map<std::string, const NodeCounts*> earlier;
  for (const NodeCounts& counts : before) earlier.emplace(counts.node.node_id, &counts);
  std::vector<Row> rows;
  for (const NodeCounts& counts : now) {
    const auto found = earlier.find(counts.node.node_id);
    rows.push_back(row_of(counts, found == earlier.end() ? nullptr : found->second));
  }
  sort(rows, arguments.sort);
  if (arguments.is_json) return json_line(as_json(rows));
  return rows.empty() ? "No nodes are registered.\n" : as_text(rows, screen);
}

Report top(const Arguments& arguments, pmd::BlockingClient& client, const Screen& screen) {
  const std::uint64_t default_count = screen.is_terminal && !arguments.is_json ? 0 : 1;
  const std::uint64_t count_max = arguments.count > 0 ? arguments.count : default_count;
  std::binary_semaphore end{0};
  std::atomic<bool> is_told{false};
  const EndSignals signals([&] {
    if (!is_told.exchange(true)) end.release();
  });
  std::vector<NodeCounts> before;
  // The first look is what the rates of the first round are from.
  for (std::uint64_t round = 0; count_max == 0 || round <= count_max; ++round) {
    Result<Nodes> nodes = client.list();
    if (!nodes) return report_error(arguments, nodes.error());
    std::vector<NodeCounts> now =
        read_counts(client, select_nodes(*std::move(nodes), {}).nodes,
                    {.until = base::saturating_add(io::system_now(), arguments.timeout), .is_over = &is_told});
    if (is_told) break;  // what was not read would be shown as untold
    if (round > 0) {
      std::string text = report_top(arguments, before, now, screen);
      if (screen.is_terminal && !arguments.is_json) text.insert(0, kClear);
      const int exit_code = say("distflow", {.exit_code = kExitSuccess, .out = std::move(text), .err = {}});
      if (exit_code != kExitSuccess) return {.exit_code = exit_code, .out = {}, .err = {}};
    }
    before = std::move(now);
    if (round == count_max && count_max != 0) break;
    if (end.try_acquire_for(arguments.interval)) break;
  }
  return {};
}

}  // namespace distflow::cli
