// The answers with all nodes that are under way: how much of them a turn sends, and which has been under way longest.
//
// Loop thread only.
//   1. A turn sends at most kTurnMax bytes of them, and a piece more, to all sessions together. Sessions that found
//      nothing left of that go on in the next turn, in the order that they came.
//   2. A session is in it while it has such an answer, and leaves before it is destroyed.
// Use: streams.begin(session); ... if (!streams.spend(size)) return streams.wait(session); ... streams.end(session);
#pragma once

#include <cstddef>

#include "base/intrusive_list.hpp"
#include "io/reactor.hpp"

namespace distflow::pmd {

class Session;
struct StreamsByAge;
struct StreamsWaiting;

class Streams {
 public:
  explicit Streams(io::Reactor& reactor);
  ~Streams();

  void begin(Session& session);
  void end(Session& session);

  /// Whether a piece of so many bytes may be sent in this turn.
  bool spend(std::size_t size);
  /// Goes on with the session in the next turn.
  void wait(Session& session);

  [[nodiscard]] bool empty() const { return by_age_.empty(); }
  /// The session whose answer has been under way longest; there must be one.
  [[nodiscard]] Session& oldest() { return by_age_.front(); }

 private:
  static constexpr std::size_t kTurnMax = std::size_t{256} * 1024;
  void refill();

  io::Reactor& reactor_;
  std::size_t left_ = kTurnMax;
  base::IntrusiveList<Session, StreamsByAge> by_age_;
  base::IntrusiveList<Session, StreamsWaiting> waiting_;
  io::DeferredTask refill_;
};

}  // namespace distflow::pmd
