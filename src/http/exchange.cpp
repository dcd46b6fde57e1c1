#include "http/exchange.hpp"

#include <utility>

#include "base/give_back.hpp"

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
  owner_ = socket_.peer().owner;
  socket_.recv(recv_op_);
  reactor_.arm_after(deadline_, limits_.head_time_max);
}

const io::PeerOwner& Exchange::owner() {
  if (owner_.status() == io::OwnerStatus::no_answer) owner_ = socket_.peer().owner;
  return owner_;
}

void Exchange::wait(Request request) {
  DF_ASSERT(state_ == State::reading);
  request_ = std::move(request);
  state_ = State::waiting;
  reactor_.arm_after(deadline_, limits_.answer_time_max);
}

void Exchange::respond(std::string head, std::string body, bool is_refusal) {
  DF_ASSERT(state_ == State::reading || state_ == State::waiting);
  ListNode<WaitingExchanges>::unlink();
  head_ = std::move(head);
  body_ = std::move(body);
  answer_size_ = head_.size() + body_.size();
  request_ = {};
  is_refusal_ = is_refusal;
  state_ = State::answering;
  pieces_[0] = head_;
  pieces_[1] = body_;
  send(body_.empty() ? 1 : 2);
}

void Exchange::begin_stream(std::string head, EventFeed::Cursor cursor) {
  respond(std::move(head), {}, false);
  state_ = State::streaming;
  cursor_ = cursor;
}

std::size_t Exchange::give(EventFeed& feed) {
  DF_ASSERT(is_ready());
  const EventFeed::Cursor before = cursor_;
  const std::size_t count = feed.take(cursor_, gift_);
  for (std::size_t i = 0; i < count; ++i) pieces_[i] = gift_[i].bytes;
  if (count > 0) send(count);
  return static_cast<std::size_t>(cursor_ - before);
}

void Exchange::send(std::size_t piece_count) {
  is_sending_ = true;
  send_op_.pieces = {pieces_.data(), piece_count};
  reactor_.arm_after(deadline_, limits_.answer_time_max);
  socket_.send(send_op_);
}

void Exchange::on_recv(const io::Received& received) {
  if (state_ == State::closing) return;
  if (state_ != State::reading) return pass_over(received.bytes.size());
  if (reactor_.has_memory_for([&] { read_on(received.bytes); })) return;
  host_.on_out_of_memory(*this);
  close();
}

void Exchange::read_on(std::string_view bytes) {
  const std::size_t size = head_.size() + bytes.size();
  // One byte more than a head may have says that it is too long.
  head_ += bytes.substr(0, kHeadSizeMax + 1 - head_.size());
  Reading reading = read_request(head_);
  if (reading.status == Reading::kIncomplete) return;
  passed_over_ = size - reading.size;
  head_ = {};
  host_.on_reading(*this, std::move(reading));
}

void Exchange::pass_over(std::size_t size) {
  passed_over_ += size;
  if (state_ != State::streaming || passed_over_ <= kHeadSizeMax) return;
  host_.on_too_talkative(*this);
  close();
}

void Exchange::on_recv_end(Error why) {
  if (state_ == State::closing) return;
  has_ended_ = true;
  const bool awaits_answer = state_ == State::waiting || state_ == State::answering;
  // A client that has ended its own direction may still want the answer. Of a stream, only that end shows it has gone.
  if (awaits_answer && why == Errc::end_of_stream) return;
  if (state_ == State::reading || state_ == State::waiting) host_.on_gone(*this);
  close();
}

void Exchange::on_sent(Result<void> outcome) {
  is_sending_ = false;
  for (EventFeed::Slice& slice : gift_) slice = {};
  if (state_ == State::closing) return;
  if (!outcome) return close();
  const std::size_t size = std::exchange(answer_size_, 0);
  head_ = {};
  base::give_back(body_);
  if (size > 0) host_.on_answer_taken(*this, size);
  if (state_ == State::answering) return on_answer_sent();
  reactor_.timers().cancel(deadline_);
  host_.on_gift_taken(*this);
}

void Exchange::on_answer_sent() {
  const bool may_go_on_sending = is_refusal_ || passed_over_ > 0;
  if (!may_go_on_sending || has_ended_) return close();
  state_ = State::lingering;
  reactor_.arm_after(deadline_, limits_.linger_time);
}

void Exchange::on_deadline() {
  if (state_ == State::waiting) return host_.on_waited_too_long(*this);
  if (state_ == State::reading) host_.on_too_slow(*this);
  if (state_ == State::answering || state_ == State::streaming) host_.on_not_taken(*this);
  close();
}

void Exchange::close() {
  if (state_ == State::closing) return;
  state_ = State::closing;
  ListNode<WaitingExchanges>::unlink();
  ListNode<ReadyStreams>::unlink();
  reactor_.timers().cancel(deadline_);
  socket_.close(close_op_);
}

void Exchange::on_closed() { host_.on_exchange_closed(*this); }

}  // namespace distflow::http
