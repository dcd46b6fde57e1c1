#include "pmd/web/node_views.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <utility>

#include "base/give_back.hpp"
#include "http/places_by_user.hpp"
#include "http/request.hpp"
#include "io/root_user.hpp"
#include "pmd/web/told_figures.hpp"
#include "protocol/json_members.hpp"
#include "protocol/json_write.hpp"

namespace distflow::pmd {
namespace {

void append_count_and_comma(std::string& out, std::string_view name, std::uint64_t count) {
  ((out += '"') += name) += "\":";
  (out += std::to_string(count)) += ',';
}

/// Modulo 2^64: numbers that a node reports. 0 where the law of the counters holds.
std::int64_t difference(std::uint64_t left, std::uint64_t right) { return static_cast<std::int64_t>(left - right); }

/// accepted = written + queued + dropped; received = handled + waiting + unfinished + conflated + dropped. A node
/// counts what waits in its mailbox: of what is left, a handler or a request is not through with it, so only too many
/// on the right side break it. Of one peer nobody counts what waits (no `mailbox`): all that is left waits.
void append_traffic(std::string& out, const ToldTraffic& traffic, std::uint64_t queued,
                    std::optional<std::uint64_t> mailbox) {
  out += R"("sent":{)";
  append_count_and_comma(out, "accepted", traffic.accepted);
  append_count_and_comma(out, "written", traffic.written);
  append_count_and_comma(out, "queued", queued);
  out += R"("missing":)" + std::to_string(difference(traffic.accepted, traffic.written + queued + traffic.not_sent));
  out += R"(,"dropped":)" + traffic.not_sent_json;
  out += R"(},"received":{)";
  const std::int64_t left =
      difference(traffic.received, traffic.handled + traffic.conflated + traffic.dropped + mailbox.value_or(0));
  const auto not_ended = static_cast<std::uint64_t>(std::max<std::int64_t>(left, 0));
  append_count_and_comma(out, "received", traffic.received);
  append_count_and_comma(out, "handled", traffic.handled);
  append_count_and_comma(out, "conflated", traffic.conflated);
  append_count_and_comma(out, "waiting", mailbox.value_or(not_ended));
  if (mailbox) append_count_and_comma(out, "unfinished", not_ended);
  out += R"("missing":)" + std::to_string(std::min<std::int64_t>(left, 0));
  out += R"(,"dropped":)" + traffic.dropped_json + '}';
}

/// Whether there was room for all. A peer without a name is passed over.
bool append_peers(std::string& out, std::string_view peers) {
  bool has_room = true;
  // Not in what follows: whether it is an array. What is none has no peers.
  static_cast<void>(protocol::for_each_element(peers, [&](std::string_view peer) {
    const auto found =
        protocol::find_members(peer, std::array<std::string_view, 5>{"node_id", "via", "queued", "sent", "received"});
    if (!found) return true;
    const auto& [node_id, via, queued, sent, received] = *found;
    const std::string name = protocol::decode_string(node_id).value_or("");
    if (name.empty()) return true;
    std::string text = out.empty() ? R"({"nodeId":)" : R"(,{"nodeId":)";
    protocol::append_json_string(text, name);
    text += R"(,"via":)";
    protocol::append_json_string(text, protocol::decode_string(via).value_or("none"));
    text += ',';
    append_traffic(text, read_traffic(sent, received), read_count(queued), std::nullopt);
    text += '}';
    has_room = out.size() + text.size() <= NodeViews::kBytesMax;
    if (has_room) out += text;
    return has_room;
  }));
  return has_room;
}

}  // namespace

NodeViews::NodeViews(io::Reactor& reactor, Server& pmd)
    : reactor_(reactor), pmd_(pmd), timer_(base::Delegate<void()>::to<&NodeViews::on_time>(*this)) {}

http::Response NodeViews::answer(std::string_view query, const io::PeerOwner& viewer) {
  const std::string id = http::query_value(query, "id").value_or("");
  const Registry::Entry* const entry = pmd_.registry().find_id(id);
  const bool may_see =
      entry != nullptr && (viewer.is_user(io::kRootUser) || (entry->node.uid && viewer.is_user(*entry->node.uid)));
  if (!may_see) return {.status = 404, .body = "there is no such node of yours\n"};
  const base::Instant now = reactor_.now();
  auto found = views_.find(id);
  if (found == views_.end()) {
    if (!has_place_for(viewer, nullptr) && !take_place_for(viewer)) {
      ++counters_.refused;
      return {.status = 503, .body = "too many nodes are looked at at the same time\n"};
    }
    found = views_.emplace(id, View{.user = entry->node.uid, .viewer = viewer.uid(), .until = now}).first;
  }
  View& view = found->second;
  if (view.user != entry->node.uid) view = View{.user = entry->node.uid, .viewer = view.viewer, .until = view.until};
  keep_place(view, viewer);
  if (!timer_.is_armed()) reactor_.arm_after(timer_, kLookTime);
  if (!view.reading.is_under_way() && now >= view.next_reading) {
    ++counters_.readings;
    view.next_reading = now + kReadInterval;
    view.reading.begin();
    base::give_back(view.peers);
    view.latency = "{}";
    want_part(view);
    ask_waiting();
  }
  http::Response response{.content_type = "application/json"};
  response.body = R"({"nodeId":)";
  protocol::append_json_string(response.body, id);
  (response.body += ',') += view.told;
  response.body += "}\n";
  return response;
}

/// Others do not keep a place for its user: it would be taken from that user's share by somebody else. The viewer gets
/// it when its user has stopped looking.
void NodeViews::keep_place(View& view, const io::PeerOwner& viewer) const {
  const base::Instant now = reactor_.now();
  const bool is_left = view.until - now <= kLookTime / 2;
  if (!viewer.is_user(view.viewer) && is_left && has_place_for(viewer, &view)) view.viewer = viewer.uid();
  if (viewer.is_user(view.viewer)) view.until = now + kLookTime;
}

/// A place for another node, or for the one that somebody else looks at.
bool NodeViews::has_place_for(const io::PeerOwner& viewer, const View* looked_at) const {
  if (looked_at == nullptr && views_.size() >= kViewsMax) return false;
  const auto are_of_viewer =
      std::ranges::count_if(views_, [&](const auto& one) { return viewer.is_user(one.second.viewer); });
  return viewer.is_user(io::kRootUser) || static_cast<std::size_t>(are_of_viewer) < kViewsPerUserMax;
}

/// All places are taken: one of a user with more than its share, unless the viewer has its own. Nodes that owe no
/// answer go first: the question of one that goes keeps its place among kAskedMax.
bool NodeViews::take_place_for(const io::PeerOwner& viewer) {
  if (views_.size() < kViewsMax) return false;  // the viewer has kViewsPerUserMax
  http::PlacesByUser places(viewer.uid());
  for (const auto& [id, view] : views_) places.note(view.viewer);
  if (!places.may_take()) return false;
  const auto goes_before = [&places](const View& one, const View& other) {
    return std::tuple(one.reading.is_asked(), places.of(other.viewer), one.until) <
           std::tuple(other.reading.is_asked(), places.of(one.viewer), other.until);
  };
  auto found = views_.end();
  for (auto place = views_.begin(); place != views_.end(); ++place) {
    if (!places.may_give(place->second.viewer)) continue;
    if (found == views_.end() || goes_before(place->second, found->second)) found = place;
  }
  if (found == views_.end()) return false;
  views_.erase(found);
  ++counters_.displaced;
  return true;
}

void NodeViews::want_part(View& view) {
  view.turn = ++last_turn_;
  if (under_way_.is_full()) ++counters_.delayed;
}

/// Of those that want a part, as many as there are places for.
void NodeViews::ask_waiting() {
  while (!under_way_.is_full()) {
    auto first = views_.end();
    for (auto place = views_.begin(); place != views_.end(); ++place) {
      const View& view = place->second;
      if (view.reading.wants_part() && (first == views_.end() || view.turn < first->second.turn)) first = place;
    }
    if (first == views_.end()) return;
    if (!reactor_.has_memory_for([&] { ask(first->first, first->second); })) first->second.reading.end();
  }
}

/// There must be a place. The view wants no part then.
void NodeViews::ask(const std::string& node_id, View& view) {
  const Registry::Entry* const entry = pmd_.registry().find_id(node_id);
  if (entry != nullptr && entry->node.uid != view.user)
    return give_up(view, "It has left, and its nodeId is another user's");  // between two parts
  if (entry == nullptr || !pmd_.stats_relay().can_tell(*entry))
    return give_up(view,
                   "It tells nothing of itself: its option introspection is off, or it is no node of this library");
  const std::uint64_t question = pmd_.stats_relay().ask_inside(*entry, view.reading.after());
  if (question == 0) return give_up(view, "It cannot be asked now: too many questions are under way");
  under_way_.add(question);
  view.reading.on_asked(question, reactor_.now());
}

void NodeViews::take(const InsideAnswer& answer) {
  if (!under_way_.remove(answer.question)) return;
  const auto found = views_.find(answer.node_id);
  if (found != views_.end() && found->second.reading.awaits(answer.question)) {
    View& view = found->second;
    const bool is_its_own = !answer.error.empty() || answer.user == view.user;
    if (!is_its_own || !reactor_.has_memory_for([&] { take_part(view, answer); })) view.reading.end();
  }
  const auto wants_part = [](const auto& one) { return one.second.reading.wants_part(); };
  // No question from inside an answer.
  if (std::ranges::any_of(views_, wants_part)) reactor_.arm_after(timer_, base::Duration::zero());
}

void NodeViews::take_part(View& view, const InsideAnswer& answer) {
  if (!answer.error.empty()) return give_up(view, answer.error);
  const std::optional<ToldFigures> told = read_figures(answer.stats);
  if (!told) return give_up(view, "What it tells cannot be read");
  if (!told->latency.empty()) view.latency = latency_json(told->latency);
  const bool has_room = append_peers(view.peers, told->peers);
  const auto outcome = view.reading.on_part({.next = told->next, .has_room = has_room}, reactor_.now());
  if (outcome == PeersReading::Outcome::next_part) return want_part(view);
  const bool is_cut = outcome == PeersReading::Outcome::cut;
  if (is_cut) ++counters_.cut;
  std::string text = R"("atUs":)" + std::to_string(told->at_us) + R"(,"latency":)" + view.latency + ',';
  append_traffic(text, told->traffic, told->queued, told->mailbox);
  (text += R"(,"peers":[)") += view.peers;
  text += is_cut ? R"(],"isCut":true)" : R"(],"isCut":false)";
  view.told = std::move(text);
  base::give_back(view.peers);
}

void NodeViews::give_up(View& view, std::string_view why) {
  ++counters_.untold;
  view.reading.end();
  base::give_back(view.peers);
  std::string text = R"("untold":)";
  protocol::append_json_string(text, why);
  view.told = std::move(text);
}

void NodeViews::on_time() {
  const base::Instant now = reactor_.now();
  // A node that owes an answer keeps its place until that comes: its question has one among kAskedMax.
  std::erase_if(views_, [now](const auto& one) { return one.second.until <= now && !one.second.reading.is_asked(); });
  ask_waiting();
  if (!views_.empty()) reactor_.arm_after(timer_, base::seconds(1));
}

}  // namespace distflow::pmd
