#include "pmd/server/stats_relay.hpp"

#include <algorithm>
#include <utility>

#include "protocol/pmd_reply.hpp"

namespace distflow::pmd {
namespace {

constexpr std::uint32_t kRoot = 0;

}  // namespace

StatsRelay::StatsRelay(const StatsRelayParts& parts)
    : parts_(parts), timer_(base::Delegate<void()>::to<&StatsRelay::on_timeout>(*this)) {}

bool StatsRelay::may_see(Session& client, const protocol::NodeInfo& node) {
  const io::PeerOwner& owner = client.owner();
  return owner.is_user(kRoot) || (node.uid && owner.is_user(*node.uid));
}

bool StatsRelay::is_full(Session& client, const Session& node) const {
  const auto of_user = awaited_by_user_.find(client.owner().uid());
  return pending_.size() >= kPendingMax || client.stats_awaited >= kPendingPerClientMax ||
         node.stats_owed >= kPendingPerNodeMax ||
         (of_user != awaited_by_user_.end() && of_user->second >= kPendingPerUserMax);
}

void StatsRelay::ask(Session& client, const protocol::Request& request) {
  const std::string_view id = request.raw_request_id;
  const Registry::Entry* const entry = parts_.registry.resolve(request.name);
  if (entry == nullptr) return parts_.replies.reply(client, protocol::error_response(id, protocol::kNodeNotFound));
  if (!may_see(client, entry->node)) return refuse(client, id, protocol::kStatsDenied);
  Session* const node = entry->node.has_cap(protocol::kStatsCap) ? parts_.find_session(entry->owner) : nullptr;
  if (node == nullptr || !node->is_open()) return refuse(client, id, protocol::kStatsUntold);
  if (is_full(client, *node)) return refuse(client, id, protocol::kStatsBusy);
  if (id.size() > kRequestIdSizeMax) return refuse(client, {}, "requestId is longer than 256 bytes");
  const std::uint32_t user = client.owner().uid();  // known: whoever may see a node is
  std::uint32_t& of_user = awaited_by_user_[user];
  const auto place = pending_
                         .emplace(++last_id_, Pending{.client = client.id(),
                                                      .node = node->id(),
                                                      .user = user,
                                                      .node_id = entry->node.node_id,
                                                      .raw_request_id = std::string(id),
                                                      .deadline = parts_.reactor.now() + kTimeout})
                         .first;
  ++of_user;
  ++client.stats_awaited;
  ++node->stats_owed;
  const protocol::StatsPart part{.node_id = entry->node.node_id,
                                 .id = last_id_,
                                 .after = request.part.after,
                                 .size_max = std::min<std::uint64_t>(kAnswerSizeMax, parts_.options.frame_size_max)};
  if (!ask_node(*node, part)) {
    take_off(place);
    return refuse(client, id, protocol::kStatsBusy);
  }
  ++parts_.counters.stats_asked;
  if (!timer_.is_armed()) arm_timer();
}

bool StatsRelay::ask_node(Session& node, const protocol::StatsPart& part) {
  const std::optional<transport::EncodedFrame> frame = parts_.out.encode(protocol::stats_ask_event(part));
  if (frame) node.send(*frame);
  return frame.has_value();
}

void StatsRelay::on_answer(Session& node, const protocol::Request& request) {
  const auto place = pending_.find(request.part.id);
  if (place == pending_.end() || place->second.node != node.id()) {
    ++parts_.counters.stats_unasked;
    return;
  }
  Session* const client = parts_.find_session(place->second.client);
  const Registry::Entry* const entry = parts_.registry.resolve(place->second.node_id);
  const std::string id = std::move(place->second.raw_request_id);
  take_off(place);
  if (client == nullptr) return;
  if (entry == nullptr || entry->owner != node.id())
    return parts_.replies.reply(*client, protocol::error_response(id, protocol::kNodeNotFound));
  if (request.raw_stats.empty()) return refuse(*client, id, protocol::kStatsBusy);
  if (request.raw_stats.size() > kAnswerSizeMax) return refuse(*client, id, protocol::kStatsTooLarge);
  parts_.replies.reply(*client, protocol::stats_response(id, entry->text.json(), request.raw_stats));
}

void StatsRelay::on_session_closed(Session& session) {
  const OwnerId id = session.id();
  if (session.stats_awaited + session.stats_owed == 0) return;
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

/// Whoever has asked is not the one that this is done for: it alone is closed if there is no memory.
void StatsRelay::tell_client(const Pending& pending, std::string_view error) {
  Session* const client = parts_.find_session(pending.client);
  if (client == nullptr) return;
  const auto tell = [&] { parts_.replies.reply(*client, protocol::error_response(pending.raw_request_id, error)); };
  if (parts_.reactor.has_memory_for(tell)) return;
  ++parts_.counters.out_of_memory;
  client->close({Errc::out_of_memory, "writing a reply"});
}

void StatsRelay::take_off(Pendings::iterator place) {
  if (Session* const client = parts_.find_session(place->second.client)) --client->stats_awaited;
  if (Session* const node = parts_.find_session(place->second.node)) --node->stats_owed;
  if (const auto of_user = awaited_by_user_.find(place->second.user); --of_user->second == 0)
    awaited_by_user_.erase(of_user);
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
