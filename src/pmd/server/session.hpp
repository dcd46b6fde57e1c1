// One connection to the PMD, as its server sees it: requests in, replies and events out, and bounds on what the peer
// leaves unread.
//
// Loop thread only.
//   1. Replies are sent in the order of the requests, and queued or noted before the run that the requests came in
//      ends. Those to stats come when the node has answered.
//   2. Replies left unread are at most reply_backlog_max bytes, those of all sessions together reply_backlog_total;
//      beyond, the connection is closed and counted. The nodes of an answer are shared and do not count; but what has
//      been queued of them does.
//   3. Above reply_backlog_pause no more requests are read until the peer has taken what it asked for.
//   4. An answer with all nodes is sent in pieces, over turns. Nothing else is sent in between, and no more requests
//      are read, nor is the end of the stream, until all of it is queued.
//   5. A run begins when TurnWork lets it, and handles as much; the rest is left to a later turn. Replies count as work
//      of the session that they go to.
//   6. on_request() and on_run_end() may throw std::bad_alloc: the connection is closed, and counted. The host's
//      other calls must not throw.
//   7. on_session_closed is the last call to the host, and comes once.
// Use: session.open(stream); ... session.reply(frame);
#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "base/time.hpp"
#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "pmd/server/event_log.hpp"
#include "pmd/server/node_pages.hpp"
#include "pmd/server/options.hpp"
#include "pmd/server/streams.hpp"
#include "pmd/server/turn_work.hpp"
#include "stream/listener.hpp"
#include "transport/connection.hpp"

namespace distflow::pmd {

class Session;

/// Serves the requests of sessions. Calls come from inside Reactor::turn().
class SessionHost {
 public:
  /// `frame` is valid until on_run_end(). How much work it was, in the unit of TurnWork: 1 at least.
  virtual std::size_t on_request(Session& session, std::string_view frame) = 0;
  /// All requests that have come have been reported.
  virtual void on_run_end(Session& session) = 0;
  /// The same after one that ran out of memory: what it asked and was not answered is not to be answered any more.
  virtual void on_run_lost(Session& session) = 0;
  /// The peer has taken something that was sent.
  virtual void on_sent(Session& session) = 0;
  /// The connection is closed, because of `why`. The session may be destroyed now.
  virtual void on_session_closed(Session& session, Error why) = 0;

