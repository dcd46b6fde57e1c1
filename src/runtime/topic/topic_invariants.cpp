// What must hold of topics between two turns; for the simulator and tests, and linked into nothing else.
#include <algorithm>

#include "runtime/topic/publications.hpp"
#include "runtime/topic/subscriptions.hpp"

namespace distflow::runtime {

const char* Publications::broken_invariant() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, topic] : by_name_) {
    if (topic->is_handing_out) return "a topic is said to be handed out, and is not";
    if (topic->target == nullptr || !topic->target->hand_out) return "a topic is handed out by nobody";
    const auto put_off = std::count_if(topic->subscribers.begin(), topic->subscribers.end(),
                                       [](const Subscriber& subscriber) { return subscriber.is_put_off(); });
    if (static_cast<std::size_t>(put_off) != topic->put_off) return "a topic has miscounted who is to be welcomed";
    if (topic->put_off > 0 && !topic->has_newcomers && !topic->has_waiting &&
        topic->version == read(topic->group->version))
      return "nobody looks after those who are to be welcomed";
    if (topic->version > read(topic->group->version)) return "a topic's subscribers are of a version yet to come";
  }
  return nullptr;
}

const char* Subscriptions::broken_invariant() const {
  if (delivery_.has_thread() || delivery_.is_stopping()) return nullptr;  // the second thread has its own time
  // Not has_work(): without a second thread the list that it reads is renewed by the messages that wait.
  const std::scoped_lock lock(mutex_);
  const bool has_waiting = std::any_of(by_address_.begin(), by_address_.end(), [](const auto& entry) {
    return entry.second->mailbox && entry.second->mailbox->size() > 0;
  });
  return has_waiting && !drain_.is_linked() ? "messages of a topic wait, and nothing handles them" : nullptr;
}

}  // namespace distflow::runtime
