#include "runtime/peers/link.hpp"

#include <algorithm>
#include <utility>

#include "base/error_text.hpp"
#include "base/room.hpp"
#include "protocol/envelope.hpp"
#include "runtime/peers/dropped_frames.hpp"

namespace distflow::runtime {

using transport::Connection;

Link::Link(LinkParts& parts, Traffic& traffic, const PeerInfo& peer, std::shared_ptr<SendCredit> credit)
    : parts_(parts),
      traffic_(traffic),
      node_id_(peer.node_id),
      prefix_(protocol::envelope_prefix(parts.reader_parts.node_id, peer.node_id)),
      host_(peer.host),
      port_(peer.port),
      taken_(read(traffic.out.accepted)),
      credit_(credit != nullptr
                  ? std::move(credit)
                  : std::make_shared<SendCredit>(parts.credit_limits.bytes_max, parts.credit_limits.frames_max)),
      dialer_(parts.reactor, parts.resolver, parts.stream_setup, {},
              base::Delegate<void(Result<stream::OpenStream>)>::to<&Link::on_dialed>(*this)),
      retry_timer_(base::Delegate<void()>::to<&Link::dial>(*this)),
      patience_timer_(base::Delegate<void()>::to<&Link::on_patience_over>(*this)) {
  send_on(make_connection());
}

Link::~Link() {
  DF_ASSERT(dying_.empty());
  DF_ASSERT(!is_connected());
  DF_ASSERT(carrier_ == nullptr && put_off_ == nullptr && !opening_);
}

/// A connection that is not opened yet, and room among the dying for it and for those before it. May throw.
Link::ConnectionPtr Link::make_connection() {
  constexpr std::size_t connections_max = 3;  // this one, the one it replaces, and one that opens
  base::make_room(dying_, dying_.size() + connections_max);
  transport::ConnectionObserver& self = *this;
  return std::make_unique<Connection>(parts_.reactor, parts_.blocks, self, parts_.limits);
}

void Link::send_on(ConnectionPtr fresh) {
  connection_ = std::move(fresh);
  way_ = connection_.get();
}

/// Lets go of the own connection, which is open or was.
void Link::let_die() {
  if (connection_->is_closed()) {
    Connection& closed = *connection_;
    closed.destroy_later(std::move(connection_));
  } else {
    dying_.push_back(std::move(connection_));
  }
}

/// Its own on_frames() may be on the stack, with the handler that led here.
void Link::end_reader() {
  if (!reader_) return;
  io::DeferredTask& end = reader_->end;
  parts_.reactor.destroy_later(std::move(reader_), end);
}

/// For a connection that is about to close: frames wait for the next connection.
void Link::leave_way() {
  if (carrier_ != nullptr) {
    carrier_->give_back(&SendCounters::dropped_connection_lost);
    return on_carrier_gone();
  }
  ConnectionPtr fresh = make_connection();
  note_left(*connection_);
  end_reader();
  answer_ = Answer::none;
  let_die();
  send_on(std::move(fresh));
}

[[gnu::noinline]] transport::SendResult Link::send_on_next_way(const transport::EncodedRun& run) {
  leave_way();
  return way_->send_bounded(run);
}

/// In both of the below, so that a message costs one call.
[[gnu::always_inline]] inline SendVerdict Link::queue(const transport::EncodedRun& run) {
  if (is_retired_) [[unlikely]]
    return SendVerdict::shut_down;
  transport::SendResult result = way_->send_bounded(run);
  if (result == transport::SendResult::closed) [[unlikely]]
    result = send_on_next_way(run);
  if (result == transport::SendResult::full) return SendVerdict::out_of_memory;
  add_owned(traffic_.out.accepted, run.count);
  taken_ += run.count;
  if (!way_->is_open() && !opening_) dial();
  return parts_.writes_at_once && way_->push() ? SendVerdict::written : SendVerdict::queued;
}

SendVerdict Link::send(const transport::EncodedRun& run) {
  if (!credit_.spend(run)) [[unlikely]]
    return refusal();
  try {
    const SendVerdict verdict = queue(run);
    if (!is_under_way(verdict)) [[unlikely]]
      credit_.take_back(run);
    return verdict;
  } catch (...) {
    credit_.take_back(run);
    throw;
  }
}

SendVerdict Link::send_accepted(const transport::EncodedRun& run) { return queue(run); }

std::uint64_t Link::queued_count() const {
  // Of a carrier, what the peer's link has queued: nobody else queues messages there.
  std::uint64_t count = connection_ ? connection_->queue().frames() : 0;
  if (carrier_ != nullptr) count += way_->queue().frames();
  for (const ConnectionPtr& dying : dying_) count += dying->queue().frames();
  return count;
}

void Link::dial() {
  if (move_to_carrier()) return;
  if (waiting_since_ == base::kNever) waiting_since_ = parts_.reactor.now();
  if (!dialer_.is_dialing() && !retry_timer_.is_armed()) dialer_.dial(host_, port_, node_id_);
}

void Link::on_dialed(Result<stream::OpenStream> outcome) {
  if (is_retired_) return on_last_dialed(std::move(outcome));
  if (!outcome) return on_unreachable(outcome.error());
  waiting_since_ = base::kNever;
  backoff_.reset();
  has_offered_memory_ = false;
  sent_on_connection_ = 0;
  ++parts_.open_count;
  parts_.log.write(base::LogLevel::debug, "connected to node %s at %s:%u", node_id_.c_str(), host_.c_str(), port_);
  if (may_open_both() && open_both(*outcome)) return;
  opens_both_ = true;  // the next one
  tell_leaving();
  connection_->open(*std::move(outcome));
}

/// Before what waits for a connection is given to one.
void Link::tell_leaving() {
  if (takes_asks_ && parts_.on_leaving) parts_.on_leaving(*this, connection_->queue().filled());
}

/// A shutdown has waited for this connection with what there is to send.
void Link::on_last_dialed(Result<stream::OpenStream> outcome) {
  if (!outcome) {
    drop_waiting(drop_reason_);
    connection_.reset();
    return parts_.on_finished();
  }
  ++parts_.open_count;
  connection_->open(*std::move(outcome));
  connection_->finish();
  dying_.push_back(std::move(connection_));
}

void Link::on_unreachable(const Error& why) {
  const base::Instant now = parts_.reactor.now();
  if (now - waiting_since_ >= parts_.connect_deadline) {
    const Attempt attempt{.host = host_, .port = port_, .why = why};
    return drop_waiting(&SendCounters::dropped_unreachable, &attempt);
  }
  if (parts_.log.is_enabled(base::LogLevel::debug)) {
    parts_.log.write(base::LogLevel::debug, "node %s at %s:%u cannot be reached yet (%s)", node_id_.c_str(),
                     host_.c_str(), port_, base::ErrorText(why).c_str());
  }
  parts_.reactor.arm_after(retry_timer_, backoff_.next(parts_.random));
}

void Link::drop_waiting(Counter SendCounters::*reason, const Attempt* attempt) {
  waiting_since_ = base::kNever;
  keep_dropped(traffic_, reason, connection_->queue().filled(), 0);
  const transport::DepartedFrames departed = connection_->drop_unopened();
  give_back(departed);
  traffic_.note_dropped(reason, departed.dropped, attempt);
  tell_dropped(*connection_, departed.dropped, reason);
}

/// A way drops in steps, first what was in flight: behind that is what it still has queued, and no more, for nothing
/// has been sent another way meanwhile, or since the way was left.
void Link::tell_dropped(const Connection& way, std::uint32_t count, Counter SendCounters::*reason) {
  if (count == 0 || !parts_.on_dropped) return;
  std::uint64_t sent = taken_;
  if (&way != way_) {
    const LeftWays::Left* const left = parts_.carriers.left.find(way);
    if (left == nullptr) return;
    sent = left->last;
  }
  const std::uint64_t last = sent - way.queue().frames();
  parts_.on_dropped(*this, {.first = last - count + 1, .last = last}, reason);
}

/// Before the link sends elsewhere. Without memory nobody is notified of what is dropped there.
void Link::note_left(const Connection& way) {
  if (is_retired_ || way.queue().is_empty()) return;
  static_cast<void>(parts_.reactor.has_memory_for([&] { parts_.carriers.left.add(way, *this, taken_); }));
}

void Link::retire(Counter SendCounters::*reason) {
  DF_ASSERT(!is_retired_);
  is_retired_ = true;
  drop_reason_ = reason;
  parts_.reactor.timers().cancel(retry_timer_);
  parts_.carriers.left.forget(*this);
  answer_put_off();
  // At a shutdown what there is to send may still find its connection.
  const bool is_dialing = dialer_.is_dialing() && reason == &SendCounters::dropped_shutdown;
  if (is_dialing && !connection_->queue().is_empty()) return;
  dialer_.cancel();
  if (opening_) begin_sending();
  if (carrier_ != nullptr) {
    carrier_->give_back(reason);
    on_carrier_gone();
  }
  if (connection_->is_open()) {
    if (reason == &SendCounters::dropped_shutdown || !linger()) {
      end_reader();
      connection_->finish();
    }
    dying_.push_back(std::move(connection_));
  } else if (!connection_->is_opened()) {
    drop_waiting(reason);
    connection_.reset();
  } else {
    let_die();
  }
  if (is_finished()) parts_.on_finished();
}

void Link::abort() {
  if (dialer_.is_dialing()) {
    dialer_.cancel();
    on_last_dialed(Error{Errc::canceled, "connecting"});
  }
  for (const auto& connection : dying_) connection->close();
}

void Link::on_frames(Connection& connection) {
  const bool is_own = &connection == connection_.get() || &connection == opening_.get();
  if (is_own && answer_ == Answer::awaited) {
    read_answer(connection);
    if (answer_ == Answer::awaited) return;  // it has not come whole, or has ended the connection
  }
  if (reader_ && &reader_->reader.connection() == &connection) return reader_->reader.on_frames();
  // The peer was not allowed to send here: what comes is dropped.
  framing::Frame frame;
  while (connection.next_frame(frame)) {
  }
}

void Link::on_sent(Connection& connection, const transport::DepartedFrames& departed) {
  add_owned(traffic_.out.written, departed.sent);
  give_back(departed);
  if (departed.dropped > 0) traffic_.note_dropped(drop_reason_, departed.dropped);
  // A retired link drops frames to a peer, or an address, that is no longer the current one.
  if (!is_retired_) tell_dropped(connection, departed.dropped, drop_reason_);
  if (opening_.get() == &connection && !patience_timer_.is_armed()) begin_sending();
  if (connection_.get() == &connection && connection.is_open()) consider_memory(departed.sent);
}

void Link::on_dropping(Connection&, std::span<const io::Piece> pieces, std::size_t bytes_sent) {
  keep_dropped(traffic_, drop_reason_, pieces, bytes_sent);
}

void Link::on_closed(Connection& connection, Error why) {
  --parts_.open_count;
  if (parts_.log.is_enabled(base::LogLevel::debug)) {
    parts_.log.write(base::LogLevel::debug, "the connection to node %s is closed: %s", node_id_.c_str(),
                     base::ErrorText(why).c_str());
  }
  if (reader_ && &reader_->reader.connection() == &connection) end_reader();
  if (connection_.get() == &connection) {
    ConnectionPtr fresh;
    // Without memory it stays, closed, until there is something to send.
    if (!parts_.reactor.has_memory_for([&] { fresh = make_connection(); })) return;
    answer_ = Answer::none;
    let_die();
    return send_on(std::move(fresh));
  }
  if (opening_.get() == &connection) {
    parts_.reactor.timers().cancel(patience_timer_);
    answer_ = Answer::none;
    opens_both_ = false;
    connection.destroy_later(std::move(opening_));
    if (!connection_->queue().is_empty()) dial();
    return;
  }
  const auto dying =
      std::find_if(dying_.begin(), dying_.end(), [&](const ConnectionPtr& one) { return one.get() == &connection; });
  DF_ASSERT(dying != dying_.end());
  parts_.carriers.left.forget(connection);
  connection.destroy_later(std::move(*dying));
  dying_.erase(dying);
  if (is_finished()) parts_.on_finished();
}

}  // namespace distflow::runtime
