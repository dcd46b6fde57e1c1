// Registrations that are not answered yet: proposed to the store and undecided, or waiting for a name to become free.
//
// Loop thread only. Pure except for the sessions it names.
//   1. A session has at most one here: it is held, so that none of its later requests overtakes it.
//   2. Those that wait are in the order in which they came, and so are their deadlines; however long the store took to
//      refuse them.
//   3. No two that are proposed share an alias or a nodeId.
//   4. At most waiting_max wait, and one more until take_displaced(). Where all places are taken, a user with fewer
//      than an equal share of them, rounded down, gets the place of the one that has waited longest of the user with
//      most. Those whose user the system does not name count as one user.
// Use: pending.wait(std::move(registration)); ... if (auto decided = pending.take(ticket)) ...
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "pmd/server/registry_store.hpp"
#include "pmd/server/session.hpp"

namespace distflow::pmd {

struct PendingRegistration {
  Session* session;
  Registry::Change change;
  std::string raw_request_id;
  std::uint64_t arrival;       ///< its place among all
  base::Instant deadline;      ///< when it is refused if it still waits
  Ticket ticket = 0;           ///< of the last proposal; 0 before there was one
  std::uint64_t tried_at = 0;  ///< how often names had become free when the store refused it; 0: it has not
  Decision::Status refusal = Decision::Status::alias_in_use;  ///< of one that waits: which of its names is in use
  bool has_waited = false;
  bool is_regroup = false;  ///< of a node that is registered: only its groups are others
};

class PendingRegistrations {
 public:
  /// One, out of the table, or none: it moves without memory.
  using Taken = std::list<PendingRegistration>;

  PendingRegistrations(std::size_t waiting_max, std::size_t proposed_max)
      : waiting_max_(waiting_max), proposed_max_(proposed_max) {}

  /// Whether one of this user may wait, if need be in the place of another user's.
  [[nodiscard]] bool may_wait(const UserId& user) const {
    if (waiting_.size() < waiting_max_) return true;
    const auto found = waiting_by_user_.find(user);
    const bool is_new = found == waiting_by_user_.end();
    return (is_new ? 0 : found->second) < waiting_max_ / (waiting_by_user_.size() + (is_new ? 1 : 0));
  }
  [[nodiscard]] bool is_proposed_full() const { return proposed_.size() >= proposed_max_; }
  [[nodiscard]] bool has_waiting() const { return !waiting_.empty(); }
  [[nodiscard]] base::Instant next_deadline() const {
    return waiting_.empty() ? base::kNever : waiting_.front().deadline;
  }

  /// Takes up one that is new, or goes on with one that was taken. May throw std::bad_alloc: then it is not here.
  void wait(Taken& registration) {
    WaitingByUser of_user;
    of_user.emplace(registration.front().change.user, 0);
    note_session(registration);
    waiting_by_user_.merge(of_user);
    ++waiting_by_user_.find(registration.front().change.user)->second;
    auto behind = waiting_.end();
    while (behind != waiting_.begin() && std::prev(behind)->arrival > registration.front().arrival) --behind;
    waiting_.splice(behind, registration);
  }
  /// The same for one whose ticket is with the store.
  void propose(Taken& registration) {
    PendingRegistration& added = registration.front();
    try {
      note_session(registration);
      by_ticket_[added.ticket] = registration.begin();
      by_node_id_[added.change.node.node_id] = &added;
      if (added.change.node.alias) by_alias_[*added.change.node.alias] = &added;
    } catch (...) {
      forget_proposal(added);
      by_session_.erase(added.session);
      throw;
    }
    proposed_.splice(proposed_.end(), registration);
  }

  /// The one whose place another has got; none when no more wait than may.
  [[nodiscard]] Taken take_displaced() {
    if (waiting_.size() <= waiting_max_) return {};
    const auto most = std::ranges::max_element(waiting_by_user_, {}, &WaitingByUser::value_type::second);
    return take_out(std::ranges::find(waiting_, most->first, [](const auto& waiting) { return waiting.change.user; }));
  }

  /// The one with that ticket, out of the table; none when there is no such any more.
  [[nodiscard]] Taken take(Ticket ticket) {
    const auto found = by_ticket_.find(ticket);
    return found == by_ticket_.end() ? Taken() : take_out(found->second);
  }
  /// The one of the session, if it has one.
  [[nodiscard]] Taken take(const Session& session) {
    const auto found = by_session_.find(&session);
    return found == by_session_.end() ? Taken() : take_out(found->second);
  }
  /// The one that is with the store for a name of the claim; null when there is none.
  [[nodiscard]] const PendingRegistration* find_proposed(const Claim& claim) const {
    if (proposed_.empty()) return nullptr;
    if (const auto found = by_node_id_.find(claim.node.node_id); found != by_node_id_.end()) return found->second;
    if (!claim.node.alias) return nullptr;
    const auto found = by_alias_.find(*claim.node.alias);
    return found == by_alias_.end() ? nullptr : found->second;
  }

  /// Has each that waits looked at, in order: `look(registration)` returns whether to take it out, and `settle(taken)`
  /// does with it what is to be done, which may put it back. `count_max` are taken at most. Whether all were looked at.
  template <class Look, class Settle>
  bool settle_waiting(std::size_t count_max, Look look, Settle settle) {
    for (auto place = waiting_.begin(); place != waiting_.end();) {
      if (count_max == 0) return false;
      const auto registration = place++;
      if (!look(*registration)) continue;
      --count_max;
      Taken taken = take_out(registration);
      settle(taken);
    }
    return true;
  }

 private:
  using Place = std::list<PendingRegistration>::iterator;
  using WaitingByUser = std::map<UserId, std::size_t>;

  void note_session(Taken& registration) { by_session_[registration.front().session] = registration.begin(); }
  void forget_proposal(const PendingRegistration& registration) {
    by_ticket_.erase(registration.ticket);
    by_node_id_.erase(registration.change.node.node_id);
    if (registration.change.node.alias) by_alias_.erase(*registration.change.node.alias);
  }
  Taken take_out(Place place) {
    Taken taken;
    const bool is_proposed = by_ticket_.contains(place->ticket);
    if (is_proposed) {
      forget_proposal(*place);
    } else if (const auto of_user = waiting_by_user_.find(place->change.user); --of_user->second == 0) {
      waiting_by_user_.erase(of_user);
    }
    by_session_.erase(place->session);
    taken.splice(taken.end(), is_proposed ? proposed_ : waiting_, place);
    return taken;
  }

  const std::size_t waiting_max_;
  const std::size_t proposed_max_;
  std::list<PendingRegistration> waiting_;
  WaitingByUser waiting_by_user_;  // none without one
  std::list<PendingRegistration> proposed_;
  std::unordered_map<const Session*, Place> by_session_;
  std::unordered_map<Ticket, Place> by_ticket_;  // of those that are proposed, as the next two
  std::unordered_map<std::string_view, const PendingRegistration*> by_node_id_;
  std::unordered_map<std::string_view, const PendingRegistration*> by_alias_;
};

}  // namespace distflow::pmd
