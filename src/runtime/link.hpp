// The way to one peer: a connection that is dialled when there is something to send, and dialled again after a loss.
//
// Loop thread only.
//   1. Frames leave in the order of send(). Those that wait for a connection are bounded like any send queue.
//   2. Every frame that send() took is counted once more, as written or as dropped for its reason.
//   3. Frames that found no connection for `connect_deadline` are dropped as unreachable.
//   4. After retire() a link sends what it can and ends; is_finished() then says that it may be destroyed.
// Use: Link link(parts, traffic, "127.0.0.1", 4000); link.send(frame);
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <distflow/send.hpp>

#include "base/log.hpp"
#include "base/random.hpp"
#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "io/resolver.hpp"
#include "runtime/traffic.hpp"
#include "transport/backoff.hpp"
#include "transport/connection.hpp"
#include "transport/dialer.hpp"

namespace distflow::runtime {

/// What all links of a node share. Must outlive them.
struct LinkParts {
  io::Reactor& reactor;
  io::Resolver& resolver;
  base::ChunkPool& blocks;
  base::Random& random;
  const base::Log& log;
  transport::ConnectionLimits limits;
  base::Duration connect_deadline;
  bool writes_at_once = false;  ///< does not wait for the turn's end
  /// Called when a retired link has finished, from inside a turn.
  base::Delegate<void()> on_finished;
  std::size_t open_count = 0;  ///< connections that are open, of all links
};

class Link final : private transport::ConnectionObserver {
 public:
  Link(LinkParts& parts, Traffic& traffic, std::string host, std::uint16_t port);
  ~Link();

  /// written, queued, or queue_full: of all the frames.
  SendVerdict send(const transport::EncodedRun& run);

  /// Sends what it can, then ends. What has no connection is dropped, counted in `reason`.
  void retire(Counter SendCounters::*reason);
  /// Ends without waiting for the peer. Drops what is left, counted in the reason given to retire().
  void abort();
  [[nodiscard]] bool is_finished() const { return is_retired_ && !connection_ && dying_.empty(); }

 private:
  void on_frames(transport::Connection& connection) override;
  void on_sent(transport::Connection& connection, std::uint32_t sent, std::uint32_t dropped) override;
  void on_closed(transport::Connection& connection, Error why) override;

  void renew_connection();
  void dial();
  void on_dialed(Result<io::Handle> outcome);
  void on_unreachable(const Error& why);
  void drop_waiting(Counter SendCounters::*reason);
  [[nodiscard]] bool is_connected() const { return connection_ && connection_->is_open(); }

  LinkParts& parts_;
  Traffic& traffic_;
  const std::string host_;
  const std::uint16_t port_;
  std::unique_ptr<transport::Connection> connection_;          // unopened until dialled; null once retired
  std::vector<std::unique_ptr<transport::Connection>> dying_;  // on their way to on_closed
  bool is_retired_ = false;
  Counter SendCounters::*drop_reason_ = &SendCounters::dropped_connection_lost;
  base::Instant waiting_since_ = base::kNever;  // when the first frame began to wait for a connection
  transport::Dialer dialer_;
  transport::Backoff backoff_;
  base::Timer retry_timer_;
};

}  // namespace distflow::runtime
