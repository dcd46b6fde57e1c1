#include "stream/listener.hpp"

#include <utility>

namespace distflow::stream {

Listener::Listener(io::Reactor& reactor, StreamSetup& setup, ListenerOptions options,
                   base::Delegate<void(OpenStream&, const io::Address&)> on_accept)
    : reactor_(reactor),
      options_(options),
      on_accept_(on_accept),
      retry_timer_(base::Delegate<void()>::to<&Listener::start_accept>(*this)) {
  if (setup.layer() != nullptr) {
    handshakes_ =
        std::make_unique<Handshakes>(reactor_, setup, Handshakes::OnOutcome::to<&Listener::on_handshake>(*this));
  }
  accept_op_.on_accept = base::Delegate<void(io::Handle, const io::Address&)>::to<&Listener::on_stream>(*this);
  accept_op_.on_end = base::Delegate<void(Error)>::to<&Listener::on_accept_end>(*this);
  close_op_.on_closed = base::Delegate<void()>::to<&Listener::on_handle_closed>(*this);
}

Listener::~Listener() { DF_ASSERT(!is_open()); }

Result<void> Listener::open(const io::Address& address) {
  DF_ASSERT(!is_open());
  const Result<io::Handle> handle = reactor_.backend().listen(address, options_.socket);
  if (!handle) return handle.error();
  begin(*handle, address);
  return {};
}

Result<void> Listener::take_over(int descriptor) {
  DF_ASSERT(!is_open());
  const Result<io::Handle> handle = reactor_.backend().take_over_listener(descriptor, options_.socket);
  if (!handle) return handle.error();
  begin(*handle, {});
  return {};
}

void Listener::begin(io::Handle handle, const io::Address& asked) {
  handle_ = handle;
  is_closing_ = false;
  const Result<io::Address> bound = reactor_.backend().local_address(handle_);
  address_ = bound ? *bound : asked;
  start_accept();
}

void Listener::start_accept() { reactor_.backend().accept(handle_, accept_op_); }

void Listener::on_stream(io::Handle socket, const io::Address& peer) {
  if (connection_count_ == options_.connection_count_max) return refuse(socket);
  ++connection_count_;
  if (handshakes_) {
    shake_hands(socket, peer);
  } else {
    hand_on(socket, peer);
  }
}

void Listener::shake_hands(io::Handle socket, const io::Address& peer) {
  if (handshakes_->begin(socket, Role::accepter, {.address = peer})) return;
  release_place();
  reactor_.backend().discard(socket);
}

void Listener::on_handshake(Result<OpenStream> outcome, const io::Address& peer) {
  if (outcome) return hand_on(*std::move(outcome), peer);
  release_place();
}

void Listener::hand_on(OpenStream stream, const io::Address& peer) {
  if (reactor_.has_memory_for([&] { on_accept_(stream, peer); })) {
    ++counters_.accepted;
    return;
  }
  ++counters_.refused;
  release_place();
  discard(reactor_, std::move(stream));
}

void Listener::refuse(io::Handle socket) {
  ++counters_.refused;
  reactor_.backend().discard(socket);
}

void Listener::on_accept_end(Error) {
  if (is_closing_) return;
  ++counters_.pauses;
  reactor_.arm_after(retry_timer_, options_.pause_after_failure);
}

void Listener::release_place() {
  DF_ASSERT(connection_count_ > 0);
  --connection_count_;
}

void Listener::close(base::Delegate<void()> on_closed) {
  DF_ASSERT(is_open());
  DF_ASSERT(!is_closing_);
  is_closing_ = true;
  on_closed_ = on_closed;
  reactor_.timers().cancel(retry_timer_);
  if (handshakes_) {
    connection_count_ -= handshakes_->count();
    handshakes_->cancel();
  }
  reactor_.backend().close(handle_, close_op_);
}

void Listener::on_handle_closed() {
  handle_ = io::Handle{};
  on_closed_();
}

}  // namespace distflow::stream
