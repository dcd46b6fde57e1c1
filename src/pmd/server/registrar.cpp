#include "pmd/server/registrar.hpp"

#include <span>
#include <utility>

#include "protocol/pmd_reply.hpp"

namespace distflow::pmd {

using base::Delegate;

namespace {

/// Claims answered that a turn has time for.
constexpr std::size_t kClaimsPerTurn = 128;

constexpr const char* kFull = "Registry is full";
constexpr const char* kOwnerFull = "Too many nodes on one connection";
constexpr const char* kUserFull = "Too many nodes of one user";

base::SipKey random_key(io::Backend& backend) {
  base::SipKey key{};
  backend.fill_random(std::as_writable_bytes(std::span(key)));
  return key;
}

}  // namespace

Registrar::Registrar(const RegistrarParts& parts)
    : reactor_(parts.reactor),
      options_(parts.options),
      counters_(parts.counters),
      replies_(parts.replies),
      announcer_(parts.announcer),
      on_stopped_(parts.on_stopped),
      registry_(parts.options.registry, random_key(parts.reactor.backend())),
      store_(parts.store == nullptr ? local_store_ : *parts.store),
      departures_(reactor_, options_, counters_, registry_, store_, announcer_,
                  Delegate<void()>::to<&Registrar::note_free_names>(*this)),
      pending_(parts.options.claim_count_max, parts.options.proposal_count_max),
      waiting_timer_(Delegate<void()>::to<&Registrar::on_waiting_timer>(*this)) {
  grant_waiting_.on_turn_end = Delegate<void()>::to<&Registrar::grant_waiting>(*this);
}

Registrar::~Registrar() { grant_waiting_.unlink(); }

void Registrar::stop() {
  is_stopped_ = true;
  reactor_.timers().cancel(waiting_timer_);
  grant_waiting_.unlink();
  departures_.stop();
  store_.stop(options_.shutdown_max);
}

void Registrar::on_stopped() {
  has_store_stopped_ = true;
  on_stopped_();
}

// ---- The way of a claim.

void Registrar::claim(Session& session, Registry::Change change, std::string_view raw_request_id) {
  PendingRegistration registration{.session = &session,
                                   .change = std::move(change),
                                   .raw_request_id = std::string(raw_request_id),
                                   .arrival = ++last_arrival_,
                                   .deadline = base::saturating_add(reactor_.now(), options_.claim_grace)};
  take_up(std::move(registration));
}

void Registrar::regroup(Session& session, std::string_view node_id, const protocol::GroupChange& groups,
                        std::string_view raw_request_id) {
  std::optional<Registry::Change> change = registry_.regrouped(session.id(), node_id, groups, reactor_.wall_ms());
  if (!change) return replies_.reply(session, protocol::error_response(raw_request_id, protocol::kNodeNotFound));
  const auto refuse = [&](std::string_view why) {
    ++counters_.regroups_invalid;
    replies_.reply(session, protocol::error_response(raw_request_id, why));
  };
  if (change->node.groups.size() > protocol::kGroupCountMax) return refuse("Invalid groups: more than 64 of one node");
  if (change->text.json().size() > protocol::kNodeJsonSizeMax) {
    return refuse("Invalid groups: the node is longer than 40960 bytes as JSON with them");
  }
  if (change->node.groups == registry_.find_id(node_id)->node.groups) {
    return replies_.reply(session, protocol::success_response(raw_request_id));
  }
  take_up({.session = &session,
           .change = *std::move(change),
           .raw_request_id = std::string(raw_request_id),
           .arrival = ++last_arrival_,
           .deadline = base::saturating_add(reactor_.now(), options_.claim_grace),
           .is_regroup = true});
}

void Registrar::take_up(PendingRegistration registration) {
  Session& session = *registration.session;
  const Next next = try_now(registration);
  if (next == Next::answered) return;
  session.hold(Session::Hold::claim);
  Taken parked;
  parked.push_back(std::move(registration));
  park(parked, next);
}

Registrar::Next Registrar::try_now(PendingRegistration& registration) {
  if (const std::optional<Decision> conflict = undecided_conflict(registration.change)) {
    return wait_or_refuse(registration, *conflict);
  }
  if (!pending_.is_proposed_full()) return propose(registration);
  refuse(registration, counters_.registrations_busy, "Registry is busy");
  return Next::answered;
}

Registrar::Next Registrar::propose(PendingRegistration& registration) {
  DF_ASSERT(proposing_ == nullptr);
  registration.ticket = ++last_ticket_;
  Proposing proposing{registration, proposing_};
  store_.propose(registration.ticket, registration.change);  // may throw
  return proposing.next;
}

void Registrar::on_decided(Ticket ticket, const Decision& decision) {
  if (is_stopped_) return;
  if (proposing_ != nullptr && proposing_->registration.ticket == ticket) {
    proposing_->next = settle_or_close(proposing_->registration, decision);
    return;
  }
  Taken taken = pending_.take(ticket);
  if (taken.empty()) return;  // its session is gone
  PendingRegistration& registration = taken.front();
  registry_.resume_expiry(registration.change.owner, registration.change.node.node_id, reactor_.now());
  const Next next = settle_or_close(registration, decision);
  departures_.arm_expiry();
  go_on_with(taken, next);
  if (pending_.has_waiting()) reactor_.defer(grant_waiting_);  // one may have waited for this decision
}

/// A registration that there is no memory for goes with its connection, and with all that the store has of it.
Registrar::Next Registrar::settle_or_close(PendingRegistration& registration, const Decision& decision) {
  Next next = Next::answered;
  if (!reactor_.has_memory_for([&] { next = settle(registration, decision); })) {
    close_without_memory(*registration.session);
  }
  return next;
}

Registrar::Next Registrar::settle(PendingRegistration& registration, const Decision& decision) {
  switch (decision.status) {
    case Decision::Status::accepted: admit(registration); break;
    case Decision::Status::alias_in_use:
    case Decision::Status::node_id_in_use:
      registration.tried_at = names_freed_;
      return wait_or_refuse(registration, decision);
    case Decision::Status::full: refuse(registration, counters_.registrations_full, kFull); break;
    case Decision::Status::owner_full: refuse(registration, counters_.registrations_over_share, kOwnerFull); break;
    case Decision::Status::user_full: refuse(registration, counters_.registrations_over_share, kUserFull); break;
    case Decision::Status::unavailable:
      refuse(registration, counters_.registrations_unavailable, "Registry is unavailable");
      break;
  }
  return Next::answered;
}

/// Whether it makes sense, and costs little, to wait for the name. A holder on the same connection would wait, too.
Registrar::Next Registrar::wait_or_refuse(PendingRegistration& registration, const Decision& decision) {
  const OwnerId owner = registration.change.owner;
  const bool is_own = decision.holder != nullptr && registry_.is_owner(owner, decision.holder->node_id);
  const bool may_wait = !is_own && pending_.may_wait(registration.change.user);
  registration.refusal = decision.status;
  if (may_wait && registration.deadline > reactor_.now()) return Next::wait;
  refuse_name(registration, decision);
  return Next::answered;
}

/// Takes up what the store has accepted. An alias that the view has elsewhere is no longer there.
void Registrar::admit(PendingRegistration& registration) {
  Registry::Outcome outcome = registry_.apply(registration.change, reactor_.now(), reactor_.wall_ms());
  while (outcome.status == Registry::Status::alias_in_use) {
    evict(*outcome.entry, registration.change.node);
    outcome = registry_.apply(registration.change, reactor_.now(), reactor_.wall_ms());
  }
  if (outcome.entry != nullptr) return welcome(registration, outcome);
  give_back(registration.change.owner, registration.change.node.node_id);
  switch (outcome.status) {
    case Registry::Status::owner_full: return refuse(registration, counters_.registrations_over_share, kOwnerFull);
    case Registry::Status::user_full: return refuse(registration, counters_.registrations_over_share, kUserFull);
    default: return refuse(registration, counters_.registrations_full, kFull);
  }
}

void Registrar::welcome(const PendingRegistration& registration, const Registry::Outcome& outcome) {
  Session& session = *registration.session;
  const Registry::Entry& entry = *outcome.entry;
  session.wants_shutdown_event = entry.node.has_cap(protocol::kShutdownCap);
  if (!entry.secret.empty()) announcer_.tell_of_losses(session);
  if (registration.has_waited) ++counters_.claims_granted;
  replies_.reply(session, protocol::success_response(registration.raw_request_id));
  if (outcome.departure) departures_.note({&*outcome.departure, 1});
  const bool is_update = registration.is_regroup && outcome.status == Registry::Status::replaced;
  if (is_update) {
    announcer_.tell_update(entry, registry_.revision());
    session.pace(entry.bytes);
  } else {
    announcer_.tell_join(entry, registry_.revision());
  }
  if (outcome.loser != 0) {
    announcer_.tell_loss(outcome.loser, entry.node.node_id, protocol::LossReason::replaced, &entry.node);
  }
  departures_.arm_expiry();
  // A replaced entry may have given up an alias that somebody waits for.
  if (outcome.status == Registry::Status::replaced) note_free_names();
}

/// The view has no room for what the store has accepted: neither has the node, then, nor what it had before. By the
/// secret that may have been another connection's, which the store has nothing of any more.
void Registrar::give_back(OwnerId owner, const std::string& node_id) {
  std::vector<Registry::Departure> departures;
  departures.reserve(1);
  store_.release(owner, node_id);
  if (std::optional<Registry::Departure> departure = registry_.remove_node(node_id)) {
    departures.push_back(*std::move(departure));
  }
  departures_.note(departures);
  for (const Registry::Departure& gone : departures) {
    if (gone.owner != owner) announcer_.tell_loss(gone.owner, node_id, protocol::LossReason::expired, nullptr);
  }
}

void Registrar::refuse(const PendingRegistration& registration, std::uint64_t& counter, std::string_view error) {
  ++counter;
  replies_.reply(*registration.session, protocol::error_response(registration.raw_request_id, error));
}

void Registrar::refuse_name(const PendingRegistration& registration, const Decision& decision) {
  const protocol::NodeInfo& node = registration.change.node;
  const bool is_node_id = decision.status == Decision::Status::node_id_in_use;
  const std::string error =
      is_node_id ? protocol::node_id_in_use(node.node_id) : protocol::alias_in_use(node.alias.value_or(""));
  if (decision.holder == nullptr) return refuse(registration, counters_.claims_refused, error);
  ++counters_.claims_refused;
  replies_.reply(*registration.session,
                 protocol::name_in_use_response(registration.raw_request_id, error, *decision.holder));
}

void Registrar::go_on_with(Taken& registration, Next next) {
  Session& session = *registration.front().session;
  if (next == Next::answered) return session.release(Session::Hold::claim);
  if (!reactor_.has_memory_for([&] { park(registration, next); })) close_without_memory(session);
}

/// May throw std::bad_alloc: then the registration is nowhere, and its session is to be closed.
void Registrar::park(Taken& parked, Next next) {
  PendingRegistration& registration = parked.front();
  if (next == Next::undecided) {
    pending_.propose(parked);
    registry_.suspend_expiry(registration.change.owner, registration.change.node.node_id);
    return departures_.arm_expiry();
  }
  if (!std::exchange(registration.has_waited, true)) ++counters_.claims_parked;
  const base::Instant armed_for = pending_.next_deadline();
  pending_.wait(parked);
  if (pending_.next_deadline() < armed_for) arm_waiting(pending_.next_deadline());
  displace_one();
}

/// One more waits than may: the place is that of another user's, whose claim is not proposed once more, as this may run
/// inside a call of the store's (line 9 of registry_store.hpp).
void Registrar::displace_one() {
  const Taken displaced = pending_.take_displaced();
  if (displaced.empty()) return;
  ++counters_.claims_displaced;
  const PendingRegistration& registration = displaced.front();
  Session& session = *registration.session;
  const auto refuse_it = [&] {
    refuse_name(registration,
                conflict(registration.change).value_or(Decision{.status = registration.refusal, .holder = nullptr}));
  };
  if (!reactor_.has_memory_for(refuse_it)) return close_without_memory(session);
  session.release(Session::Hold::claim);
}

Registrar::Next Registrar::try_or_close(PendingRegistration& registration) {
  Next next = Next::answered;
  if (!reactor_.has_memory_for([&] { next = try_now(registration); })) close_without_memory(*registration.session);
  return next;
}

void Registrar::close_without_memory(Session& session) {
  ++counters_.out_of_memory;
  session.close({Errc::out_of_memory, "registering a node"});
}

// ---- Those that wait.

/// That an earlier claim to one of the names is with the store.
std::optional<Decision> Registrar::undecided_conflict(const Claim& claim) const {
  const PendingRegistration* earlier = pending_.find_proposed(claim);
  if (earlier == nullptr) return std::nullopt;
  const bool is_node_id = earlier->change.node.node_id == claim.node.node_id;
  return Decision{is_node_id ? Decision::Status::node_id_in_use : Decision::Status::alias_in_use,
                  &earlier->change.node};
}

/// The same, or that the view has one of them elsewhere.
std::optional<Decision> Registrar::conflict(const Claim& claim) const {
  if (std::optional<Decision> undecided = undecided_conflict(claim)) return undecided;
  const Decision decision = decide_by(registry_, claim);
  return decision.holder == nullptr ? std::nullopt : std::optional(decision);
}

/// Whether there is something to be done about one that waits: its time is over, or its names may be free.
bool Registrar::is_due(const PendingRegistration& registration, base::Instant refused_until) const {
  if (registration.deadline <= refused_until) return true;
  return registration.tried_at != names_freed_ && !pending_.is_proposed_full() && !conflict(registration.change);
}

/// Proposes those whose names may be free by now, and refuses those whose deadline is not after `refused_until`. What
/// is too much for a turn is proposed in the next, and refused by the timer.
void Registrar::settle_waiting(base::Instant refused_until) {
  const bool has_seen_all = pending_.settle_waiting(
      kClaimsPerTurn, [&](const PendingRegistration& registration) { return is_due(registration, refused_until); },
      [&](Taken& taken) {
        PendingRegistration& registration = taken.front();
        const std::optional<Decision> known = conflict(registration.change);
        go_on_with(taken, known ? settle_or_close(registration, *known) : try_or_close(registration));
      });
  if (!has_seen_all) reactor_.defer(grant_waiting_);
}

void Registrar::arm_waiting(base::Instant at) {
  waiting_armed_at_ = at;
  reactor_.timers().arm(waiting_timer_, at);
}

void Registrar::on_waiting_timer() {
  const base::Instant now = reactor_.now();
  if (now - waiting_armed_at_ > options_.stall_max) {
    // This process stood still: the ends of holders may be waiting to be seen.
    grant_waiting();
    if (pending_.has_waiting()) arm_waiting(base::saturating_add(now, options_.claim_grace));
  } else {
    settle_waiting(now);
    if (pending_.has_waiting()) arm_waiting(pending_.next_deadline());
  }
}

// ---- Ends.

void Registrar::unregister(Session& session, std::string_view node_id, std::string_view raw_request_id) {
  // Once the node is gone others have to be notified, whatever becomes of the answer.
  const std::string success = protocol::success_response(raw_request_id);
  std::vector<Registry::Departure> departures;
  departures.reserve(1);
  std::optional<Registry::Departure> departure = registry_.unregister(session.id(), node_id);
  if (!departure) return replies_.reply(session, protocol::error_response(raw_request_id, protocol::kNodeNotFound));
  store_.release(session.id(), node_id);
  departures.push_back(*std::move(departure));
  if (!reactor_.has_memory_for([&] { replies_.reply(session, success); })) {
    session.close({Errc::out_of_memory, "writing a reply"});
  }
  departures_.note(departures);
}

void Registrar::heartbeat(Session& session, std::string_view node_id, std::string_view raw_request_id) {
  const bool is_known = registry_.heartbeat(session.id(), node_id, reactor_.now(), reactor_.wall_ms());
  replies_.reply(session, is_known ? protocol::success_response(raw_request_id)
                                   : protocol::error_response(raw_request_id, protocol::kNodeNotFound));
  departures_.arm_expiry();
}

void Registrar::on_session_closed(Session& session) {
  static_cast<void>(pending_.take(session));
  announcer_.forget(session);
  registry_.drop_owner(session.id());
  if (is_stopped_) return;
  store_.release_owner(session.id());
  if (pending_.has_waiting()) reactor_.defer(grant_waiting_);  // one may have waited for a decision on its claim
  departures_.take_off_gone();
}

void Registrar::note_free_names() {
  ++names_freed_;
  if (pending_.has_waiting()) reactor_.defer(grant_waiting_);
}

}  // namespace distflow::pmd
