#include "pmd/web/figures.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/give_back.hpp"
#include "base/room.hpp"
#include "http/request.hpp"
#include "io/root_user.hpp"
#include "pmd/web/equal_share.hpp"
#include "pmd/web/figures_place.hpp"
#include "pmd/web/figures_text.hpp"
#include "protocol/pmd_reply.hpp"

namespace distflow::pmd {
namespace {

/// A node reports its peers from a place on. No peer has this one: the counters of the node itself come alone.
constexpr std::uint64_t kNoPeers = 9'007'199'254'740'991;  // the greatest that every reader of JSON takes exactly

}  // namespace

Figures::Figures(io::Reactor& reactor, Server& pmd)
    : reactor_(reactor), pmd_(pmd), timer_(base::Delegate<void()>::to<&Figures::on_time>(*this)) {}

http::Response Figures::answer(std::string_view query, const io::PeerOwner& viewer) {
  const std::optional<FiguresPlace> asked = FiguresPlace::read(http::query_value(query, "since").value_or("0"));
  if (!asked) return {.status = 400, .body = "since is nothing that an answer had as its next\n"};
  if (!viewer.is_known()) return {.status = 403, .body = "the system does not say who asks\n"};
  if (!note_viewer(viewer.uid())) {
    ++counters_.viewers_refused;
    return {.status = 503, .body = "too many users look at the same time\n"};
  }
  const auto may_see = [&](const UserId& user) {
    return viewer.is_user(io::kRootUser) || (user && viewer.is_user(*user));
  };
  FiguresPlace place = *asked;
  // A number that was not given yet is one of another PMD's.
  const bool is_strange = std::max({place.since, place.until, place.after}) > last_number_;
  const bool is_first_part = is_strange || place.until == 0;
  const bool is_anew = is_first_part && (is_strange || !gone_.has_all_since(place.since));
  if (is_first_part) place = {.since = is_anew ? 0 : place.since, .until = last_number_, .after = 0};
  std::string lost;
  if (is_first_part && !is_anew) {
    gone_.visit(place.since, place.until, [&](const UserId& user, std::string_view name) {
      if (may_see(user)) (lost += lost.empty() ? "" : ",") += name;
    });
  }
  std::string nodes;
  auto next = std::ranges::upper_bound(places_, place.after, {}, [](const auto* one) { return one->second.place; });
  const auto has_more = [&] { return next != places_.end() && (*next)->second.place <= place.until; };
  for (; has_more() && nodes.size() + lost.size() < kPartSizeMax; ++next) {
    const Node& node = (*next)->second;
    place.after = node.place;
    if (node.number > place.since && may_see(node.user)) (nodes += nodes.empty() ? "" : ",") += node.text;
  }
  const bool is_whole = !has_more();
  if (is_whole) place = {.since = place.until, .until = 0, .after = 0};
  http::Response response{.content_type = "application/json"};
  response.body = R"({"next":")" + place.text() + R"(","isWhole":)" + (is_whole ? "true" : "false") + R"(,"isAnew":)" +
                  (is_anew ? "true" : "false") + R"(,"leftOut":)" + std::to_string(left_out_) + R"(,"gone":[)" + lost +
                  R"(],"nodes":[)" + nodes + "]}\n";
  return response;
}

/// False when too many users look already.
bool Figures::note_viewer(std::uint32_t user) {
  const base::Instant until = reactor_.now() + kLookTime;
  const auto found =
      std::find_if(viewers_.begin(), viewers_.end(), [&](const Viewer& one) { return one.user == user; });
  if (found != viewers_.end()) {
    found->until = until;
  } else {
    if (viewers_.size() >= kViewersMax) return false;
    viewers_.push_back({.user = user, .until = until});
  }
  if (!timer_.is_armed()) reactor_.arm_after(timer_, base::Duration::zero());
  return true;
}

bool Figures::is_seen(const UserId& user) const {
  return std::any_of(viewers_.begin(), viewers_.end(),
                     [&](const Viewer& viewer) { return viewer.user == io::kRootUser || user == viewer.user; });
}

void Figures::on_time() {
  const base::Instant now = reactor_.now();
  std::erase_if(viewers_, [now](const Viewer& viewer) { return viewer.until <= now; });
  if (viewers_.empty()) return forget_all();
  const auto work = [&] {
    if (asked_ == places_.size() && now >= next_round_) begin_round();
    ask_some();
  };
  if (!reactor_.has_memory_for(work)) ++counters_.not_asked;
  const bool is_round_over = asked_ == places_.size();
  reactor_.arm_after(timer_, is_round_over ? std::max(next_round_ - now, kTurnInterval) : kTurnInterval);
}

void Figures::begin_round() {
  drop_over();
  next_round_ = reactor_.now() + kRoundInterval;
  ++round_;
  asked_ = 0;
  const Looked looked = look();
  share_out(looked);
  left_out_ = looked.all - std::min(looked.all, places_.size());
  counters_.left_out += left_out_;
}

Figures::Looked Figures::look() {
  const Registry& registry = pmd_.registry();
  const Registry::Entries& entries = registry.entries();
  const std::size_t count = std::min(entries.size(), kLookedAtMax);
  Looked looked{.without_place = {}, .all = entries.size() - count};
  auto place = entries.begin();
  if (const Registry::Entry* const last = registry.find_id(looked_at_); last != nullptr && count < entries.size()) {
    if (last->number == looked_at_number_) place = std::next(Registry::Entries::const_iterator(last->place));
  }
  const Registry::Entry* last = nullptr;
  for (std::size_t i = 0; i < count; ++i) {
    if (place == entries.end()) place = entries.begin();
    last = &*place++;
    if (!is_seen(last->node.uid) || !pmd_.stats_relay().can_tell(*last)) continue;
    ++looked.all;
    if (!nodes_.contains(last->node.node_id)) looked.without_place.push_back(last);
  }
  if (last != nullptr) {
    looked_at_ = last->node.node_id;
    looked_at_number_ = last->number;
  }
  return looked;
}

void Figures::share_out(const Looked& looked) {
  Shares users;
  for (const Nodes::value_type* const place : places_) ++users[place->second.user].held;
  for (auto& [user, share] : users) share.wanted = share.held;
  for (const Registry::Entry* const entry : looked.without_place) ++users[entry->node.uid].wanted;
  std::vector<std::size_t> wanted;
  for (const auto& [user, share] : users) wanted.push_back(share.wanted);
  const std::size_t share = equal_share(std::move(wanted), kNodesMax);
  std::size_t owed = 0;
  for (const auto& [user, has] : users) owed += std::max(std::min(has.wanted, share), has.held) - has.held;
  const std::size_t free = kNodesMax - places_.size();
  if (owed > free) displace(owed - free, share, users);

  base::make_room(places_, std::min(kNodesMax, places_.size() + looked.without_place.size()));
  std::vector<const Registry::Entry*> beyond_share;
  for (const Registry::Entry* const entry : looked.without_place) {
    Share& of_user = users[entry->node.uid];
    if (of_user.held >= share) {
      beyond_share.push_back(entry);
      continue;
    }
    give_place(*entry);
    ++of_user.held;
  }
  // The shares are rounded down.
  for (const Registry::Entry* const entry : beyond_share) {
    if (places_.size() == kNodesMax) break;
    give_place(*entry);
  }
}

/// Takes so many places from users with more than the share. They have them: what is owed fits into the places beside
/// the shares.
void Figures::displace(std::size_t count, std::size_t share, Shares& users) {
  for (auto place = places_.rbegin(); place != places_.rend() && count > 0; ++place) {
    Node& node = (*place)->second;
    std::size_t& held = users[node.user].held;
    if (held <= share) continue;
    --held;
    --count;
    node.is_over = true;
    ++counters_.displaced;
  }
  drop_over();
}

void Figures::give_place(const Registry::Entry& entry) {
  Nodes::value_type& given = *nodes_.try_emplace(entry.node.node_id).first;
  given.second.node_id = given.first;
  given.second.place = ++last_number_;
  given.second.user = entry.node.uid;
  given.second.registration = registration_of(entry);
  places_.push_back(&given);  // there is room
}

void Figures::drop_over() {
  std::erase_if(places_, [this](Nodes::value_type* place) {
    if (!place->second.is_over) return false;
    forget(place->second);
    nodes_.erase(nodes_.find(place->first));
    return true;
  });
}

void Figures::ask_some() {
  // A round begins with another node than the one before: where a connection has more nodes than may be asked at once,
  // it is not the same ones that go without.
  const std::size_t first = round_ * (StatsRelay::kPendingPerNodeMax - 1);
  for (std::size_t count = ask_slow(); asked_ < places_.size() && count < kAskedPerTurnMax; ++asked_) {
    auto& [node_id, node] = *places_[(first + asked_) % places_.size()];
    const Registry::Entry* const entry = pmd_.registry().find_id(node_id);
    if (entry == nullptr || !is_seen(entry->node.uid) || !pmd_.stats_relay().can_tell(*entry)) {
      node.is_over = true;
      continue;
    }
    if (!pmd_.stats_relay().has_room_for_round()) return;  // the rest in the next turn
    if (node.registration != registration_of(*entry)) take_registration(node, *entry);
    ++count;
    if (node.question == 0 && !node.manner.is_slow()) ask_in_round(node, *entry);
  }
}

void Figures::ask_in_round(Node& node, const Registry::Entry& entry) {
  if (!node.manner.is_new()) return ask(node, entry);
  if (new_.is_full()) {
    ++counters_.not_asked;
    return;
  }
  ask(node, entry);
  if (node.question != 0) new_.add(node.question);
}

/// It is another user's, or viewers have seen it leave. A node does not get rid of its manner by registering anew.
void Figures::take_registration(Node& node, const Registry::Entry& entry) {
  forget(node);
  if (node.user != entry.node.uid)
    node.manner = {};
  else if (node.question != 0)
    node.manner.note_late();
  node.user = entry.node.uid;
  node.registration = registration_of(entry);
  node.question = 0;
}

/// Of the slow nodes, those that have their turn; how many were asked.
std::size_t Figures::ask_slow() {
  std::size_t asked = 0;
  for (std::size_t count = 0; count < std::min(kAskedPerTurnMax, places_.size()); ++count) {
    if (slow_.is_full() || asked == kSlowPerTurnMax || !pmd_.stats_relay().has_room_for_round()) break;
    auto& [node_id, node] = *places_[next_slow_++ % places_.size()];
    if (!node.manner.is_slow() || node.question != 0 || node.round == round_ || node.is_over) continue;
    const Registry::Entry* const entry = pmd_.registry().find_id(node_id);
    if (entry == nullptr || registration_of(*entry) != node.registration) continue;  // the round looks after it
    if (!is_seen(entry->node.uid) || !pmd_.stats_relay().has_room_for_half(*entry)) continue;
    ask(node, *entry);
    if (node.question == 0) continue;
    slow_.add(node.question);
    ++asked;
  }
  return asked;
}

void Figures::ask(Node& node, const Registry::Entry& entry) {
  node.round = round_;
  node.asked_at = reactor_.now();
  node.question = pmd_.stats_relay().ask_inside(entry, kNoPeers);
  ++(node.question != 0 ? counters_.asked : counters_.not_asked);
}

void Figures::take(const InsideAnswer& answer) {
  slow_.remove(answer.question);
  new_.remove(answer.question);
  const auto found = nodes_.find(answer.node_id);
  if (found == nodes_.end() || found->second.question != answer.question) return;
  Node& node = found->second;
  node.question = 0;
  if (reactor_.now() - node.asked_at > kSlowAfter)
    node.manner.note_late();
  else if (answer.error != protocol::kNodeNotFound)
    node.manner.note_in_time();
  const Registry::Entry* const entry = pmd_.registry().find_id(answer.node_id);
  const bool has_left =
      answer.error == protocol::kNodeNotFound || entry == nullptr || registration_of(*entry) != node.registration;
  if (has_left) {  // another one may have its nodeId
    ++counters_.untold;
    return forget(node);
  }
  if (!reactor_.has_memory_for([&] { take_answer(node, answer); })) ++counters_.not_kept;
}

void Figures::take_answer(Node& node, const InsideAnswer& answer) {
  const std::optional<ToldFigures> told = answer.error.empty() ? read_figures(answer.stats) : std::nullopt;
  if (!told) {
    ++counters_.untold;
    const std::string_view why = answer.error.empty() ? "What it tells cannot be read" : answer.error;
    return keep(node, untold_text(answer.node_id, why), {});
  }
  ++counters_.told;
  std::string text = told_text(answer.node_id, *told, node.before);
  std::string latency(told->latency);
  node.before.at_us = told->at_us;
  node.before.in = told->traffic.received;
  node.before.out = told->traffic.written;
  keep(node, std::move(text), std::move(latency));
}

void Figures::keep(Node& node, std::string text, std::string latency) {
  const std::size_t before = node.size();
  const std::size_t size = text.size() + latency.size();
  if (size > before && !make_room(node.user, size - before)) {
    ++counters_.not_kept;
    return forget(node);  // what is kept of it is old, and would stay so
  }
  // What may throw comes before anything is changed.
  Sizes sizes;
  BytesOfUsers of_user;
  if (before == 0) {
    sizes.emplace(std::pair(node.user, size), &node);
    of_user.emplace(node.user, 0);
  }
  bytes_of_users_.merge(of_user);
  if (size != before) {
    auto place = before == 0 ? sizes.extract(sizes.begin()) : sizes_.extract(node.in_sizes);
    place.key().second = size;
    node.in_sizes = sizes_.insert(std::move(place));
  }
  if (text != node.text) node.number = ++last_number_;
  // An assignment would keep the memory of a longer text that was there: it is not counted any more.
  node.text.swap(text);
  node.before.latency.swap(latency);
  bytes_ += size - before;
  bytes_of_users_.find(node.user)->second += size - before;
}

/// Whether so many bytes more may be kept for a node of this user's; makes room for them if so.
bool Figures::make_room(const UserId& user, std::size_t size) {
  if (bytes_ + size <= kBytesMax) return true;
  BytesOfUsers wanted = bytes_of_users_;
  const std::size_t of_user = wanted[user] += size;
  std::vector<std::size_t> all;
  all.reserve(wanted.size());
  for (const auto& [one, bytes] : wanted) all.push_back(bytes);
  if (of_user > equal_share(std::move(all), kBytesMax)) return false;
  // This user keeps to its share. So while there is no room another one has more than that: the user with most.
  while (bytes_ + size > kBytesMax) {
    const auto most = std::ranges::max_element(bytes_of_users_, {}, [](const auto& one) { return one.second; });
    forget(*std::prev(sizes_.upper_bound(std::pair(most->first, SIZE_MAX)))->second);  // its largest
    ++counters_.not_kept;
  }
  return true;
}

/// It is as if it had not answered yet.
void Figures::forget(Node& node) {
  if (node.number == 0) return;
  const std::size_t size = node.size();
  bytes_ -= size;
  const auto of_user = bytes_of_users_.find(node.user);
  of_user->second -= size;
  if (of_user->second == 0) bytes_of_users_.erase(of_user);
  sizes_.erase(node.in_sizes);
  base::give_back(node.text);
  node.number = 0;
  base::give_back(node.before.latency);
  node.before.at_us = 0;
  note_gone(node);
}

/// For viewers that may have its figures.
void Figures::note_gone(const Node& node) {
  ++last_number_;
  const auto note = [&] { counters_.gone_not_kept += gone_.note(last_number_, node.user, node.node_id); };
  if (!reactor_.has_memory_for(note)) counters_.gone_not_kept += gone_.clear(last_number_) + 1;
}

void Figures::forget_all() {
  nodes_.clear();
  // Viewers that come later begin anew. That nothing is kept while nobody looks is no bound: it is not counted.
  if (!sizes_.empty() || !gone_.is_empty()) static_cast<void>(gone_.clear(++last_number_));
  sizes_.clear();
  bytes_ = 0;
  bytes_of_users_.clear();
  base::give_back(places_);
  asked_ = 0;
  left_out_ = 0;
  looked_at_ = {};
  next_round_ = base::Instant::min();
}

}  // namespace distflow::pmd
