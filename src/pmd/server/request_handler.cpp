#include "pmd/server/request_handler.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "protocol/pmd_reply.hpp"

namespace distflow::pmd {

using base::Delegate;
using protocol::RequestType;

namespace {

constexpr std::int64_t kVersion = 1;
/// What may have come behind a claim that waits: it keeps memory, and a node sends little behind its registration.
constexpr std::size_t kUnreadBehindClaimMax = 4096;

base::SipKey random_key(io::Backend& backend) {
  base::SipKey key{};
  backend.fill_random(std::as_writable_bytes(std::span(key)));
  return key;
}

/// Leaves, and claims answered, that a turn has time for.
constexpr std::size_t kLeavesPerTurn = 128;
constexpr std::size_t kClaimsPerTurn = 128;
/// How soon to try again what there was no memory for.
constexpr base::Duration kAgainAfter = base::milliseconds(10);

constexpr base::ChunkPoolOptions kOutChunks{.chunk_size = 64 * 1024, .chunk_count_max = 256};

}  // namespace

RequestHandler::RequestHandler(io::Reactor& reactor, const base::Log& log, const ServerOptions& options,
                               ServerCounters& counters, Streams& streams, Delegate<void()> on_shutdown)
    : reactor_(reactor),
      log_(log),
      options_(options),
      counters_(counters),
      on_shutdown_(on_shutdown),
      started_at_(reactor.wall_ms()),
      chunks_(kOutChunks),
      replies_(chunks_),
      events_(chunks_),
      streams_(streams),
      registry_(options.registry, random_key(reactor.backend())),
      watchers_(reactor, options, counters),
      claims_(options.claim_count_max),
      claim_timer_(Delegate<void()>::to<&RequestHandler::on_claim_timer>(*this)),
      expiry_timer_(Delegate<void()>::to<&RequestHandler::on_expiry_timer>(*this)) {
  grant_claims_.on_turn_end = Delegate<void()>::to<&RequestHandler::grant_claims>(*this);
  leaves_left_ = kLeavesPerTurn;
  go_on_removing_.on_turn_end = Delegate<void()>::to<&RequestHandler::go_on_removing>(*this);
}

RequestHandler::~RequestHandler() {
  grant_claims_.unlink();
  go_on_removing_.unlink();
}

void RequestHandler::on_request(Session& session, std::string_view frame) {
  Result<protocol::Request> request = protocol::parse_request(frame);
  if (!request || request->type != RequestType::resolve) answer_look_ups(session);
  if (!request) return on_malformed(session);
  ++counters_.requests;
  switch (request->type) {
    case RequestType::register_node:
      note_owner(session, request->registration.node);
      return on_register(session, *request);
    case RequestType::unregister: return on_unregister(session, *request);
    case RequestType::resolve: return on_resolve(session, *request);
    case RequestType::list: return on_list(session, *request);
    case RequestType::heartbeat: return on_heartbeat(session, *request);
    case RequestType::watch: return on_watch(session, *request);
    case RequestType::shutdown: return on_shutdown(session, *request);
    case RequestType::hello: return reply(session, introduced(*request));
    case RequestType::unknown:
      return reply(session, protocol::error_response(request->raw_request_id, protocol::kUnknownMessageType));
  }
}

void RequestHandler::on_run_end(Session& session) { answer_look_ups(session); }

void RequestHandler::on_session_closed(Session& session) {
  watchers_.remove(session);
  claims_.forget(session);
  told_of_loss_.erase(session.id());
  registry_.drop_owner(session.id());
  if (registry_.has_gone() && !is_stopped_) remove_gone();
}

void RequestHandler::announce_shutdown(Session& session) {
  if (!session.wants_shutdown_event) return;
  // Without memory the connection's end has to do.
  static_cast<void>(reactor_.has_memory_for([&] {
    const std::string text = protocol::pmd_shutdown_event();
    events_.begin_frame();
    events_.append(text);
    if (events_.is_out_of_memory()) return events_.abandon_frame();
    session.send(events_.end_frame());
  }));
}

void RequestHandler::stop() {
  is_stopped_ = true;
  reactor_.timers().cancel(claim_timer_);
  reactor_.timers().cancel(expiry_timer_);
  grant_claims_.unlink();
  go_on_removing_.unlink();
}

void RequestHandler::on_malformed(Session& session) {
  ++counters_.malformed;
  reply(session, protocol::error_response({}, protocol::kInvalidJson));
  if (++session.malformed_count < options_.malformed_max) return;
  ++counters_.malformed_closed;
  session.finish();
}

/// A TypeScript node's entry stays as TypeScript clients know it: it has no caps, and nobody shares anything with it.
void RequestHandler::note_owner(Session& session, protocol::NodeInfo& node) {
  if (node.caps && session.owner().is_known()) node.uid = session.owner().uid();
}

void RequestHandler::on_register(Session& session, const protocol::Request& request) {
  if (!request.refusal.empty()) {
    ++counters_.registrations_invalid;
    return reply(session, protocol::error_response(request.raw_request_id, request.refusal));
  }
  const Registry::Entry* holder = try_register(session, request.registration, request.raw_request_id);
  if (holder == nullptr) return;
  if (!may_wait(session, *holder)) {
    return refuse_claim(session, request.registration, request.raw_request_id, *holder);
  }
  session.hold(Session::Hold::claim);
  ++counters_.claims_parked;
  const base::Instant deadline = base::saturating_add(reactor_.now(), options_.claim_grace);
  if (claims_.empty()) arm_claims(deadline);
  claims_.park({&session, request.registration, std::string(request.raw_request_id), deadline});
}

const Registry::Entry* RequestHandler::try_register(Session& session, const protocol::Registration& registration,
                                                    std::string_view raw_request_id) {
  const Registry::Outcome outcome =
      registry_.register_node(session.id(), registration, reactor_.now(), reactor_.wall_ms());
  switch (outcome.status) {
    case Registry::Status::alias_in_use:
    case Registry::Status::node_id_in_use: return outcome.entry;
    case Registry::Status::full:
      ++counters_.registrations_full;
      reply(session, protocol::error_response(raw_request_id, "Registry is full"));
      break;
    case Registry::Status::owner_full:
      ++counters_.registrations_over_share;
      reply(session, protocol::error_response(raw_request_id, "Too many nodes on one connection"));
      break;
    case Registry::Status::joined:
    case Registry::Status::replaced: welcome(session, registration, raw_request_id, outcome); break;
  }
  return nullptr;
}

void RequestHandler::welcome(Session& session, const protocol::Registration& registration,
                             std::string_view raw_request_id, const Registry::Outcome& outcome) {
  session.wants_shutdown_event = registration.node.has_cap(protocol::kShutdownCap);
  if (!registration.secret.empty()) told_of_loss_[session.id()] = &session;
  reply(session, protocol::success_response(raw_request_id));
  if (outcome.departure) tell_leaves({*outcome.departure});
  tell_join(*outcome.entry);
  if (outcome.loser != 0) {
    tell_loss(outcome.loser, registration.node.node_id, protocol::LossReason::replaced, &outcome.entry->node);
  }
  arm_expiry();
  // A replaced entry may have given up an alias that somebody waits for.
  if (outcome.status == Registry::Status::replaced && !claims_.empty()) reactor_.defer(grant_claims_);
}

/// Whether it makes sense, and costs little, to wait for the name. A holder on the same connection would wait, too.
bool RequestHandler::may_wait(const Session& session, const Registry::Entry& holder) const {
  return holder.owner != session.id() && !claims_.is_full() && session.unread_size() <= kUnreadBehindClaimMax;
}

void RequestHandler::refuse_claim(Session& session, const protocol::Registration& registration,
                                  std::string_view raw_request_id, const Registry::Entry& holder) {
  ++counters_.claims_refused;
  const bool has_node_id = holder.node.node_id == registration.node.node_id;
  const std::string error =
      has_node_id ? protocol::node_id_in_use(holder.node.node_id) : protocol::alias_in_use(*holder.node.alias);
  reply(session, protocol::name_in_use_response(raw_request_id, error, holder.node));
}

/// Grants the claims whose name is free by now, and refuses those whose deadline is not after `refused_until`. What is
/// too much for a turn is granted in the next, and refused by the timer.
void RequestHandler::settle_claims(base::Instant refused_until) {
  const bool has_seen_all = claims_.settle(kClaimsPerTurn, [&](const Claim& claim) {
    const Registry::Entry* holder = try_register(*claim.session, claim.registration, claim.raw_request_id);
    if (holder == nullptr) {
      ++counters_.claims_granted;
    } else if (claim.deadline <= refused_until) {
      refuse_claim(*claim.session, claim.registration, claim.raw_request_id, *holder);
    } else {
      return false;
    }
    claim.session->release(Session::Hold::claim);
    return true;
  });
  if (!has_seen_all) reactor_.defer(grant_claims_);
}

void RequestHandler::grant_claims() {
  if (!reactor_.has_memory_for([this] { settle_claims(base::Instant::min()); }))
    arm_claims(reactor_.now() + kAgainAfter);
}

void RequestHandler::arm_claims(base::Instant at) {
  claims_armed_at_ = at;
  reactor_.timers().arm(claim_timer_, at);
}

void RequestHandler::on_claim_timer() {
  const base::Instant now = reactor_.now();
  if (now - claims_armed_at_ > options_.stall_max) {
    // This process stood still: the ends of holders may be waiting to be seen.
    grant_claims();
    if (!claims_.empty()) arm_claims(base::saturating_add(now, options_.claim_grace));
  } else {
    const bool had_memory = reactor_.has_memory_for([&] { settle_claims(now); });
    if (!claims_.empty()) arm_claims(had_memory ? claims_.next_deadline() : now + kAgainAfter);
  }
}

void RequestHandler::on_unregister(Session& session, const protocol::Request& request) {
  // Once the node is gone others have to be told, whatever becomes of the answer.
  const std::string success = protocol::success_response(request.raw_request_id);
  std::vector<Registry::Departure> departures;
  departures.reserve(1);
  std::optional<Registry::Departure> departure = registry_.unregister(session.id(), request.name);
  if (!departure) return reply(session, protocol::error_response(request.raw_request_id, protocol::kNodeNotFound));
  departures.push_back(*std::move(departure));
  if (!reactor_.has_memory_for([&] { reply(session, success); })) {
    session.close({Errc::out_of_memory, "writing a reply"});
  }
  tell_leaves(departures);
}

void RequestHandler::on_resolve(Session& session, protocol::Request& request) {
  look_ups_.add(registry_, request.raw_request_id, std::move(request.name));
  if (look_ups_.is_full()) answer_look_ups(session);
}

void RequestHandler::answer_look_ups(Session& session) {
  look_ups_.answer(registry_, [&](std::string_view raw_request_id, const Registry::Entry* entry) {
    reply(session, entry == nullptr ? protocol::error_response(raw_request_id, protocol::kNodeNotFound)
                                    : protocol::node_response(raw_request_id, entry->text.json()));
  });
}

void RequestHandler::on_list(Session& session, const protocol::Request& request) {
  reply_nodes(session, protocol::list_response_head(request.raw_request_id));
}

void RequestHandler::reply_nodes(Session& session, std::string_view head) {
  // Each answer that is unread holds the pages as they were. Who has been about it longest makes room.
  while (!streams_.empty() && registry_.outdated_bytes() > options_.reply_backlog_total) {
    ++counters_.slow_readers;
    streams_.oldest().close({Errc::queue_full, "answering a peer that does not read"});
  }
  session.reply_nodes(head, registry_.snapshot());
}

void RequestHandler::on_heartbeat(Session& session, const protocol::Request& request) {
  const bool is_known = registry_.heartbeat(session.id(), request.name, reactor_.now(), reactor_.wall_ms());
  reply(session, is_known ? protocol::success_response(request.raw_request_id)
                          : protocol::error_response(request.raw_request_id, protocol::kNodeNotFound));
  arm_expiry();
}

void RequestHandler::on_watch(Session& session, const protocol::Request& request) {
  reply_nodes(session, protocol::watch_response_head(request.raw_request_id, registry_.revision()));
  watchers_.add(session);
}

void RequestHandler::on_shutdown(Session& session, const protocol::Request& request) {
  if (!session.peer().is_loopback()) {
    ++counters_.shutdowns_refused;
    return reply(session, protocol::error_response(request.raw_request_id, "Shutdown is allowed over loopback only"));
  }
  if (const std::size_t count = registry_.size(); count > 0 && request.force == protocol::Force::no) {
    ++counters_.shutdowns_refused;
    return reply(session, protocol::error_response(request.raw_request_id, protocol::nodes_registered(count)));
  }
  log_.write(base::LogLevel::info, "told to end by %s", session.peer().to_string().c_str());
  reply(session, protocol::success_response(request.raw_request_id));
  on_shutdown_();
}

std::string RequestHandler::introduced(const protocol::Request& request) const {
  return protocol::hello_response(request.raw_request_id,
                                  {.version = kVersion,
                                   .caps = {std::string(protocol::kShutdownCap), std::string(protocol::kPrincipalsCap)},
                                   .pid = options_.process_id,
                                   .start_time_ms = started_at_});
}

void RequestHandler::arm_expiry() {
  const base::Instant next = registry_.next_expiry();
  const base::Instant at = next == base::kNever ? next : std::max(next, no_expiry_before_);
  if (std::exchange(expiry_armed_at_, at) == at) return;
  if (at == base::kNever) {
    reactor_.timers().cancel(expiry_timer_);
  } else {
    reactor_.timers().arm(expiry_timer_, at);
  }
}

void RequestHandler::on_expiry_timer() {
  const base::Instant now = reactor_.now();
  const base::Duration lateness = now - std::exchange(expiry_armed_at_, base::kNever);
  std::vector<Registry::Departure> expired;
  if (lateness > options_.stall_max) {
    // This process stood still. Heartbeats may be waiting to be read: nobody expires before they have been.
    ++counters_.stalls;
    no_expiry_before_ = base::saturating_add(now, options_.stall_grace);
  } else {
    const bool had_memory = reactor_.has_memory_for([&] { expired = registry_.expire(now, kLeavesPerTurn); });
    no_expiry_before_ = had_memory ? now : now + kAgainAfter;  // what is left is not late because of that
    counters_.expiries += expired.size();
  }
  arm_expiry();
  tell_leaves(expired);
  for (const Registry::Departure& gone : expired) {
    tell_loss(gone.owner, gone.node.node_id, protocol::LossReason::expired, nullptr);
  }
}

/// Over turns: a connection may have had many nodes, and many connections may end at once.
void RequestHandler::remove_gone() {
  std::vector<Registry::Departure> departures;
  static_cast<void>(reactor_.has_memory_for([&] { departures = registry_.drop_gone(leaves_left_); }));
  leaves_left_ -= departures.size();
  tell_leaves(departures);
  reactor_.defer(go_on_removing_);
}

void RequestHandler::go_on_removing() {
  leaves_left_ = kLeavesPerTurn;
  if (registry_.has_gone()) remove_gone();
}

/// Tells whoever registered the node that it is not any more. A session that registered without a secret does not know
/// the event.
void RequestHandler::tell_loss(OwnerId owner, std::string_view node_id, protocol::LossReason reason,
                               const protocol::NodeInfo* holder) {
  if (is_stopped_) return;
  const auto found = told_of_loss_.find(owner);
  if (found == told_of_loss_.end()) return;
  ++counters_.registrations_lost;
  Session& loser = *found->second;
  const auto tell_it = [&] {
    const std::string text = protocol::registration_lost_event(node_id, reason, holder);
    events_.begin_frame();
    events_.append(text);
    if (events_.is_out_of_memory()) return events_.abandon_frame();
    loser.send(events_.end_frame());
  };
  // It has to learn of it: by the end of its connection, if there is no memory to say more.
  if (!reactor_.has_memory_for(tell_it)) loser.close({Errc::out_of_memory, "telling of a registration that is lost"});
}

void RequestHandler::reply(Session& session, std::string_view body) {
  replies_.begin_frame();
  replies_.append(body);
  if (replies_.is_out_of_memory()) {
    replies_.abandon_frame();
    ++counters_.out_of_memory;
    return session.close({Errc::out_of_memory, "writing a reply"});
  }
  session.reply(replies_.end_frame());
}

void RequestHandler::tell_join(const Registry::Entry& entry) {
  ++counters_.joins;
  if (watchers_.size() == 0) return;
  tell_or_disconnect([&] { tell(protocol::peer_event(protocol::EventKind::join, entry.node, registry_.revision())); });
}

/// A watcher that missed an event would never know: its connection ends, and it asks again.
template <class Call>
void RequestHandler::tell_or_disconnect(Call&& call) {
  if (reactor_.has_memory_for(call)) return;
  ++counters_.out_of_memory;
  watchers_.disconnect_all({Errc::out_of_memory, "writing an event"});
}

void RequestHandler::tell_leaves(const std::vector<Registry::Departure>& departures) {
  if (departures.empty()) return;
  counters_.leaves += departures.size();
  if (is_stopped_) return;
  arm_expiry();
  if (!claims_.empty()) reactor_.defer(grant_claims_);
  if (watchers_.size() == 0) return;
  tell_or_disconnect([&] {
    for (const Registry::Departure& gone : departures) {
      tell(protocol::peer_event(protocol::EventKind::leave, gone.node, gone.revision));
    }
  });
}

/// Written once, whatever the number of watchers.
void RequestHandler::tell(std::string_view event) {
  events_.begin_frame();
  events_.append(event);
  if (events_.is_out_of_memory()) {
    // A watcher that missed an event would never know: its connection ends, and it asks again.
    events_.abandon_frame();
    ++counters_.out_of_memory;
    return watchers_.disconnect_all({Errc::out_of_memory, "writing an event"});
  }
  ++counters_.events;
  watchers_.tell(events_.end_frame());
}

}  // namespace distflow::pmd
