// Registrations that wait because another node still has their alias.
//
// Loop thread only. Pure but for the sessions it names.
//   1. A session has at most one claim here: it is held, so that none of its later requests overtakes the claim.
//   2. Claims are in the order they came, and so are their deadlines.
// Use: session.hold(Session::Hold::claim); claims.park({&session, registration, id, deadline});
#pragma once

#include <list>
#include <string>

#include "pmd/session.hpp"
#include "protocol/pmd_node.hpp"

namespace distflow::pmd {

struct Claim {
  Session* session;
  protocol::Registration registration;
  std::string raw_request_id;
  base::Instant deadline;
};

class Claims {
 public:
  explicit Claims(std::size_t count_max) : count_max_(count_max) {}

  [[nodiscard]] bool is_full() const { return claims_.size() >= count_max_; }
  [[nodiscard]] bool empty() const { return claims_.empty(); }
  void park(Claim claim) { claims_.push_back(std::move(claim)); }

  /// Forgets the claim of a session that is gone.
  void forget(const Session& session) {
    claims_.remove_if([&](const Claim& claim) { return claim.session == &session; });
  }

  /// Takes out, in order, each claim for which `is_settled(claim)`.
  template <class IsSettled>
  void settle(IsSettled is_settled) {
    claims_.remove_if(is_settled);
  }

  [[nodiscard]] base::Instant next_deadline() const {
    return claims_.empty() ? base::kNever : claims_.front().deadline;
  }

 private:
  const std::size_t count_max_;
  std::list<Claim> claims_;
};

}  // namespace distflow::pmd
