#include "transport/stream_closer.hpp"

#include <memory>

namespace distflow::transport {
namespace {

struct Closing {
  explicit Closing(io::Reactor& of) : reactor(of) {
    close_op.on_closed = base::Delegate<void()>::to<&Closing::on_closed>(*this);
  }

  void on_closed() { reactor.destroy_later(std::unique_ptr<Closing>(this), end); }

  io::Reactor& reactor;
  io::CloseOp close_op;
  io::TurnEnd end;
};

}  // namespace

void close_stream(io::Reactor& reactor, io::Handle stream) {
  auto* const closing = new Closing(reactor);  // its own, until the handle is closed
  reactor.backend().close(stream, closing->close_op);
}

}  // namespace distflow::transport
