// What must hold of a connection between two turns; for the simulator and tests, and linked into nothing else.
#include "transport/connection.hpp"

namespace distflow::transport {

const char* Connection::broken_invariant() const {
  const bool is_in_flight = queue_.is_in_flight();
  switch (state_) {
    case State::unopened:
      if (is_in_flight) return "a connection that was never opened sends";
      if (upgrade_ || is_paused_) return "a connection that was never opened has what only an open one has";
      return nullptr;
    case State::closing: return nullptr;  // operations end one by one
    case State::closed: return queue_.is_empty() ? nullptr : "a closed connection keeps frames of which nobody is told";
    case State::open:
      if (queue_.has_filled() && !is_in_flight && !turn_end_.is_linked()) return "queued frames are not about to leave";
      if (!is_paused_ && !has_ended_ && recv_op_.is_idle() && !(is_rerun_due_ && turn_end_.is_linked()))
        return "an open connection does not receive";
      if (has_ended_ && !is_paused_ && !is_rerun_due_) return "the end of a stream has come and is not heeded";
      break;
    case State::draining:
      if (!is_in_flight && !turn_end_.is_linked() && !stall_timer_.is_armed())
        return "nothing ends a draining connection";
      break;
  }
  if (is_in_flight && !stall_timer_.is_armed()) return "nobody looks whether a flight stalls";
  if (!upgrade_) return nullptr;
  if (upgrade_->sends && (upgrade_->is_moving || upgrade_->last_chunk)) return "sending has moved, and has yet to";
  if (upgrade_->has_begun_recv && !upgrade_->receives) return "an upgrade receives before the last frame has come";
  if (upgrade_->departed.sent + upgrade_->departed.dropped > 0 && !turn_end_.is_linked())
    return "frames are sent, and nobody is told";
  return upgrade_->stream->broken_invariant();
}

}  // namespace distflow::transport
