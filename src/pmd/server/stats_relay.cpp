#include "pmd/server/stats_relay.hpp"

#include <algorithm>
#include <utility>

#include "io/root_user.hpp"
#include "protocol/pmd_reply.hpp"

namespace distflow::pmd {
namespace {}  // namespace

StatsRelay::StatsRelay(const StatsRelayParts& parts)
    : parts_(parts), timer_(base::Delegate<void()>::to<&StatsRelay::on_timeout>(*this)) {}

bool StatsRelay::may_see(Session& client, const protocol::NodeInfo& node) {
  const io::PeerOwner& owner = client.owner();
  return owner.is_user(io::kRootUser) || (node.uid && owner.is_user(*node.uid));
}

bool StatsRelay::is_full(Session& client, const Session& node) const {
  const auto found = awaited_by_user_.find(client.owner().uid());
  const bool is_new = found == awaited_by_user_.end();
  const std::uint32_t of_user = is_new ? 0 : found->second;
  const std::size_t share = kPendingMax / (awaited_by_user_.size() + (is_new ? 1 : 0));
  return (client_count() >= kPendingMax && of_user >= share) || client.stats_awaited >= kPendingPerClientMax ||
         of_user >= kPendingPerUserMax || is_full_at(node, client.owner().uid());
}

/// Only root and the user of the nodes ask there: of two, each may have half of the places.
bool StatsRelay::is_full_at(const Session& node, std::uint32_t user) const {
  if (node.stats_owed < kPendingPerNodeMax) return false;
  const std::uint32_t own = user == io::kRootUser ? node.stats_owed_to_root : node.stats_owed - node.stats_owed_to_root;
  return own == node.stats_owed || own >= kPendingPerNodeMax / 2;
}

/// For the question of a user with no more than its share: the user with most has more than that, and is another.
void StatsRelay::displace_one() {
  const auto most = std::max_element(awaited_by_user_.begin(), awaited_by_user_.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  displace(std::ranges::find_if(pending_, [most](const Pendings::value_type& question) {
    return question.second.client != kInside && question.second.user == most->first;
  }));
}

/// For the question of a user with no more than its half of the places there: the other has more.
void StatsRelay::displace_one_at(const Session& node, std::uint32_t user) {
  displace(std::ranges::find_if(pending_, [&](const Pendings::value_type& question) {
    return question.second.client != kInside && question.second.node == node.id() && question.second.user != user;
  }));
}

void StatsRelay::displace(Pendings::iterator longest) {
  ++parts_.counters.stats_displaced;
  tell_client(longest->second, protocol::kStatsBusy);
  take_off(longest);
}

void StatsRelay::ask(Session& client, const protocol::Request& request) {
  const std::string_view id = request.raw_request_id;
  const Registry::Entry* const entry = parts_.registry.resolve(request.name);
  if (entry == nullptr) return parts_.replies.reply(client, protocol::error_response(id, protocol::kNodeNotFound));
  if (!may_see(client, entry->node)) return refuse(client, id, protocol::kStatsDenied);
  if (request.part.what == protocol::StatsKind::unknown) return refuse(client, id, protocol::kStatsUnknown);
  Session* const node = session_of(*entry);
  if (node == nullptr) return refuse(client, id, protocol::kStatsUntold);
  if (is_full(client, *node)) return refuse(client, id, protocol::kStatsBusy);
  if (id.size() > kRequestIdSizeMax) return refuse(client, {}, "requestId is longer than 256 bytes");
  const bool is_asked = put_question({.client = client.id(),
                                      .node = node->id(),
                                      .user = client.owner().uid(),  // known, as the client may see the node
                                      .node_id = entry->node.node_id,
                                      .raw_request_id = std::string(id),
                                      .after = request.part.after,
                                      .what = request.part.what,
                                      .deadline = parts_.reactor.now() + kTimeout},
                                     *node);
  if (!is_asked) return refuse(client, id, protocol::kStatsBusy);
  if (node->stats_owed > kPendingPerNodeMax) displace_one_at(*node, client.owner().uid());
  if (client_count() > kPendingMax) displace_one();
}

bool StatsRelay::can_tell(const Registry::Entry& node) const { return session_of(node) != nullptr; }

bool StatsRelay::has_room_for_half(const Registry::Entry& node) const {
  const Session* const session = session_of(node);
  return session != nullptr && session->stats_owed_inside < kPendingPerNodeMax / 2;
}

std::uint64_t StatsRelay::ask_inside(const Registry::Entry& entry, std::uint64_t after) {
  Session* const node = session_of(entry);
  const bool has_room = node != nullptr && inside_count_ < kInsideMax && node->stats_owed_inside < kPendingPerNodeMax;
  if (!has_room) return 0;
  const bool is_asked = put_question({.client = kInside,
                                      .node = node->id(),
                                      .user = 0,
                                      .node_id = entry.node.node_id,
                                      .raw_request_id = {},
                                      .after = after,
                                      .deadline = parts_.reactor.now() + kTimeout},
                                     *node);
  return is_asked ? last_id_ : 0;
}

Session* StatsRelay::session_of(const Registry::Entry& node) const {
  Session* const session = node.node.has_cap(protocol::kStatsCap) ? parts_.find_session(node.owner) : nullptr;
  return session != nullptr && session->is_open() ? session : nullptr;
}

/// False when there is no memory or room to send it. All that may throw, sending it too, comes before anything is
/// entered.
bool StatsRelay::put_question(Pending pending, Session& node) {
  const bool is_inside = pending.client == kInside;
  const std::uint64_t id = last_id_ + 1;
  const std::string question =
      protocol::stats_ask_event({.node_id = pending.node_id,
                                 .id = id,
                                 .after = pending.after,
                                 .size_max = std::min<std::uint64_t>(kAnswerSizeMax, parts_.options.frame_size_max),
                                 .what = pending.what});
  pending.id = id;
  Pendings entered;
  entered.emplace(id, std::move(pending));
  AwaitedByUser of_user;
  if (!is_inside) of_user.emplace(entered.begin()->second.user, 0);
  const std::optional<transport::EncodedFrame> frame = parts_.out.encode(question);
  if (!frame || !node.send(*frame)) return false;

  last_id_ = id;
  if (is_inside) {
    ++inside_count_;
    ++node.stats_owed_inside;
  } else {
    const Pending& asked = entered.begin()->second;
    ++node.stats_owed;
    if (asked.user == io::kRootUser) ++node.stats_owed_to_root;
    awaited_by_user_.merge(of_user);
    ++awaited_by_user_.find(asked.user)->second;
    ++parts_.find_session(asked.client)->stats_awaited;
  }
  pending_.merge(entered);
  ++parts_.counters.stats_asked;
  if (!timer_.is_armed()) arm_timer();
  return true;
}

void StatsRelay::on_answer(Session& node, const protocol::Request& request) {
  const auto place = pending_.find(request.part.id);
  if (place == pending_.end() || place->second.node != node.id()) {
    ++parts_.counters.stats_unasked;
    return;
  }
  Session* const client = parts_.find_session(place->second.client);
  const Registry::Entry* const entry = parts_.registry.find_id(place->second.node_id);
  const Pending pending = std::move(place->second);
  take_off(place);
  if (pending.client == kInside) {
    if (entry == nullptr || entry->owner != node.id()) return fail_inside(pending, protocol::kNodeNotFound);
    if (request.raw_stats.empty()) return fail_inside(pending, protocol::kStatsBusy);
    if (request.raw_stats.size() > kAnswerSizeMax) return fail_inside(pending, protocol::kStatsTooLarge);
    return tell_inside(pending, entry->node.uid, request.raw_stats);
  }
  const std::string& id = pending.raw_request_id;
  if (client == nullptr) return;
  if (entry == nullptr || entry->owner != node.id())
    return parts_.replies.reply(*client, protocol::error_response(id, protocol::kNodeNotFound));
  if (request.raw_stats.empty()) return refuse(*client, id, protocol::kStatsBusy);
  if (request.raw_stats.size() > kAnswerSizeMax) return refuse(*client, id, protocol::kStatsTooLarge);
  parts_.replies.reply(*client, protocol::stats_response(id, entry->text.json(), request.raw_stats));
}

void StatsRelay::on_session_closed(Session& session) {
  const OwnerId id = session.id();
  if (session.stats_awaited + session.stats_owed + session.stats_owed_inside == 0) return;
  for (auto place = pending_.begin(); place != pending_.end();) {
    const auto next = std::next(place);
    const bool was_asked = place->second.node == id;
    if (was_asked && place->second.client != id) tell_client(place->second, protocol::kNodeNotFound);
    if (was_asked || place->second.client == id) take_off(place);
    place = next;
  }
}

void StatsRelay::refuse(Session& client, std::string_view raw_request_id, std::string_view error) {
  ++parts_.counters.stats_refused;
  parts_.replies.reply(client, protocol::error_response(raw_request_id, error));
}

void StatsRelay::tell_inside(const Pending& pending, const UserId& user, std::string_view stats) const {
  if (on_inside_answer_)
    on_inside_answer_({.question = pending.id, .node_id = pending.node_id, .user = user, .stats = stats, .error = {}});
}

void StatsRelay::fail_inside(const Pending& pending, std::string_view error) const {
  if (on_inside_answer_)
    on_inside_answer_({.question = pending.id, .node_id = pending.node_id, .user = {}, .stats = {}, .error = error});
}

/// This may run on behalf of another session than the client: the client alone is closed if there is no memory. One
/// that drains has an end already, behind the replies that are on their way to it.
void StatsRelay::tell_client(const Pending& pending, std::string_view error) {
  if (pending.client == kInside) return fail_inside(pending, error);
  Session* const client = parts_.find_session(pending.client);
  if (client == nullptr || !client->is_open()) return;
  const auto tell = [&] { parts_.replies.reply(*client, protocol::error_response(pending.raw_request_id, error)); };
  if (parts_.reactor.has_memory_for(tell)) return;
  ++parts_.counters.out_of_memory;
  client->close({Errc::out_of_memory, "writing a reply"});
}

void StatsRelay::take_off(Pendings::iterator place) {
  if (Session* const client = parts_.find_session(place->second.client)) --client->stats_awaited;
  const bool is_inside = place->second.client == kInside;
  if (Session* const node = parts_.find_session(place->second.node)) {
    --(is_inside ? node->stats_owed_inside : node->stats_owed);
    if (!is_inside && place->second.user == io::kRootUser) --node->stats_owed_to_root;
  }
  if (is_inside) {
    --inside_count_;
  } else if (const auto of_user = awaited_by_user_.find(place->second.user); --of_user->second == 0) {
    awaited_by_user_.erase(of_user);
  }
  pending_.erase(place);
}

/// The timer is left alone when a question is answered: it looks for what is due when it expires.
void StatsRelay::on_timeout() {
  while (!pending_.empty() && pending_.begin()->second.deadline <= parts_.reactor.now()) {
    ++parts_.counters.stats_unanswered;
    tell_client(pending_.begin()->second, protocol::kStatsUnanswered);
    take_off(pending_.begin());
  }
  arm_timer();
}

void StatsRelay::arm_timer() {
  if (!pending_.empty()) parts_.reactor.timers().arm(timer_, pending_.begin()->second.deadline);
}

}  // namespace distflow::pmd
