#include "runtime/link.hpp"

#include <algorithm>
#include <utility>

namespace distflow::runtime {

using transport::Connection;

Link::Link(LinkParts& parts, Traffic& traffic, std::string host, std::uint16_t port)
    : parts_(parts),
      traffic_(traffic),
      host_(std::move(host)),
      port_(port),
      dialer_(parts.reactor, parts.resolver, {}, base::Delegate<void(Result<io::Handle>)>::to<&Link::on_dialed>(*this)),
      retry_timer_(base::Delegate<void()>::to<&Link::dial>(*this)) {
  renew_connection();
}

Link::~Link() {
  DF_ASSERT(dying_.empty());
  DF_ASSERT(!is_connected());
}

void Link::renew_connection() {
  transport::ConnectionObserver& self = *this;
  connection_ = std::make_unique<Connection>(parts_.reactor, parts_.blocks, self, parts_.limits);
}

SendVerdict Link::send(const transport::EncodedRun& run) {
  DF_ASSERT(!is_retired_);
  transport::SendResult result = connection_->send(run);
  if (result == transport::SendResult::closed) {
    // The connection is on its way out: what comes now waits for the next one.
    dying_.push_back(std::move(connection_));
    renew_connection();
    result = connection_->send(run);
  }
  if (result == transport::SendResult::full) return SendVerdict::queue_full;
  add_owned(traffic_.out.accepted, run.count);
  if (!connection_->is_open()) dial();
  return parts_.writes_at_once && connection_->push() ? SendVerdict::written : SendVerdict::queued;
}

void Link::dial() {
  if (waiting_since_ == base::kNever) waiting_since_ = parts_.reactor.now();
  if (dialer_.is_dialing() || retry_timer_.is_armed()) return;
  dialer_.dial(host_, port_);
}

void Link::on_dialed(Result<io::Handle> outcome) {
  if (!outcome) return on_unreachable(outcome.error());
  waiting_since_ = base::kNever;
  backoff_.reset();
  ++parts_.open_count;
  connection_->open(*outcome);
}

void Link::on_unreachable(const Error& why) {
  const base::Instant now = parts_.reactor.now();
  if (now - waiting_since_ >= parts_.connect_deadline) {
    parts_.log.write(base::LogLevel::warn, "peer %s at %s:%u cannot be reached (%s); what waited for it is dropped",
                     traffic_.node_id.c_str(), host_.c_str(), port_, why.message().c_str());
    drop_waiting(&SendCounters::dropped_unreachable);
    return;
  }
  parts_.reactor.arm_after(retry_timer_, backoff_.next(parts_.random));
}

void Link::drop_waiting(Counter SendCounters::*reason) {
  waiting_since_ = base::kNever;
  add_owned(traffic_.out.*reason, connection_->drop_unopened());
}

void Link::retire(Counter SendCounters::*reason) {
  DF_ASSERT(!is_retired_);
  is_retired_ = true;
  drop_reason_ = reason;
  dialer_.cancel();
  parts_.reactor.timers().cancel(retry_timer_);
  if (connection_->is_open()) {
    connection_->finish();
    dying_.push_back(std::move(connection_));
  } else if (!connection_->is_opened()) {
    drop_waiting(reason);
    connection_.reset();
  } else {
    dying_.push_back(std::move(connection_));
  }
  if (is_finished()) parts_.on_finished();
}

void Link::abort() {
  for (const auto& connection : dying_) connection->close();
}

void Link::on_frames(Connection& connection) {
  // A node does not answer on the connection that it was sent to: what comes here is nobody's.
  framing::Frame frame;
  while (connection.next_frame(frame)) {
  }
}

void Link::on_sent(Connection&, std::uint32_t sent, std::uint32_t dropped) {
  add_owned(traffic_.out.written, sent);
  if (dropped > 0) add_owned(traffic_.out.*drop_reason_, dropped);
}

void Link::on_closed(Connection& connection, Error why) {
  --parts_.open_count;
  parts_.log.write(base::LogLevel::debug, "link to %s closed: %s", traffic_.node_id.c_str(), why.message().c_str());
  if (connection_.get() == &connection) {
    renew_connection();
    return;
  }
  std::erase_if(dying_, [&connection](const auto& dying) { return dying.get() == &connection; });
  if (is_finished()) parts_.on_finished();
}

}  // namespace distflow::runtime
