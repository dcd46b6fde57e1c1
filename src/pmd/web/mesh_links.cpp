#include "pmd/web/mesh_links.hpp"

#include <array>
#include <optional>
#include <utility>

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
  std::string nodes;
  const http::QueryValues named = http::query_values(query, "id", kNamedMax);
  std::uint64_t left_out = named.left_out;
  for (const std::string& id : named.values) {
    const Registry::Entry* const entry = pmd_.registry().find_id(id);
    const bool may_see =
        entry != nullptr && (viewer.is_user(kRoot) || (entry->node.uid && viewer.is_user(*entry->node.uid)));
    if (!may_see) continue;
    Node* const node = look_at(*entry);
    if (node == nullptr) {
      ++left_out;
      continue;
    }
    nodes += nodes.empty() ? R"({"nodeId":)" : R"(,{"nodeId":)";
    protocol::append_json_string(nodes, id);
    ((nodes += ',') += node->told) += '}';
  }
  counters_.left_out += left_out;
  if (!nodes_.empty() && !timer_.is_armed()) reactor_.arm_after(timer_, kLookTime);
  http::Response response{.content_type = "application/json"};
  response.body = R"({"leftOut":)" + std::to_string(left_out) + R"(,"nodes":[)" + nodes + "]}\n";
  return response;
}

MeshLinks::Node* MeshLinks::look_at(const Registry::Entry& entry) {
  auto found = nodes_.find(entry.node.node_id);
  if (found == nodes_.end()) {
    if (nodes_.size() >= kNodesMax) return nullptr;
    found = nodes_.emplace(entry.node.node_id, Node()).first;
    found->second.told = kUnread;
    found->second.user = entry.node.uid;
  }
  Node& node = found->second;
  if (node.user != entry.node.uid) {
    node = Node();
    node.told = kUnread;
    node.user = entry.node.uid;
  }
  const base::Instant now = reactor_.now();
  node.until = now + kLookTime;
  if (!node.owes_answer && now >= node.next_question) {
    node.next_question = now + kAskInterval;
    ask(entry, node);
  }
  return &node;
}

void MeshLinks::ask(const Registry::Entry& entry, Node& node) {
  if (!pmd_.stats_relay().can_tell(entry)) {
    node.told = untold("It tells nothing of itself");
    return;
  }
  node.owes_answer = pmd_.stats_relay().ask_inside(entry, kFirstPart);
  ++(node.owes_answer ? counters_.asked : counters_.not_asked);
}

void MeshLinks::take(const InsideAnswer& answer) {
  if (answer.after != kFirstPart) return;
  const auto found = nodes_.find(answer.node_id);
  if (found == nodes_.end() || !found->second.owes_answer) return;
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
