// What must hold of topics between two turns; for the simulator and tests, and linked into nothing else.
#include "runtime/topic/publications.hpp"
#include "runtime/topic/subscriptions.hpp"

namespace distflow::runtime {

const char* Publications::broken_invariant() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, topic] : by_name_) {
    if (topic->is_handing_out) return "a topic is said to be handed out, and is not";
    if (topic->target == nullptr || !topic->target->hand_out) return "a topic is handed out by nobody";
    if (topic->version > read(topic->group->version)) return "a topic's subscribers are of a version yet to come";
  }
  return nullptr;
}

const char* Subscriptions::broken_invariant() const {
  if (delivery_.has_thread() || delivery_.is_stopping()) return nullptr;  // the second thread has its own time
  return has_work() && !drain_.is_linked() ? "messages of a topic wait, and nothing handles them" : nullptr;
}

}  // namespace distflow::runtime
