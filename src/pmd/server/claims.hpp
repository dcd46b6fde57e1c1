// Registrations that wait because another node still has their alias, or another connection their nodeId.
//
// Loop thread only. Pure but for the sessions it names.
//   1. A session has at most one claim here: it is held, so that none of its later requests overtakes the claim.
//   2. Claims are in the order they came, and so are their deadlines.
// Use: session.hold(Session::Hold::claim); claims.park({&session, registration, id, deadline});
#pragma once

#include <iterator>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

#include "pmd/server/session.hpp"
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
  void park(Claim claim) {
    std::list<Claim> added;
    added.push_back(std::move(claim));
    by_session_[added.back().session] = added.begin();  // may throw
    claims_.splice(claims_.end(), added);
  }

  /// Forgets the claim of a session that is gone.
  void forget(const Session& session) {
    const auto found = by_session_.find(&session);
    if (found == by_session_.end()) return;
    claims_.erase(found->second);
    by_session_.erase(found);
  }

  /// Takes out, in order, each claim for which `is_settled(claim)`, `count_max` at most. Whether it has seen them all.
  template <class IsSettled>
  bool settle(std::size_t count_max, IsSettled is_settled) {
    for (auto place = claims_.begin(); place != claims_.end();) {
      if (count_max == 0) return false;
      const auto claim = place++;
      if (!is_settled(*claim)) continue;
      --count_max;
      by_session_.erase(claim->session);
      claims_.erase(claim);
    }
    return true;
  }

  [[nodiscard]] base::Instant next_deadline() const {
    return claims_.empty() ? base::kNever : claims_.front().deadline;
  }

 private:
  const std::size_t count_max_;
  std::list<Claim> claims_;
  std::unordered_map<const Session*, std::list<Claim>::iterator> by_session_;
};

}  // namespace distflow::pmd
