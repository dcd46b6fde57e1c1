// Link's part in having one connection for both directions. docs/wire-protocol.md, "One connection for both
// directions", has the rules.
#include <utility>

#include "runtime/peers/control_frame_writer.hpp"
#include "runtime/peers/link.hpp"

namespace distflow::runtime {
namespace {

using protocol::ControlFrame;
using transport::Connection;

/// How long frames wait for the peer's answer.
constexpr base::Duration kAnswerPatience = base::milliseconds(250);
/// After the "end" frame: how long the peer may take to send its queue.
constexpr base::Duration kEndPatience = base::seconds(5);

}  // namespace

bool Link::may_open_both() const { return shares_connections_ && opens_both_ && parts_.knows_owners; }

/// Tells the peer, first of all, that it may send here. False, and nothing done, without memory.
/// The peer may be opening a connection of its own at the same time. Of the two the one of the greater node stays.
/// Therefore the lesser sends nothing on its own before the answer, or the other connection, is there.
bool Link::open_both(stream::OpenStream& stream) {
  ConnectionPtr fresh;
  std::unique_ptr<LinkReader> reader;
  const auto prepare = [&] {
    ConnectionPtr made = make_connection();
    reader = std::make_unique<LinkReader>(parts_.reader_parts, *made, node_id_);
    if (send_control_frame(parts_, *made, node_id_, {.kind = ControlFrame::Kind::both})) fresh = std::move(made);
  };
  if (!parts_.reactor.has_memory_for(prepare) || !fresh) return false;
  end_reader();
  answer_put_off();
  reader_ = std::move(reader);
  answer_ = Answer::awaited;
  asked_at_ = parts_.reactor.now();
  opening_ = std::move(fresh);
  opening_->open(std::move(stream));
  if (!opening_->is_open()) return true;  // no memory for a layered stream: on_closed() goes on
  opening_->await_answer();
  if (parts_.reader_parts.node_id < node_id_) {
    parts_.reactor.arm_after(patience_timer_, kAnswerPatience);
  } else {
    begin_sending();
  }
  return true;
}

bool Link::is_first_to_be_answered() const {
  return answer_ == Answer::awaited && parts_.reader_parts.node_id > node_id_ &&
         parts_.reactor.now() - asked_at_ < kAnswerPatience;
}

/// The peer waits for an answer as long as its connection lives, and at a shutdown until its deadline.
void Link::put_off_answer(Carrier& carrier) {
  answer_put_off();  // to the one before
  put_off_ = &carrier;
  carrier.put_off_for(this);
  parts_.reactor.arm_after(patience_timer_, kAnswerPatience);
}

/// No: this side's own connection has stayed, or is the one to be replaced. Without memory the peer's is closed, which
/// says the same.
void Link::answer_put_off() {
  Carrier* const carrier = std::exchange(put_off_, nullptr);
  if (carrier == nullptr) return;
  carrier->put_off_for(nullptr);
  Connection& connection = carrier->connection();
  bool is_said = false;
  const auto say = [&] {
    is_said = send_control_frame(parts_, connection, node_id_, {.kind = ControlFrame::Kind::one});
  };
  if (!parts_.reactor.has_memory_for(say) || !is_said) connection.close({Errc::out_of_memory, "answering a peer"});
}

/// Sends the frames that have waited, on the connection that was opened for them.
void Link::begin_sending() {
  parts_.reactor.timers().cancel(patience_timer_);
  tell_leaving();
  if (opening_->take_over(*connection_)) return send_on(std::move(opening_));
  if (!is_retired_ && opening_->is_open() && !opening_->queue().is_empty()) return;  // no room: when that has left
  leave_opening();  // it is closing, or there is no memory
  if (!is_retired_ && !connection_->queue().is_empty()) dial();
}

void Link::leave_opening() {
  end_reader();
  answer_ = Answer::none;
  opening_->close();  // nothing of it is worth an end in order
  dying_.push_back(std::move(opening_));
}

/// The first frame of the peer on the own connection. Anything but its yes means that it sends nothing here.
void Link::read_answer(Connection& connection) {
  framing::Frame frame;
  if (!connection.next_frame(frame)) return;
  connection.note_answered();
  const bool carries_both = says_both(frame.body);
  answer_ = carries_both ? worth_of_yes(connection) : Answer::none;
  if (carries_both && answer_ == Answer::none) {
    // The peer sends here from now on, and is nobody that may.
    opens_both_ = false;
    return connection.close({Errc::refused, "being answered by another user than the peer's"});
  }
  if (answer_ == Answer::none) end_reader();
  answer_put_off();
  if (opening_.get() == &connection) begin_sending();
  if (connection_.get() == &connection) consider_memory(0);  // messages sent before the answer count, too
}

bool Link::says_both(std::string_view frame) const {
  protocol::Envelope envelope;
  if (!protocol::decode(frame, envelope, parts_.reader_parts.scratch) || envelope.has_payload()) return false;
  if (envelope.from != node_id_ || envelope.to != parts_.reader_parts.node_id) return false;
  const auto notice = protocol::read_control_frame(frame);
  return notice && notice->kind == ControlFrame::Kind::both;
}

/// The peer has sent something, so that its system has an owner for its end (io/peer_owner.hpp), or had one until it
/// ended: then nobody can say any more who that was. What has come by then is read all the same, as it would be on a
/// connection that a stranger opens to here. A node that answers and shuts down has said that it has sent it.
Link::Answer Link::worth_of_yes(const Connection& connection) {
  const io::PeerOwner owner = connection.peer().owner;
  if (owner.is_same_user(parts_.reactor.backend().own_user())) return Answer::both;
  if (owner.status() == io::OwnerStatus::ending) return Answer::ended;
  if (owner.status() == io::OwnerStatus::cannot_ask) parts_.knows_owners = false;
  parts_.log.write(base::LogLevel::debug, "the connection to node %s cannot carry both directions: %s",
                   node_id_.c_str(), owner.is_known() ? "it is another user's" : io::to_text(owner.status()));
  return Answer::none;
}

void Link::on_carrier() {
  if (opening_ || !connection_ || !connection_->queue().is_empty()) move_to_carrier();
}

/// Sends on the connection that the peer has opened, if there is one and nothing has been sent on an own one.
bool Link::move_to_carrier() {
  if (is_retired_ || carrier_ != nullptr || !shares_connections_ || connection_->is_opened()) return false;
  Carrier* const carrier = parts_.carriers.find(node_id_);
  if (carrier == nullptr || carrier->is_lent() || !carrier->connection().is_open()) return false;
  if (parts_.reader_parts.node_id == node_id_) return false;  // it is this link's own, or the one before
  carrier->bear(credit());
  tell_leaving();
  if (!carrier->connection().take_over(*connection_)) return false;
  carrier->lend(*this, traffic_);
  ++parts_.carrier_count;
  carrier_ = carrier;
  way_ = &carrier->connection();
  waiting_since_ = base::kNever;
  backoff_.reset();
  dialer_.cancel();
  parts_.reactor.timers().cancel(retry_timer_);
  parts_.reactor.timers().cancel(patience_timer_);
  if (opening_) leave_opening();
  answer_put_off();
  parts_.log.write(base::LogLevel::debug, "node %s is sent to on the connection that it has opened", node_id_.c_str());
  return true;
}

void Link::on_carrier_gone() {
  --parts_.carrier_count;
  note_left(*way_);
  credit_.settle();  // frames queued there give back no more than their own credit
  carrier_ = nullptr;
  way_ = connection_.get();
  parts_.log.write(base::LogLevel::debug, "node %s is not sent to on its own connection any more", node_id_.c_str());
}

/// Messages of the peer may still be on their way here: the connection stays until the peer ends it.
bool Link::linger() {
  if (answer_ != Answer::both && answer_ != Answer::ended) return false;
  // Not to a peer that has ended: it would answer with a reset, which destroys what is still on its way to it.
  // Nor to one that owes an answer to an offer of memory, and may already send there: it gets this after its answer.
  const bool is_to_be_told = answer_ == Answer::both && offered_on(*connection_) == nullptr;
  if (is_to_be_told && !tell_end(*connection_)) return false;
  parts_.reactor.arm_after(patience_timer_, kEndPatience);
  return true;
}

/// Tells the peer that nothing more comes; false without memory.
bool Link::tell_end(Connection& connection) {
  bool is_told = false;
  const auto tell = [&] {
    is_told = send_control_frame(parts_, connection, node_id_, {.kind = ControlFrame::Kind::end});
  };
  return parts_.reactor.has_memory_for(tell) && is_told;
}

/// Behind the peer's answer to an offer.
void Link::say_end(Connection& connection) {
  if (!tell_end(connection)) connection.finish();
}

void Link::on_patience_over() {
  answer_put_off();
  opening_ ? begin_sending() : stop_lingering();
}

void Link::stop_lingering() {
  parts_.reactor.timers().cancel(patience_timer_);
  for (const ConnectionPtr& connection : dying_) connection->finish();
}

}  // namespace distflow::runtime
