// The sessions that asked to be told of joins and leaves.
//
// Loop thread only. All in O(1) but for broadcast().
//   1. A session is in it at most once, and leaves before it is destroyed.
//   2. An event is encoded once; what each watcher's queue holds is a slice of it.
// Use: watchers.add(session); ... watchers.broadcast(out.end_frame());
#pragma once

#include <vector>

#include "pmd/session.hpp"

namespace distflow::pmd {

class Watchers {
 public:
  void add(Session& session) {
    if (session.watcher_index != Session::kNotWatching) return;
    session.watcher_index = sessions_.size();
    sessions_.push_back(&session);
  }

  /// Nothing happens when it is none.
  void remove(Session& session) {
    if (session.watcher_index == Session::kNotWatching) return;
    sessions_[session.watcher_index] = sessions_.back();
    sessions_.back()->watcher_index = session.watcher_index;
    sessions_.pop_back();
    session.watcher_index = Session::kNotWatching;
  }

  /// A watcher that is too far behind is disconnected instead; it is removed when its connection is closed.
  void broadcast(const transport::EncodedFrame& event) {
    for (Session* session : sessions_) session->send_event(event);
  }

  void disconnect_all(Error why) {
    for (Session* session : sessions_) session->close(why);
  }

  [[nodiscard]] std::size_t size() const { return sessions_.size(); }

 private:
  std::vector<Session*> sessions_;
};

}  // namespace distflow::pmd
