#include "cli/node_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include <distflow/printable.hpp>

#include "cli/exit_code.hpp"
#include "cli/report.hpp"
#include "cli/table.hpp"
#include "io/clock.hpp"
#include "protocol/json_write.hpp"

namespace distflow::cli {
namespace {

// A message may be between two counters when they are read: what does not hold is looked at again.
constexpr int kLooks = 5;
constexpr std::chrono::milliseconds kBetweenLooks{50};

struct PeerLaws {
  Law sent;
  Law received;
  [[nodiscard]] bool hold() const { return sent.holds() && received.holds(); }
};

PeerLaws laws_of(const PeerCounts& peer) {
  return {law_of_sent(peer.sent, peer.queued), law_of_received(peer.received, waiting_of(peer.received))};
}

PeerLaws laws_of(const NodeCounts& counts) {
  return {law_of_sent(counts.sent, counts.queued), law_of_received(counts.received, counts.mailbox_size)};
}

bool all_hold(const NodeCounts& counts) {
  return laws_of(counts).hold() && std::all_of(counts.peers.begin(), counts.peers.end(),
                                               [](const PeerCounts& peer) { return laws_of(peer).hold(); });
}

std::string verdict(const Law& law) { return law.holds() ? "holds" : fmt::format("BROKEN by {}", law.missing); }

std::string verdict(const PeerLaws& laws) {
  if (laws.hold()) return "holds";
  const Law& broken = laws.sent.holds() ? laws.received : laws.sent;
  return fmt::format("{} {}", broken.name, verdict(broken));
}

std::string name_in(const NodeNames& names, const std::string& node_id) {
  const auto found = names.find(node_id);
  return printable(found == names.end() ? node_id : found->second);
}

/// Since the node began; empty when nothing was timed.
std::string latency_line(std::string_view name, const Histogram& times) {
  if (times.count() == 0) return {};
  return fmt::format("  {:<8}  p50 {}, p90 {}, p99 {}, p999 {}\n", name, latency_text(times.quantile(0.5)),
                     latency_text(times.quantile(0.9)), latency_text(times.quantile(0.99)),
                     latency_text(times.quantile(0.999)));
}

std::string as_text(const NodeCounts& counts, const NodeNames& names, const Screen& screen) {
  const PeerLaws laws = laws_of(counts);
  const auto shown = [&screen](const Law& law) {
    return styled(screen, law.holds() ? Style::good : Style::bad, verdict(law));
  };
  const SendStats& sent = counts.sent;
  const ReceiveStats& received = counts.received;
  std::string out = fmt::format("Node '{}' ({}) at {}\n", printable(name_of(counts.node)),
                                printable(counts.node.node_id), to_place(counts.node.host, counts.node.port));
  out += fmt::format("  sent      {} accepted = {} written + {} queued + {} dropped: {}\n", sent.accepted, sent.written,
                     counts.queued, sent.dropped(), shown(laws.sent));
  out +=
      fmt::format("  received  {} = {} handled + {} waiting + {} conflated + {} dropped: {}\n", received.received,
                  received.handled, waiting_of(received), received.conflated, received.dropped(), shown(laws.received));
  out += fmt::format("  mailbox   {} now, {} at most; parked {}; replies {}; processor time {:.2f} s\n",
                     counts.mailbox_size, counts.mailbox_high_water, counts.parked, received.replies,
                     static_cast<double>(counts.cpu_us) / 1e6);
  if (counts.latency) {
    out += latency_line("waits", counts.latency->queue_wait);
    out += latency_line("handler", counts.latency->handler);
  }
  if (counts.peers.empty()) return out + "No messages to or from others yet.\n";
  Table table({"PEER", "VIA", "ACCEPTED", "WRITTEN", "QUEUED", "NOT SENT", "RECEIVED", "HANDLED", "WAITING",
               "CONFLATED", "DROPPED HERE", "LAW"});
  for (const PeerCounts& peer : counts.peers) {
    table.add({name_in(names, peer.node_id), printable(peer.via), fmt::format("{}", peer.sent.accepted),
               fmt::format("{}", peer.sent.written), fmt::format("{}", peer.queued), drops_text(peer.sent),
               fmt::format("{}", peer.received.received), fmt::format("{}", peer.received.handled),
               fmt::format("{}", waiting_of(peer.received)), fmt::format("{}", peer.received.conflated),
               drops_text(peer.received), verdict(laws_of(peer))});
  }
  return out + table.text(screen);
}

std::string law_json(const Law& law) {
  return fmt::format(R"("{}":{{"holds":{},"missing":{}}})", law.name, law.holds(), law.missing);
}

std::string laws_json(const PeerLaws& laws) {
  return fmt::format(R"("laws":{{{},{}}})", law_json(laws.sent), law_json(laws.received));
}

std::string as_json(const NodeCounts& counts) {
  std::string json = R"({"node":)";
  protocol::append_node(json, counts.node);
  json +=
      fmt::format(R"(,"queued":{},{},"counters":{},"peers":[)", counts.queued, laws_json(laws_of(counts)), counts.json);
  for (const PeerCounts& peer : counts.peers) {
    json += &peer == counts.peers.data() ? R"({"nodeId":)" : R"(,{"nodeId":)";
    protocol::append_json_string(json, peer.node_id);
    json += R"(,"via":)";
    protocol::append_json_string(json, peer.via);
    json += fmt::format(
        R"(,"accepted":{},"written":{},"queued":{},"notSent":{},"received":{},"handled":{},"waiting":{},"conflated":{},)"
        R"("replies":{},"dropped":{},{}}})",
        peer.sent.accepted, peer.sent.written, peer.queued, drops_json(peer.sent), peer.received.received,
        peer.received.handled, waiting_of(peer.received), peer.received.conflated, peer.received.replies,
        drops_json(peer.received), laws_json(laws_of(peer)));
  }
  return json + "]}";
}

}  // namespace

NodeNames names_of(const Nodes& nodes) {
  NodeNames names;
  for (const protocol::NodeInfo& node : nodes) names.emplace(node.node_id, name_of(node));
  return names;
}

Report report_node(const Arguments& arguments, const NodeCounts& counts, const NodeNames& names, const Screen& screen) {
  const int exit_code = all_hold(counts) ? kExitSuccess : kExitNo;
  return {.exit_code = exit_code,
          .out = arguments.is_json ? json_line(as_json(counts)) : as_text(counts, names, screen),
          .err = {}};
}

Report report_untold(const Arguments& arguments, const NodeCounts& counts) {
  return report_failure(
      arguments, kExitNo, "untold",
      fmt::format("Node '{}' does not tell its counters: {}.", printable(arguments.name), counts.why_untold),
      "Only the node's user and root are told, by nodes of this version whose option "
      "introspection is not off.");
}

Report node_page(const Arguments& arguments, pmd::BlockingClient& client, const Screen& screen) {
  const Result<protocol::NodeInfo> node = client.resolve(arguments.name);
  if (!node) return report_error(arguments, node.error());
  const Result<Nodes> nodes = client.list();
  if (!nodes) return report_error(arguments, nodes.error());
  const base::Instant until = base::saturating_add(io::system_now(), arguments.timeout);
  NodeCounts counts;
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) std::this_thread::sleep_for(kBetweenLooks);
    counts = read_counts(client, {*node}, {.until = until}).front();
    if (!counts.is_told()) return report_untold(arguments, counts);
    if (all_hold(counts) || io::system_now() >= until) break;
  }
  return report_node(arguments, counts, names_of(*nodes), screen);
}

}  // namespace distflow::cli
