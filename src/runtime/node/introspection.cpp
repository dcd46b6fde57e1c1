#include "runtime/node/introspection.hpp"

#include <algorithm>
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

std::uint64_t to_count(base::WallMs time) { return time > 0 ? static_cast<std::uint64_t>(time) : 0; }

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

/// The client that asks is shown the reasons.
constexpr const char* kUnknownKind = R"({"refused":"it knows no stats of that kind"})";
constexpr const char* kNotForThisPmd = R"({"refused":"its PMD is not known to run as its user or as root"})";

/// Of a long text the beginning: a part has to hold some letters.
constexpr std::size_t kTextShown = 1024;

/// `text` is JSON, which is written as a string: it may be cut anywhere, and nobody takes it for a part of the answer.
std::string letter_row(const DeadLetter& letter) {
  std::size_t size = std::min(letter.text.size(), kTextShown);
  while (size > 0 && size < letter.text.size() && (static_cast<unsigned char>(letter.text[size]) & 0xC0U) == 0x80)
    --size;
  std::string out = "{";
  append_count(out, "number", letter.number);
  append_count(out, "at", to_count(letter.at));
  append_count(out, "sent_at", to_count(letter.sent_at));
  append_text(out, "to", letter.to);
  append_text(out, "node_id", letter.node_id);
  append_text(out, "reason", letter.reason);
  append_count(out, "size", letter.text.size());
  append_text(out, "text", std::string_view(letter.text).substr(0, size));
  out += '}';
  return base::printable_json(out);
}

}  // namespace

template <class Write>
std::string Introspection::within_the_rate(Content content, Write write) {
  std::string text;
  bool is_refused = !parts_limit_.admit(reactor_.now());
  if (!is_refused && content == Content::messages && !(may_show_messages_ && may_show_messages_())) {
    is_refused = true;
    text = kNotForThisPmd;
  }
  if (!is_refused) text = write();
  is_uncounted_ = !is_refused && !text.empty();
  if (!is_uncounted_) add_owned(refused_, 1);
  return text;
}

std::string Introspection::tell(const protocol::StatsPart& part, const NodeStats& stats) {
  return within_the_rate(Content::counters, [&] { return write(part, stats); });
}

std::string Introspection::tell_dead_letters(const protocol::StatsPart& part) {
  return within_the_rate(Content::messages, [&]() -> std::string {
    std::string out = "{";
    append_member(out, "dead_letters");
    out += '[';
    std::uint64_t last = 0;  // of this part
    std::uint64_t next = 0;
    for (const DeadLetter& letter : dead_letters_.letters()) {
      if (letter.number <= part.after) continue;
      const std::string row = letter_row(letter);
      if (out.size() + 1 + row.size() + kAround > part.size_max) {
        if (last == 0) return {};  // not one fits: there would be no end of asking
        next = last;
        break;
      }
      if (last > 0) out += ',';
      out += row;
      last = letter.number;
    }
    out += ']';
    if (next > 0) append_count(out, "next", next);
    return out += '}';
  });
}

std::string Introspection::tell_redriven(base::Delegate<DeadLetters::Redriven()> redrive) {
  return within_the_rate(Content::messages, [&redrive] {
    const DeadLetters::Redriven outcome = redrive();
    std::string out = "{";
    append_count(out, "redriven", outcome.sent);
    append_count(out, "kept", outcome.kept);
    return out += '}';
  });
}

std::string Introspection::refuse_unknown() {
  is_uncounted_ = false;
  add_owned(refused_, 1);
  return kUnknownKind;
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
