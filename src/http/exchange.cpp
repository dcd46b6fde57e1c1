#include "http/exchange.hpp"

#include <utility>

namespace distflow::http {

using base::Delegate;

Exchange::Exchange(io::Reactor& reactor, ExchangeHost& host, const ExchangeLimits& limits, std::uint64_t id)
    : reactor_(reactor),
      host_(host),
      limits_(limits),
      id_(id),
      socket_(reactor),
      deadline_(Delegate<void()>::to<&Exchange::on_deadline>(*this)) {
  recv_op_.keeps_nothing = true;
  recv_op_.on_recv = Delegate<void(const io::Received&)>::to<&Exchange::on_recv>(*this);
  recv_op_.on_end = Delegate<void(Error)>::to<&Exchange::on_recv_end>(*this);
  send_op_.on_sent = Delegate<void(Result<void>)>::to<&Exchange::on_sent>(*this);
  close_op_.on_closed = Delegate<void()>::to<&Exchange::on_closed>(*this);
}

Exchange::~Exchange() = default;

void Exchange::open(io::Handle socket) {
  socket_.open(socket);
  owner_ = socket_.owner_of_peer();
  socket_.recv(recv_op_);
  reactor_.arm_after(deadline_, limits_.head_time_max);
}

void Exchange::respond(std::string text, bool is_refusal) {
  DF_ASSERT(state_ == State::reading);
  unsent_.push_back(std::make_shared<const std::string>(std::move(text)));
  unsent_size_ += unsent_.back()->size();
  is_refusal_ = is_refusal;
  state_ = State::answering;
  reactor_.arm_after(deadline_, limits_.answer_time_max);
  send_next();
}

void Exchange::begin_stream(std::string head) {
  respond(std::move(head), false);
  state_ = State::streaming;
}

bool Exchange::push(Text text) {
  DF_ASSERT(state_ == State::streaming);
  if (unsent_size_ + text->size() > limits_.stream_backlog_max) {
    host_.on_too_much_unread(*this);
    close();
    return false;
  }
  const bool was_idle = unsent_.empty();
  unsent_.push_back(std::move(text));
  unsent_size_ += unsent_.back()->size();
  if (was_idle) {
    reactor_.arm_after(deadline_, limits_.answer_time_max);
    send_next();
  }
  return true;
}

void Exchange::send_next() {
  piece_ = *unsent_.front();
  send_op_.pieces = {&piece_, 1};
  socket_.send(send_op_);
}

void Exchange::on_recv(const io::Received& received) {
  if (state_ == State::closing) return;
  if (!reactor_.has_memory_for([&] { read_on(received.bytes); })) close();
}

void Exchange::read_on(std::string_view bytes) {
  if (state_ != State::reading) {
    passed_over_ += bytes.size();
    if (passed_over_ > kHeadSizeMax && state_ != State::lingering) close();
    return;
  }
  // One byte more than a head may have says that it is too long.
  head_ += bytes.substr(0, kHeadSizeMax + 1 - head_.size());
  const Reading reading = read_request(head_);
  if (reading.status == Reading::kIncomplete) return;
  host_.on_reading(*this, reading);
  head_ = {};
}

void Exchange::on_recv_end(Error why) {
  has_ended_ = true;
  // Whoever has ended its own direction may still want the answer. Of a stream, nothing else says that its reader went.
  if (state_ != State::answering || why != Errc::end_of_stream) close();
}

void Exchange::on_sent(Result<void> outcome) {
  if (state_ == State::closing) return;
  if (!outcome) return close();
  unsent_size_ -= unsent_.front()->size();
  unsent_.pop_front();
  if (!unsent_.empty()) {
    reactor_.arm_after(deadline_, limits_.answer_time_max);
    return send_next();
  }
  if (state_ == State::streaming) return reactor_.timers().cancel(deadline_);
  if (!is_refusal_ || has_ended_) return close();
  state_ = State::lingering;
  reactor_.arm_after(deadline_, limits_.linger_time);
}

void Exchange::on_deadline() {
  if (state_ != State::lingering) host_.on_too_slow(*this);
  close();
}

void Exchange::close() {
  if (state_ == State::closing) return;
  state_ = State::closing;
  reactor_.timers().cancel(deadline_);
  socket_.close(close_op_);
}

void Exchange::on_closed() { host_.on_exchange_closed(*this); }

}  // namespace distflow::http
