// What must hold of a client between two turns; for the simulator and tests, and linked into nothing else.
#include "pmd/client/client.hpp"

namespace distflow::pmd {

const char* Client::broken_invariant() const {
  if (connection_) {
    if (const char* const broken = connection_->broken_invariant()) return broken;
  }
  switch (state_) {
    case State::idle:
    case State::closed: return connection_ ? "a client that has ended has a connection" : nullptr;
    case State::closing: return nullptr;  // its parts end one by one
    case State::waiting:
      if (!dial_timer_.is_armed()) return "a client waits to dial, and nothing makes it";
      break;
    case State::dialing:
      if (!dialer_.is_dialing()) return "a client is said to dial, and does not";
      break;
    case State::probing: break;
    case State::greeting:
    case State::in_session:
      if (!connection_) return "a client is in a session without a connection";
      if (is_registered_ && !registration_timer_.is_armed() && registers_unanswered_ == 0) {
        return "a registered client sends no heartbeats";
      }
      return nullptr;
  }
  if (connection_) return "a client outside a session has a connection";
  return is_registered_ ? "a client is registered without a session" : nullptr;
}

}  // namespace distflow::pmd
