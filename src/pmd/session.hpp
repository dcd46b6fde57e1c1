// One connection to the PMD, as its server sees it: requests in, replies and events out, and bounds on what the peer
// leaves unread.
//
// Loop thread only.
//   1. Replies are queued in the order of the requests, and all before the run that the requests came in ends.
//   2. Events left unread are at most watcher_backlog_max bytes, replies left unread reply_backlog_max, those of all
//      sessions together reply_backlog_total; beyond, the connection is closed and counted.
//   3. Above reply_backlog_pause no more requests are read until the peer has taken what it asked for.
//   4. on_session_closed is the last call to the host, and comes once.
// Use: session.open(stream); ... session.reply(frame);
#pragma once

#include <cstdint>

#include "io/reactor.hpp"
#include "pmd/options.hpp"
#include "transport/connection.hpp"
#include "transport/listener.hpp"

namespace distflow::pmd {

class Session;

/// Whoever sessions are for. Calls come from inside Reactor::turn().
class SessionHost {
 public:
  /// `frame` is valid until on_run_end().
  virtual void on_request(Session& session, std::string_view frame) = 0;
  /// All requests that have come have been told of.
  virtual void on_run_end(Session& session) = 0;
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
};

class Session final : private transport::ConnectionObserver {
 public:
  /// What a session is held for: it is read from when it is held for nothing.
  enum class Hold : std::uint8_t { claim = 1, backlog = 2 };

  /// `host` and `listener` must outlive the session.
  Session(const SessionParts& parts, SessionHost& host, OwnerId id, transport::Listener& listener,
          const io::Address& peer);
  ~Session();

  void open(io::Handle stream) { connection_.open(stream); }

  [[nodiscard]] OwnerId id() const { return id_; }
  [[nodiscard]] const io::Address& peer() const { return peer_; }
  [[nodiscard]] transport::Listener& listener() const { return listener_; }
  [[nodiscard]] bool is_open() const { return connection_.is_open(); }
  /// Bytes of requests that have come and were not looked at yet.
  [[nodiscard]] std::size_t unread_size() const { return connection_.decoder().unread_size(); }

  void reply(const transport::EncodedFrame& frame);
  void send_event(const transport::EncodedFrame& frame);

  void hold(Hold why);
  void release(Hold why);

  /// Sends what is queued, then closes.
  void finish() { connection_.finish(); }
  void close(Error why) { connection_.close(why); }

  // Written by the request handler.
  std::uint32_t malformed_count = 0;
  bool wants_shutdown_event = false;  // so the registration that came over it says
  std::size_t watcher_index = kNotWatching;
  static constexpr std::size_t kNotWatching = SIZE_MAX;

  /// What else the peer speaks, if its first bytes were no frame of ours; else null.
  [[nodiscard]] const char* foreign_protocol() const { return foreign_protocol_; }

 private:
  void on_frames(transport::Connection& connection) override;
  void on_sent(transport::Connection& connection, std::uint32_t sent, std::uint32_t dropped) override;
  void on_closed(transport::Connection& connection, Error why) override;
  void set_reply_backlog(std::size_t bytes);
  void recognise(std::string_view first_bytes);

  const SessionParts parts_;
  SessionHost& host_;
  const OwnerId id_;
  transport::Listener& listener_;
  const io::Address peer_;
  std::uint8_t holds_ = 0;
  bool has_had_frame_ = false;
  const char* foreign_protocol_ = nullptr;
  std::size_t reply_backlog_ = 0;  // bytes of the queue that are replies, or fewer
  transport::Connection connection_;
};

}  // namespace distflow::pmd
