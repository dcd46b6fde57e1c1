// The sessions that asked to be notified of joins and leaves, and their way through the log of events.
//
// Loop thread only.
//   1. A session is in it at most once, and leaves before it is destroyed.
//   2. A session gets every event after it was added, once, in order; never inside another answer.
//   3. An event is encoded once; what each watcher's queue holds is a slice of the log. A watcher has at most
//      kUnsentMax bytes of events in its queue; the rest waits in the log, which all share.
//   4. A turn gives events to kGiftsPerTurn watchers at most, and kBytesPerTurn bytes and a segment more of them. It
//      may do so twice. After a quiet time the turn of the first event has both.
//   5. A watcher is cut off when what it has not taken no longer fits the log: that takes many turns, in each of which
//      the kernel could take more for it.
// Use: watchers.add(session); ... watchers.tell(out.end_frame()); ... watchers.on_sent(session);
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "io/reactor.hpp"
#include "pmd/server/event_log.hpp"
#include "pmd/server/options.hpp"
#include "pmd/server/session.hpp"

namespace distflow::pmd {

class Watchers {
 public:
  Watchers(io::Reactor& reactor, const ServerOptions& options, ServerCounters& counters);
  ~Watchers() { go_on_.unlink(); }

  /// From the next event on, as the kind that the session is now; for one that is in it already, too.
  void add(Session& session);
  /// Nothing happens when it is none.
  void remove(Session& session);

  /// Tells watchers of those kinds.
  void tell(const transport::EncodedFrame& event, WatcherKinds kinds = kAllWatchers);
  /// The session has sent something. Nothing happens when it is none of these.
  void on_sent(Session& session);

  void disconnect_all(Error why);

  [[nodiscard]] std::size_t size() const { return sessions_.size(); }
  /// Whether there is a watcher of that kind.
  [[nodiscard]] bool has(WatcherKind kind) const { return counts_[only(kind)] > 0; }

 private:
  static constexpr std::size_t kUnsentMax = std::size_t{256} * 1024;
  static constexpr std::size_t kGiftsPerTurn = 16;
  static constexpr std::size_t kVisitsPerTurn = 1024;
  static constexpr std::size_t kBytesPerTurn = std::size_t{128} * 1024;  // the kernel copies them: 2.5 us a KiB

  void give(Session& session);
  void go_on();
  void give_some();

  io::Reactor& reactor_;
  ServerCounters& counters_;
  const std::size_t unsent_max_;
  EventLog log_;
  std::vector<Session*> sessions_;
  std::array<std::size_t, kAllWatchers> counts_{};  // of each kind
  std::size_t next_ = 0;                            // of sessions_: to be visited next
  std::size_t unvisited_ = 0;                       // since the last event
  std::size_t gifts_left_ = kGiftsPerTurn;
  std::size_t visits_left_ = kVisitsPerTurn;
  std::size_t bytes_left_ = kBytesPerTurn;
  io::DeferredTask go_on_;
};

}  // namespace distflow::pmd
