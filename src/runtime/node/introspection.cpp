#include "runtime/node/introspection.hpp"

#include <chrono>
#include <string_view>

#include "base/escape.hpp"
#include "base/string_map.hpp"
#include "runtime/counters/stats_json.hpp"
#include "runtime/peers/carrier.hpp"

namespace distflow::runtime {
namespace {

/// Bytes of the answer's frame around the object, and of the object's end: {"type":"stats:answer",...,"next":N}.
constexpr std::size_t kAround = 128;

/// Bytes that the latencies leave for the peers: some of them have to fit into a part.
constexpr std::size_t kLeastPeers = 4096;

/// How one peer is sent to.
struct PeerWay {
  std::uint64_t queued = 0;  // messages that wait for it, in all of its links
  const char* via = "none";
};
using PeerWays = base::StringMap<PeerWay>;

const char* via_of(const transport::Connection& connection) {
  if (!connection.is_open()) return "none";
  return connection.has_moved_sending() ? "memory" : "tcp";
}

PeerWays ways_of(const Directory& directory) {
  PeerWays ways;
  directory.for_each_link([&ways](const Link& link) {
    PeerWay& way = ways[link.node_id()];
    way.queued += link.queued_count();
    if (link.way() != nullptr) way.via = via_of(*link.way());
  });
  return ways;
}

/// Valid and short of surprises, whatever the peer calls itself.
std::string peer_row(const PeerStats& peer, const PeerWay& way) {
  std::string out = "{";
  append_text(out, "node_id", peer.node_id);
  append_text(out, "via", way.via);
  append_count(out, "queued", way.queued);
  append_traffic(out, peer.sent, peer.received);
  out += '}';
  return base::printable_json(out);
}

}  // namespace

std::string Introspection::tell(const protocol::StatsPart& part, const NodeStats& stats) {
  std::string text;
  if (parts_limit_.admit(reactor_.now())) text = write(part, stats);
  add_owned(text.empty() ? refused_ : told_, 1);
  return text;
}

std::string Introspection::write(const protocol::StatsPart& part, const NodeStats& stats) const {
  const PeerWays ways = ways_of(directory_);
  const auto way_of = [&](const std::string& node_id) {
    const auto found = ways.find(node_id);
    PeerWay way = found == ways.end() ? PeerWay{} : found->second;
    // Not sent to: what comes from it says the same, where it is known to be its connection.
    Carrier* const carrier = found == ways.end() ? carriers_.find(node_id) : nullptr;
    if (carrier != nullptr) way.via = via_of(carrier->connection());
    return way;
  };
  std::uint64_t queued = 0;
  for (const auto& [node_id, way] : ways) queued += way.queued;

  std::string out = "{";
  const auto at = std::chrono::duration_cast<std::chrono::microseconds>(reactor_.now().time_since_epoch()).count();
  append_count(out, "at", static_cast<std::uint64_t>(at));
  append_count(out, "queued", queued);
  append_member(out, "node");
  out += '{';
  append_traffic(out, stats.sent, stats.received);
  append_node_counters(out, stats);
  // Left out where frames are short: the counters come first.
  std::string latency = "{";
  append_latency(latency, stats.latency);
  if (out.size() + latency.size() + kLeastPeers + kAround <= part.size_max) out += ',' + latency.substr(1);
  out += '}';
  out = base::printable_json(out);
  append_member(out, "peers");
  out += '[';
  if (out.size() + kAround > part.size_max) return {};
  bool is_first = true;
  const std::uint64_t next = traffic_.visit(part.after, [&](const PeerStats& peer) {
    const std::string row = peer_row(peer, way_of(peer.node_id));
    if (out.size() + 1 + row.size() + kAround > part.size_max) return false;
    if (!is_first) out += ',';
    is_first = false;
    out += row;
    return true;
  });
  out += ']';
  if (next > 0 && is_first) return {};  // not one fits: there would be no end of asking
  if (next > 0) append_count(out, "next", next);
  return out += '}';
}

}  // namespace distflow::runtime
