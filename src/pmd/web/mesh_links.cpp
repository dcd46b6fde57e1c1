#include "pmd/web/mesh_links.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "http/places_by_user.hpp"
#include "http/request.hpp"
#include "io/root_user.hpp"
#include "pmd/web/json_count.hpp"
#include "pmd/web/told_figures.hpp"
#include "protocol/json_members.hpp"
#include "protocol/json_write.hpp"

namespace distflow::pmd {
namespace {

constexpr const char* kTellsNothing = "It tells nothing of itself";
constexpr const char* kUnread = R"("isAwaited":true,"untold":"It has not told them yet")";

std::string untold(std::string_view why) {
  std::string text = R"("untold":)";
  protocol::append_json_string(text, why);
  return text;
}

using PeerMembers = std::array<std::string_view, 5>;
constexpr PeerMembers kPeerMembers = {"node_id", "via", "queued", "sent", "received"};

std::string link_text(std::string_view to, const PeerMembers& peer) {
  const auto& [node_id, via, queued, sent, received] = peer;
  const ToldTraffic traffic = read_traffic(sent, received);
  std::string text = R"({"to":)";
  protocol::append_json_string(text, to);
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

bool MeshLinks::may_see(const Registry::Entry& entry, const io::PeerOwner& viewer) {
  return viewer.is_user(io::kRootUser) || (entry.node.uid && viewer.is_user(*entry.node.uid));
}

http::Response MeshLinks::answer(std::string_view query, const io::PeerOwner& viewer) {
  struct Looked {
    std::string_view node_id;
    const Node* node;
  };
  ++last_request_;
  std::vector<Looked> looked;
  http::QueryValues named = http::query_values(query, "id", kNamedMax);
  std::uint64_t left_out = named.left_out;
  if (!timer_.is_armed()) reactor_.arm_after(timer_, kPlaceInterval);
  std::set<std::string_view> is_named;
  for (const std::string& id : named.values) {
    if (!is_named.insert(id).second) continue;  // once is enough
    const Registry::Entry* const entry = pmd_.registry().find_id(id);
    if (entry == nullptr) continue;
    Node* const node = look_at(*entry, viewer);
    if (node == nullptr) {
      ++left_out;
    } else if (may_see(*entry, viewer)) {
      begin_reading(*entry, viewer, *node);
      looked.push_back({id, node});
    }
  }
  counters_.left_out += left_out;
  ask_waiting();
  http::Response response{.content_type = "application/json"};
  std::string& body = response.body;
  body = R"({"leftOut":)" + std::to_string(left_out) + R"(,"nodes":[)";
  for (const Looked& one : looked) {
    body += &one == looked.data() ? R"({"nodeId":)" : R"(,{"nodeId":)";
    protocol::append_json_string(body, one.node_id);
    body += ',';
    if (!one.node->untold.empty()) {
      (body += one.node->untold) += '}';
      continue;
    }
    const Links& links = one.node->told;
    body += R"("atUs":)" + std::to_string(links.at_us) + R"(,"links":[)";
    std::uint64_t others = links.all;
    for (const Link& link : links.kept) {
      if (!is_named.contains(link.to)) continue;
      if (others-- < links.all) body += ',';
      body += link.text;
    }
    body += R"(],"others":)" + std::to_string(others);
    body += links.is_cut ? R"(,"isCut":true})" : R"(,"isCut":false})";
  }
  body += "]}\n";
  return response;
}

/// A place for another node, or for the one that somebody else has named.
bool MeshLinks::has_place_for(const io::PeerOwner& viewer, const Node* named) const {
  if (named == nullptr && nodes_.size() >= kNodesMax) return false;
  if (viewer.is_user(io::kRootUser)) return true;
  std::size_t of_users = 0;
  std::size_t of_viewer = 0;
  for (const auto& [id, node] : nodes_) {
    if (&node == named) continue;
    if (node.viewer != io::kRootUser) ++of_users;
    if (viewer.is_user(node.viewer)) ++of_viewer;
  }
  return of_users < kNodesOfUsersMax && of_viewer < kNodesPerUserMax;
}

/// All places are taken, or all that users have: one of a user with more than its share, unless the viewer has its own.
/// A node that owes an answer keeps its place, as its question has one among kAskedMax; so does what this request has
/// named.
bool MeshLinks::take_place_for(const io::PeerOwner& viewer) {
  const auto is_users = [](const auto& one) { return one.second.viewer != io::kRootUser; };
  const auto of_users = static_cast<std::size_t>(std::ranges::count_if(nodes_, is_users));
  const bool is_among_users = !viewer.is_user(io::kRootUser) && of_users >= kNodesOfUsersMax;
  if (!is_among_users && nodes_.size() < kNodesMax) return false;  // the viewer has kNodesPerUserMax
  http::PlacesByUser places(viewer.uid());
  for (const auto& one : nodes_) {
    if (!is_among_users || is_users(one)) places.note(one.second.viewer);
  }
  if (!places.may_take()) return false;
  const auto goes_before = [&places](const Node& one, const Node& other) {
    return std::pair(places.of(other.viewer), one.until) < std::pair(places.of(one.viewer), other.until);
  };
  auto found = nodes_.end();  // of the user with most that has one, the one that has not been named for longest
  for (auto place = nodes_.begin(); place != nodes_.end(); ++place) {
    const Node& node = place->second;
    if (is_among_users && !is_users(*place)) continue;
    if (!places.may_give(node.viewer) || node.reading.is_asked() || node.request == last_request_) continue;
    if (found == nodes_.end() || goes_before(node, found->second)) found = place;
  }
  if (found == nodes_.end()) return false;
  nodes_.erase(found);
  ++counters_.displaced;
  return true;
}

MeshLinks::Node* MeshLinks::look_at(const Registry::Entry& entry, const io::PeerOwner& viewer) {
  const base::Instant now = reactor_.now();
  auto found = nodes_.find(entry.node.node_id);
  const bool is_new = found == nodes_.end();
  if (is_new && !has_place_for(viewer, nullptr) && !take_place_for(viewer)) return nullptr;
  if (is_new || found->second.user != entry.node.uid) {
    Node node;
    node.untold = kUnread;
    node.user = entry.node.uid;
    node.viewer = is_new ? viewer.uid() : found->second.viewer;
    node.until = is_new ? now : found->second.until;
    if (!is_new && found->second.reading.is_asked()) {  // the question keeps its place until its answer comes
      node.reading = found->second.reading;
      node.asker = found->second.asker;
      node.is_for_former = true;
    }
    found = nodes_.insert_or_assign(entry.node.node_id, std::move(node)).first;
  }
  Node& node = found->second;
  node.request = last_request_;
  // Others do not keep a place for its user: it would be taken from that user's share, or from root's, by somebody
  // else.
  const bool is_left = node.until - now <= kLookTime / 2;
  if (!viewer.is_user(node.viewer) && is_left && has_place_for(viewer, &node)) node.viewer = viewer.uid();
  if (viewer.is_user(node.viewer)) node.until = now + kLookTime;
  return &node;
}

void MeshLinks::begin_reading(const Registry::Entry& entry, const io::PeerOwner& viewer, Node& node) {
  const base::Instant now = reactor_.now();
  if (!pmd_.stats_relay().can_tell(entry)) {
    node.untold = untold(kTellsNothing);
  } else if (!node.reading.is_under_way() && now >= node.next_reading) {
    ++counters_.readings;
    node.asker = viewer.uid();
    node.next_reading = now + kReadInterval;
    node.coming = {};
    node.reading.begin();
    want_part(node);
  }
}

void MeshLinks::want_part(Node& node) {
  node.turn = ++last_turn_;
  node.is_delayed = false;
  node.is_refused = false;
}

void MeshLinks::ask_waiting() {
  std::vector<Nodes::value_type*> waiting;
  const base::Instant now = reactor_.now();
  for (auto& one : nodes_) {
    if (one.second.reading.is_due(now)) waiting.push_back(&one);
  }
  if (waiting.empty()) return;
  std::ranges::sort(waiting, {},
                    [](const auto* one) { return std::pair(one->second.manner == Manner::silent, one->second.turn); });
  Places all;
  std::map<std::uint32_t, Places> by_user;
  const auto count = [&](const Node& node) {
    if (!node.reading.is_asked()) return;
    for (Places* const places : {&all, &by_user[node.asker]}) {
      ++places->asked;
      if (node.manner != Manner::answers) ++places->unproven;
    }
  };
  const auto has_place_for = [&](const Node& node) {
    const Places& own = by_user[node.asker];
    const bool is_root = node.asker == io::kRootUser;
    if (all.asked >= kAskedMax || (!is_root && own.asked >= kAskedPerUserMax)) return false;
    if (node.manner == Manner::answers) return true;
    return all.unproven < kUnprovenMax && (is_root || own.unproven < kUnprovenPerUserMax);
  };
  for (const auto& one : nodes_) count(one.second);
  for (Nodes::value_type* const one : waiting) {
    Node& node = one->second;
    if (!has_place_for(node)) {
      count_once(node.is_delayed, counters_.delayed);
    } else if (!ask(one->first, node)) {
      count_once(node.is_refused, counters_.refused);
    } else {
      count(node);
    }
  }
}

/// A question that waits is looked at again and again.
void MeshLinks::count_once(bool& is_counted, std::uint64_t& counter) {
  if (!std::exchange(is_counted, true)) ++counter;
}

/// False when the relay takes no question now.
bool MeshLinks::ask(const std::string& node_id, Node& node) {
  const Registry::Entry* const entry = pmd_.registry().find_id(node_id);
  if (entry == nullptr || entry->node.uid != node.user || !pmd_.stats_relay().can_tell(*entry)) {
    forget(node, kTellsNothing);  // between two parts; it has not been silent
    return true;
  }
  const std::uint64_t question = pmd_.stats_relay().ask_inside(*entry, node.reading.after());
  if (question == 0) return false;
  node.reading.on_asked(question, reactor_.now());
  ++counters_.asked;
  return true;
}

void MeshLinks::take(const InsideAnswer& answer) {
  const auto found = nodes_.find(answer.node_id);
  if (found == nodes_.end() || !found->second.reading.awaits(answer.question)) return;
  Node& node = found->second;
  const bool is_another = answer.error.empty() && answer.user != node.user;
  if (std::exchange(node.is_for_former, false) || is_another) {
    node.reading.end();
  } else if (!reactor_.has_memory_for([&] { take_part(node, answer); })) {
    ++counters_.not_kept;
    node.reading.end();
    node.coming = {};
  }
  reactor_.arm_after(timer_, base::Duration::zero());  // no question from inside an answer
}

void MeshLinks::take_part(Node& node, const InsideAnswer& answer) {
  if (!answer.error.empty()) return give_up(node, answer.error);
  const std::optional<ToldFigures> told = read_figures(answer.stats);
  if (!told) return give_up(node, "What it tells cannot be read");
  if (node.manner == Manner::unknown) node.manner = Manner::answers;
  if (node.manner == Manner::silent) node.manner = Manner::on_trial;
  const bool has_room = keep_links(node.coming, told->peers);
  ++counters_.told;
  const auto outcome = node.reading.on_part({.next = told->next, .has_room = has_room}, reactor_.now());
  if (outcome == PeersReading::Outcome::next_part) return want_part(node);
  if (node.manner == Manner::on_trial && --node.readings_owed == 0) node.manner = Manner::answers;
  node.coming.at_us = told->at_us;
  node.coming.is_cut = outcome == PeersReading::Outcome::cut;
  if (node.coming.is_cut) ++counters_.cut;
  node.told = std::exchange(node.coming, {});
  node.untold = {};
}

/// Whether there was room for all. A peer without a name is passed over.
bool MeshLinks::keep_links(Links& links, std::string_view peers) const {
  bool has_room = true;
  // Not in what follows: whether it is an array. What is none has no links.
  static_cast<void>(protocol::for_each_element(peers, [&](std::string_view peer) {
    const auto found = protocol::find_members(peer, kPeerMembers);
    if (!found) return true;
    std::string to = protocol::decode_string(found->front()).value_or("");
    if (to.empty()) return true;
    ++links.all;
    if (!nodes_.contains(to)) return true;
    std::string text = link_text(to, *found);
    const std::size_t bytes = links.bytes + to.size() + text.size();
    has_room = bytes <= kNodeBytesMax;
    if (!has_room) return false;
    links.bytes = bytes;
    links.kept.push_back({std::move(to), std::move(text)});
    return true;
  }));
  return has_room;
}

void MeshLinks::give_up(Node& node, std::string_view why) {
  node.manner = Manner::silent;
  node.trial = std::min<std::uint8_t>(2 * node.trial, kReadingsOwedMax);
  node.readings_owed = node.trial;
  forget(node, why);
}

void MeshLinks::forget(Node& node, std::string_view why) {
  ++counters_.untold;
  node.reading.end();
  node.coming = {};
  node.told = {};
  node.untold = untold(why);
}

void MeshLinks::on_time() {
  const base::Instant now = reactor_.now();
  // A node that owes an answer keeps its place among kAskedMax until that comes.
  std::erase_if(nodes_, [now](const auto& one) { return one.second.until <= now && !one.second.reading.is_asked(); });
  const bool has_memory = reactor_.has_memory_for([this] { ask_waiting(); });
  if (nodes_.empty()) return;
  base::Instant next = now + (has_memory ? base::seconds(1) : kPlaceInterval);
  for (const auto& [node_id, node] : nodes_) {
    if (!node.reading.wants_part()) continue;
    next = std::min(next, node.reading.due() > now ? node.reading.due() : now + kPlaceInterval);
  }
  reactor_.timers().arm(timer_, next);
}

}  // namespace distflow::pmd