 protected:
  ~SessionHost() = default;
};

/// What the sessions of a server share. All of it must outlive them.
struct SessionParts {
  io::Reactor& reactor;
  base::ChunkPool& blocks;  ///< for requests that come in parts
  const ServerOptions& options;
  ServerCounters& counters;
  std::size_t& reply_backlog;  ///< bytes of unread replies of all sessions
  Streams& streams;
  TurnWork& work;
};

class Session final : public base::ListNode<StreamsByAge>,
                      public base::ListNode<StreamsWaiting>,
                      private transport::ConnectionObserver {
 public:
  /// What a session is held for: it is read from when it is held for nothing.
  enum class Hold : std::uint8_t { claim = 1, backlog = 2, nodes = 4, turn = 8, finish = 16, pace = 32 };

  /// `host` and `listener` must outlive the session.
  Session(const SessionParts& parts, SessionHost& host, OwnerId id, stream::Listener& listener,
          const io::Address& peer);
  ~Session();

  void open(stream::OpenStream stream) { connection_.open(std::move(stream)); }

  [[nodiscard]] OwnerId id() const { return id_; }
  [[nodiscard]] const io::Address& peer() const { return peer_; }
  [[nodiscard]] stream::Listener& listener() const { return listener_; }
  [[nodiscard]] bool is_open() const { return connection_.is_open(); }
  /// The user at the other end, as the system reported it at the first call; it is asked once.
  [[nodiscard]] const io::PeerOwner& owner();
  /// Bytes of replies that its peer has not read, or fewer: what the session is charged for.
  [[nodiscard]] std::size_t reply_backlog() const { return reply_backlog_; }
  /// Bytes of requests that have come and were not looked at yet.
  [[nodiscard]] std::size_t unread_size() const { return connection_.decoder().unread_size(); }

  void reply(const transport::EncodedFrame& frame);
  /// `head` and `nodes` and what ends such an answer.
  void reply_nodes(std::string_view head, std::shared_ptr<const NodeSnapshot> nodes);
  /// Something that is no reply, behind all replies. False when there is no room or memory for it, and when the
  /// connection is not open any more.
  [[nodiscard]] bool send(const transport::EncodedFrame& frame);
  /// Bytes that are on their way to the peer; more than any bound while an answer is not queued yet.
  [[nodiscard]] std::size_t unsent_size() const { return unqueued_.empty() ? connection_.queue().bytes() : SIZE_MAX; }
  /// Events, for a session with unsent_size() below a bound. False when that closed the connection.
  [[nodiscard]] bool send_events(const transport::EncodedRun& run);
  /// Goes on with what is not queued yet, as far as this turn may.
  void send_some();

  /// A change of so many bytes was announced to all watchers for this connection. Beyond kChangesPerSecond, and so much
  /// in advance, it is not read from until that is over.
  void pace(std::size_t bytes);
  void hold(Hold why);
  void release(Hold why);

  /// Sends what is queued, then closes.
  void finish();
  void close(Error why);

  // Written by the request handler.
  std::uint32_t malformed_count = 0;
  std::size_t look_ups_together = 1;  // that are answered together
  bool wants_shutdown_event = false;  // so the registration that came over it says
  bool wants_loss_event = false;      // the same
  std::size_t watcher_index = kNotWatching;
  std::uint32_t stats_awaited = 0;  // questions for stats of this client's without an answer
  std::uint32_t stats_owed = 0;     // clients' questions for stats to the nodes of this connection without an answer
  std::uint32_t stats_owed_to_root = 0;                // of these, root's
  std::uint32_t stats_owed_inside = 0;                 // the PMD's own
  WatcherKind watcher_kind = WatcherKind::typescript;  // what it said in hello
  WatcherKind watches_as = WatcherKind::typescript;    // of a watcher: what it had said when it asked
  EventLog::Cursor event_cursor;                       // the same
  static constexpr std::size_t kNotWatching = SIZE_MAX;
  static constexpr std::int64_t kChangesPerSecond = std::int64_t{4} << 20;  // bytes

  /// What else the peer speaks, if its first bytes were no frame of ours; else null.
  [[nodiscard]] const char* foreign_protocol() const { return foreign_protocol_; }
  /// What is wrong between two turns; null when nothing is. For the simulator and tests (server_invariants.cpp).
  [[nodiscard]] const char* broken_invariant() const;

 private:
  void on_frames(transport::Connection& connection) override;
  void handle_requests(transport::Connection& connection);
  void on_sent(transport::Connection& connection, const transport::DepartedFrames& departed) override;
  void on_closed(transport::Connection& connection, Error why) override;
  /// A reply that is not queued yet: a frame, or the head of one with nodes, its end behind it.
  struct Unqueued {
    base::ChunkRef chunk;
    std::string_view bytes;
    std::shared_ptr<const NodeSnapshot> nodes;  // null: a frame
    std::size_t pages_queued = 0;
    bool is_head_queued = false;
  };

  [[nodiscard]] bool may_reply(std::size_t size);
  void keep_unqueued(const transport::EncodedFrame& frame);
  bool queue_piece(const transport::EncodedRun& run);
  bool queue_nodes(Unqueued& answer);
  void drop_unqueued();
  void wait_for_turn();
  void on_turn();
  void on_pace_over() { release(Hold::pace); }
  void set_reply_backlog(std::size_t bytes);
  void recognise(std::string_view first_bytes);

  const SessionParts parts_;
  SessionHost& host_;
  const OwnerId id_;
  stream::Listener& listener_;
  const io::Address peer_;
  std::uint8_t holds_ = 0;
  bool has_had_frame_ = false;
  bool has_asked_owner_ = false;
  io::PeerOwner owner_;
  const char* foreign_protocol_ = nullptr;
  bool is_finishing_ = false;
  std::size_t reply_backlog_ = 0;  // bytes of replies in the queue, or fewer, and of unqueued ones
  std::size_t unqueued_size_ = 0;
  std::list<Unqueued> unqueued_;
  base::Instant paced_at_{};
  std::int64_t changes_left_ = 0;  // bytes, at that time
  base::Timer pace_timer_;
  WorkAccount account_;
  transport::Connection connection_;
};

}  // namespace distflow::pmd
