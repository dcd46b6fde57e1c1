#include "pmd/server/watchers.hpp"

#include <algorithm>

#include "base/room.hpp"

namespace distflow::pmd {

Watchers::Watchers(io::Reactor& reactor, const ServerOptions& options, ServerCounters& counters)
    : reactor_(reactor),
      counters_(counters),
      unsent_max_(std::min(kUnsentMax, options.watcher_backlog_max / 2)),
      log_(options.watcher_backlog_max) {
  go_on_.on_turn_end = base::Delegate<void()>::to<&Watchers::go_on>(*this);
}

void Watchers::add(Session& session) {
  if (session.watcher_index != Session::kNotWatching) {
    const EventLog::Cursor before = session.event_cursor;
    session.event_cursor = log_.join();
    --counts_[only(session.watches_as)];
    ++counts_[only(session.watches_as = session.watcher_kind)];
    return log_.leave(before);
  }
  base::make_room(sessions_, sessions_.size() + 1);
  session.event_cursor = log_.join();
  session.watcher_index = sessions_.size();
  sessions_.push_back(&session);
  if (unvisited_ > 0) ++unvisited_;  // the round under way may pass it on its way to those that it has yet to visit
  ++counts_[only(session.watches_as = session.watcher_kind)];
}

void Watchers::remove(Session& session) {
  if (session.watcher_index == Session::kNotWatching) return;
  log_.leave(session.event_cursor);
  --counts_[only(session.watches_as)];
  sessions_[session.watcher_index] = sessions_.back();
  sessions_.back()->watcher_index = session.watcher_index;
  sessions_.pop_back();
  session.watcher_index = Session::kNotWatching;
  // The one that took the place may not have been visited.
  if (unvisited_ > 0) unvisited_ = sessions_.size();
}

void Watchers::tell(const transport::EncodedFrame& event, WatcherKinds kinds) {
  if (sessions_.empty()) return;
  log_.append(event, kinds);
  unvisited_ = sessions_.size();
  reactor_.defer(go_on_);
  give_some();
}

void Watchers::on_sent(Session& session) {
  if (session.watcher_index == Session::kNotWatching || !log_.is_behind(session.event_cursor)) return;
  // Not at once: thousands may have taken what they had in one turn.
  unvisited_ = sessions_.size();
  reactor_.defer(go_on_);
}

/// One that drains has an end already, behind the replies that are on their way to it.
void Watchers::disconnect_all(Error why) {
  for (Session* session : sessions_) {
    if (session->is_open()) session->close(why);
  }
}

void Watchers::give(Session& session) {
  EventLog::Cursor& cursor = session.event_cursor;
  if (!session.is_open() || !log_.is_behind(cursor)) return;
  if (log_.is_lost(cursor)) {
    gifts_left_ -= gifts_left_ > 0 ? 1 : 0;
    ++counters_.slow_watchers;
    return session.close({Errc::queue_full, "telling events to a watcher that does not read"});
  }
  if (session.unsent_size() >= unsent_max_) return;
  gifts_left_ -= gifts_left_ > 0 ? 1 : 0;
  while (session.unsent_size() < unsent_max_ && log_.is_behind(cursor) && bytes_left_ > 0) {
    const transport::EncodedRun run = log_.take(cursor, session.watches_as);
    if (run.count == 0) return;
    counters_.events_queued += run.count;
    bytes_left_ -= std::min(bytes_left_, run.bytes.size());
    if (!session.send_events(run)) return;
  }
}

void Watchers::go_on() {
  gifts_left_ = kGiftsPerTurn;
  visits_left_ = kVisitsPerTurn;
  bytes_left_ = kBytesPerTurn;
  give_some();
  if (unvisited_ > 0) reactor_.defer(go_on_);
}

void Watchers::give_some() {
  while (unvisited_ > 0 && gifts_left_ > 0 && visits_left_ > 0 && bytes_left_ > 0) {
    if (next_ >= sessions_.size()) next_ = 0;
    --unvisited_;
    --visits_left_;
    give(*sessions_[next_++]);
  }
}

}  // namespace distflow::pmd
