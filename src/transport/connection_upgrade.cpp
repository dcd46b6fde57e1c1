// How a connection moves to another stream: shared memory, or from the beginning a layer over its socket.
#include <new>
#include <utility>

#include "transport/connection.hpp"

namespace distflow::transport {

using base::Delegate;

/// A layered stream is an upgrade that both directions use from the beginning. False, and nothing done, without memory.
bool Connection::open_layered(std::unique_ptr<stream::LayeredStream>& layered) {
  upgrade_.reset(new (std::nothrow) Upgrade);
  if (!upgrade_) return false;
  upgrade_->stream = std::move(layered);
  upgrade_->sends = upgrade_->receives = upgrade_->has_begun_recv = true;
  upgrade_->batch_size = upgrade_->stream->batch_size();
  return true;
}

/// Who has opened the connection counts it already, and learns of its end as of any other.
void Connection::close_unopened(std::unique_ptr<stream::LayeredStream> layered) {
  reactor().note_out_of_memory();
  stream::LayeredStream::discard(reactor(), std::move(layered));
  state_ = State::closing;
  why_ = {Errc::out_of_memory, "opening a connection"};
  turn_end_.on_turn_end = Delegate<void()>::to<&Connection::on_handle_closed>(*this);
  reactor().defer(turn_end_);
}

void Connection::upgrade(std::unique_ptr<stream::Stream> upper) {
  DF_ASSERT(state_ == State::open && !upgrade_);
  upgrade_ = std::make_unique<Upgrade>();
  upgrade_->stream = std::move(upper);
}

void Connection::offer(std::unique_ptr<stream::Stream> upper) {
  upgrade(std::move(upper));
  await_answer();
}

void Connection::drop_upgrade() {
  DF_ASSERT(upgrade_ && !upgrade_->sends && !upgrade_->receives && !upgrade_->is_moving && !upgrade_->last_chunk);
  note_answered();
  upgrade_.reset();
}

void Connection::move_receiving() {
  DF_ASSERT(upgrade_ && !upgrade_->receives);
  decoder_.discard_unread();
  upgrade_->receives = true;
  note_answered();
  if (recv_op_.is_idle()) return begin_receiving_through_upgrade();
  socket_.cancel_recv();
}

/// The receive on the socket has ended, and the upgrade's begins, unless the connection is paused.
void Connection::begin_receiving_through_upgrade() {
  if (state_ != State::open && state_ != State::draining) return;
  upgrade_->has_begun_recv = true;
  has_ended_ = false;  // the upgrade reports the end, behind all of its bytes
  start_recv();
  if (is_paused_) receiving().cancel_recv();
}

void Connection::move_sending(const EncodedFrame& last) {
  DF_ASSERT(upgrade_ && !upgrade_->sends && !upgrade_->is_moving && !upgrade_->last_chunk);
  upgrade_->last_chunk = base::ChunkRef::share(*last.chunk);
  upgrade_->last_frame = last.bytes;
  reactor().defer(turn_end_);
}

/// Queues the last frame on the socket, once nothing is in flight there: the next flight is the socket's last. Behind
/// what is queued there is another flight to try at; with nothing queued the peer would wait for the frame in vain.
void Connection::append_last() {
  if (!queue_.append(EncodedRun{upgrade_->last_chunk.get(), upgrade_->last_frame, 0})) {
    if (!queue_.has_filled()) close({Errc::out_of_memory, "moving to another stream"});
    return;
  }
  upgrade_->last_chunk.reset();
  upgrade_->is_moving = true;
}

/// The socket's last flight has ended: from now on the upgrade sends.
void Connection::begin_sending_through_upgrade() {
  upgrade_->sends = true;
  upgrade_->batch_size = upgrade_->stream->batch_size();
  upgrade_->stream->begin_sending();
}

}  // namespace distflow::transport
