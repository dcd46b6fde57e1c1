#include "pmd/server/streams.hpp"

#include <algorithm>

#include "pmd/server/session.hpp"

namespace distflow::pmd {

Streams::Streams(io::Reactor& reactor) : reactor_(reactor) {
  refill_.on_turn_end = base::Delegate<void()>::to<&Streams::refill>(*this);
}

Streams::~Streams() { refill_.unlink(); }

void Streams::begin(Session& session) {
  if (!static_cast<base::ListNode<StreamsByAge>&>(session).is_linked()) by_age_.push_back(session);
}

void Streams::end(Session& session) {
  static_cast<base::ListNode<StreamsByAge>&>(session).unlink();
  static_cast<base::ListNode<StreamsWaiting>&>(session).unlink();
}

bool Streams::spend(std::size_t size) {
  if (left_ == 0) return false;
  left_ -= std::min(left_, size);
  reactor_.defer(refill_);
  return true;
}

void Streams::wait(Session& session) {
  if (!static_cast<base::ListNode<StreamsWaiting>&>(session).is_linked()) waiting_.push_back(session);
}

void Streams::refill() {
  left_ = kTurnMax;
  while (left_ > 0 && !waiting_.empty()) waiting_.pop_front().send_some();
}

}  // namespace distflow::pmd
