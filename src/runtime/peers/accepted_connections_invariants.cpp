// What must hold of accepted connections between two turns; for the simulator and tests, and linked into nothing else.
#include "runtime/peers/accepted_session.hpp"

namespace distflow::runtime {

const char* AcceptedConnections::Session::broken_invariant() const {
  if (const char* const broken = connection_.broken_invariant()) return broken;
  if (connection_.is_closed()) return "a closed connection is still among the accepted";
  if (const char* const broken = carrier_.broken_invariant()) return broken;
  return reader_.broken_invariant();
}

const char* AcceptedConnections::broken_invariant() const {
  if (session_count_ != sessions_.size()) return "accepted connections are miscounted";
  for (std::size_t place = 0; place < sessions_.size(); ++place) {
    if (sessions_[place]->place_ != place) return "an accepted connection does not know its place";
    if (const char* const broken = sessions_[place]->broken_invariant()) return broken;
  }
  return nullptr;
}

}  // namespace distflow::runtime
