#include "cli/audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <distflow/printable.hpp>

#include "cli/exit_code.hpp"
#include "cli/node_page.hpp"
#include "cli/report.hpp"
#include "cli/table.hpp"
#include "io/clock.hpp"
#include "protocol/json_write.hpp"

namespace distflow::cli {
namespace {

using Links = std::map<std::pair<std::string, std::string>, LinkCounts>;

LinkCounts& link_between(Links& links, const std::string& from, const std::string& to) {
  LinkCounts& link = links[{from, to}];
  link.from = from;
  link.to = to;
  return link;
}

template <class T, class Get>
std::string cell(const std::optional<T>& part, Get get) {
  return part ? fmt::format("{}", get(*part)) : "?";
}

std::string name_in(const NodeNames& names, const std::string& node_id) {
  const auto found = names.find(node_id);
  return printable(found == names.end() ? node_id : found->second);
}

Table table_of(const std::vector<LinkCounts>& links, const NodeNames& names) {
  Table table({"FROM", "TO", "ACCEPTED", "QUEUED", "NOT SENT", "BETWEEN", "RECEIVED", "WAITING", "DROPPED THERE"});
  for (const LinkCounts& link : links) {
    const auto between = link.between();
    table.add({name_in(names, link.from), name_in(names, link.to),
               cell(link.sent, [](const SendStats& sent) { return sent.accepted; }),
               link.sent ? fmt::format("{}", link.queued) : "?", link.sent ? drops_text(*link.sent) : "?",
               between ? fmt::format("{}", *between) : "?",
               cell(link.received, [](const ReceiveStats& received) { return received.received; }),
               cell(link.received, waiting_of), link.received ? drops_text(*link.received) : "?"});
  }
  return table;
}

std::string link_json(const LinkCounts& link) {
  std::string json = R"({"from":)";
  protocol::append_json_string(json, link.from);
  json += R"(,"to":)";
  protocol::append_json_string(json, link.to);
  if (link.sent) {
    json += fmt::format(R"(,"accepted":{},"written":{},"queued":{},"notSent":{})", link.sent->accepted,
                        link.sent->written, link.queued, drops_json(*link.sent));
  }
  if (const auto between = link.between()) json += fmt::format(R"(,"between":{})", *between);
  if (link.received) {
    json += fmt::format(R"(,"received":{},"handled":{},"waiting":{},"conflated":{},"replies":{},"dropped":{})",
                        link.received->received, link.received->handled, waiting_of(*link.received),
                        link.received->conflated, link.received->replies, drops_json(*link.received));
  }
  return json + fmt::format(R"(,"lost":{}}})", link.lost());
}

std::string untold_json(const std::vector<NodeCounts>& nodes) {
  std::string json;
  for (const NodeCounts& counts : nodes) {
    if (counts.is_told()) continue;
    json += json.empty() ? R"({"nodeId":)" : R"(,{"nodeId":)";
    protocol::append_json_string(json, counts.node.node_id);
    json += R"(,"why":)";
    protocol::append_json_string(json, counts.why_untold);
    json += '}';
  }
  return json;
}

std::string untold_text(const std::vector<NodeCounts>& nodes) {
  std::string text;
  for (const NodeCounts& counts : nodes) {
    if (!counts.is_told())
      text += fmt::format("Node '{}' does not tell its counters: {}.\n", printable(name_of(counts.node)),
                          counts.why_untold);
  }
  return text;
}

}  // namespace

std::uint64_t LinkCounts::lost() const { return (sent ? sent->dropped() : 0) + (received ? received->dropped() : 0); }

std::optional<std::uint64_t> LinkCounts::between() const {
  if (!sent || !received) return std::nullopt;
  const std::uint64_t come = received->received + received->replies;
  return sent->written > come ? sent->written - come : 0;  // the receiver may have been read later
}

std::vector<LinkCounts> links_of(const std::vector<NodeCounts>& nodes) {
  Links links;
  for (const NodeCounts& counts : nodes) {
    for (const PeerCounts& peer : counts.peers) {
      if (peer.sent.accepted > 0) {
        LinkCounts& link = link_between(links, counts.node.node_id, peer.node_id);
        link.sent = peer.sent;
        link.queued = peer.queued;
      }
      if (peer.received.received + peer.received.replies > 0)
        link_between(links, peer.node_id, counts.node.node_id).received = peer.received;
    }
  }
  // A node that reports, and has nothing to report of a link, has received nothing there, or sent nothing.
  std::set<std::string> told;
  for (const NodeCounts& counts : nodes) {
    if (counts.is_told()) told.insert(counts.node.node_id);
  }
  for (auto& [ends, link] : links) {
    if (!link.received && told.contains(link.to)) link.received.emplace();
    if (!link.sent && told.contains(link.from)) link.sent.emplace();
  }
  std::vector<LinkCounts> sorted;
  for (auto& [ends, link] : links) sorted.push_back(std::move(link));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const LinkCounts& a, const LinkCounts& b) { return a.lost() > b.lost(); });
  return sorted;
}

Report report_audit(const Arguments& arguments, const std::vector<NodeCounts>& nodes, const Screen& screen) {
  const std::vector<LinkCounts> links = links_of(nodes);
  std::uint64_t lost = 0;
  std::uint64_t between = 0;
  for (const LinkCounts& link : links) {
    lost += link.lost();
    between += link.between().value_or(0);
  }
  const bool is_any_told =
      std::any_of(nodes.begin(), nodes.end(), [](const NodeCounts& counts) { return counts.is_told(); });
  // Where no node has reported anything, nothing was compared.
  const int exit_code = lost > 0 || (!nodes.empty() && !is_any_told) ? kExitNo : kExitSuccess;
  if (arguments.is_json) {
    std::string rows;
    for (const LinkCounts& link : links) rows += (rows.empty() ? "" : ",") + link_json(link);
    return {.exit_code = exit_code,
            .out = json_line(fmt::format(R"({{"nodes":{},"lost":{},"between":{},"links":[{}],"untold":[{}]}})",
                                         nodes.size(), lost, between, rows, untold_json(nodes))),
            .err = {}};
  }
  Nodes infos;
  for (const NodeCounts& counts : nodes) infos.push_back(counts.node);
  std::string out = links.empty() ? "" : table_of(links, names_of(infos)).text(screen);
  out += fmt::format("{}, {}: {} lost, {} between two nodes.\n", counted(nodes.size(), "node"),
                     counted(links.size(), "link"), counted(lost, "message"), between);
  return {.exit_code = exit_code, .out = out, .err = untold_text(nodes)};
}

Report audit(const Arguments& arguments, pmd::BlockingClient& client, const Screen& screen) {
  Result<Nodes> nodes = client.list();
  if (!nodes) return report_error(arguments, nodes.error());
  const std::vector<NodeCounts> counts =
      read_counts(client, select_nodes(*std::move(nodes), {}).nodes,
                  {.until = base::saturating_add(io::system_now(), arguments.timeout)});
  return report_audit(arguments, counts, screen);
}

}  // namespace distflow::cli
