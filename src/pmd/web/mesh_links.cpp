#include "pmd/web/mesh_links.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "http/request.hpp"
#include "pmd/web/told_figures.hpp"
#include "protocol/json_members.hpp"
#include "protocol/json_write.hpp"

namespace distflow::pmd {
namespace {

constexpr std::uint32_t kRoot = 0;
constexpr std::uint64_t kFirstPart = 0;
constexpr const char* kUnread = R"("isAwaited":true,"untold":"It has not told them yet")";

void append_count(std::string& out, std::string_view name, std::uint64_t count) {
  ((out += ",\"") += name) += "\":";
  out += std::to_string(count);
}

std::string untold(std::string_view why) {
  std::string text = R"("untold":)";
  protocol::append_json_string(text, why);
  return text;
}

/// One peer of a node, or nothing for one without a name.
std::string link_text(std::string_view peer) {
  const auto found =
      protocol::find_members(peer, std::array<std::string_view, 5>{"node_id", "via", "queued", "sent", "received"});
  if (!found) return {};
  const auto& [node_id, via, queued, sent, received] = *found;
  const std::string name = protocol::decode_string(node_id).value_or("");
  if (name.empty()) return {};
  const ToldTraffic traffic = read_traffic(sent, received);
  std::string text = R"({"to":)";
  protocol::append_json_string(text, name);
  text += R"(,"via":)";
  protocol::append_json_string(text, protocol::decode_string(via).value_or("none"));
  append_count(text, "queued", read_count(queued));
  append_count(text, "written", traffic.written);
  append_count(text, "received", traffic.received);
  text += R"(,"notSent":)" + traffic.not_sent_json;
  return text += R"(,"dropped":)" + traffic.dropped_json + '}';
}

}  // namespace

MeshLinks::MeshLinks(io::Reactor& reactor, Server& pmd)
    : reactor_(reactor), pmd_(pmd), timer_(base::Delegate<void()>::to<&MeshLinks::on_time>(*this)) {}

http::Response MeshLinks::answer(std::string_view query, const io::PeerOwner& viewer) {
  struct Looked {
    const Registry::Entry* entry;
    Node* node;
  };
  std::vector<Looked> looked;
  const http::QueryValues named = http::query_values(query, "id", kNamedMax);
  std::uint64_t left_out = named.left_out;
  for (const std::string& id : named.values) {
    const Registry::Entry* const entry = pmd_.registry().find_id(id);
    const bool may_see =
        entry != nullptr && (viewer.is_user(kRoot) || (entry->node.uid && viewer.is_user(*entry->node.uid)));
    if (!may_see) continue;
    if (Node* const node = look_at(*entry, viewer)) {
      looked.push_back({entry, node});
    } else {
      ++left_out;
    }
  }
  // So that where a connection has more nodes than may be asked at once, it is not the same ones that go without.
  const std::size_t first = looked.empty() ? 0 : requests_++ * (StatsRelay::kPendingPerNodeMax - 1) % looked.size();
  for (std::size_t i = 0; i < looked.size(); ++i) {
    const Looked& one = looked[(first + i) % looked.size()];
    ask(*one.entry, *one.node);
  }
  std::string nodes;
  for (const Looked& one : looked) {
    nodes += nodes.empty() ? R"({"nodeId":)" : R"(,{"nodeId":)";
    protocol::append_json_string(nodes, one.entry->node.node_id);
    ((nodes += ',') += one.node->told) += '}';
  }
  counters_.left_out += left_out;
  if (!nodes_.empty() && !timer_.is_armed()) reactor_.arm_after(timer_, kLookTime);
  http::Response response{.content_type = "application/json"};
  response.body = R"({"leftOut":)" + std::to_string(left_out) + R"(,"nodes":[)" + nodes + "]}\n";
  return response;
}

bool MeshLinks::has_place_for(const io::PeerOwner& viewer) const {
  if (nodes_.size() >= kNodesMax) return false;
  const auto are_of_viewer =
      std::ranges::count_if(nodes_, [&](const auto& one) { return viewer.is_user(one.second.viewer); });
  return viewer.is_user(kRoot) || static_cast<std::size_t>(are_of_viewer) < kNodesPerUserMax;
}

MeshLinks::Node* MeshLinks::look_at(const Registry::Entry& entry, const io::PeerOwner& viewer) {
  auto found = nodes_.find(entry.node.node_id);
  if (found == nodes_.end()) {
    if (!has_place_for(viewer)) return nullptr;
    found = nodes_.emplace(entry.node.node_id, Node()).first;
  }
  Node& node = found->second;
  if (node.told.empty() || node.user != entry.node.uid) {
    node = Node();
    node.told = kUnread;
    node.user = entry.node.uid;
    node.viewer = viewer.uid();
  }
  node.until = reactor_.now() + kLookTime;
  return &node;
}

void MeshLinks::ask(const Registry::Entry& entry, Node& node) {
  const base::Instant now = reactor_.now();
  if (node.owes_answer || now < node.next_question) return;
  if (!pmd_.stats_relay().can_tell(entry)) {
    node.told = untold("It tells nothing of itself");
    node.next_question = now + kAskInterval;
    return;
  }
  node.owes_answer = pmd_.stats_relay().ask_inside(entry, kFirstPart);
  if (node.owes_answer) node.next_question = now + kAskInterval;  // else in the next request
  ++(node.owes_answer ? counters_.asked : counters_.not_asked);
}

void MeshLinks::take(const InsideAnswer& answer) {
  if (answer.after != kFirstPart) return;
  const auto found = nodes_.find(answer.node_id);
  if (found == nodes_.end() || !found->second.owes_answer) return;
  if (answer.error.empty() && answer.user != found->second.user) return;  // its own question has an answer yet to come
  found->second.owes_answer = false;
  if (!reactor_.has_memory_for([&] { take_answer(found->second, answer); })) ++counters_.not_kept;
}

void MeshLinks::take_answer(Node& node, const InsideAnswer& answer) {
  const std::optional<ToldFigures> told = answer.error.empty() ? read_figures(answer.stats) : std::nullopt;
  if (!told) {
    ++counters_.untold;
    node.told = untold(answer.error.empty() ? "What it tells cannot be read" : answer.error);
    return;
  }
  bool is_cut = told->next > 0;
  std::string links;
  // Not in what follows: whether it is an array. What is none has no links.
  static_cast<void>(protocol::for_each_element(told->peers, [&](std::string_view peer) {
    const std::string link = link_text(peer);
    if (link.empty()) return true;
    if (links.size() + link.size() + 1 > kNodeBytesMax) {
      is_cut = true;
      return false;
    }
    if (!links.empty()) links += ',';
    links += link;
    return true;
  }));
  ++counters_.told;
  if (is_cut) ++counters_.cut;
  std::string text = R"("atUs":)" + std::to_string(told->at_us) + R"(,"links":[)" + links;
  text += is_cut ? R"(],"isCut":true)" : R"(],"isCut":false)";
  node.told = std::move(text);
}

void MeshLinks::on_time() {
  const base::Instant now = reactor_.now();
  std::erase_if(nodes_, [now](const auto& one) { return one.second.until <= now; });
  if (!nodes_.empty()) reactor_.arm_after(timer_, base::seconds(1));
}

}  // namespace distflow::pmd
