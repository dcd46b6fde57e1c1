#include "stream/handshake.hpp"

namespace distflow::stream {

void LayeredStream::discard(io::Reactor& reactor, std::unique_ptr<LayeredStream> stream) {
  LayeredStream& unwanted = *stream.release();  // its own, until it is closed
  unwanted.discarded_in_ = &reactor;
  unwanted.discard_op_.on_closed = base::Delegate<void()>::to<&LayeredStream::on_discarded>(unwanted);
  unwanted.close(unwanted.discard_op_);
}

void LayeredStream::on_discarded() { discarded_in_->destroy_later(std::unique_ptr<LayeredStream>(this), discard_end_); }

void discard(io::Reactor& reactor, OpenStream stream) {
  if (stream.layered) return LayeredStream::discard(reactor, std::move(stream.layered));
  reactor.backend().discard(stream.socket);
}

}  // namespace distflow::stream
