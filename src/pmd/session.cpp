#include "pmd/session.hpp"

#include <algorithm>

#include "pmd/foreign.hpp"

namespace distflow::pmd {
namespace {

transport::ConnectionLimits limits_of(const ServerOptions& options) {
  transport::ConnectionLimits limits;
  limits.frame_size_max = options.frame_size_max;
  limits.send.bytes_max = options.reply_backlog_max + options.watcher_backlog_max;
  limits.send_stall_max = options.send_stall_max;
  return limits;
}

}  // namespace

Session::Session(const SessionParts& parts, SessionHost& host, OwnerId id, transport::Listener& listener,
                 const io::Address& peer)
    : parts_(parts),
      host_(host),
      id_(id),
      listener_(listener),
      peer_(peer),
      connection_(parts.reactor, parts.blocks, *this, limits_of(parts.options)) {}

Session::~Session() { set_reply_backlog(0); }

void Session::reply(const transport::EncodedFrame& frame) {
  const std::size_t size = frame.bytes.size();
  // A peer that has nothing unread always gets its reply, however large and whatever others leave unread.
  const bool is_behind = connection_.queue().frames() > 0;
  const bool is_too_much = reply_backlog_ + size > parts_.options.reply_backlog_max ||
                           parts_.reply_backlog + size > parts_.options.reply_backlog_total;
  if (is_behind && is_too_much) {
    if (is_open()) ++parts_.counters.slow_readers;
    return close({Errc::queue_full, "answering a peer that does not read"});
  }
  switch (connection_.send(frame)) {
    case transport::SendResult::queued: set_reply_backlog(reply_backlog_ + size); break;
    case transport::SendResult::full:
      ++parts_.counters.slow_readers;
      close({Errc::queue_full, "queueing a reply"});
      break;
    case transport::SendResult::closed: break;
  }
}

void Session::send_event(const transport::EncodedFrame& frame) {
  if (!is_open()) return;
  const std::size_t unread = connection_.queue().bytes() - reply_backlog_;
  if (unread + frame.bytes.size() > parts_.options.watcher_backlog_max ||
      connection_.send(frame) != transport::SendResult::queued) {
    ++parts_.counters.slow_watchers;
    return close({Errc::queue_full, "telling events to a watcher that does not read"});
  }
  ++parts_.counters.events_queued;
}

void Session::hold(Hold why) {
  holds_ |= static_cast<std::uint8_t>(why);
  connection_.pause();
}

void Session::release(Hold why) {
  holds_ &= static_cast<std::uint8_t>(~static_cast<std::uint8_t>(why));
  if (holds_ == 0) connection_.resume();
}

void Session::on_frames(transport::Connection& connection) {
  framing::Frame frame;
  while (connection.next_frame(frame)) {
    has_had_frame_ = true;
    host_.on_request(*this, frame.body);
  }
  host_.on_run_end(*this);
  if (!has_had_frame_) recognise(connection.decoder().partial_header());
  // Only now: a request left unread here would keep its whole chunk from being received into.
  if (is_open() && reply_backlog_ > parts_.options.reply_backlog_pause) {
    ++parts_.counters.reads_paused;
    hold(Hold::backlog);
  }
}

void Session::on_sent(transport::Connection& connection, std::uint32_t, std::uint32_t) {
  set_reply_backlog(std::min(reply_backlog_, connection.queue().bytes()));
  if (reply_backlog_ <= parts_.options.reply_backlog_pause / 2) release(Hold::backlog);
}

void Session::on_closed(transport::Connection& connection, Error why) {
  if (why == Errc::frame_too_long && !has_had_frame_) {
    char header[framing::kHeaderSize];
    framing::write_header(header, connection.decoder().announced());
    recognise({header, sizeof header});
  }
  host_.on_session_closed(*this, why);
}

void Session::set_reply_backlog(std::size_t bytes) {
  parts_.reply_backlog = parts_.reply_backlog - reply_backlog_ + bytes;
  reply_backlog_ = bytes;
}

/// Closes the connection if no more than `first_bytes` is needed to say that they are no frame of ours.
void Session::recognise(std::string_view first_bytes) {
  if (first_bytes.empty()) return;
  foreign_protocol_ = recognise_foreign(first_bytes, parts_.options.frame_size_max);
  if (foreign_protocol_ != nullptr) close({Errc::frame_too_long, "receiving a frame"});
}

}  // namespace distflow::pmd
