#include "pmd/server/session.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "pmd/server/protocol_sniffer.hpp"
#include "protocol/pmd_reply.hpp"

namespace distflow::pmd {
namespace {

/// Bytes of an answer with nodes in a connection's queue, above which no more are added.
constexpr std::size_t kUnsentMax = std::size_t{64} * 1024;
/// Bytes of about the smallest request: what is unread is so many at most.
constexpr std::size_t kRequestSize = 64;

transport::ConnectionLimits limits_of(const ServerOptions& options) {
  transport::ConnectionLimits limits;
  limits.frame_size_max = options.frame_size_max;
  limits.send.bytes_max = options.reply_backlog_max + options.watcher_backlog_max;
  limits.send_stall_max = options.send_stall_max;
  limits.leaves_unread = true;  // who waits for its turn keeps no memory that others receive into
  return limits;
}

}  // namespace

Session::Session(const SessionParts& parts, SessionHost& host, OwnerId id, stream::Listener& listener,
                 const io::Address& peer)
    : parts_(parts),
      host_(host),
      id_(id),
      listener_(listener),
      peer_(peer),
      paced_at_(parts.reactor.now()),
      changes_left_(kChangesPerSecond),
      pace_timer_(base::Delegate<void()>::to<&Session::on_pace_over>(*this)),
      connection_(parts.reactor, parts.blocks, *this, limits_of(parts.options)) {
  account_.on_turn = base::Delegate<void()>::to<&Session::on_turn>(*this);
}

Session::~Session() {
  drop_unqueued();
  parts_.work.leave(account_);
  parts_.reactor.timers().cancel(pace_timer_);
  set_reply_backlog(0);
}

const io::PeerOwner& Session::owner() {
  if (!std::exchange(has_asked_owner_, true)) owner_ = connection_.peer().owner;
  return owner_;
}

void Session::reply(const transport::EncodedFrame& frame) {
  const std::size_t size = frame.bytes.size();
  if (!may_reply(size)) return;
  parts_.work.spend(account_, size / TurnWork::kBytesOfUnit);
  if (!unqueued_.empty()) return keep_unqueued(frame);
  set_reply_backlog(reply_backlog_ + size);
  queue_piece(frame);
}

/// Behind an answer that is not queued yet. May throw std::bad_alloc, and has counted nothing then.
void Session::keep_unqueued(const transport::EncodedFrame& frame) {
  unqueued_.push_back({base::ChunkRef::share(*frame.chunk), frame.bytes, nullptr});
  unqueued_size_ += frame.bytes.size();
  set_reply_backlog(reply_backlog_ + frame.bytes.size());
}

void Session::reply_nodes(std::string_view head, std::shared_ptr<const NodeSnapshot> nodes) {
  const std::string_view tail = protocol::kNodesResponseTail;
  const std::size_t inside = nodes->size == 0 ? 0 : nodes->size - 1;  // without the first comma
  const std::size_t own_size = framing::kHeaderSize + head.size() + tail.size();
  if (!may_reply(own_size)) return;
  auto chunk = base::ChunkRef::adopt(base::Chunk::allocate(own_size));
  if (!chunk) {
    ++parts_.counters.out_of_memory;
    return close({Errc::out_of_memory, "writing a reply"});
  }
  framing::write_header(chunk->data(), static_cast<std::uint32_t>(head.size() + inside + tail.size()));
  std::memcpy(chunk->data() + framing::kHeaderSize, head.data(), head.size());
  std::memcpy(chunk->data() + framing::kHeaderSize + head.size(), tail.data(), tail.size());
  const std::string_view bytes(chunk->data(), own_size - tail.size());
  unqueued_.push_back({std::move(chunk), bytes, std::move(nodes)});
  unqueued_size_ += own_size;
  set_reply_backlog(reply_backlog_ + own_size);
  parts_.streams.begin(*this);
  send_some();
}

bool Session::send(const transport::EncodedFrame& frame) {
  if (unqueued_.empty()) return connection_.send(frame) == transport::SendResult::queued;
  keep_unqueued(frame);
  return true;
}

bool Session::send_events(const transport::EncodedRun& run) {
  if (connection_.send(run) == transport::SendResult::queued) return true;
  ++parts_.counters.slow_watchers;
  close({Errc::queue_full, "telling events to a watcher"});
  return false;
}

/// A peer that has nothing unread always gets its reply, however large and whatever others leave unread.
bool Session::may_reply(std::size_t size) {
  if (!is_open()) return false;
  const bool is_behind = connection_.queue().bytes() > 0 || !unqueued_.empty();
  const bool is_too_much = reply_backlog_ + size > parts_.options.reply_backlog_max ||
                           parts_.reply_backlog + size > parts_.options.reply_backlog_total;
  if (!is_behind || !is_too_much) return true;
  ++parts_.counters.slow_readers;
  close({Errc::queue_full, "answering a peer that does not read"});
  return false;
}

bool Session::queue_piece(const transport::EncodedRun& run) {
  const transport::SendResult result = connection_.send(run);
  if (result == transport::SendResult::queued) return true;
  if (result == transport::SendResult::full) ++parts_.counters.slow_readers;
  close({Errc::queue_full, "queueing a reply"});
  return false;
}

void Session::send_some() {
  while (!unqueued_.empty()) {
    Unqueued& next = unqueued_.front();
    if (next.nodes) {
      if (!queue_nodes(next)) return;
      next.bytes = {next.chunk->data(), next.bytes.size() + protocol::kNodesResponseTail.size()};
    } else if (!queue_piece({next.chunk.get(), next.bytes, 1})) {
      return;
    }
    unqueued_size_ -= next.bytes.size();
    unqueued_.pop_front();
  }
  parts_.streams.end(*this);
  release(Hold::nodes);
  if (is_finishing_) connection_.finish();
}

/// Queues what may be of the answer; whether that was the last of it.
bool Session::queue_nodes(Unqueued& answer) {
  if (!answer.is_head_queued) {
    answer.is_head_queued = true;
    if (!queue_piece({answer.chunk.get(), answer.bytes, 0})) return false;
  }
  while (answer.pages_queued < answer.nodes->pages.size()) {
    const PageText& page = *answer.nodes->pages[answer.pages_queued];
    if (connection_.queue().bytes() >= kUnsentMax) return false;
    if (!parts_.streams.spend(page.size)) {
      parts_.streams.wait(*this);
      return false;
    }
    std::string_view text(page.chunk->data(), page.size);
    if (answer.pages_queued++ == 0) text.remove_prefix(1);
    if (!queue_piece({page.chunk.get(), text, 0})) return false;
    set_reply_backlog(reply_backlog_ + text.size());
  }
  const std::string_view tail(answer.bytes.data() + answer.bytes.size(), protocol::kNodesResponseTail.size());
  return queue_piece({answer.chunk.get(), tail, 1});
}

void Session::drop_unqueued() {
  unqueued_.clear();
  unqueued_size_ = 0;
  parts_.streams.end(*this);
}

void Session::finish() {
  if (unqueued_.empty()) return connection_.finish();
  is_finishing_ = true;
  hold(Hold::finish);
}

void Session::close(Error why) {
  drop_unqueued();
  connection_.close(why);
}

void Session::pace(std::size_t bytes) {
  const base::Instant now = parts_.reactor.now();
  const base::Duration passed = std::min<base::Duration>(now - std::exchange(paced_at_, now), base::seconds(1));
  const auto earned =
      std::chrono::duration_cast<std::chrono::microseconds>(passed).count() * kChangesPerSecond / 1'000'000;
  changes_left_ = std::min(kChangesPerSecond, changes_left_ + earned) - static_cast<std::int64_t>(bytes);
  if (changes_left_ >= 0 || pace_timer_.is_armed()) return;
  ++parts_.counters.reads_paused;
  hold(Hold::pace);
  const std::chrono::microseconds lacking(-changes_left_ * 1'000'000 / kChangesPerSecond + 1);
  parts_.reactor.arm_after(pace_timer_, lacking);
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
  if (parts_.reactor.has_memory_for([&] { handle_requests(connection); })) return;
  ++parts_.counters.out_of_memory;
  host_.on_run_lost(*this);
  close({Errc::out_of_memory, "handling requests"});
}

void Session::handle_requests(transport::Connection& connection) {
  if (!parts_.work.begin_run(account_)) return wait_for_turn();
  framing::Frame frame;
  const std::size_t backlog_max = parts_.options.reply_backlog_pause;
  while (account_.may_go_on() && reply_backlog_ <= backlog_max && connection.next_frame(frame)) {
    has_had_frame_ = true;
    parts_.work.spend(account_, host_.on_request(*this, frame.body));
  }
  host_.on_run_end(*this);
  if (account_.run_work == 0) parts_.work.spend(account_, 1);  // a part of a frame has come
  if (!has_had_frame_) recognise(connection.decoder().partial_header());
  if (!is_open()) return;
  if (reply_backlog_ > backlog_max) {
    ++parts_.counters.reads_paused;
    hold(Hold::backlog);
  }
  if (!unqueued_.empty()) hold(Hold::nodes);
  if (!account_.may_go_on() && unread_size() > 0) wait_for_turn();
  connection.push();  // its answers would gain nothing from waiting until the others' runs are over
}

void Session::wait_for_turn() {
  if (!account_.is_linked()) ++parts_.counters.runs_delayed;
  hold(Hold::turn);
  parts_.work.wait(account_, 1 + unread_size() / kRequestSize);
}

void Session::on_turn() {
  release(Hold::turn);
  connection_.run_now();
}

void Session::on_sent(transport::Connection& connection, const transport::DepartedFrames&) {
  set_reply_backlog(std::min(reply_backlog_, connection.queue().bytes() + unqueued_size_));
  if (!unqueued_.empty()) send_some();
  host_.on_sent(*this);
  if (reply_backlog_ <= parts_.options.reply_backlog_pause / 2) release(Hold::backlog);
}

void Session::on_closed(transport::Connection& connection, Error why) {
  parts_.work.leave(account_);
  drop_unqueued();
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
