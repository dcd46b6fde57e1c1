// What must hold of a server and its sessions between two turns; for the simulator and tests, and linked into nothing
// else.
#include "pmd/server/server.hpp"
#include "protocol/pmd_reply.hpp"

namespace distflow::pmd {

const char* Session::broken_invariant() const {
  if (const char* const broken = connection_.broken_invariant()) return broken;
  if (connection_.is_closed()) return "a session whose connection is closed is still there";
  const transport::SendQueue& queue = connection_.queue();
  std::size_t unqueued = 0;
  for (const Unqueued& reply : unqueued_) {
    unqueued += reply.bytes.size() + (reply.nodes ? protocol::kNodesResponseTail.size() : 0);
  }
  if (unqueued != unqueued_size_) return "the bytes of replies that are not queued yet are miscounted";
  if (!is_open()) return nullptr;
  if (reply_backlog_ > queue.bytes() + unqueued_size_) return "a session is charged for replies that have left";
  const auto is_held = [this](Hold why) { return (holds_ & static_cast<std::uint8_t>(why)) != 0; };
  if (holds_ != 0 && !connection_.is_paused()) return "a session is read from while it is held";
  if (holds_ == 0 && connection_.is_paused()) return "a session that is held for nothing is not read from";
  if (holds_ == 0 && !unqueued_.empty()) return "requests are read while an answer before theirs is not queued";
  if (is_held(Hold::turn) && !account_.is_linked()) return "a session is held for a turn that does not come";
  if (is_held(Hold::pace) && !pace_timer_.is_armed()) return "a session is held for a time that does not come";
  if (is_held(Hold::nodes) && unqueued_.empty()) return "a session is held for an answer that is queued";
  if (is_held(Hold::backlog) && queue.is_empty() && unqueued_.empty()) {
    return "a session is held until its peer reads, which has read everything";
  }
  const bool has_turn = static_cast<const base::ListNode<StreamsWaiting>&>(*this).is_linked();
  if (!unqueued_.empty() && !has_turn && queue.is_empty())
    return "an answer is not queued, and nothing goes on with it";
  return nullptr;
}

const char* StatsRelay::broken_invariant() const {
  std::size_t inside_count = 0;
  AwaitedByUser awaited;
  for (const auto& [id, question] : pending_) {
    if (question.client == kInside) {
      ++inside_count;
    } else {
      ++awaited[question.user];
    }
  }
  if (pending_.size() - inside_count > kPendingMax)
    return "more questions of clients are without an answer than may be";
  if (inside_count != inside_count_) return "the questions of the PMD's own are miscounted";
  if (awaited != awaited_by_user_) return "what the users await is miscounted";
  if (!pending_.empty() && !timer_.is_armed()) return "nobody looks whether a question is answered in time";
  return nullptr;
}

const char* Server::broken_invariant() const {
  std::size_t reply_backlog = 0;
  for (const auto& [id, session] : sessions_) {
    if (const char* const broken = session->broken_invariant()) return broken;
    reply_backlog += session->reply_backlog();
  }
  if (reply_backlog != reply_backlog_) return "all sessions together are charged for other replies than theirs";
  return handler_.stats().broken_invariant();
}

}  // namespace distflow::pmd
